package store

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
)

// The tables, each declared once. The migrations create them; a test holds the two against each other.

type documentRow struct {
	ID         string `gorm:"primaryKey"`
	Stage      string
	Schema     optional
	ExternalID optional
	Metadata   optional
	ResultURL  optional
	CreatedAt  instant `gorm:"autoCreateTime:false"`
	UpdatedAt  instant `gorm:"autoUpdateTime:false"`
}

func (documentRow) TableName() string { return "documents" }

// deliveryRow's columns with the tag "standing" are those that setStanding sets, and no others.
type deliveryRow struct {
	DocumentID        string `gorm:"primaryKey"`
	Provider          string `gorm:"primaryKey"`
	Retired           bool
	Offered           bool
	Touched           bool     `store:"standing"`
	Tries             int      `store:"standing"`
	Settled           bool     `store:"standing"`
	Since             instant  `store:"standing"`
	LatestAttemptID   optional `gorm:"type:uuid" store:"standing"`
	LatestStatus      optional `store:"standing"`
	LatestEffectiveAt instant  `store:"standing"`
	LastRecordedAt    instant  `store:"standing"`
	LeaseExecutionID  optional `store:"standing"`
	LeaseExpiresAt    instant  `store:"standing"`
	Resting           optional `store:"standing"`
	DueAt             instant  `store:"standing"`
	DeliveryKey       optional
	RequeueID         optional `gorm:"type:uuid"`
	ExternalID        optional
	UpdatedAt         instant `gorm:"autoUpdateTime:false" store:"standing"`
	DerivedAt         instant `store:"standing"`
}

func (deliveryRow) TableName() string { return "deliveries" }

type attemptRow struct {
	ID               string `gorm:"primaryKey;type:uuid"`
	DocumentID       string
	Provider         string
	Status           string
	ExecutionID      string `gorm:"uniqueIndex:delivery_attempts_execution_id_key"`
	AttemptedAt      instant
	ExternalRecordID optional
	ExternalURL      optional
	ErrorCode        optional
	ErrorMessage     optional
	RequestID        string
	RecordedByKeyID  string
	RecordedByName   string
	RecordedAt       instant
}

func (attemptRow) TableName() string { return "delivery_attempts" }

type claimRow struct {
	ExecutionID string `gorm:"primaryKey"`
	DocumentID  string
	Provider    string
	DeliveryKey string
	Worker      optional
	KeyID       string
	KeyName     string
	ClaimedAt   instant
	ExpiresAt   instant
	ReleasedAt  instant
}

func (claimRow) TableName() string { return "claims" }

// auditRow is what somebody ordered: a requeue, whose key is the one that ordered it, or what was done to a key.
type auditRow struct {
	ID          string `gorm:"primaryKey;type:uuid"`
	Kind        string
	DocumentID  optional
	Provider    optional
	Reason      optional
	Forced      bool
	KeyID       string
	KeyName     string
	RequestID   string
	RecordedAt  instant
	Actor       optional
	SuccessorID optional
	EndsAt      instant
}

func (auditRow) TableName() string { return "audit_entries" }

// leafRow is the number of an attempt or an audit entry in the tree that makes them provable.
type leafRow struct {
	Number  int64  `gorm:"primaryKey;autoIncrement:false"`
	EntryID string `gorm:"uniqueIndex:audit_leaves_entry_id_kind_key;type:uuid"`
	Kind    string `gorm:"uniqueIndex:audit_leaves_entry_id_kind_key"`
	Form    int
	Hash    []byte
}

func (leafRow) TableName() string { return "audit_leaves" }

type checkpointRow struct {
	Size     int64 `gorm:"primaryKey;autoIncrement:false"`
	Note     string
	Frontier []byte
	SealedAt instant
}

func (checkpointRow) TableName() string { return "audit_checkpoints" }

// unsealedRow is an attempt or an audit entry without a leaf number. Triggers add it, and who gives the number takes it away.
type unsealedRow struct {
	RecordedAt instant `gorm:"primaryKey"`
	EntryID    string  `gorm:"primaryKey;type:uuid"`
}

func (unsealedRow) TableName() string { return "audit_unsealed" }

type keyRow struct {
	ID          string `gorm:"primaryKey"`
	Kind        string
	Name        string
	Hash        []byte
	Scopes      string
	CreatedAt   instant `gorm:"autoCreateTime:false"`
	ExpiresAt   instant
	RevokedAt   instant
	PrincipalID optional
	SuccessorID optional
	LastUsedAt  instant
}

