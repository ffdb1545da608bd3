package store

import (
	"errors"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/store/storetest"
)

// newAPIKey is a key of no store.
func newAPIKey(t *testing.T, now, expiresAt time.Time) apikey.Key {
	t.Helper()
	key, _, err := apikey.New(apikey.Live, "crm-worker", []apikey.Scope{apikey.DeliveryWrite}, now, expiresAt)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Whatever is done to a key is an audit entry; what is refused, or changes nothing, is none.
func TestKeys_WhatIsDoneToThem_IsInTheAuditHistory(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		s, now := migrated(t, url), recordedAt(0)
		old := newAPIKey(t, now, now.Add(time.Hour))
		successor, _, err := old.Successor(now, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(
			s.AddKey(t.Context(), old, "alice@desk"),
			s.RotateKey(t.Context(), old.ID, successor, now.Add(time.Minute), "bob@desk"),
			s.RevokeKey(t.Context(), old.ID, now, "carol@desk"),
			s.RevokeKey(t.Context(), old.ID, now, "dave@desk"),
			s.MarkUsed(t.Context(), map[string]time.Time{old.ID: now}),
		)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RotateKey(t.Context(), old.ID, successor, now, "dave@desk"); !errors.Is(err, apikey.ErrNotUsable) {
			t.Fatalf("got %v", err)
		}
		var got []auditRow
		if err := s.writer.Order("recorded_at, kind").Find(&got).Error; err != nil {
			t.Fatal(err)
		}
		want := []auditRow{
			{Kind: keyCreated, KeyID: old.ID, EndsAt: instant{old.ExpiresAt}, Actor: "alice@desk"},
			{Kind: keyCreated, KeyID: successor.ID, Actor: "bob@desk"},
			{Kind: keyRotated, KeyID: old.ID, SuccessorID: optional(successor.ID), EndsAt: instant{now.Add(time.Minute)}, Actor: "bob@desk"},
			{Kind: keyRevoked, KeyID: old.ID, SuccessorID: optional(successor.ID), EndsAt: instant{now}, Actor: "carol@desk"},
		}
		if len(got) != len(want) {
			t.Fatalf("%d entries, want %d: %+v", len(got), len(want), got)
		}
		for i := range want {
			want[i].ID, want[i].RecordedAt, want[i].KeyName = got[i].ID, got[i].RecordedAt, "crm-worker"
			if got[i] != want[i] {
				t.Errorf("entry %d:\ngot  %+v\nwant %+v", i, got[i], want[i])
			}
		}
	})
}

// A server of the version before makes keys without a principal.
func TestKeys_OfAnOlderVersion_AreTheirOwnPrincipals(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		key := newAPIKey(t, recordedAt(0), time.Time{})
		if err := s.AddKey(t.Context(), key, "alice@desk"); err != nil {
			t.Fatal(err)
		}
		run(t, s, "UPDATE api_keys SET principal_id = NULL")
		if got, err := s.Key(t.Context(), key.ID); err != nil || got.PrincipalID != key.ID {
			t.Errorf("got %+v, error %v", got, err)
		}
		successor, _, err := key.Successor(recordedAt(0), time.Time{})
		if err != nil || successor.PrincipalID != key.ID {
			t.Errorf("the successor's principal is %q, error %v", successor.PrincipalID, err)
		}
	})
}
