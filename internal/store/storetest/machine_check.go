package storetest

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/numora/delivery/internal/delivery"
)

// putAs registers a document, and keeps in the model what has to come of that.
func (m *machine) putAs(t *rapid.T, name string, r delivery.Registration) {
	id, before := m.prefix+name, m.model.now
	got, created, err := m.store.PutDocument(t.Context(), id, r, []string{m.providers["crm"]})
	m.sameError(t, "put", err, nil)
	m.passes(t, "put", got.AsOf)
	document := m.model.documents[id]
	m.same(t, "created", created, document == nil)
	providers := r.Providers
	if created {
		document = &modelDocument{id: id, createdAt: got.CreatedAt, deliveries: make(map[string]*modelDelivery)}
		m.model.documents[id] = document
		if providers == nil {
			providers = []string{m.providers["crm"]}
		}
	}
	changed := created || document.stage != r.Stage || document.externalID != r.ExternalID
	follows := document.externalID != r.ExternalID // the deliveries can be found by it
	was := make(map[string]modelDelivery)
	for provider, d := range document.deliveries {
		was[provider] = modelDelivery{retired: d.retired, offeredAt: d.offeredAt, document: &modelDocument{stage: document.stage}}
		d.retired = providers != nil && !slices.Contains(providers, provider) || providers == nil && d.retired
	}
	for _, provider := range providers {
		if document.deliveries[provider] == nil {
			m.model.add(document, provider)
		}
	}
	document.stage, document.externalID = r.Stage, r.ExternalID
	for provider, d := range document.deliveries {
		old, known := was[provider]
		moved := !known || follows || d.retired != old.retired || d.offered() != old.offered()
		changed = changed || !known || d.retired != old.retired
		if !moved {
			continue
		}
		m.seen.put(d, old, known)
		i := slices.IndexFunc(got.Deliveries, func(got delivery.Delivery) bool { return got.Provider == provider })
		if i < 0 {
			continue // retired: nobody sees when
		}
		d.updatedAt = got.Deliveries[i].UpdatedAt
		m.between(t, "delivery of a put", before, d.updatedAt, got.AsOf)
		if d.offered() && !(known && old.offered()) {
			d.offeredAt = d.updatedAt
		}
	}
	m.seen.when(!changed, "put: nothing changes")
	if changed {
		document.updatedAt = got.UpdatedAt
		m.between(t, "put", before, got.UpdatedAt, got.AsOf)
	}
	m.sameDocument(t, got)
}

// check holds all that can be read against the model: each document either where the outbox shows it, or by itself.
func (m *machine) check(t *rapid.T) {
	m.step++
	for _, name := range providerNames {
		m.checkOutbox(t, m.providers[name])
	}
	for _, name := range documentNames {
		if id := m.prefix + name; m.model.documents[id] != nil && m.looked[id] < m.step { // for others see checkHistory
			got, err := m.store.Document(t.Context(), id)
			m.sameError(t, "read a document", err, nil)
			m.sameDocument(t, got)
		}
	}
	m.checkDeliveries(t)
}

func (m *machine) checkOutbox(t *rapid.T, provider string) {
	want := m.model.due(provider, m.model.now)
	query := delivery.OutboxQuery{Provider: provider, Limit: 1 + m.step%3}
	for {
		page, err := m.store.Outbox(t.Context(), query)
		m.sameError(t, "outbox", err, nil)
		if len(page.Items) != min(len(want), query.Limit) || (page.Next != nil) != (len(want) > query.Limit) {
			t.Fatalf("%d deliveries are due, not %d", len(page.Items), len(want))
		}
		for i, item := range page.Items {
			m.same(t, "due document", item.Document.ID, want[i].document.id)
			m.same(t, "due provider", item.Delivery.Provider, provider)
			m.sameDocument(t, item.Document)
			m.sameDelivery(t, item.Delivery)
		}
		if page.Next == nil {
			return
		}
		want, query.After = want[query.Limit:], page.Next
	}
}

