package delivery

import (
	"slices"
	"time"
)

// Stage is where extraction and review of a document stand, as it was registered.
type Stage string

// The stages a document can be registered in.
const (
	Processing     Stage = "processing"
	ReviewRequired Stage = "review_required"
	Reviewed       Stage = "reviewed"
	StageFailed    Stage = "failed" // extraction failed
)

// DocumentStatus is a document's public status: its stage until it is reviewed, then its push status.
type DocumentStatus string

// The statuses that only a reviewed document can have; the others are spelled as the stage.
const (
	StatusReviewed DocumentStatus = "reviewed"
	PushPending    DocumentStatus = "push_pending"
	PushSucceeded  DocumentStatus = "push_succeeded"
	PushFailed     DocumentStatus = "push_failed"
)

// Registration is what the extraction and review side says of a document. Absent strings are empty.
type Registration struct {
	Schema     string
	Stage      Stage
	ExternalID string
	Metadata   []byte // a JSON object, kept as it came but for white space; nil when absent
	ResultURL  string

	// Providers the document has to reach; nil means the default for a new document, and what it had for
	// a known one. Without duplicates.
	Providers []string
}

// Document is a registered document with its deliveries.
type Document struct {
	ID         string
	Schema     string
	Stage      Stage
	ExternalID string
	Metadata   []byte
	ResultURL  string
	CreatedAt  time.Time
	UpdatedAt  time.Time  // when the registration last changed
	Deliveries []Delivery // by provider, retired ones left out

	// AsOf is the instant, by the store's clock, for which Status is told.
	AsOf time.Time
}

// Delivery is the obligation to bring one document to one provider.
type Delivery struct {
	DocumentID  string
	Provider    string
	Standing    Standing
	LastAttempt *Attempt  // the one Standing.Latest names, whole
	LastClaim   *Claim    // the one Standing.Lease names, whole
	Requeued    *Requeued // the last time; nil when it never was
	Offered     bool      // its document is reviewed, and it is not retired
	UpdatedAt   time.Time

	// AsOf is the instant, by the store's clock, for which State and DueAt are told.
	AsOf time.Time
}

// State tells where the delivery stands.
func (d Delivery) State() State { return d.Standing.State(d.AsOf) }

// DueAt is when the delivery is, or was, due by itself; zero when it is not offered, leased, or never due again.
func (d Delivery) DueAt() time.Time {
	if !d.Offered || d.Standing.Leased(d.AsOf) {
		return time.Time{}
	}
	return d.Standing.DueAt
}

// Status is the document's public status.
func (d Document) Status() DocumentStatus {
	standings := make([]Standing, len(d.Deliveries))
	for i, delivery := range d.Deliveries {
		standings[i] = delivery.Standing
	}
	return PushStatus(d.Stage, standings, d.AsOf)
}

// PushStatus is the public status at now of a document in stage with these deliveries, none of them
// retired. The package comment has the table.
func PushStatus(stage Stage, deliveries []Standing, now time.Time) DocumentStatus {
	if stage != Reviewed {
		return DocumentStatus(stage)
	}
	if !slices.ContainsFunc(deliveries, func(s Standing) bool { return s.Touched }) {
		return StatusReviewed
	}
	count := make(map[State]int)
	for _, s := range deliveries {
		count[s.State(now)]++
	}
	switch {
	case count[Pending] > 0:
		return PushPending
	case count[DeliveryFailed]+count[Exhausted] > 0:
		return PushFailed
	case count[DeliverySucceeded]+count[DeliverySkipped] == len(deliveries):
		return PushSucceeded
	default:
		return PushPending
	}
}
