package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/numora/delivery/gen/deliveryclient"
)

const longestPause = 10 * time.Second

// insist sends a request to the server until an answer leaves no doubt: not lost, no 429, no 5xx. It pauses in
// between, longer each time and at least as long as the server asks for. It returns an error when ctx ends before.
func (w *worker) insist(ctx context.Context, log *slog.Logger, send func() (*http.Response, error)) (answer, error) {
	for pause := w.pause; ; pause = min(2*pause, longestPause) {
		got, err := read(send())
		if err == nil && got.status != http.StatusTooManyRequests && got.status < 500 {
			return got, nil
		}
		asked, _ := strconv.Atoi(got.header.Get("Retry-After")) // 0 without one
		next := pause/2 + rand.N(pause/2+1)                     // #nosec G404 -- so that workers do not come back all at once; nobody gains by guessing it
		next = max(next, min(time.Duration(asked)*time.Second, time.Minute))
		log.Warn("sending it again", "status", got.status, "error", withoutURL(err), "pause", next.String())
		if !wait(ctx, next) {
			return answer{}, ctx.Err()
		}
	}
}

// wait returns true after the pause, or false as soon as ctx ends.
func wait(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return ctx.Err() == nil
	}
}

// problem is what the server says is wrong.
func (a answer) problem() string {
	var body deliveryclient.ErrorBody
	if json.Unmarshal(a.body, &body) != nil || body.Error.Message == "" {
		return fmt.Sprintf("status %d", a.status)
	}
	return fmt.Sprintf("status %d, %s: %s (request %s)", a.status, body.Error.Code, body.Error.Message, body.Error.RequestID)
}
