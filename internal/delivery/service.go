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

// NewService returns a service over store. now is the clock that reports and leases are held against.
func NewService(store Store, settings Settings, now func() time.Time) *Service {
	return &Service{store: store, settings: settings, now: now}
}

// Record records one report made by a principal in a request. It returns the stored attempt and whether
// this is a replay of it. Errors: *InvalidValueError, ErrDocumentNotFound, *ConflictError,
// *UnavailableError; with all but the last certainly nothing was written.
func (s *Service) Record(ctx context.Context, report Report, by RecordedBy, requestID string) (attempt Attempt, replayed bool, err error) {
	if err := report.Check(s.now()); err != nil {
		return Attempt{}, false, err
	}
	id, err := newAttemptID(s.now())
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

// Attempts returns one page of a document's attempts, newest recorded first, or ErrDocumentNotFound.
func (s *Service) Attempts(ctx context.Context, query AttemptQuery) (AttemptPage, error) {
	return s.store.Attempts(ctx, query)
}

// Document returns a document as of now, or ErrDocumentNotFound.
func (s *Service) Document(ctx context.Context, id string) (Document, error) {
	document, err := s.store.Document(ctx, id)
	document.AsOf = s.now()
	return document, err
}

// PutDocument registers a document or replaces its registration; created tells which. A provider that the
// settings do not name, when they name any, is an *InvalidValueError.
func (s *Service) PutDocument(ctx context.Context, id string, registration Registration) (document Document, created bool, err error) {
	if len(s.settings.Providers) > 0 {
		for i, provider := range registration.Providers {
			if !slices.Contains(s.settings.Providers, provider) {
				return Document{}, false, &InvalidValueError{
					Field: fmt.Sprintf("providers/%d", i),
					Issue: "must be a provider that the server's settings name: " + strings.Join(s.settings.Providers, ", "),
				}
			}
		}
	}
	document, created, err = s.store.PutDocument(ctx, id, registration, s.settings.Providers)
	document.AsOf = s.now()
	return document, created, err
}
