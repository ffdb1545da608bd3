package httpapi_test

import (
	"cmp"
	"errors"
	"net/http"
	"testing"

	"github.com/numora/delivery/internal/store"
	"github.com/numora/delivery/internal/store/storetest"
)

// eachDatabase runs test on an empty database of each engine, on PostgreSQL also as the application's role.
func eachDatabase(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	storetest.Engines(t, test)
	t.Run(asApplication, func(t *testing.T) { test(t, applicationURL(t)) })
}

const asApplication = "postgres as the application's role"

// applicationURL returns the URL of a new database by a role that owns nothing of it. Its owner has migrated it.
func applicationURL(t testing.TB) string {
	t.Helper()
	url := storetest.Postgres(t)
	application := storetest.ApplicationRole(t, url)
	owner, err := store.Open(url, store.Options{ApplicationRole: application.Name})
	if err == nil {
		err = errors.Join(owner.Migrate(t.Context()), owner.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return application.URL
}

// everything tells of each table how much is in it, and when it was changed last.
const everything = `SELECT (SELECT count(*) || ' documents ' || coalesce(CAST(max(updated_at) AS text), '') FROM documents)
	|| (SELECT ', ' || count(*) || ' deliveries ' || coalesce(CAST(max(updated_at) AS text), '') FROM deliveries)
	|| (SELECT ', ' || count(*) || ' attempts' FROM delivery_attempts)
	|| (SELECT ', ' || count(*) || ' claims until ' || coalesce(CAST(max(expires_at) AS text), '') || ', ' || count(released_at) || ' released' FROM claims)
	|| (SELECT ', ' || count(*) || ' audit entries' FROM audit_entries)
	|| (SELECT ', ' || count(*) || ' keys' FROM api_keys)`

// stored is what the server's database holds, in short.
func (a *api) stored() (text string) {
	a.t.Helper()
	pools := a.store.Pools()
	check(a.t, cmp.Or(pools["sqlite-read"], pools["postgres"]).QueryRowContext(a.t.Context(), everything).Scan(&text))
	return text
}

// leavingNothing returns what a request gets, and fails the test where that is no 2xx and the database is not as it was.
func (a *api) leavingNothing(request string, send func() answer) answer {
	a.t.Helper()
	before := a.stored()
	got := send()
	if got.status >= http.StatusMultipleChoices {
		if after := a.stored(); after != before {
			a.t.Errorf("%s: %d, and it left something: there were %s, there are %s", request, got.status, before, after)
		}
	}
	return got
}
