package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/store/storetest"
)

// listedKey is a key as "keys list --json" shows it.
type listedKey struct {
	ID, Name    string
	Scopes      []string
	PrincipalID string     `json:"principal_id"`
	SuccessorID *string    `json:"successor_id"`
	LastUsedAt  *time.Time `json:"last_used_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
}

func listKeys(t *testing.T, environment []string) map[string]listedKey {
	t.Helper()
	stdout, stderr, code := run(t, t.TempDir(), environment, "keys", "list", "--json")
	var listed []listedKey
	if err := json.Unmarshal([]byte(stdout), &listed); err != nil || code != 0 {
		t.Fatalf("keys list: %v, %s", err, stderr)
	}
	byID := make(map[string]listedKey)
	for _, key := range listed {
		byID[key.ID] = key
	}
	return byID
}

func keyID(text string) string { return strings.Split(text, "_")[2] }

// with is the server as somebody with another key has it.
func (s *server) with(key string) *server {
	other := *s
	other.key = key
	return &other
}

// twoServers are two processes on PostgreSQL; SQLite has one, and its other process is the command line's.
func twoServers(t *testing.T, databaseURL, key string) []*server {
	t.Helper()
	servers := []*server{start(t, databaseURL, key)}
	if strings.HasPrefix(databaseURL, "postgres:") {
		servers = append(servers, start(t, databaseURL, key))
	}
	return servers
}

// revocationBound is what the README and the command promise.
const revocationBound = 5 * time.Second

// wantsRefusedInTime asks each server until it refuses its key: a request that begins when the bound is over, or after one
// that was refused, must not be let in any more.
func wantsRefusedInTime(t *testing.T, servers []*server) {
	t.Helper()
	ended := time.Now()
	for _, s := range servers {
		for refusals := 0; refusals < 10; time.Sleep(20 * time.Millisecond) {
			began := time.Now()
			status, text, err := s.send(http.MethodGet, "/v1/documents/nobody", "")
			check(t, err)
			switch {
			case status == http.StatusUnauthorized:
				refusals++
			case status != http.StatusNotFound:
				t.Fatalf("%d: %s", status, text)
			case began.Sub(ended) > revocationBound || refusals > 0:
				t.Fatalf("a request that began after %v was let in, after %d refusals", began.Sub(ended), refusals)
			}
		}
	}
}

func TestKeys_Revoked_EveryServerRefusesItInTime(t *testing.T) {
	t.Parallel() // it waits more than it works
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		servers := twoServers(t, databaseURL, key)
		for _, s := range servers {
			s.wants(http.StatusNotFound, http.MethodGet, "/v1/documents/nobody", "")
		}
		if _, stderr, code := run(t, t.TempDir(), []string{"NUMORA_DATABASE_URL=" + databaseURL}, "keys", "revoke", keyID(key)); code != 0 {
			t.Fatalf("keys revoke: %s", stderr)
		}
		wantsRefusedInTime(t, servers)
	})
}

func TestKeys_Rotate(t *testing.T) {
	t.Parallel() // it waits more than it works
	onAnyDatabase(t, func(t *testing.T, databaseURL, old string) {
		environment := []string{"NUMORA_DATABASE_URL=" + databaseURL}
		servers := twoServers(t, databaseURL, old)
		rotate := func(wantCode int, wantStderr string, arguments ...string) (key string) {
			t.Helper()
			stdout, stderr, code := run(t, t.TempDir(), environment, append([]string{"keys", "rotate"}, arguments...)...)
			if code != wantCode || !strings.Contains(stderr, wantStderr) {
				t.Fatalf("keys rotate %v: exit code %d: %s", arguments, code, stderr)
			}
			return strings.TrimSpace(stdout)
		}

		began := time.Now()
		second := rotate(0, keyID(old)+" works until ", keyID(old))
		for _, s := range servers {
			s.wants(http.StatusNotFound, http.MethodGet, "/v1/documents/nobody", "")
			s.with(second).wants(http.StatusNotFound, http.MethodGet, "/v1/documents/nobody", "")
		}
		third := rotate(0, keyID(second)+" works until ", keyID(second), "--overlap", "0s", "--expires-in", "1h")
		var refused []*server
		for _, s := range servers {
			s.with(third).wants(http.StatusNotFound, http.MethodGet, "/v1/documents/nobody", "")
			refused = append(refused, s.with(second))
		}
		wantsRefusedInTime(t, refused)

		listed := listKeys(t, environment)
		for text, successor := range map[string]string{old: second, second: third} {
			if key := listed[keyID(text)]; key.SuccessorID == nil || *key.SuccessorID != keyID(successor) {
				t.Errorf("successor of %+v, want %s", key, keyID(successor))
			}
		}
		last := listed[keyID(third)]
		if last.PrincipalID != keyID(old) || last.SuccessorID != nil || last.Name != "worker" || len(last.Scopes) != len(apikey.Scopes()) ||
			last.ExpiresAt == nil || last.ExpiresAt.After(time.Now().Add(time.Hour)) {
			t.Errorf("the last of the line: %+v", last)
		}
		if end := listed[keyID(old)].ExpiresAt; end == nil || end.Before(began.Add(24*time.Hour-time.Second)) || end.After(time.Now().Add(24*time.Hour)) {
			t.Errorf("the first key ends at %v, which is not a day from now", end)
		}

		rotate(1, "was rotated before; rotate its successor", keyID(old))
		rotate(1, "is revoked or expired", keyID(second))
		rotate(1, "keys list", "nobody")
		rotate(2, "the overlap must be between 0s and 168h0m0s", keyID(third), "--overlap", "168h1s")
		rotate(2, "the overlap must be between 0s and 168h0m0s", keyID(third), "--overlap=-1s")
		if after := listKeys(t, environment); len(after) != 3 {
			t.Errorf("%d keys, want 3", len(after))
		}
	})
}

// A successor lives as long as its predecessor was made for.
func TestKeys_Rotate_KeepsTheLifetime(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	newKey(t, databaseURL)
	environment := []string{"NUMORA_DATABASE_URL=" + databaseURL}
	stdout, _, _ := run(t, t.TempDir(), environment, "keys", "create", "--name", "short", "--scopes", "delivery:read", "--expires-in", "2h")
	stdout, stderr, code := run(t, t.TempDir(), environment, "keys", "rotate", keyID(stdout))
	if code != 0 {
		t.Fatal(stderr)
	}
	end := listKeys(t, environment)[keyID(stdout)].ExpiresAt
	if end == nil || end.Before(time.Now().Add(2*time.Hour-time.Minute)) || end.After(time.Now().Add(2*time.Hour)) {
		t.Errorf("it ends at %v", end)
	}
}

func TestKeys_LastUsedAt(t *testing.T) {
	t.Parallel() // it waits more than it works
	onAnyDatabase(t, func(t *testing.T, databaseURL, used string) {
		environment := []string{"NUMORA_DATABASE_URL=" + databaseURL}
		unused := newKeyFor(t, databaseURL, "unused", "delivery:read")
		began := time.Now().Truncate(time.Microsecond)
		start(t, databaseURL, used).wants(http.StatusNotFound, http.MethodGet, "/v1/documents/nobody", "")
		until(t, "the use of the key is noted", func() bool { return listKeys(t, environment)[keyID(used)].LastUsedAt != nil })
		listed := listKeys(t, environment)
		if at := listed[keyID(used)].LastUsedAt; at.Before(began) || at.After(time.Now()) {
			t.Errorf("last used at %v", at)
		}
		if at := listed[keyID(unused)].LastUsedAt; at != nil {
			t.Errorf("the other key was last used at %v", at)
		}
	})
}

// Who used a key just before the server stopped is not forgotten.
func TestKeys_LastUsedAt_IsNotedWhenTheServerStops(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	key := newKey(t, databaseURL)
	s := start(t, databaseURL, key)
	s.wants(http.StatusNotFound, http.MethodGet, "/v1/documents/nobody", "")
	check(t, s.command.Process.Signal(os.Interrupt))
	s.wait()
	if listKeys(t, []string{"NUMORA_DATABASE_URL=" + databaseURL})[keyID(key)].LastUsedAt == nil {
		t.Error("it is not noted")
	}
}

// In a hurry people paste the whole key. It is the right one then, and nothing repeats it.
func TestKeys_NamedByTheWholeKey(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	environment := []string{"NUMORA_DATABASE_URL=" + databaseURL}
	key := newKey(t, databaseURL)
	secret := key[strings.LastIndex(key, "_")+1:]
	successor, stderr, code := run(t, t.TempDir(), environment, "keys", "rotate", key)
	if code != 0 || strings.Contains(stderr, secret) {
		t.Errorf("rotate: exit code %d: %s", code, stderr)
	}
	if _, stderr, code := run(t, t.TempDir(), environment, "keys", "revoke", strings.TrimSpace(successor)); code != 0 {
		t.Errorf("revoke: exit code %d: %s", code, stderr)
	}
	_, stderr, code = run(t, t.TempDir(), environment, "keys", "revoke", key+"x")
	if code != 1 || strings.Contains(stderr, secret) {
		t.Errorf("revoke of none: exit code %d: %s", code, stderr)
	}
}

// Where the database does not tell what has become of a key, it is the server that cannot work, not the key that is wrong.
func TestKeys_DatabaseSilent_Is503OnceTheKeyIsNotKnownForSure(t *testing.T) {
	t.Parallel() // it waits more than it works
	databaseURL := storetest.Postgres(t)
	key := newKey(t, databaseURL)
	s := startIn(t, t.TempDir(), key, []string{"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_REQUEST_TIMEOUT=500ms"}, "serve", "--listen", "127.0.0.1:0")
	s.wants(http.StatusNotFound, http.MethodGet, "/v1/documents/nobody", "")
	session := connect(t, databaseURL)
	execute(t, session, "BEGIN", "LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
	locked, unavailable := time.Now(), 0
	for unavailable < 3 {
		began := time.Now()
		status, text, err := s.send(http.MethodGet, "/v1/documents/nobody", "")
		check(t, err)
		switch {
		case status == http.StatusServiceUnavailable && strings.Contains(string(text), `"outcome":"not_executed"`):
			unavailable++
		case time.Since(began) > 2*time.Second:
			t.Fatalf("it took %v, with a time-out of 500ms", time.Since(began))
		case status != http.StatusNotFound || unavailable > 0 || began.Sub(locked) > revocationBound:
			t.Fatalf("%v after the database fell silent: %d %s", began.Sub(locked), status, text)
		default:
			time.Sleep(20 * time.Millisecond)
		}
	}
	execute(t, session, "COMMIT")
	until(t, "the key works again", func() bool {
		status, _, err := s.send(http.MethodGet, "/v1/documents/nobody", "")
		return err == nil && status == http.StatusNotFound
	})
}
