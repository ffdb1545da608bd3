package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/numora/delivery/internal/bench/part"
	"github.com/numora/delivery/internal/bench/program"
)

const nothingPart = "nothing"

// nothingAnswer says where nothing is done.
type nothingAnswer struct{ Address string }

// playNothing serves a handler that reads a request and answers as the server does, until there are no more orders.
func playNothing(orders *json.Decoder, answers *json.Encoder) error {
	body := appendBody(nil, report{}, false)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// #nosec G112 -- on loopback, for the load generator alone; a deadline would be something done
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(body)
	})}
	go func() { _ = server.Serve(listener) }()
	for {
		if err := orders.Decode(&struct{}{}); errors.Is(err, io.EOF) {
			return server.Close()
		} else if err != nil {
			return err
		}
		if err := answers.Encode(nothingAnswer{listener.Addr().String()}); err != nil {
			return err
		}
	}
}

// measureLoad measures what the load itself takes, which is taken from the server that is measured with it.
func measureLoad(ctx context.Context, b *bench) (rows []row, err error) {
	nothing, err := part.Start(ctx, nothingPart)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, nothing.Stop()) }()
	var at nothingAnswer
	if err := nothing.Ask(struct{}{}, &at); err != nil {
		return nil, err
	}
	t := &target{key: "none", servers: []*program.Server{{Origin: "http://" + at.Address, Process: nothing.Process}}}
	found, err := inTurn(ctx, b.rounds, b.of("the load alone, 64 connections", t, running{kind: newReports, connections: 64}))
	if err != nil {
		return nil, err
	}
	return []row{newRow("the load, on a handler that does nothing", 64, found[0])}, nil
}
