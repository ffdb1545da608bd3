//go:build faults

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/faults/cluster"
	network "github.com/numora/delivery/internal/faults/wire"
)

// cutting is a store that reaches its PostgreSQL through a network which can be cut around a commit.
type cutting struct {
	*Store
	t       *testing.T
	cluster *cluster.Cluster
	proxy   *network.Proxy
	numbers int
}

func newCutting(t *testing.T) *cutting {
	t.Helper()
	started, err := cluster.Start(t.Context(), cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	})
	proxy, err := network.Listen(started.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	url := "postgres://" + cluster.Role + "@" + proxy.Address() + "/" + cluster.Database + "?sslmode=disable"
	return &cutting{Store: migrated(t, url), t: t, cluster: started, proxy: proxy}
}

// document registers a reviewed document that nobody else has, to be delivered to a provider that nobody else has.
func (c *cutting) document() (id, provider string) {
	c.t.Helper()
	c.numbers++
	id, provider = fmt.Sprintf("document-%d", c.numbers), fmt.Sprintf("crm-%d", c.numbers)
	if _, _, err := c.PutDocument(c.t.Context(), id, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{provider}}, nil); err != nil {
		c.t.Fatal(err)
	}
	return id, provider
}

// attempt is a failed one that nobody else has.
func (c *cutting) attempt(documentID, provider string) delivery.Attempt {
	c.numbers++
	return failedAttempt(c.numbers, fmt.Sprint("run-", c.numbers), documentID, provider)
}

// created records attempts and returns an error unless each was created, and is there once.
func (c *cutting) created(ctx context.Context, unknown *delivery.Registration, attempts ...delivery.Attempt) error {
	results, err := c.Record(ctx, attempts, unknown)
	if err != nil {
		return err
	}
	for i, r := range results {
		var found []attemptRow
		if err := c.reader.Where("execution_id = ?", attempts[i].ExecutionID).Find(&found).Error; err != nil {
			return err
		}
		if r.Result != delivery.Created || len(found) != 1 || found[0].ID != attempts[i].ID || !found[0].RecordedAt.Equal(r.Attempt.RecordedAt) {
			return fmt.Errorf("it is %s as %s at %s, recorded are %+v", r.Result, r.Attempt.ID, r.Attempt.RecordedAt, found)
		}
	}
	return c.tries(attempts[0].DocumentID, attempts[0].Provider, len(attempts))
}

func (c *cutting) tries(documentID, provider string, want int) error {
	document, err := c.Document(c.t.Context(), documentID)
	if err != nil {
		return err
	}
	for _, d := range document.Deliveries {
		if d.Provider == provider && d.Standing.Tries == want {
			return nil
		}
	}
	return fmt.Errorf("%s has no delivery to %s with %d tries: %+v", documentID, provider, want, document.Deliveries)
}

// count returns an error unless a table has so many rows under a condition.
func (c *cutting) count(want int64, table any, condition string, arguments ...any) error {
	var got int64
	err := c.reader.Model(table).Where(condition, arguments...).Count(&got).Error
	if err == nil && got != want {
		err = fmt.Errorf("there are %d rows, want %d", got, want)
	}
	return err
}

func (c *cutting) claimed(provider string) delivery.Claimed {
	c.t.Helper()
	claimed, err := c.Claim(c.t.Context(), delivery.ClaimRequest{Provider: provider, Limit: 1, Lease: time.Minute, By: delivery.Principal{KeyID: "key"}})
	if err != nil || len(claimed) != 1 {
		c.t.Fatal(claimed, err)
	}
	return claimed[0]
}

