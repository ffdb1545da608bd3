//go:build faults

package alone

import "testing"

func TestKillSQLite(t *testing.T) {
	r, err := KillSQLite(t.Context(), options(t))
	clean(t, r, err)
	if r.Faults < 5 || r.Acknowledged < 100 {
		t.Errorf("%d kills, %d acknowledged", r.Faults, r.Acknowledged)
	}
}

func TestFullSQLite(t *testing.T) {
	r, err := FullSQLite(t.Context(), options(t))
	clean(t, r, err)
}

func TestFullPostgres(t *testing.T) {
	r, err := FullPostgres(t.Context(), options(t))
	clean(t, r, err)
}

func TestFullPostgresLog(t *testing.T) {
	r, err := FullPostgresLog(t.Context(), options(t))
	clean(t, r, err)
}
