package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

func TestSeal_GivesEveryEntryOneNumber_EarliestRecordedFirst(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		sign, _ := signing(t)
		if sealed, _, err := s.Seal(t.Context(), sign); sealed != 0 || err != nil {
			t.Fatalf("of nothing it sealed %d, error %v", sealed, err)
		}
		if _, err := s.Checkpoint(t.Context()); !errors.Is(err, delivery.ErrNoCheckpoint) {
			t.Fatalf("without any, %v", err)
		}
		withHistory(t, s)
		if entries, age, err := s.Unsealed(t.Context(), 10); entries != 2 || age < 0 || err != nil {
			t.Errorf("%d wait for %v, error %v", entries, age, err)
		}
		if entries, _, err := s.Unsealed(t.Context(), 1); entries != 1 || err != nil {
			t.Errorf("of at most one it counts %d, error %v", entries, err)
		}
		sealed, checkpoint, err := s.Seal(t.Context(), sign)
		if sealed != 2 || checkpoint.Size != 2 || err != nil {
			t.Fatalf("sealed %d, %+v, error %v", sealed, checkpoint, err)
		}
		if got, err := s.Checkpoint(t.Context()); got != checkpoint || err != nil {
			t.Errorf("got %+v, error %v; want %+v", got, err, checkpoint)
		}
		if entries, age, err := s.Unsealed(t.Context(), 10); entries != 0 || age != 0 || err != nil {
			t.Errorf("%d wait for %v, error %v", entries, age, err)
		}
		var last instant
		wantNumbers(t, s, 2, func(leaf audit.Leaf) {
			if leaf.RecordedAt.Before(last.Time) {
				t.Errorf("%v was recorded before the one before it", leaf)
			}
			last.Time = leaf.RecordedAt
		})
	})
}

// wantNumbers looks at all leaves: that there are so many, without gaps, each of another entry.
func wantNumbers(t *testing.T, s *Store, want int64, each func(audit.Leaf)) {
	t.Helper()
	seen, next := make(map[string]bool), int64(0)
	err := s.ReadHistory(t.Context(), func(h *History) error {
		return h.Leaves(t.Context(), func(leaf audit.Leaf) error {
			if leaf.Number != next || seen[leaf.EntryID] {
				t.Errorf("%v comes where %d should, seen before %t", leaf, next, seen[leaf.EntryID])
			}
			seen[leaf.EntryID], next = true, next+1
			each(leaf)
			return nil
		})
	})
	if err != nil || next != want {
		t.Errorf("there are %d leaves, error %v; want %d", next, err, want)
	}
}

// What the tree would grow from has to be what was signed.
func TestSeal_ChangedCheckpoint_SealsNothingMore(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		for name, statement := range map[string]string{
			"Frontier": "UPDATE audit_checkpoints SET frontier = ?", "Size": "UPDATE audit_checkpoints SET frontier = ?, size = size + 1",
		} {
			t.Run(name, func(t *testing.T) {
				h := newSealedHistory(t, another(t, url))
				undone := errors.New("undone")
				err := h.writer.Transaction(func(tx *gorm.DB) error {
					last, err := lastCheckpoint(tx)
					changed := slices.Clone(last.Frontier)
					changed[0] ^= 1
					err = errors.Join(err, disarm(tx), tx.Exec(statement+" WHERE size = ?", changed, last.Size).Error)
					if err != nil {
						return err
					}
					if _, _, err := h.sealWithin(tx.Session(&gorm.Session{NewDB: true}), h.sign); !errors.Is(err, errFrontier) {
						t.Errorf("it seals on: %v", err)
					}
					return undone
				})
				if !errors.Is(err, undone) {
					t.Error(err)
				}
			})
		}
	})
}

// another returns the URL of another fresh database of the same engine.
func another(t *testing.T, url string) string {
	t.Helper()
	if strings.HasPrefix(url, "sqlite:") {
		return storetest.SQLite(t)
	}
	return storetest.Postgres(t)
}

// sealModel is what three replicas should make of entries that are recorded, committed late or never.
type sealModel struct {
	stores    []*Store
	sign      Sign
	random    *rand.Rand
	n         int
	committed map[string]bool
	late      map[string]*gorm.DB // open transactions by the entry that they have recorded
}

// record records one entry; on PostgreSQL maybe in a transaction that stays open, and with an id and an instant of the past.
func (m *sealModel) record(t *testing.T) {
	t.Helper()
	m.n++
	a := failedAttempt(m.random.IntN(1_000_000)*1000+m.n%1000, fmt.Sprint("run-", m.n), "doc", "dynamics365")
	db := m.stores[m.random.IntN(len(m.stores))]
	if db.writer.Name() == "postgres" && m.random.IntN(2) == 0 {
		row := newAttemptRow(a)
		row.RecordedAt = instant{recordedAt(m.random.IntN(1_000_000))}
		tx := db.writer.WithContext(context.Background()).Begin()
		if err := tx.Create(&row).Error; err != nil {
			t.Fatal(err)
		}
		m.late[a.ID] = tx
		return
	}
	if _, err := db.Record(t.Context(), []delivery.Attempt{a}, &delivery.Registration{Stage: delivery.Reviewed}); err != nil {
		t.Fatal(err)
	}
	m.committed[a.ID] = true
}

