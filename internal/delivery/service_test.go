package delivery_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// answeringStore answers as it is told and keeps what it was asked. A method that a test does not expect
// to be called panics.
type answeringStore struct {
	delivery.Store
	recorded []delivery.Recorded
	document delivery.Document
	err      error

	attempts     []delivery.Attempt
	unknown      *delivery.Registration
	registration delivery.Registration
	defaults     []string
	calls        int
}

func (s *answeringStore) Record(_ context.Context, attempts []delivery.Attempt, unknown *delivery.Registration) ([]delivery.Recorded, error) {
	s.calls++
	s.attempts, s.unknown = attempts, unknown
	return s.recorded, s.err
}

func (s *answeringStore) Attempt(context.Context, string) (delivery.Attempt, error) {
	return delivery.Attempt{}, s.err
}

func (s *answeringStore) Attempts(context.Context, delivery.AttemptQuery) (delivery.AttemptPage, error) {
	return delivery.AttemptPage{}, s.err
}

func (s *answeringStore) Document(context.Context, string) (delivery.Document, error) {
	return s.document, s.err
}

func (s *answeringStore) PutDocument(_ context.Context, _ string, registration delivery.Registration, defaults []string) (delivery.Document, bool, error) {
	s.calls++
	s.registration, s.defaults = registration, defaults
	return s.document, true, s.err
}

var now = time.Date(2026, 3, 24, 15, 0, 0, 0, time.UTC)

func newService(store delivery.Store, settings delivery.Settings) *delivery.Service {
	return delivery.NewService(store, settings, func() time.Time { return now })
}

func TestService_Record_GivesTheStoreTheReportAsItCame(t *testing.T) {
	store := &answeringStore{recorded: []delivery.Recorded{{Result: delivery.Created}}}
	by := delivery.Principal{KeyID: "0123456789abcdef", Name: "crm-worker"}
	if _, _, err := newService(store, delivery.Settings{}).Record(t.Context(), fullReport(), by, "request-1"); err != nil {
		t.Fatal(err)
	}
	if len(store.attempts) != 1 || store.attempts[0].ID == "" {
		t.Fatalf("the store was given %+v, want one attempt with an id", store.attempts)
	}
	want := delivery.Attempt{ID: store.attempts[0].ID, Report: fullReport(), RequestID: "request-1", RecordedBy: by}
	if !reflect.DeepEqual(store.attempts[0], want) {
		t.Errorf("the store was given\n     %+v\nwant %+v", store.attempts[0], want)
	}
}

func TestService_Record_AnswersWhatTheStoreFound(t *testing.T) {
	stored := delivery.Attempt{ID: "stored", Report: fullReport(), RecordedAt: now}
	for name, test := range map[string]struct {
		recorded delivery.Recorded
		attempt  delivery.Attempt
		replayed bool
		err      error
	}{
		"Created_IsTheStoredAttempt": {delivery.Recorded{Result: delivery.Created, Attempt: stored}, stored, false, nil},
		"Replay_IsTheOriginal":       {delivery.Recorded{Result: delivery.Replayed, Attempt: stored}, stored, true, nil},
		"UnknownDocument_IsNotFound": {delivery.Recorded{Result: delivery.UnknownDocument}, delivery.Attempt{}, false, delivery.ErrDocumentNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			store := &answeringStore{recorded: []delivery.Recorded{test.recorded}}
			attempt, replayed, err := newService(store, delivery.Settings{}).Record(t.Context(), fullReport(), delivery.Principal{}, "")
			if !reflect.DeepEqual(attempt, test.attempt) || replayed != test.replayed || !errors.Is(err, test.err) {
				t.Errorf("got %+v, replayed %t, error %v", attempt, replayed, err)
			}
		})
	}
}

func TestService_Record_ConflictNamesTheIDAndTheFields(t *testing.T) {
	store := &answeringStore{recorded: []delivery.Recorded{{Result: delivery.Conflicting, Differing: []string{"status", "error_code"}}}}
	_, _, err := newService(store, delivery.Settings{}).Record(t.Context(), fullReport(), delivery.Principal{}, "")
	conflict := (*delivery.ConflictError)(nil)
	if !errors.As(err, &conflict) {
		t.Fatalf("got %v, want a conflict", err)
	}
	if want := (delivery.ConflictError{ExecutionID: "run-1", Fields: []string{"status", "error_code"}}); !reflect.DeepEqual(*conflict, want) {
		t.Errorf("got %+v, want %+v", *conflict, want)
	}
}

func TestService_Record_UnknownResult_IsNoSuccess(t *testing.T) {
	store := &answeringStore{recorded: []delivery.Recorded{{Result: "lost"}}}
	if _, _, err := newService(store, delivery.Settings{}).Record(t.Context(), fullReport(), delivery.Principal{}, ""); err == nil {
		t.Error("a result that nobody knows was taken for a success")
	}
}