// writes are all ways to write: each prepares, and returns the write, which returns an error unless it has done what it says once.
var writes = map[string]func(c *cutting) func(ctx context.Context) error{
	"Record": func(c *cutting) func(context.Context) error {
		attempt := c.attempt(c.document())
		return func(ctx context.Context) error { return c.created(ctx, nil, attempt) }
	},
	"Record/Several": func(c *cutting) func(context.Context) error {
		id, provider := c.document()
		first, second := c.attempt(id, provider), c.attempt(id, provider)
		return func(ctx context.Context) error { return c.created(ctx, nil, first, second) }
	},
	"Record/NewDelivery": func(c *cutting) func(context.Context) error {
		id, _ := c.document()
		attempt := c.attempt(id, "another")
		return func(ctx context.Context) error { return c.created(ctx, nil, attempt) }
	},
	"Record/NewDocument": func(c *cutting) func(context.Context) error {
		c.numbers++
		attempt := c.attempt(fmt.Sprint("new-", c.numbers), "crm")
		return func(ctx context.Context) error {
			return c.created(ctx, &delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"crm"}}, attempt)
		}
	},
	"PutDocument": func(c *cutting) func(context.Context) error {
		c.numbers++
		id := fmt.Sprint("put-", c.numbers)
		return func(ctx context.Context) error {
			_, created, err := c.PutDocument(ctx, id, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"crm"}}, nil)
			if err == nil && !created {
				err = errors.New("it was refreshed")
			}
			return err
		}
	},
	"Claim": func(c *cutting) func(context.Context) error {
		_, provider := c.document()
		id, _ := c.document()
		if _, _, err := c.PutDocument(c.t.Context(), id, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{provider}}, nil); err != nil {
			c.t.Fatal(err)
		}
		return func(ctx context.Context) error {
			claimed, err := c.Claim(ctx, delivery.ClaimRequest{Provider: provider, Limit: 1, Lease: time.Minute, By: delivery.Principal{KeyID: "key"}})
			if err != nil || len(claimed) != 1 || claimed[0].DueAt.IsZero() || claimed[0].Item.Document.ID == "" {
				return fmt.Errorf("claimed %+v, %w", claimed, err)
			}
			return errors.Join(
				c.count(1, &claimRow{}, "provider = ?", provider),
				c.count(1, &claimRow{}, "execution_id = ?", claimed[0].Claim.ExecutionID),
			)
		}
	},
	"ExtendClaim": func(c *cutting) func(context.Context) error {
		_, provider := c.document()
		claim := c.claimed(provider).Claim
		return func(ctx context.Context) error {
			extended, err := c.ExtendClaim(ctx, claim.ExecutionID, delivery.Principal{KeyID: "key"}, time.Hour)
			if err == nil && !extended.ExpiresAt.After(claim.ExpiresAt) {
				err = errors.New("it is not extended")
			}
			return err
		}
	},
	"ReleaseClaim": func(c *cutting) func(context.Context) error {
		_, provider := c.document()
		claim := c.claimed(provider).Claim
		return func(ctx context.Context) error {
			released, err := c.ReleaseClaim(ctx, claim.ExecutionID, delivery.Principal{KeyID: "key"})
			if err == nil && released.ReleasedAt.IsZero() {
				err = errors.New("it is not released")
			}
			return err
		}
	},
	"Requeue": func(c *cutting) func(context.Context) error {
		id, provider := c.document()
		if _, err := c.Record(c.t.Context(), []delivery.Attempt{c.attempt(id, provider)}, nil); err != nil {
			c.t.Fatal(err)
		}
		c.numbers++
		requeue := delivery.Requeue{ID: attemptID(c.numbers), DocumentID: id, Provider: provider, Force: true}
		return func(ctx context.Context) error {
			requeued, err := c.Requeue(ctx, requeue)
			if err == nil && requeued.Requeued == nil {
				err = errors.New("it is not requeued")
			}
			return errors.Join(err, c.count(1, &auditRow{}, "document_id = ?", id))
		}
	},
	"AddKey": func(c *cutting) func(context.Context) error {
		key := newAPIKey(c.t, recordedAt(0), time.Time{})
		return func(ctx context.Context) error {
			return errors.Join(c.AddKey(ctx, key, "alice@desk"), c.count(1, &auditRow{}, "key_id = ?", key.ID))
		}
	},
	"RotateKey": func(c *cutting) func(context.Context) error {
		key := newAPIKey(c.t, recordedAt(0), time.Time{})
		if err := c.AddKey(c.t.Context(), key, "alice@desk"); err != nil {
			c.t.Fatal(err)
		}
		successor, _, err := key.Successor(recordedAt(0), time.Time{})
		if err != nil {
			c.t.Fatal(err)
		}
		return func(ctx context.Context) error {
			return errors.Join(
				c.RotateKey(ctx, key.ID, successor, recordedAt(0), "alice@desk"),
				c.count(1, &auditRow{}, "key_id = ? AND kind = ?", key.ID, keyRotated),
			)
		}
	},
	"RevokeKey": func(c *cutting) func(context.Context) error {
		key := newAPIKey(c.t, recordedAt(0), time.Time{})
		if err := c.AddKey(c.t.Context(), key, "alice@desk"); err != nil {
			c.t.Fatal(err)
		}
		return func(ctx context.Context) error {
			return errors.Join(
				c.RevokeKey(ctx, key.ID, recordedAt(1), "alice@desk"),
				c.count(1, &auditRow{}, "key_id = ? AND kind = ?", key.ID, keyRevoked),
			)
		}
	},
}

