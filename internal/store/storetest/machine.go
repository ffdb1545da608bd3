package storetest

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/numora/delivery/internal/delivery"
)

// Machine does everything that can happen to documents, deliveries and claims, in random order, and after every step
// holds the store against a model of it. open opens a fresh, migrated, empty store with these retry policies.
//
// rapid brings the order, and makes one that fails short; its flags -rapid.checks and -rapid.steps do more of it. Each
// check has documents and providers of its own, so that all of them can be in one database.
//
// Whatever takes time here takes whole minutes: the clock's offset, leases, backoffs. So what is earlier than what
// never hangs on how long a statement takes, unless a check takes a minute.
func Machine(t *testing.T, open func(t *testing.T, retry delivery.RetryPolicies) Store) {
	policies := make(map[string]delivery.RetryPolicy) // read by the store at each call; all are made by this goroutine
	s := open(t, delivery.RetryPolicies{Default: quick, Providers: policies})
	seen := make(situations)
	checks := 0
	rapid.Check(t, func(t *rapid.T) {
		checks++
		m := newMachine(s, checks, policies, seen)
		m.begin(t)
		t.Repeat(map[string]func(*rapid.T){
			"advance": m.advance, "put": m.put, "claim": m.claim, "claim again": m.claim, "extend": m.extend, "release": m.release, "release again": m.release,
			"report of a claim": m.reportClaim, "report of a claim again": m.reportClaim,
			"report": m.reportAnything, "reports": m.reportMany, "requeue": m.requeue, "requeue again": m.requeue,
			"": m.check,
		})
		m.checkHistory(t)
	})
	seen.require(t, checks)
}

// quick and slow are few tries, so that they are used up.
var (
	quick = delivery.RetryPolicy{Delay: time.Minute, MaxDelay: 4 * time.Minute, MaxTries: 3}
	slow  = delivery.RetryPolicy{Delay: 2 * time.Minute, MaxDelay: 5 * time.Minute, MaxTries: 5}
)

// machine drives one store and its model.
type machine struct {
	store  Store
	model  *model
	offset time.Duration // of the store's clock
	seen   situations
	step   int
	looked map[string]int // document id -> step in which it was last held against the model

	prefix    string            // of the documents' ids
	providers map[string]string // by the names they have here
	claims    []claimed         // all that were handed out
	recorded  []delivery.Attempt
}

// claimed is what can be asked of a claim afterwards.
type claimed struct {
	executionID, documentID, provider string
	by                                delivery.Principal
}

// The names by which documents and providers are drawn and complained about.
var (
	documentNames = []string{"a", "b", "c"}
	providerNames = []string{"crm", "erp"}
)

func newMachine(s Store, number int, policies map[string]delivery.RetryPolicy, seen situations) *machine {
	m := &machine{
		store: s, seen: seen, prefix: fmt.Sprintf("document-%06d-", number), providers: make(map[string]string), looked: make(map[string]int),
		model: &model{documents: make(map[string]*modelDocument), attempts: make(map[string]delivery.Attempt), policies: make(map[string]delivery.RetryPolicy)},
	}
	for i, name := range providerNames {
		m.providers[name] = fmt.Sprintf("%s-%06d", name, number)
		m.model.policies[m.providers[name]] = []delivery.RetryPolicy{quick, slow}[i]
	}
	policies[m.providers["erp"]] = slow // crm has the default
	return m
}

// begin sets the clock and registers two of the documents.
func (m *machine) begin(t *rapid.T) {
	m.store.SetClockOffset(0)
	for _, name := range documentNames[:2] {
		m.putAs(t, name, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{m.providers["crm"], m.providers["erp"]}})
	}
}

func (m *machine) advance(t *rapid.T) {
	m.wait(minutes(t, "by", 1, 2, 3, 5, 8, 60))
}

// wait lets time pass.
func (m *machine) wait(by time.Duration) {
	m.offset += by
	m.model.now = m.model.now.Add(by)
	m.store.SetClockOffset(m.offset)
}

