package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
)

// addedKey is a new key in the store.
func addedKey(t *testing.T, s Store, now, expiresAt time.Time) apikey.Key {
	t.Helper()
	key, _, err := apikey.New(apikey.Live, "crm-worker", []apikey.Scope{apikey.DeliveryRead, apikey.DeliveryWrite}, now, expiresAt)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddKey(t.Context(), key, "alice@desk"); err != nil {
		t.Fatal(err)
	}
	return key
}

// successorOf is what takes the key's place, in no store.
func successorOf(t *testing.T, key apikey.Key, now time.Time) apikey.Key {
	t.Helper()
	successor, _, err := key.Successor(now, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return successor
}

func keyIn(t *testing.T, s Store, id string) apikey.Key {
	t.Helper()
	key, err := s.Key(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keys(t *testing.T, s Store) {
	now := delivery.NewInstant(time.Now())
	var added []apikey.Key
	for i, expiresAt := range []time.Time{{}, now.Add(time.Hour)} {
		key := addedKey(t, s, now.Add(time.Duration(i)*time.Second), expiresAt)
		added = append(added, key)
		equal(t, "key", keyIn(t, s, key.ID), key)
	}
	for _, at := range []time.Time{now, now.Add(time.Hour)} { // the first revocation stands
		if err := s.RevokeKey(t.Context(), added[0].ID, at, "alice@desk"); err != nil {
			t.Fatal(err)
		}
	}
	added[0].RevokedAt = now
	listed, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "keys", listed, added)
	_, err = s.Key(t.Context(), "nobody")
	isError(t, err, apikey.ErrNotFound)
	isError(t, s.RevokeKey(t.Context(), "nobody", now, "alice@desk"), apikey.ErrNotFound)
}

func keyRotation(t *testing.T, s Store) {
	now := delivery.NewInstant(time.Now())
	line := []apikey.Key{addedKey(t, s, now, time.Time{})}
	for i := range 2 {
		now = now.Add(time.Minute)
		successor := successorOf(t, line[i], now)
		if err := s.RotateKey(t.Context(), line[i].ID, successor, now.Add(time.Hour), "alice@desk"); err != nil {
			t.Fatal(err)
		}
		line[i].SuccessorID, line[i].ExpiresAt = successor.ID, now.Add(time.Hour)
		line = append(line, successor)
	}
	for i, want := range line {
		equal(t, fmt.Sprint("key ", i), keyIn(t, s, want.ID), want)
		equal(t, "principal", want.PrincipalID, line[0].ID)
	}
}

func keyRotationOfOneThatExpires(t *testing.T, s Store) {
	now := delivery.NewInstant(time.Now())
	key := addedKey(t, s, now, now.Add(time.Minute))
	if err := s.RotateKey(t.Context(), key.ID, successorOf(t, key, now), now.Add(time.Hour), "alice@desk"); err != nil {
		t.Fatal(err)
	}
	equal(t, "end of the old key", keyIn(t, s, key.ID).ExpiresAt, key.ExpiresAt)
}

func keyRotationRefusals(t *testing.T, s Store) {
	now := delivery.NewInstant(time.Now())
	revoked, expired, rotated := addedKey(t, s, now, time.Time{}), addedKey(t, s, now, now.Add(time.Second)), addedKey(t, s, now, time.Time{})
	if err := s.RevokeKey(t.Context(), revoked.ID, now, "alice@desk"); err != nil {
		t.Fatal(err)
	}
	later := now.Add(time.Second)
	if err := s.RotateKey(t.Context(), rotated.ID, successorOf(t, rotated, now), later.Add(time.Hour), "alice@desk"); err != nil {
		t.Fatal(err)
	}
	before, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]error{
		"nobody": apikey.ErrNotFound, revoked.ID: apikey.ErrNotUsable, expired.ID: apikey.ErrNotUsable, rotated.ID: apikey.ErrRotated,
	} {
		isError(t, s.RotateKey(t.Context(), id, successorOf(t, revoked, later), later, "alice@desk"), want)
	}
	after, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "keys after refusals", after, before)
}

func keyRotationTwice(t *testing.T, s Store) {
	now := delivery.NewInstant(time.Now())
	key := addedKey(t, s, now, time.Time{})
	var made, refused atomic.Int32
	var rotations sync.WaitGroup
	for range 8 {
		successor := successorOf(t, key, now)
		rotations.Go(func() {
			switch err := s.RotateKey(t.Context(), key.ID, successor, now, "alice@desk"); {
			case err == nil:
				made.Add(1)
			case errors.Is(err, apikey.ErrRotated), errors.Is(err, apikey.ErrNotUsable): // which it is from now on
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	rotations.Wait()
	listed, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if made.Load() != 1 || refused.Load() != 7 || len(listed) != 2 {
		t.Errorf("%d successors, %d refusals and %d keys; want 1, 7 and 2", made.Load(), refused.Load(), len(listed))
	}
}

func keyUses(t *testing.T, s Store) {
	now := delivery.NewInstant(time.Now())
	used, unused := addedKey(t, s, now, time.Time{}), addedKey(t, s, now, time.Time{})
	for _, at := range []time.Time{now.Add(time.Minute), now.Add(2 * time.Minute), now.Add(3*time.Minute - time.Microsecond), now} {
		if err := s.MarkUsed(t.Context(), map[string]time.Time{used.ID: at, "nobody": at}); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "last use", keyIn(t, s, used.ID).LastUsedAt, now.Add(2*time.Minute))
	equal(t, "last use of one that is not used", keyIn(t, s, unused.ID).LastUsedAt, time.Time{})
}

// A worker whose key is rotated while it holds a lease goes on with the successor.
func claimOfPrincipal(t *testing.T, s Store) {
	now := delivery.NewInstant(time.Now())
	first, other := addedKey(t, s, now, time.Time{}), addedKey(t, s, now, time.Time{})
	second := successorOf(t, first, now)
	if err := s.RotateKey(t.Context(), first.ID, second, now.Add(time.Hour), "alice@desk"); err != nil {
		t.Fatal(err)
	}
	as := func(key apikey.Key) delivery.Principal { return delivery.Principal{KeyID: key.ID, Name: key.Name} }
	for _, keys := range [][2]apikey.Key{{first, second}, {second, first}} {
		claimed, extended := keys[0], keys[1]
		id := fmt.Sprint("doc_", claimed.ID)
		put(t, s, id, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"sap"}})
		claims, err := s.Claim(t.Context(), delivery.ClaimRequest{Provider: "sap", Limit: 1, Lease: time.Minute, By: as(claimed)})
		if err != nil || len(claims) != 1 {
			t.Fatalf("got %d claims, error %v", len(claims), err)
		}
		executionID := claims[0].Claim.ExecutionID
		_, err = s.ExtendClaim(t.Context(), executionID, as(other), time.Minute)
		isError(t, err, delivery.ErrClaimNotFound)
		if _, err := s.ExtendClaim(t.Context(), executionID, as(extended), time.Minute); err != nil {
			t.Errorf("extend: %v", err)
		}
		_, err = s.ReleaseClaim(t.Context(), executionID, as(other))
		isError(t, err, delivery.ErrClaimNotFound)
		released, err := s.ReleaseClaim(t.Context(), executionID, as(extended))
		if err != nil {
			t.Errorf("release: %v", err)
		}
		equal(t, "whose claim it is", released.By, as(claimed))
		record(t, s, attempt("reported-"+id, on(id, "sap"))) // so that the next round claims the other
	}
}