var everyPoint = []network.Point{network.BeforeCommit, network.AfterForward, network.AnswerLost, network.WarningAtCommit, network.ErrorAtCommit}

// Whatever befalls the connection at a commit, the caller is told what became of the write: it was done, once.
func TestFaults_WhatMayHaveBeenCommitted_IsLearned(t *testing.T) {
	c := newCutting(t)
	for name, prepare := range writes {
		for _, point := range everyPoint {
			t.Run(name+"/"+string(point), func(t *testing.T) {
				c.t = t
				write := prepare(c)
				trap := c.proxy.Arm(point, nil)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if err := write(ctx); err != nil {
					t.Error(err)
				}
				if trap.Disarm() {
					t.Error("nothing befell it")
				}
			})
		}
	}
}

// A connection that is lost before the commit costs nothing but another run.
func TestFaults_LostBeforeTheCommit_RunsAgain(t *testing.T) {
	c := newCutting(t)
	for _, name := range []string{"Record/Several", "Record/NewDelivery"} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			write := writes[name](c)
			trap := c.proxy.Arm(network.AfterInsert, nil)
			if err := write(t.Context()); err != nil {
				t.Error(err)
			}
			if trap.Disarm() {
				t.Error("nothing befell it")
			}
		})
	}
}

// holdBack has nobody write until what it returns is called, which waits for so many calls and writes them together.
func (c *cutting) holdBack() (together func(calls int)) {
	set := func(writers, writing int) {
		c.group.mu.Lock()
		defer c.group.mu.Unlock()
		c.group.writers, c.group.writing = writers, writing
	}
	set(c.engine.writers(), 1000)
	return func(calls int) {
		waitUntil(c.t, "all wait", c.Store, func(g *group) bool { return len(g.waiting) == calls })
		set(1, 0)
		c.group.write(nil)
	}
}

// What was written together is learned together.
func TestFaults_WrittenTogether_IsLearnedTogether(t *testing.T) {
	c := newCutting(t)
	id, provider := c.document()
	for _, point := range everyPoint {
		t.Run(string(point), func(t *testing.T) {
			c.t = t
			together := c.holdBack()
			const calling = 20
			var calls sync.WaitGroup
			results := make([]delivery.Result, calling)
			attempts := make([]delivery.Attempt, calling)
			for i := range calling {
				attempts[i] = c.attempt(id, provider)
			}
			for i, attempt := range attempts {
				calls.Go(func() {
					recorded, err := c.Record(inTime(t), []delivery.Attempt{attempt}, nil)
					if err != nil {
						t.Error(err)
						return
					}
					results[i] = recorded[0].Result
				})
			}
			trap := c.proxy.Arm(point, nil)
			together(calling)
			calls.Wait()
			if slices.ContainsFunc(results, func(r delivery.Result) bool { return r != delivery.Created }) {
				t.Errorf("they are %v", results)
			}
			if trap.Disarm() {
				t.Error("nothing befell them")
			}
		})
	}
	c.t = t
	if err := c.tries(id, provider, len(everyPoint)*20); err != nil {
		t.Error(err)
	}
}

