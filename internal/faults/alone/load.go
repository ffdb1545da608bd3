package alone

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// load is clients that record, each one report after the other, and send each again until it is acknowledged.
type load struct {
	server  *server
	message string
	stop    context.CancelFunc
	group   sync.WaitGroup

	mutex        sync.Mutex
	acknowledged []string // the execution ids
	lastAt       time.Time
	refused      int // 503
	lost         int // no answer
	strange      []string
}

// startLoad starts clients; messageBytes is how much each report brings with it.
func startLoad(ctx context.Context, s *server, clients, messageBytes int) *load {
	ctx, stop := context.WithCancel(ctx)
	l := &load{server: s, stop: stop}
	random := make([]byte, messageBytes*3/4)
	_, _ = rand.Read(random) // never fails
	l.message = "m" + base64.StdEncoding.EncodeToString(random)
	for client := range clients {
		l.group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.insist(ctx, fmt.Sprintf("alone-%d-%d", client, n))
			}
		})
	}
	return l
}

// insist sends a report until it is acknowledged.
func (l *load) insist(ctx context.Context, id string) {
	for ctx.Err() == nil {
		// What was sent is waited for, so that the end of the load leaves nothing in doubt that could be known.
		got, err := l.server.record(context.WithoutCancel(ctx), id, id+l.message)
		if l.note(id, got, err) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
}

// note counts an answer, and tells whether it was the last.
func (l *load) note(id string, got answer, err error) (final bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	switch {
	case err != nil:
		l.lost++
	case got.status == http.StatusCreated || got.status == http.StatusOK:
		l.acknowledged = append(l.acknowledged, id)
		l.lastAt = time.Now()
		return true
	case got.status == http.StatusServiceUnavailable && got.retryAfter != "":
		l.refused++
	default:
		if len(l.strange) < maxFindings {
			l.strange = append(l.strange, fmt.Sprintf("%s was answered %d, Retry-After %q: %s", id, got.status, got.retryAfter, got.body))
		}
		return got.status != http.StatusServiceUnavailable && got.status < 500
	}
	return false
}

type counts struct {
	acknowledged, refused, lost int
	lastAt                      time.Time // when something was acknowledged
}

func (l *load) counts() counts {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return counts{len(l.acknowledged), l.refused, l.lost, l.lastAt}
}

// end ends the load and returns what was acknowledged, with what was strange as findings.
func (l *load) end(r *Result) []string {
	l.stop()
	l.group.Wait()
	r.Acknowledged = len(l.acknowledged)
	for _, s := range l.strange {
		r.find("%s", s)
	}
	return l.acknowledged
}

// await waits until something is so, and returns whether it became so.
func await(ctx context.Context, limit time.Duration, is func() bool) bool {
	for deadline := time.Now().Add(limit); !is(); {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(interval):
		}
		if time.Now().After(deadline) {
			return is()
		}
	}
	return true
}

// compare holds what is stored, one row an execution id, against what was acknowledged.
func compare(r *Result, acknowledged, stored []string) {
	times := make(map[string]int, len(stored))
	for _, id := range stored {
		if times[id]++; times[id] == 2 {
			r.find("%s is there twice", id)
		}
	}
	for _, id := range acknowledged {
		if times[id] == 0 {
			r.find("%s was acknowledged and is lost", id)
		}
	}
}