// checkDeliveries looks at another provider and another state at each step.
func (m *machine) checkDeliveries(t *rapid.T) {
	provider := m.providers[providerNames[m.step%2]]
	state := []delivery.State{
		"", delivery.Ready, delivery.Pending, delivery.DeliverySucceeded, delivery.DeliverySkipped, delivery.DeliveryFailed, delivery.Exhausted,
	}[m.step/2%7]
	now := m.model.now
	want := m.model.each(provider, func(d *modelDelivery) bool { return state == "" || d.state(now) == state })
	slices.SortFunc(want, func(a, b *modelDelivery) int {
		return -cmp.Or(a.updatedAt.Compare(b.updatedAt), cmp.Compare(a.document.id, b.document.id))
	})
	page, err := m.store.Deliveries(t.Context(), delivery.DeliveryQuery{Provider: provider, State: state, Limit: 10})
	m.sameError(t, "deliveries", err, nil)
	if len(page.Deliveries) != len(want) {
		t.Fatalf("%d deliveries are %q, not %d", len(page.Deliveries), state, len(want))
	}
	for i, got := range page.Deliveries {
		m.same(t, "listed document", got.DocumentID, want[i].document.id)
		m.sameDelivery(t, got)
	}
}

// checkHistory holds against the model what is seldom looked at.
func (m *machine) checkHistory(t *rapid.T) {
	for _, name := range documentNames {
		if m.model.documents[m.prefix+name] == nil {
			_, err := m.store.Document(t.Context(), m.prefix+name)
			m.sameError(t, "read a document", err, delivery.ErrDocumentNotFound)
		}
		page, err := m.store.Attempts(t.Context(), delivery.AttemptQuery{DocumentID: m.prefix + name, Limit: 1000})
		m.sameError(t, "attempts", err, nil)
		var want []delivery.Attempt
		for _, a := range m.recorded {
			if a.DocumentID == m.prefix+name {
				want = append(want, a)
			}
		}
		slices.SortFunc(want, func(a, b delivery.Attempt) int {
			return -cmp.Or(a.RecordedAt.Compare(b.RecordedAt), cmp.Compare(a.ID, b.ID))
		})
		m.same(t, "attempts", page.Attempts, want)
	}
	backlogs, err := m.store.Backlogs(t.Context())
	m.sameError(t, "backlogs", err, nil)
	for _, name := range providerNames {
		provider, now := m.providers[name], m.model.now
		due := m.model.due(provider, now)
		want := delivery.Backlog{Provider: provider, Due: len(due)}
		want.Leased = len(m.model.each(provider, func(d *modelDelivery) bool { return d.state(now) == delivery.Pending }))
		want.Exhausted = len(m.model.each(provider, func(d *modelDelivery) bool { return d.state(now) == delivery.Exhausted }))
		got := delivery.Backlog{Provider: provider} // not listed where there is nothing
		if i := slices.IndexFunc(backlogs, func(b delivery.Backlog) bool { return b.Provider == provider }); i >= 0 {
			got = backlogs[i]
		}
		if len(due) > 0 {
			oldest := due[0].dueAt(now) // told a moment after now
			m.between(t, "oldest due", oldest.Add(-time.Minute), now.Add(-got.DueFor), oldest)
			want.DueFor = got.DueFor
		}
		m.same(t, "backlog", got, want)
	}
}

// sameDocument holds a document against the model, as of when it is told.
func (m *machine) sameDocument(t *rapid.T, got delivery.Document) {
	m.passes(t, "as of", got.AsOf)
	want := m.model.documents[got.ID]
	if want == nil {
		t.Fatal("a document is not registered")
	}
	m.looked[got.ID] = m.step
	m.seen.add("status: " + string(got.Status()))
	name := nameOf(got.ID)
	m.same(t, "status of "+name, got.Status(), want.status(got.AsOf))
	m.same(t, "stage of "+name, got.Stage, want.stage)
	m.same(t, "external id of "+name, got.ExternalID, want.externalID)
	m.same(t, "instants of "+name, []time.Time{got.CreatedAt, got.UpdatedAt}, []time.Time{want.createdAt, want.updatedAt})
	named := []string{}
	for _, d := range want.named() {
		named = append(named, d.provider)
	}
	m.same(t, "providers of "+name, providersOf(got), named)
	for _, d := range got.Deliveries {
		m.sameDelivery(t, d)
	}
}