func (keyRow) TableName() string { return "api_keys" }

func newDocumentRow(id string, r delivery.Registration, now instant) documentRow {
	return documentRow{
		ID: id, Stage: string(r.Stage), Schema: optional(r.Schema), ExternalID: optional(r.ExternalID),
		Metadata: optional(r.Metadata), ResultURL: optional(r.ResultURL), CreatedAt: now, UpdatedAt: now,
	}
}

func (r documentRow) document(now instant) delivery.Document {
	var metadata []byte
	if r.Metadata != "" {
		metadata = []byte(r.Metadata)
	}
	return delivery.Document{
		ID: r.ID, Schema: string(r.Schema), Stage: delivery.Stage(r.Stage), ExternalID: string(r.ExternalID),
		Metadata: metadata, ResultURL: string(r.ResultURL),
		CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time, AsOf: now.Time,
	}
}

// newDeliveryRow is a delivery that its document has from now on.
func newDeliveryRow(document documentRow, provider string, now instant, policy delivery.RetryPolicy) deliveryRow {
	row := deliveryRow{DocumentID: document.ID, Provider: provider, Offered: document.reviewed(), ExternalID: document.ExternalID}
	row.setStanding(delivery.Standing{}.Offer(now.Time, policy), now)
	return row
}

func (r deliveryRow) target() target { return target{r.DocumentID, r.Provider} }

func (r documentRow) reviewed() bool { return r.Stage == string(delivery.Reviewed) }

func (r deliveryRow) standing() delivery.Standing {
	s := delivery.Standing{
		Touched: r.Touched, Tries: r.Tries, Settled: r.Settled, Since: r.Since.Time, LastRecordedAt: r.LastRecordedAt.Time,
		Resting: delivery.State(r.Resting), DueAt: r.DueAt.Time,
	}
	if r.LatestAttemptID != "" {
		s.Latest = &delivery.Latest{
			AttemptID: string(r.LatestAttemptID), Status: delivery.Status(r.LatestStatus),
			EffectiveAt: r.LatestEffectiveAt.Time,
		}
	}
	if r.LeaseExecutionID != "" {
		s.Lease = &delivery.Lease{ExecutionID: string(r.LeaseExecutionID), ExpiresAt: r.LeaseExpiresAt.Time}
	}
	return s
}

// current is the standing, also where what follows from the facts was not derived by a server of an older version.
func (r deliveryRow) current() delivery.Standing {
	if r.DerivedAt.Equal(r.UpdatedAt.Time) {
		return r.standing()
	}
	return r.standing().Under(delivery.DefaultRetry)
}

func (r *deliveryRow) setStanding(s delivery.Standing, now instant) {
	r.Touched, r.Tries, r.Settled, r.Since = s.Touched, s.Tries, s.Settled, instant{s.Since}
	r.LatestAttemptID, r.LatestStatus, r.LatestEffectiveAt = "", "", instant{}
	if s.Latest != nil {
		r.LatestAttemptID = optional(s.Latest.AttemptID)
		r.LatestStatus = optional(s.Latest.Status)
		r.LatestEffectiveAt = instant{s.Latest.EffectiveAt}
	}
	r.LastRecordedAt = instant{s.LastRecordedAt}
	r.LeaseExecutionID, r.LeaseExpiresAt = "", instant{}
	if s.Lease != nil {
		r.LeaseExecutionID, r.LeaseExpiresAt = optional(s.Lease.ExecutionID), instant{s.Lease.ExpiresAt}
	}
	r.Resting, r.DueAt = optional(s.Resting), instant{s.DueAt}
	if now.Before(r.UpdatedAt.Time) {
		now = r.UpdatedAt // whatever the clock did
	}
	r.UpdatedAt, r.DerivedAt = now, now
}

func (r claimRow) claim() delivery.Claim {
	return delivery.Claim{
		ExecutionID: r.ExecutionID, DocumentID: r.DocumentID, Provider: r.Provider, DeliveryKey: r.DeliveryKey,
		Worker: string(r.Worker), By: delivery.Principal{KeyID: r.KeyID, Name: r.KeyName},
		ExpiresAt: r.ExpiresAt.Time, ReleasedAt: r.ReleasedAt.Time,
	}
}

