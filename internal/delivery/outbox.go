package delivery

import "time"

// The bounds of claims.
const (
	MinLease     = 10 * time.Second
	MaxLease     = time.Hour
	DefaultLease = 5 * time.Minute
	MaxClaims    = 100 // handed out at once
)

// OutboxQuery selects what is due for a provider, oldest due first.
type OutboxQuery struct {
	Provider string
	Limit    int             // at least 1
	After    *OutboxPosition // continue behind this item; nil starts with the oldest
}

// OutboxPosition names an item's place in the outbox of a provider.
type OutboxPosition struct {
	DueAt      time.Time
	DocumentID string
}

// OutboxPage is one page of an outbox; Next is nil on the last.
type OutboxPage struct {
	Items []OutboxItem
	Next  *OutboxPosition
}

// OutboxItem is a delivery that is due, with the document that is to be delivered.
type OutboxItem struct {
	Document Document // with all its deliveries
	Delivery Delivery // the one that is due, or claimed
}

// ClaimRequest asks for leases on what is due.
type ClaimRequest struct {
	Provider string
	Limit    int // 1..MaxClaims
	Lease    time.Duration
	Worker   string // what the worker calls itself; may be empty
	By       Principal
}

// Claim is a lease that was handed out on one delivery.
type Claim struct {
	ExecutionID string // random; what the worker reports under
	DocumentID  string
	Provider    string
	DeliveryKey string // the same for every claim of a delivery until it is requeued; random
	Worker      string
	By          Principal
	ExpiresAt   time.Time
	ReleasedAt  time.Time // zero when it was not given back
}

// Claimed is what a claim handed out.
type Claimed struct {
	Item  OutboxItem
	Claim Claim
	DueAt time.Time // since when it was due
}

// Requeue is an order to start a delivery anew.
type Requeue struct {
	ID         string // UUID, lower case; made by Service
	DocumentID string
	Provider   string
	Reason     string // may be empty
	Force      bool   // even if it was delivered or skipped
	By         Principal
	RequestID  string
}

// Requeued is what is kept of a requeue.
type Requeued struct {
	At     time.Time
	By     Principal
	Reason string
}

// DeliveryQuery selects deliveries across documents, last updated first. Empty members do not filter; retired
// deliveries are left out.
type DeliveryQuery struct {
	Provider   string
	State      State
	ExternalID string            // of the document
	Limit      int               // at least 1
	After      *DeliveryPosition // continue behind this delivery; nil starts with the one updated last
}

// DeliveryPosition names a delivery's place in the order last updated first.
type DeliveryPosition struct {
	UpdatedAt  time.Time
	DocumentID string
	Provider   string
}

// DeliveryPage is one page of deliveries; Next is nil on the last.
type DeliveryPage struct {
	Deliveries []Delivery
	Next       *DeliveryPosition
}

// Backlog is how much stands in the outbox of a provider.
type Backlog struct {
	Provider  string
	Due       int
	Leased    int
	Exhausted int
	DueFor    time.Duration // how long the one that is due longest has been; 0 when nothing is
}