// Of what was written together each is told what is so when its own time is over.
func TestFaults_NotLearnedInTime_IsLearnedByWhoHasMoreTime(t *testing.T) {
	c := newCutting(t)
	id, provider := c.document()
	together := c.holdBack()
	hasty, patient := c.attempt(id, provider), c.attempt(id, provider)
	answers := make(map[string]chan error)
	for attempt, limit := range map[*delivery.Attempt]time.Duration{&hasty: hurry + time.Second, &patient: time.Minute} {
		answer := make(chan error, 1)
		answers[attempt.ExecutionID] = answer
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			results, err := c.Record(ctx, []delivery.Attempt{*attempt}, nil)
			if err == nil && results[0].Result != delivery.Created {
				err = fmt.Errorf("it is %s", results[0].Result)
			}
			answer <- err
		}()
	}
	trap := c.proxy.Arm(network.AnswerLost, func() { c.proxy.Refuse(true) })
	together(2)
	if err := <-answers[hasty.ExecutionID]; !isUnknown(err) {
		t.Errorf("the hasty one: got %v, want the outcome to be unknown", err)
	}
	c.proxy.Refuse(false)
	if err := <-answers[patient.ExecutionID]; err != nil {
		t.Errorf("the patient one: %v", err)
	}
	if trap.Disarm() {
		t.Error("nothing befell them")
	}
	if err := c.tries(id, provider, 2); err != nil {
		t.Error(err)
	}
}

// Only when the time is over first, nobody knows; and that nobody can be asked any more does not mean that nothing was written.
func TestFaults_NotLearnedInTime_IsUnknown(t *testing.T) {
	c := newCutting(t)
	attempt := c.attempt(c.document())
	trap := c.proxy.Arm(network.AnswerLost, func() { c.proxy.Refuse(true) })
	ctx, cancel := context.WithTimeout(t.Context(), hurry+500*time.Millisecond)
	defer cancel()
	_, err := c.Record(ctx, []delivery.Attempt{attempt}, nil)
	if !isUnknown(err) {
		t.Errorf("got %v, want the outcome to be unknown", err)
	}
	if deadline, _ := ctx.Deadline(); time.Now().Before(deadline) {
		t.Error("there was time left")
	}
	if trap.Disarm() {
		t.Error("nothing befell it")
	}
	checkNotExecuted(t, c.Ready(t.Context()))
	c.proxy.Refuse(false)
	resent := attempt
	resent.ID = attemptID(0)
	results, err := c.Record(t.Context(), []delivery.Attempt{resent}, nil)
	if err != nil || results[0].Result != delivery.Replayed || results[0].Attempt.ID != attempt.ID {
		t.Errorf("sent again: %+v, %v", results, err)
	}
}

