//go:build faults

package alone

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/numora/delivery/internal/faults/cluster"
	"github.com/numora/delivery/internal/faults/wire"
)

// A server comes to every point that package wire knows, whichever way it writes: were its statements others, traps would wait
// for ever. A report for a provider that its document does not have takes a transaction, others are kept by one statement.
func TestPoints_AServerComesToAll(t *testing.T) {
	c, err := cluster.Start(t.Context(), cluster.Options{})
	check(t, err)
	defer func() { check(t, c.Close()) }()
	p, err := wire.Listen(c.Address())
	check(t, err)
	defer func() { check(t, p.Close()) }()
	s, err := newServer(t.Context(), options(t), cluster.ServerURL(p.Address()))
	check(t, err)
	check(t, s.start(t.Context()))
	defer func() { check(t, s.kill()) }()
	check(t, s.register(t.Context()))

	reports := 0
	report := func(provider string) {
		reports++
		_, err := s.send(t.Context(), http.MethodPost, "/v1/documents/doc-1/delivery", fmt.Sprintf(
			`{"provider":%q,"status":"failed","execution_id":"points-%d","attempted_at":"2026-03-24T03:00:00Z"}`, provider, reports))
		check(t, err)
	}
	report("known")
	for _, point := range []wire.Point{wire.AfterInsert, wire.BeforeCommit, wire.AfterForward, wire.AnswerLost, wire.WarningAtCommit, wire.ErrorAtCommit} {
		for _, provider := range []string{"known", fmt.Sprintf("new-%d", reports)} {
			if point == wire.AfterInsert && provider == "known" {
				continue // one statement has no such point
			}
			trap := p.Arm(point, nil)
			report(provider)
			select {
			case <-trap.Sprung():
			case <-time.After(5 * time.Second):
				t.Errorf("%s, %s: the trap has not sprung", point, provider)
			}
		}
	}
}