func newRequeueRow(r delivery.Requeue, now instant) auditRow {
	return auditRow{
		ID: r.ID, Kind: "requeue", DocumentID: optional(r.DocumentID), Provider: optional(r.Provider), Reason: optional(r.Reason),
		Forced: r.Force, KeyID: r.By.KeyID, KeyName: r.By.Name, RequestID: r.RequestID, RecordedAt: now,
	}
}

func (r auditRow) requeued() delivery.Requeued {
	return delivery.Requeued{
		At: r.RecordedAt.Time, By: delivery.Principal{KeyID: r.KeyID, Name: r.KeyName}, Reason: string(r.Reason),
	}
}

func (r auditRow) entry() audit.Entry {
	return audit.Entry{
		ID: r.ID, Kind: r.Kind, DocumentID: string(r.DocumentID), Provider: string(r.Provider), Reason: string(r.Reason), Forced: r.Forced,
		KeyID: r.KeyID, KeyName: r.KeyName, RequestID: r.RequestID, RecordedAt: r.RecordedAt.Time,
		Actor: string(r.Actor), SuccessorID: string(r.SuccessorID), EndsAt: r.EndsAt.Time,
	}
}

func newAttemptRow(a delivery.Attempt) attemptRow {
	return attemptRow{
		ID: a.ID, DocumentID: a.DocumentID, Provider: a.Provider, Status: string(a.Status),
		ExecutionID: a.ExecutionID, AttemptedAt: instant{a.AttemptedAt},
		ExternalRecordID: optional(a.ExternalRecordID), ExternalURL: optional(a.ExternalURL),
		ErrorCode: optional(a.ErrorCode), ErrorMessage: optional(a.ErrorMessage),
		RequestID: a.RequestID, RecordedByKeyID: a.RecordedBy.KeyID, RecordedByName: a.RecordedBy.Name,
		RecordedAt: instant{a.RecordedAt},
	}
}

func (r attemptRow) attempt() delivery.Attempt {
	return delivery.Attempt{
		ID: r.ID,
		Report: delivery.Report{
			DocumentID: r.DocumentID, Provider: r.Provider, Status: delivery.Status(r.Status),
			ExecutionID: r.ExecutionID, AttemptedAt: r.AttemptedAt.Time,
			ExternalRecordID: string(r.ExternalRecordID), ExternalURL: string(r.ExternalURL),
			ErrorCode: string(r.ErrorCode), ErrorMessage: string(r.ErrorMessage),
		},
		RequestID:  r.RequestID,
		RecordedBy: delivery.Principal{KeyID: r.RecordedByKeyID, Name: r.RecordedByName},
		RecordedAt: r.RecordedAt.Time,
	}
}

func newKeyRow(k apikey.Key) keyRow {
	return keyRow{
		ID: k.ID, Kind: string(k.Kind), Name: k.Name, Hash: k.Hash[:], Scopes: apikey.JoinScopes(k.Scopes, " "),
		CreatedAt: instant{k.CreatedAt}, ExpiresAt: instant{k.ExpiresAt}, RevokedAt: instant{k.RevokedAt},
		PrincipalID: optional(k.PrincipalID), SuccessorID: optional(k.SuccessorID), LastUsedAt: instant{k.LastUsedAt},
	}
}

// principal is the key's own id where a server of an older version made it.
func (r keyRow) principal() string { return cmp.Or(string(r.PrincipalID), r.ID) }

func (r keyRow) key() (apikey.Key, error) {
	if len(r.Hash) != sha256.Size {
		return apikey.Key{}, fmt.Errorf("API key %s: stored hash has %d bytes", r.ID, len(r.Hash))
	}
	k := apikey.Key{
		ID: r.ID, Kind: apikey.Kind(r.Kind), Name: r.Name, Hash: [sha256.Size]byte(r.Hash),
		CreatedAt: r.CreatedAt.Time, ExpiresAt: r.ExpiresAt.Time, RevokedAt: r.RevokedAt.Time,
		PrincipalID: r.principal(), SuccessorID: string(r.SuccessorID), LastUsedAt: r.LastUsedAt.Time,
	}
	for scope := range strings.FieldsSeq(r.Scopes) {
		k.Scopes = append(k.Scopes, apikey.Scope(scope))
	}
	return k, nil
}