// standing is all that is told of a delivery.
type standing struct {
	State       delivery.State
	Tries       int
	Offered     bool
	DueAt       time.Time
	Lease       delivery.Claim // zero while none is open
	LastAttempt delivery.Attempt
	Requeued    delivery.Requeued
	UpdatedAt   time.Time
}

// sameDelivery holds a delivery against the model, as of when it is told.
func (m *machine) sameDelivery(t *rapid.T, got delivery.Delivery) {
	now := got.AsOf
	m.passes(t, "as of", now)
	document := m.model.documents[got.DocumentID]
	if document == nil || document.deliveries[got.Provider] == nil {
		t.Fatal("a delivery does not exist")
	}
	d := document.deliveries[got.Provider]
	told := standing{
		State: got.State(), Tries: got.Standing.Tries, Offered: got.Offered, DueAt: got.DueAt(), LastAttempt: orZero(got.LastAttempt),
		Requeued: orZero(got.Requeued), UpdatedAt: got.UpdatedAt,
	}
	if got.Standing.Leased(now) {
		told.Lease = orZero(got.LastClaim)
		m.same(t, "end of the lease", got.Standing.Lease.ExpiresAt, told.Lease.ExpiresAt)
	}
	want := standing{
		State: d.state(now), Tries: d.tries(now), Offered: d.offered(), DueAt: d.dueAt(now), Lease: orZero(d.lease(now)),
		LastAttempt: orZero(d.latest()), Requeued: orZero(d.requeued()), UpdatedAt: d.updatedAt,
	}
	m.seen.add("state: " + string(want.State))
	m.seen.when(want.State == delivery.Exhausted && d.latest() == nil, "exhausted without a report")
	m.seen.when(want.State == delivery.DeliveryFailed && d.settled(), "failed, and settled all the same")
	gotFields, wantFields := reflect.ValueOf(told), reflect.ValueOf(want)
	for i := range gotFields.NumField() {
		field := gotFields.Type().Field(i).Name
		m.same(t, field+" of "+nameOf(got.DocumentID, got.Provider), gotFields.Field(i).Interface(), wantFields.Field(i).Interface())
	}
}

func orZero[T any](value *T) T {
	if value == nil {
		return *new(T)
	}
	return *value
}

// same fails when got is not the model's. What it fails with is the same in every run, so that rapid knows the failure
// again when it looks for a shorter way to it; the values, which have instants and random ids in them, are logged.
func (m *machine) same(t *rapid.T, what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		t.Logf("%s:\n got %+v\nwant %+v", what, got, want)
		t.Fatalf("%s is not the model's", what)
	}
}

func (m *machine) sameError(t *rapid.T, what string, got, want error) {
	if got != nil {
		m.seen.add(what + ": " + got.Error())
	}
	if !errors.Is(got, want) {
		t.Fatalf("%s: error %v, not %v", what, got, want)
	}
}

// passes moves the model's clock on to an instant that the store told.
func (m *machine) passes(t *rapid.T, what string, at time.Time) {
	m.between(t, what, m.model.now, at, m.model.now.Add(time.Minute))
	m.model.now = at
}

// between fails when an instant that the store told lies outside of others.
func (m *machine) between(t *rapid.T, what string, before, at, after time.Time) {
	if !m.model.now.IsZero() && (at.Before(before) || at.After(after)) {
		t.Logf("%s: %v, %v, %v", what, before, at, after)
		t.Fatalf("%s: the clock is not where it has to be", what)
	}
}
