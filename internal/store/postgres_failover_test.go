package store

import (
	"context"
	"testing"
	"time"
)

// inTime is a context for what must not wait for ever: so long that only that counts.
func inTime(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// Sessions on a machine that vanished do not end. The first request to wait for one in vain is the last.
func TestPostgresSessions_NoAnswer_OneRequestFails(t *testing.T) {
	databaseURL, first, second := prepared(t)
	s := opened(t, on(t, databaseURL, first, second), Options{Connections: 8})
	everySession(t, s, "SELECT 1")
	everySession(t, s, "SELECT 1") // those that were used lately are not asked whether they are there
	first.freeze(t)
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := s.Document(short, documentID)
	checkNotExecuted(t, err)
	if _, err := s.Document(inTime(t), documentID); err != nil {
		t.Errorf("the next request fails too: %v", err)
	}
}

// Those that were idle are asked first, for a part of the time that the request has.
func TestPostgresSessions_NoAnswerAfterAPause_NobodyNotices(t *testing.T) {
	databaseURL, first, second := prepared(t)
	s := opened(t, on(t, databaseURL, first, second), Options{Connections: 8})
	everySession(t, s, "SELECT 1") // the first time that a session is used again counts as after a pause
	first.freeze(t)
	if _, err := s.Document(inTime(t), documentID); err != nil {
		t.Error(err)
	}
}
