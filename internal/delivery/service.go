package delivery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Settings are the deployment's choices that the rules depend on.
type Settings struct {
	// Providers are those a new document gets when its registration names none. When there are any, a
	// registration may name no others. They never refuse a report.
	Providers []string

	// RegisterUnknown makes a report for an unknown document register it as reviewed, instead of refusing
	// the report.
	RegisterUnknown bool
}

// Service is the one way to record and read deliveries.
type Service struct {
	store    Store
	settings Settings
	now      func() time.Time
}

// NewService returns a service over store. now is the clock that reports are held against; leases and what is
// due go by the store's.
func NewService(store Store, settings Settings, now func() time.Time) *Service {
	return &Service{store: store, settings: settings, now: now}
}

// Record records one report made by a principal in a request. It returns the stored attempt and whether
// this is a replay of it. Errors: *InvalidValueError, ErrDocumentNotFound, *ConflictError,
// *UnavailableError; with all but the last certainly nothing was written.
func (s *Service) Record(ctx context.Context, report Report, by Principal, requestID string) (attempt Attempt, replayed bool, err error) {
	if err := report.Check(s.now()); err != nil {
		return Attempt{}, false, err
	}
	id, err := NewID(s.now())
	if err != nil {
		return Attempt{}, false, err
	}
	var unknown *Registration
	if s.settings.RegisterUnknown {
		unknown = &Registration{Stage: Reviewed, Providers: s.settings.Providers}
	}
	given := Attempt{ID: id, Report: report, RequestID: requestID, RecordedBy: by}
	recorded, err := s.store.Record(ctx, []Attempt{given}, unknown)
	if err != nil {
		return Attempt{}, false, err
	}
	switch r := recorded[0]; r.Result {
	case Created, Replayed:
		return r.Attempt, r.Result == Replayed, nil
	case Conflicting:
		return Attempt{}, false, &ConflictError{ExecutionID: report.ExecutionID, Fields: r.Differing}
	case UnknownDocument:
		return Attempt{}, false, ErrDocumentNotFound
	default:
		return Attempt{}, false, fmt.Errorf("store answered with the unknown result %q", r.Result)
	}
}

// Attempt returns one attempt, or ErrAttemptNotFound.
func (s *Service) Attempt(ctx context.Context, id string) (Attempt, error) {
	return s.store.Attempt(ctx, id)
}

// Attempts returns one page of attempts, newest recorded first; ErrDocumentNotFound as the query says.
func (s *Service) Attempts(ctx context.Context, query AttemptQuery) (AttemptPage, error) {
	return s.store.Attempts(ctx, query)
}

// Document returns a document as of now, or ErrDocumentNotFound.
func (s *Service) Document(ctx context.Context, id string) (Document, error) {
	return s.store.Document(ctx, id)
}

// PutDocument registers a document or replaces its registration; created tells which. A provider that the
// settings do not name, when they name any, is an *InvalidValueError.
func (s *Service) PutDocument(ctx context.Context, id string, registration Registration) (document Document, created bool, err error) {
	for i, provider := range registration.Providers {
		if err := s.checkProvider(fmt.Sprintf("providers/%d", i), provider); err != nil {
			return Document{}, false, err
		}
	}
	return s.store.PutDocument(ctx, id, registration, s.settings.Providers)
}

// checkProvider refuses a provider that the settings do not name, when they name any.
func (s *Service) checkProvider(field, provider string) error {
	if len(s.settings.Providers) == 0 || slices.Contains(s.settings.Providers, provider) {
		return nil
	}
	return &InvalidValueError{
		Field: field,
		Issue: "must be a provider that the server's settings name: " + strings.Join(s.settings.Providers, ", "),
	}
}

// Deliveries returns one page of deliveries across documents, last updated first.
func (s *Service) Deliveries(ctx context.Context, query DeliveryQuery) (DeliveryPage, error) {
	return s.store.Deliveries(ctx, query)
}

// Outbox returns one page of what is due for a provider, oldest due first; it claims nothing. For a provider that
// the settings do not name there is nothing.
func (s *Service) Outbox(ctx context.Context, query OutboxQuery) (OutboxPage, error) {
	return s.store.Outbox(ctx, query)
}

// Claim leases what is due for a provider, perhaps nothing. A provider that the settings do not name, when they
// name any, is an *InvalidValueError.
func (s *Service) Claim(ctx context.Context, request ClaimRequest) ([]Claimed, error) {
	if err := s.checkProvider("provider", request.Provider); err != nil {
		return nil, err
	}
	return s.store.Claim(ctx, request)
}

// ExtendClaim prolongs a lease that the principal holds; errors as of Store.ExtendClaim.
func (s *Service) ExtendClaim(ctx context.Context, executionID string, by Principal, lease time.Duration) (Claim, error) {
	return s.store.ExtendClaim(ctx, executionID, by, lease)
}

// ReleaseClaim gives back a lease that the principal holds; errors as of Store.ReleaseClaim.
func (s *Service) ReleaseClaim(ctx context.Context, executionID string, by Principal) (Claim, error) {
	return s.store.ReleaseClaim(ctx, executionID, by)
}

// Requeue starts a delivery anew; errors as of Store.Requeue.
func (s *Service) Requeue(ctx context.Context, requeue Requeue) (Delivery, error) {
	var err error
	if requeue.ID, err = NewID(s.now()); err != nil {
		return Delivery{}, err
	}
	return s.store.Requeue(ctx, requeue)
}

// Checkpoint returns the latest checkpoint of the audit history, or ErrNoCheckpoint.
func (s *Service) Checkpoint(ctx context.Context) (Checkpoint, error) {
	return s.store.Checkpoint(ctx)
}
