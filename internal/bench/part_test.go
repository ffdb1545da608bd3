package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/numora/delivery/internal/bench/part"
)

// TestMain lets this test program play the parts, as the program itself does.
func TestMain(m *testing.M) {
	if play := parts.Of(os.Args); play != nil {
		if err := play(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// play plays a part in this process. The test gives its orders; cleaning up ends them and waits for its end.
func play(t *testing.T, name string) (orders *json.Encoder, answers *json.Decoder, end func()) {
	t.Helper()
	ordersIn, ordersOut := io.Pipe()
	answersIn, answersOut := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := parts[name](json.NewDecoder(ordersIn), json.NewEncoder(answersOut))
		_ = answersOut.CloseWithError(io.ErrUnexpectedEOF) // no test waits for an answer that cannot come
		ended <- err
	}()
	return json.NewEncoder(ordersOut), json.NewDecoder(answersIn), func() {
		t.Helper()
		check(t, ordersOut.Close())
		check(t, <-ended)
	}
}

func TestPlayer_AnswersUntilStopped(t *testing.T) {
	p, err := part.Start(t.Context(), attackerPart)
	check(t, err)
	for range 2 {
		answer := attackAnswer{Open: -1}
		check(t, p.Ask(attackOrder{}, &answer))
		if answer != (attackAnswer{}) {
			t.Errorf("an attack that never was is told of: %+v", answer)
		}
	}
	check(t, p.Stop())
}

func TestPlayer_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := part.Start(ctx, attackerPart)
	check(t, err)
	cancel()
	if ended, err := p.Process.Wait(); err != nil || ended.Success() { // though there could be more orders
		t.Error("it ended by itself")
	}
}

func TestPlayer_GivenUp_IsNoError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := part.Start(ctx, attackerPart)
	check(t, err)
	cancel()
	check(t, p.Stop())
}

func TestPlayer_SaysWhatWentWrong(t *testing.T) {
	p, err := part.Start(t.Context(), twinsPart)
	check(t, err)
	if err := p.Ask(twinsOrder{LogFile: "/nowhere/twins.log"}, new(twinsAnswer)); err == nil {
		t.Error("there was an answer")
	}
	if err := p.Stop(); err == nil || !containsAll(err.Error(), `"twins"`, "/nowhere/twins.log") {
		t.Errorf("got %v", err)
	}
}

func TestPartOf_OnlyParts(t *testing.T) {
	for _, arguments := range [][]string{nil, {"bench"}, {"bench", "-dir"}, {"bench", "twins", "more"}, {"twins"}} {
		if parts.Of(arguments) != nil {
			t.Errorf("%q plays a part", arguments)
		}
	}
}
