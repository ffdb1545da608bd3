package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// A server that is killed with SIGKILL under load, again and again, and started over the same database,
// still has every report it acknowledged, exactly once.
func TestKilledUnderLoad_KeepsWhatItAcknowledged(t *testing.T) {
	const kills, workers, acknowledgedBeforeKill = 4, 8, 60
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		s := start(t, databaseURL, key)
		document := func(worker int) string { return fmt.Sprint("/v1/documents/document-", worker) }
		for worker := range workers {
			s.wants(http.StatusCreated, http.MethodPut, document(worker), `{"status":"reviewed"}`)
		}
		acknowledged := make(map[string]string) // execution id -> path of its document
		for kill := range kills {
			reports := make(chan [2]string)
			var group sync.WaitGroup
			for worker := range workers {
				group.Go(func() {
					for n := 0; ; n++ {
						id := fmt.Sprintf("kill-%d-worker-%d-report-%d", kill, worker, n)
						status, _, err := s.send(http.MethodPost, document(worker)+"/delivery", report(id))
						if err != nil {
							return // the server is gone; what was in flight may be there or not
						}
						if status != http.StatusCreated {
							t.Errorf("%s: %d", id, status)
							return
						}
						reports <- [2]string{id, document(worker)}
					}
				})
			}
			go func() { group.Wait(); close(reports) }()
			count := 0
			for r := range reports {
				acknowledged[r[0]] = r[1]
				if count++; count == acknowledgedBeforeKill {
					check(t, s.command.Process.Kill())
				}
			}
			s.wait()
			s = start(t, databaseURL, key)
		}
		for id, path := range acknowledged {
			var page struct{ Data []struct{ Status string } }
			check(t, json.Unmarshal(s.wants(http.StatusOK, http.MethodGet, path+"/delivery?execution_id="+id, ""), &page))
			if len(page.Data) != 1 {
				t.Errorf("%s was acknowledged and is there %d times", id, len(page.Data))
			}
			s.wants(http.StatusOK, http.MethodPost, path+"/delivery", report(id)) // and a replay says so
		}
		if len(acknowledged) < kills*acknowledgedBeforeKill {
			t.Errorf("only %d reports were acknowledged", len(acknowledged))
		}
	})
}
