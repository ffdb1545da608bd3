package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	var chosen settings
	kong.Parse(&chosen, kong.Name("example-worker"), kong.DefaultEnvars("WORKER"),
		kong.Description("Claims what is due for a provider, writes it to a destination, and reports."))
	key, err := chosen.apiKey()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("worker", chosen.Name)
	w, wrong := newWorker(chosen, key, log)
	if err := errors.Join(err, wrong); err != nil {
		fmt.Fprintln(os.Stderr, "example-worker:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := w.run(ctx); err != nil {
		log.Error("cannot go on", "error", err)
		os.Exit(1)
	}
}
