// Package part gives a program processes of its own kind: it starts itself once more to play a part, such as that of a
// load generator, so that what that takes, garbage collection above all, is not taken from whose times are kept.
package part

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

// Parts are what a program does in a process of its own, by name. A part gets orders and gives answers; when there are
// no more orders it ends, with all that it began.
type Parts map[string]func(orders *json.Decoder, answers *json.Encoder) error

// Of returns the part that a program with these arguments is to play, if any.
func (p Parts) Of(arguments []string) func() error {
	if len(arguments) != 2 || p[arguments[1]] == nil {
		return nil
	}
	return func() error {
		// Signals are for the process that gives the orders. They end with it however it ends, so that no part is
		// left behind.
		signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		return p[arguments[1]](json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout))
	}
}

// Player is a process that plays a part.
type Player struct {
	name       string
	Process    *os.Process
	orders     io.WriteCloser
	answers    *json.Decoder
	complaints bytes.Buffer

	interrupted func() error // tells whether the whole measurement is being given up
	wait        func() error
}

// Start starts this very program once more, to play a part until stop, or until ctx ends. What it is to
// know it gets as orders: its arguments everybody on the machine can read.
func Start(ctx context.Context, name string, environment ...string) (*Player, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, program, name)
	command.Env = append(os.Environ(), environment...)
	p := &Player{name: name, interrupted: ctx.Err, wait: command.Wait}
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
	p.Process = command.Process
	return p, nil
}

// Ask gives an order and waits for its answer.
func (p *Player) Ask(order, answer any) error {
	if err := json.NewEncoder(p.orders).Encode(order); err != nil {
		return p.silent(err)
	}
	return p.Await(answer)
}

// Await waits for one more answer to the last order.
func (p *Player) Await(answer any) error {
	if err := p.answers.Decode(answer); err != nil {
		return p.silent(err)
	}
	return nil
}

func (p *Player) silent(err error) error {
	return fmt.Errorf("the part %q does not answer: %w", p.name, err)
}

// Stop ends the part and waits until it has ended.
func (p *Player) Stop() error {
	err := p.orders.Close()
	if ended := p.wait(); p.interrupted() != nil {
		return nil
	} else if ended != nil {
		err = errors.Join(err, fmt.Errorf("the part %q ended with: %w\n%s", p.name, ended, &p.complaints))
	}
	return err
}