func TestService_Record_InvalidReport_NeverReachesTheStore(t *testing.T) {
	store := &answeringStore{}
	report := fullReport()
	report.AttemptedAt = now.Add(delivery.MaxClockAhead + time.Microsecond)
	_, _, err := newService(store, delivery.Settings{}).Record(t.Context(), report, delivery.Principal{}, "")
	if invalid := (*delivery.InvalidValueError)(nil); !errors.As(err, &invalid) {
		t.Errorf("got %v, want an invalid value", err)
	}
	if store.calls != 0 {
		t.Error("the store was asked")
	}
}

func TestService_Record_UnknownDocuments(t *testing.T) {
	for name, test := range map[string]struct {
		settings delivery.Settings
		want     *delivery.Registration
	}{
		"Refused_RegistersNothing": {delivery.Settings{Providers: []string{"sap"}}, nil},
		"Registered_AsReviewedWithTheDefaultProviders": {
			delivery.Settings{Providers: []string{"sap"}, RegisterUnknown: true},
			&delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"sap"}},
		},
		"Registered_WithoutProvidersWhenNoneAreNamed": {
			delivery.Settings{RegisterUnknown: true}, &delivery.Registration{Stage: delivery.Reviewed},
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &answeringStore{recorded: []delivery.Recorded{{Result: delivery.Created}}}
			// fullReport is for a provider that no setting names: that never refuses a report.
			if _, _, err := newService(store, test.settings).Record(t.Context(), fullReport(), delivery.Principal{}, ""); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(store.unknown, test.want) {
				t.Errorf("the store was given %+v, want %+v", store.unknown, test.want)
			}
		})
	}
}

func TestService_PutDocument_Providers(t *testing.T) {
	named := delivery.Settings{Providers: []string{"dynamics365", "sap"}}
	for name, test := range map[string]struct {
		settings  delivery.Settings
		providers []string
		ok        bool
	}{
		"NamedBySettings_AreAccepted":                   {named, []string{"sap"}, true},
		"NotNamedBySettings_AreRefused":                 {named, []string{"sap", "odoo"}, false},
		"LeftOut_AreAccepted":                           {named, nil, true},
		"None_AreAccepted":                              {named, []string{}, true},
		"Any_AreAcceptedWhenSettingsNameNoneThemselves": {delivery.Settings{}, []string{"odoo"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			store := &answeringStore{}
			registration := delivery.Registration{Stage: delivery.Reviewed, Providers: test.providers}
			_, created, err := newService(store, test.settings).PutDocument(t.Context(), "document", registration)
			if !test.ok {
				if invalid := (*delivery.InvalidValueError)(nil); !errors.As(err, &invalid) || invalid.Field != "providers/1" {
					t.Errorf("got %v, want the second provider invalid", err)
				}
				if store.calls != 0 {
					t.Error("the store was asked")
				}
				return
			}
			if err != nil || !created {
				t.Errorf("created %t, error %v", created, err)
			}
			if !reflect.DeepEqual(store.registration, registration) || !reflect.DeepEqual(store.defaults, test.settings.Providers) {
				t.Errorf("the store was given %+v with defaults %v", store.registration, store.defaults)
			}
		})
	}
}

func TestService_StoresErrors_ComeThroughUnchanged(t *testing.T) {
	service := func(err error) *delivery.Service { return newService(&answeringStore{err: err}, delivery.Settings{}) }
	for name, call := range map[string]func(ctx context.Context, s *delivery.Service) error{
		"Record": func(ctx context.Context, s *delivery.Service) error {
			_, _, err := s.Record(ctx, fullReport(), delivery.Principal{}, "")
			return err
		},
		"Attempt": func(ctx context.Context, s *delivery.Service) error { _, err := s.Attempt(ctx, "id"); return err },
		"Attempts": func(ctx context.Context, s *delivery.Service) error {
			_, err := s.Attempts(ctx, delivery.AttemptQuery{})
			return err
		},
		"Document": func(ctx context.Context, s *delivery.Service) error { _, err := s.Document(ctx, "id"); return err },
		"PutDocument": func(ctx context.Context, s *delivery.Service) error {
			_, _, err := s.PutDocument(ctx, "id", delivery.Registration{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, want := range []error{
				&delivery.UnavailableError{Outcome: delivery.OutcomeUnknown, Cause: errors.New("connection lost")},
				delivery.ErrDocumentNotFound, delivery.ErrAttemptNotFound, errors.New("a bug"),
			} {
				if got := call(t.Context(), service(want)); got != want {
					t.Errorf("got %v, want %v itself", got, want)
				}
			}
		})
	}
}

func TestUnavailableError_KeepsItsCause(t *testing.T) {
	cause := errors.New("connection lost")
	if err := error(&delivery.UnavailableError{Outcome: delivery.NotExecuted, Cause: cause}); !errors.Is(err, cause) {
		t.Errorf("%v does not lead to its cause", err)
	}
}