func (m *machine) put(t *rapid.T) {
	registration := delivery.Registration{
		Stage: rapid.SampledFrom([]delivery.Stage{
			delivery.Reviewed, delivery.Reviewed, delivery.Reviewed, delivery.Reviewed, delivery.ReviewRequired, delivery.Processing, delivery.StageFailed,
		}).Draw(t, "stage"),
		ExternalID: rapid.SampledFrom([]string{"", "", "", "erp-1"}).Draw(t, "external id"),
	}
	crm, erp := m.providers["crm"], m.providers["erp"]
	registration.Providers = [][]string{{crm, erp}, nil, {crm}, {erp, crm}, nil, {erp}, {}}[rapid.IntRange(0, 6).Draw(t, "providers")]
	m.putAs(t, m.drawDocument(t), registration)
}

// claim claims at once, or after a while, when more is due.
func (m *machine) claim(t *rapid.T) {
	m.wait(minutes(t, "wait", 0, 1, 2, 5, 8))
	request := delivery.ClaimRequest{
		Provider: m.drawProvider(t), Limit: rapid.IntRange(1, 3).Draw(t, "limit"), Lease: minutes(t, "lease", 1, 2, 5),
		Worker: rapid.SampledFrom([]string{"", "worker-1"}).Draw(t, "worker"), By: drawPrincipal(t, worker),
	}
	want := m.model.due(request.Provider, m.model.now)
	due := make([]time.Time, len(want))
	for i, d := range want {
		due[i] = d.dueAt(m.model.now)
	}
	want = want[:min(len(want), request.Limit)]
	got, err := m.store.Claim(t.Context(), request)
	m.sameError(t, "claim", err, nil)
	if len(got) != len(want) {
		t.Fatalf("%d deliveries were handed out, not %d", len(got), len(want))
	}
	m.seen.when(len(got) == 0, "claim: nothing is due")
	m.seen.when(len(due) > len(want), "claim: more is due than asked for")
	for i, c := range got {
		d := want[i]
		at := c.Claim.ExpiresAt.Add(-request.Lease)
		m.passes(t, "claim", at)
		m.same(t, "claimed document", c.Claim.DocumentID, d.document.id)
		m.same(t, "since when it was due", c.DueAt, due[i])
		m.same(t, "claim", c.Claim, delivery.Claim{
			ExecutionID: c.Claim.ExecutionID, DocumentID: d.document.id, Provider: request.Provider, DeliveryKey: m.key(t, d, c.Claim.DeliveryKey),
			Worker: request.Worker, By: request.By, ExpiresAt: c.Claim.ExpiresAt,
		})
		if _, _, err := m.model.claim(c.Claim.ExecutionID, request.By, m.model.now); err == nil {
			t.Fatal("an execution id was handed out twice")
		}
		m.seen.claim(d, at)
		d.add(fact{at: at, claimed: &c.Claim})
		m.claims = append(m.claims, claimed{c.Claim.ExecutionID, c.Claim.DocumentID, c.Claim.Provider, c.Claim.By})
	}
	for _, c := range got {
		m.sameDocument(t, c.Item.Document)
		m.sameDelivery(t, c.Item.Delivery)
	}
}

// key returns the delivery key that the next claim of d hands out; got when that is to be a new one, and is.
func (m *machine) key(t *rapid.T, d *modelDelivery, got string) string {
	if key := d.key(); key != "" {
		return key
	}
	for _, document := range m.model.documents {
		for _, other := range document.deliveries {
			for _, f := range other.facts {
				if f.claimed != nil && f.claimed.DeliveryKey == got || got == "" {
					t.Fatal("a delivery key is not new")
				}
			}
		}
	}
	return got
}

func (m *machine) extend(t *rapid.T) {
	if len(m.claims) == 0 {
		m.claim(t)
		return
	}
	c := m.drawClaim(t)
	by, lease := drawPrincipal(t, c.by), minutes(t, "lease", 1, 2, 5, 60)
	d, wantErr := m.model.extend(c.executionID, by, m.model.now)
	got, err := m.store.ExtendClaim(t.Context(), c.executionID, by, lease)
	m.sameError(t, "extend", err, wantErr)
	if wantErr != nil {
		return
	}
	at := got.ExpiresAt.Add(-lease)
	m.passes(t, "extend", at)
	d.add(fact{at: at, extended: c.executionID, until: got.ExpiresAt})
	_, h, _ := m.model.claim(c.executionID, by, at)
	m.same(t, "extended claim", got, h.claim)
}