// With standbys that have to have everything, nothing is acknowledged that they may not have: neither what was just
// committed, nor what was found. Where the database says that it has committed without them, that is no answer.
func TestFaults_StandbyAway_NothingIsAcknowledged(t *testing.T) {
	c := newCutting(t)
	attempt := c.attempt(c.document())
	twin := attempt
	twin.ID = attemptID(0)
	id, provider := c.document()
	if err := c.created(t.Context(), nil, c.attempt(id, provider)); err != nil {
		t.Fatal(err)
	}
	superuser := opened(t, c.cluster.URL(), Options{})
	run(t, superuser, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	run(t, superuser, "SELECT pg_reload_conf()")
	within := func(limit time.Duration, attempt delivery.Attempt) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		_, err := c.Record(ctx, []delivery.Attempt{attempt}, nil)
		return err
	}
	waiting := func() (count int64) {
		err := superuser.reader.Raw("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").Row().Scan(&count)
		if err != nil {
			t.Error(err)
		}
		return count
	}
	for range 2 {
		if err := within(time.Second, attempt); !isUnknown(err) {
			t.Errorf("recorded: got %v, want the outcome to be unknown", err)
		}
		if err := within(3*time.Second, twin); !isUnknown(err) {
			t.Errorf("replayed: got %v, want the outcome to be unknown", err)
		}
	}
	if err := c.count(1, &attemptRow{}, "execution_id = ?", attempt.ExecutionID); err != nil {
		t.Error(err)
	}

	answered := make(chan error, 1)
	another := c.attempt(id, provider)
	go func() { answered <- within(20*time.Second, another) }()
	for range 3 {
		waitUntil(t, "it waits for a standby", c.Store, func(*group) bool { return waiting() > 0 })
		run(t, superuser, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
	}
	select {
	case err := <-answered:
		t.Errorf("it was answered %v", err)
	default:
	}
	run(t, superuser, "ALTER SYSTEM RESET synchronous_standby_names")
	run(t, superuser, "SELECT pg_reload_conf()")
	if err := <-answered; err != nil {
		t.Errorf("with nobody to wait for: %v", err)
	}
	if err := within(5*time.Second, twin); err != nil {
		t.Errorf("the replay: %v", err)
	}
	if err := c.tries(id, provider, 2); err != nil {
		t.Error(err)
	}
}

// A transaction whose connection is gone may still be at its commit, and nothing ends it: what is run again waits for it, and finds
// what it has written.
func TestFaults_StillCommitting_IsWaitedFor(t *testing.T) {
	c := newCutting(t)
	superuser := opened(t, c.cluster.URL(), Options{})
	run(t, superuser, "CREATE SEQUENCE commits")
	// The first commit takes long, as one does that waits for a disk; a cancellation does not end that either.
	run(t, superuser, `CREATE FUNCTION linger() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS '
		BEGIN
			IF nextval(''commits'') = 1 THEN
				BEGIN PERFORM pg_sleep(0.7); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(0.6); END;
			END IF;
			RETURN NULL;
		END'`)
	for _, table := range []string{"delivery_attempts", "deliveries", "claims", "documents", "audit_entries", "api_keys"} {
		run(t, superuser, "CREATE CONSTRAINT TRIGGER linger AFTER INSERT OR UPDATE ON "+table+" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger()")
	}
	lingers := func(*group) bool {
		var count int
		if err := superuser.reader.Raw("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").Row().Scan(&count); err != nil {
			t.Error(err)
		}
		return count > 0
	}
	for name, prepare := range writes {
		t.Run(name, func(t *testing.T) {
			c.t = t
			run(t, superuser, "SELECT setval('commits', 100)")
			write := prepare(c)
			run(t, superuser, "SELECT setval('commits', 1, false)")
			trap := c.proxy.Arm(network.AfterForward, func() { waitUntil(t, "it lingers", superuser, lingers) })
			if err := write(inTime(t)); err != nil {
				t.Error(err)
			}
			if trap.Disarm() {
				t.Error("nothing befell it")
			}
		})
	}
}

// What waits for somebody's lock until its time is over says nothing about the other sessions: they are asked, and stay.
func TestFaults_LockedForLong_CostsOneSession(t *testing.T) {
	c := newCutting(t)
	id, provider := c.document()
	everySession(t, c.Store, "SELECT 1")
	sessions := func() (pids []int) {
		err := c.reader.Raw("SELECT pid FROM pg_stat_activity WHERE application_name = 'numora-delivery' AND datname = current_database() ORDER BY pid").Scan(&pids).Error
		if err != nil {
			t.Error(err)
		}
		return pids
	}
	superuser := opened(t, c.cluster.URL()+"&application_name=other", Options{})
	held := superuser.writer.WithContext(t.Context()).Begin()
	if err := held.Exec("SELECT 1 FROM deliveries WHERE document_id = ? FOR UPDATE", id).Error; err != nil {
		t.Fatal(err)
	}
	before := sessions()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := c.Record(ctx, []delivery.Attempt{c.attempt(id, provider)}, nil)
	checkNotExecuted(t, err)
	if err := held.Rollback().Error; err != nil {
		t.Fatal(err)
	}
	everySession(t, c.Store, "SELECT 1")
	left := 0
	for _, pid := range sessions() {
		if slices.Contains(before, pid) {
			left++
		}
	}
	if left < len(before)-1 {
		t.Errorf("of %d sessions %d are left", len(before), left)
	}
}