func (m *sealModel) finish(t *testing.T) {
	t.Helper()
	ids := slices.Sorted(maps.Keys(m.late))
	if len(ids) == 0 {
		return
	}
	id := ids[0]
	tx := m.late[id]
	delete(m.late, id)
	if m.random.IntN(4) == 0 {
		tx.Rollback()
		return
	}
	if err := tx.Commit().Error; err != nil {
		t.Fatal(err)
	}
	m.committed[id] = true
}

// numbers returns the numbers of all leaves by entry.
func (m *sealModel) numbers(t *testing.T) map[string]int64 {
	t.Helper()
	numbers := make(map[string]int64)
	var rows []leafRow
	if err := m.stores[0].reader.Order("number").Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if _, twice := numbers[row.EntryID]; twice || row.Number != int64(i) {
			t.Fatalf("leaf %d of %s stands at %d, twice %t", row.Number, row.EntryID, i, twice)
		}
		numbers[row.EntryID] = row.Number
	}
	return numbers
}

// wantInOrder looks at the leaves from a number on, which were sealed at once: whether they are in the order of recorded_at.
func (m *sealModel) wantInOrder(t *testing.T, from int64) {
	t.Helper()
	var last time.Time
	err := m.stores[0].ReadHistory(t.Context(), func(h *History) error {
		return h.Leaves(t.Context(), func(leaf audit.Leaf) error {
			if leaf.Number >= from {
				if leaf.RecordedAt.Before(last) {
					t.Errorf("%v was recorded before the one before it", leaf)
				}
				last = leaf.RecordedAt
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// However late entries are committed, and whoever seals: after each sealing what was committed before it has a number, what
// was not has none, and no number ever changes.
func TestSeal_ThreeReplicasAndLateCommits_MissNothing(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		for seed := range uint64(8) {
			t.Run(fmt.Sprint("Seed", seed), func(t *testing.T) {
				sign, verifiers := signing(t)
				url := another(t, url)
				m := &sealModel{sign: sign, random: rand.New(rand.NewPCG(seed, 9)), committed: map[string]bool{}, late: map[string]*gorm.DB{}}
				for range 3 {
					m.stores = append(m.stores, migrated(t, url))
				}
				m.register(t)
				before := map[string]int64{}
				for step := range 150 {
					switch m.random.IntN(4) {
					case 0, 1:
						if len(m.late) < 6 {
							m.record(t)
						}
					case 2:
						m.finish(t)
					case 3:
						if _, _, err := m.stores[m.random.IntN(3)].Seal(t.Context(), sign); err != nil {
							t.Fatal(err)
						}
						after := m.numbers(t)
						for id := range m.committed {
							if _, sealed := after[id]; !sealed {
								t.Fatalf("step %d: %s is committed and was not sealed", step, id)
							}
						}
						if len(after) != len(m.committed) {
							t.Fatalf("step %d: %d are sealed of %d that are committed", step, len(after), len(m.committed))
						}
						m.wantInOrder(t, int64(len(before)))
						for id, number := range before {
							if after[id] != number {
								t.Fatalf("step %d: %s was leaf %d and is %d", step, id, number, after[id])
							}
						}
						before = after
					}
				}
				for len(m.late) > 0 {
					m.finish(t)
				}
				wantVerified(t, m.stores[0], verifiers, 100_000*time.Hour)
			})
		}
	})
}

// register makes the delivery that all attempts are of.
func (m *sealModel) register(t *testing.T) {
	t.Helper()
	registration := delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"dynamics365"}}
	if _, _, err := m.stores[0].PutDocument(t.Context(), "doc", registration, nil); err != nil {
		t.Fatal(err)
	}
}

// While three replicas seal at the same time as fast as they can, beside writers of which some commit late.
func TestSeal_AtTheSameTime_NumbersNothingTwice(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		sign, verifiers := signing(t)
		m := &sealModel{sign: sign, random: rand.New(rand.NewPCG(1, 9)), committed: map[string]bool{}, late: map[string]*gorm.DB{}}
		m.stores = []*Store{migrated(t, url)}
		if m.stores[0].writer.Name() == "postgres" { // SQLite has one server, whose calls wait for each other
			m.stores = append(m.stores, migrated(t, url), migrated(t, url))
		}
		m.register(t)
		ctx, stop := context.WithCancel(t.Context())
		var sealers sync.WaitGroup
		for i := range 3 {
			s := m.stores[i%len(m.stores)]
			sealers.Go(func() {
				for ctx.Err() == nil {
					if _, _, err := s.Seal(context.WithoutCancel(ctx), sign); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 300 {
			m.record(t)
			if len(m.late) > 4 {
				m.finish(t)
			}
		}
		for len(m.late) > 0 {
			m.finish(t)
		}
		stop()
		sealers.Wait()
		if _, _, err := m.stores[0].Seal(t.Context(), sign); err != nil {
			t.Fatal(err)
		}
		if numbers := m.numbers(t); len(numbers) != len(m.committed) {
			t.Errorf("%d are sealed of %d", len(numbers), len(m.committed))
		}
		wantVerified(t, m.stores[0], verifiers, 100_000*time.Hour)
	})
}
