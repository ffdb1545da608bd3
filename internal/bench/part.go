package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// parts are what this program does in a process of its own, apart from the one that measures, so that what it
// takes, garbage collection above all, is not taken from the clients whose times are kept. A part gets orders
// and gives an answer to each; when there are no more orders it ends, with all that it began.
var parts = map[string]func(orders *json.Decoder, answers *json.Encoder) error{
	attackerPart: playAttacker,
	twinsPart:    playTwins,
}

// partOf returns the part that a program with these arguments is to play, if any.
func partOf(arguments []string) func() error {
	if len(arguments) != 2 || parts[arguments[1]] == nil {
		return nil
	}
	return func() error {
		// Signals are for the process that gives the orders. They end with it however it ends, so that no part is
		// left behind.
		signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		return parts[arguments[1]](json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout))
	}
}

// player is a process that plays a part.
type player struct {
	name       string
	process    *os.Process
	orders     io.WriteCloser
	answers    *json.Decoder
	complaints bytes.Buffer

	interrupted func() error // tells whether the whole measurement is being given up
	wait        func() error
}

// startPart starts this very program once more, to play a part until stop, or until ctx ends. What it is to
// know it gets as orders: its arguments everybody on the machine can read.
func startPart(ctx context.Context, name string, environment ...string) (*player, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, program, name)
	command.Env = append(os.Environ(), environment...)
	p := &player{name: name, interrupted: ctx.Err, wait: command.Wait}
	command.Stderr = &p.complaints
	if p.orders, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answers = json.NewDecoder(answers)
	if err := command.Start(); err != nil {
		return nil, err
	}
	p.process = command.Process
	return p, nil
}

// ask gives an order and waits for its answer.
func (p *player) ask(order, answer any) error {
	err := json.NewEncoder(p.orders).Encode(order)
	if err == nil {
		err = p.answers.Decode(answer)
	}
	if err != nil {
		return fmt.Errorf("the part %q does not answer: %w", p.name, err)
	}
	return nil
}

// stop ends the part and waits until it has ended.
func (p *player) stop() error {
	err := p.orders.Close()
	if ended := p.wait(); p.interrupted() != nil {
		return nil
	} else if ended != nil {
		err = errors.Join(err, fmt.Errorf("the part %q ended with: %w\n%s", p.name, ended, &p.complaints))
	}
	return err
}