func (m *machine) release(t *rapid.T) {
	if len(m.claims) == 0 {
		m.claim(t)
		return
	}
	c := m.drawClaim(t)
	by := drawPrincipal(t, c.by)
	d, again, wantErr := m.model.release(c.executionID, by, m.model.now)
	got, err := m.store.ReleaseClaim(t.Context(), c.executionID, by)
	m.sameError(t, "release", err, wantErr)
	if wantErr != nil {
		return
	}
	m.seen.when(again, "release: again")
	if !again {
		m.passes(t, "release", got.ReleasedAt)
		m.seen.release(d, m.model.now)
		d.add(fact{at: got.ReleasedAt, released: c.executionID})
	}
	_, h, _ := m.model.claim(c.executionID, by, m.model.now)
	m.same(t, "released claim", got, h.claim)
}

func (m *machine) requeue(t *rapid.T) {
	document, provider := m.drawDocument(t), m.drawProvider(t)
	r := delivery.Requeue{
		ID: attempt("for its id").ID, DocumentID: m.prefix + document, Provider: provider, By: drawPrincipal(t, worker), RequestID: "request-9",
		Reason: rapid.SampledFrom([]string{"", "the CRM is back"}).Draw(t, "reason"), Force: rapid.Bool().Draw(t, "force"),
	}
	var d *modelDelivery
	var begins bool
	wantErr := delivery.ErrDocumentNotFound
	if known := m.model.documents[r.DocumentID]; known != nil {
		wantErr = delivery.ErrDeliveryNotFound
		m.seen.when(known.deliveries[provider] != nil && known.deliveries[provider].retired, "requeue: retired")
		if d = known.deliveries[provider]; d != nil && !d.retired {
			begins, wantErr = d.requeue(r.Force, m.model.now)
			m.seen.requeue(d, begins, m.model.now)
		}
	}
	got, err := m.store.Requeue(t.Context(), r)
	m.sameError(t, "requeue", err, wantErr)
	if wantErr != nil {
		return
	}
	if (got.Requeued != nil && got.Requeued.At.After(m.model.now)) != begins {
		t.Fatalf("a requeue starts the delivery anew: %t, not %t", !begins, begins)
	}
	if begins {
		m.passes(t, "requeue", got.Requeued.At)
		d.add(fact{at: got.Requeued.At, requeued: &delivery.Requeued{At: got.Requeued.At, By: r.By, Reason: r.Reason}})
	}
	m.sameDelivery(t, got)
}

// add keeps what happened to a delivery.
func (d *modelDelivery) add(f fact) {
	d.facts = append(d.facts, f)
	d.updatedAt = f.at
}

// One delivery gets most of what happens, so that much comes together there.

func (m *machine) drawDocument(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "a", "a", "a", "b", "b", "c"}).Draw(t, "document")
}

func (m *machine) drawProvider(t *rapid.T) string {
	return m.providers[rapid.SampledFrom([]string{"crm", "crm", "crm", "erp"}).Draw(t, "provider")]
}

// drawPrincipal draws the likely one nearly always.
func drawPrincipal(t *rapid.T, likely delivery.Principal) delivery.Principal {
	return rapid.SampledFrom([]delivery.Principal{likely, likely, likely, likely, likely, worker, stranger}).Draw(t, "by")
}

// drawClaim draws one that was handed out, most often the last; seldom, or when there is none, nobody's.
func (m *machine) drawClaim(t *rapid.T) claimed {
	i := rapid.SampledFrom([]int{0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, len(m.claims)}).Draw(t, "claim, from the last")
	if i < len(m.claims) {
		return m.claims[len(m.claims)-1-i]
	}
	return claimed{m.prefix + "nobody", m.prefix + "a", m.providers["crm"], worker}
}

func minutes(t *rapid.T, label string, choices ...int) time.Duration {
	return time.Duration(rapid.SampledFrom(choices).Draw(t, label+", minutes")) * time.Minute
}

// nameOf is a document, or a delivery, by the names that it has here.
func nameOf(documentID string, provider ...string) string {
	name := documentID[len(documentID)-1:]
	for _, p := range provider {
		name += " to " + p[:3]
	}
	return name
}
