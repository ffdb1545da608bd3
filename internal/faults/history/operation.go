// Package history is what a run under faults is judged by: what each client asked and was told, and when; what was
// recorded in the end; and the checks that hold one against the other. It knows the contract, and the fold of the domain; not the server.
package history

import "time"

// Kind is what an operation asks for.
type Kind string

// The kinds of operations.
const (
	Register Kind = "register" // PUT /v1/documents/{id}
	Record   Kind = "record"   // POST /v1/documents/{id}/delivery, whether for the first time or again
	Claim    Kind = "claim"    // POST /v1/delivery/claims
	Extend   Kind = "extend"   // POST /v1/delivery/claims/{execution_id}/extend
	Release  Kind = "release"  // POST /v1/delivery/claims/{execution_id}/release
	Requeue  Kind = "requeue"  // POST /v1/documents/{id}/actions/retry-push
	Read     Kind = "read"     // GET /v1/documents/{id}
	List     Kind = "list"     // GET /v1/documents/{id}/delivery, all pages
	Outbox   Kind = "outbox"   // GET /v1/delivery/outbox, all pages
)

// Outcome is what a client knows of its operation.
type Outcome string

// The outcomes of an operation.
const (
	Done        Outcome = "done"         // a 2xx
	Refused     Outcome = "refused"      // a 4xx that stays so: nothing was done
	NotExecuted Outcome = "not_executed" // 429, 503 that says so, or no connection: nothing was done, try again
	Unknown     Outcome = "unknown"      // 503 that says so, or no whole answer: it may be done, then or never
	Broken      Outcome = "broken"       // an answer that the contract does not have, such as a 500
)

// Operation is one request of a client and what came of it. A request that is sent again is another operation.
type Operation struct {
	Client  int           `json:"client"`
	Server  int           `json:"server"`
	Kind    Kind          `json:"kind"`
	Call    time.Duration `json:"call"`              // since the run began: before the request was sent
	Return  time.Duration `json:"return"`            // after its answer was read, or given up
	Slowest time.Duration `json:"slowest,omitempty"` // List, Outbox: the longest that one of its requests took
	Outcome Outcome       `json:"outcome"`

	HTTP       int    `json:"http,omitempty"` // the status; 0 without an answer
	Code       string `json:"code,omitempty"` // error.code
	Says       string `json:"says,omitempty"` // error.outcome
	RetryAfter string `json:"retry_after,omitempty"`
	Problem    string `json:"problem,omitempty"` // of the transport, or why the answer is Broken
	Halted     bool   `json:"halted,omitempty"`  // the server's process was stopped or killed meanwhile: it cannot be in time

	DocumentID   string   `json:"document_id,omitempty"`
	Provider     string   `json:"provider,omitempty"`
	ExecutionID  string   `json:"execution_id,omitempty"`
	Worker       string   `json:"worker,omitempty"`        // Claim
	Limit        int      `json:"limit,omitempty"`         // Claim
	LeaseSeconds int      `json:"lease_seconds,omitempty"` // Claim, Extend
	Force        bool     `json:"force,omitempty"`         // Requeue
	Sent         *Report  `json:"sent,omitempty"`          // Record
	Providers    []string `json:"providers,omitempty"`     // Register

	Attempt   *Attempt   `json:"attempt,omitempty"`   // answered to Record
	Replayed  bool       `json:"replayed,omitempty"`  // answered to Record, by its header
	Differing []string   `json:"differing,omitempty"` // answered to Record by a 409: the fields that details name
	Leases    []Lease    `json:"leases,omitempty"`    // answered to Claim; one to Extend and Release
	Document  *Document  `json:"document,omitempty"`  // answered to Register and Read
	Delivery  *Delivery  `json:"delivery,omitempty"`  // answered to Requeue
	Attempts  []Attempt  `json:"attempts,omitempty"`  // answered to List, all pages, newest recorded first
	Due       []Delivery `json:"due,omitempty"`       // answered to Outbox, all pages, oldest due first
}

// Took is how long an answer took: that of the slowest request, where there were several.
func (o *Operation) Took() time.Duration {
	if o.Kind == List || o.Kind == Outbox {
		return o.Slowest
	}
	return o.Return - o.Call
}

// Report is a delivery report as it is sent: what is empty is left out.
type Report struct {
	DocumentID       string `json:"document_id"`
	Provider         string `json:"provider"`
	Status           string `json:"status"`
	ExecutionID      string `json:"execution_id"`
	AttemptedAt      string `json:"attempted_at"` // as it is written, with its zone and all its digits
	ExternalRecordID string `json:"external_record_id,omitempty"`
	ExternalURL      string `json:"external_url,omitempty"`
	ErrorCode        string `json:"error_code,omitempty"`
	ErrorMessage     string `json:"error_message,omitempty"`
}

// Attempt is a recorded attempt, as it is answered or stored.
type Attempt struct {
	Report
	ID         string    `json:"id"`
	RequestID  string    `json:"request_id,omitempty"`
	RecordedAt time.Time `json:"recorded_at"`
}

// Lease is what a claim hands out.
type Lease struct {
	ExecutionID string    `json:"execution_id"`
	DocumentID  string    `json:"document_id,omitempty"`
	Provider    string    `json:"provider,omitempty"`
	DeliveryKey string    `json:"delivery_key,omitempty"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// Document is a document as it is answered.
type Document struct {
	ID         string     `json:"id"`
	Status     string     `json:"status"`
	Deliveries []Delivery `json:"deliveries"`
}

// Delivery is a delivery as it is answered.
type Delivery struct {
	DocumentID     string     `json:"document_id"`
	Provider       string     `json:"provider"`
	State          string     `json:"state"`
	Tries          int        `json:"tries"`
	LastAttempt    string     `json:"last_attempt,omitempty"` // its execution id
	DueAt          *time.Time `json:"due_at,omitempty"`
	ClaimedBy      string     `json:"claimed_by,omitempty"` // the worker, which clients name anew with each claim
	LeaseExpiresAt *time.Time `json:"lease_expires_at,omitempty"`
	RequeuedAt     *time.Time `json:"requeued_at,omitempty"`
}

// Run is what a whole run is judged by.
type Run struct {
	Began      time.Time     // the wall clock at which Operation.Call is 0; clients, servers and database share one clock
	Lasted     time.Duration // of the load
	Clients    int
	Deadline   time.Duration // within which the server answers
	Operations []Operation   // in the order in which they returned

	// What was there when the load was over and everything stood still.
	Attempts  []Attempt  // every row, read from the database itself, in the order of recorded_at
	Documents []Document // every document, read over HTTP
}

// Finding is one thing that is not as it must be.
type Finding struct {
	Check string // the name of the check that found it
	What  string // one sentence with the ids that it is about
	More  int    // how many others it stands for, which are not told one by one
}
