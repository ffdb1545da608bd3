package delivery_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// fullReport has every field set.
func fullReport() delivery.Report {
	return delivery.Report{
		DocumentID: "document", Provider: "dynamics365", Status: delivery.Succeeded, ExecutionID: "run-1",
		AttemptedAt: minute(1), ExternalRecordID: "row-1", ExternalURL: "https://crm.example/1",
		ErrorCode: "none", ErrorMessage: "caf\u00e9 closed",
	}
}

func TestReport_Differing_NamesTheFieldThatDiffers(t *testing.T) {
	for field, change := range map[string]func(*delivery.Report){
		"document_id":        func(r *delivery.Report) { r.DocumentID = "Document" },
		"provider":           func(r *delivery.Report) { r.Provider = "sap" },
		"status":             func(r *delivery.Report) { r.Status = delivery.Skipped },
		"attempted_at":       func(r *delivery.Report) { r.AttemptedAt = r.AttemptedAt.Add(time.Microsecond) },
		"external_record_id": func(r *delivery.Report) { r.ExternalRecordID = "Row-1" },
		"external_url":       func(r *delivery.Report) { r.ExternalURL = "" },
		"error_code":         func(r *delivery.Report) { r.ErrorCode += " " },
		"error_message":      func(r *delivery.Report) { r.ErrorMessage = "cafe\u0301 closed" },
	} {
		t.Run(field, func(t *testing.T) {
			original, other := fullReport(), fullReport()
			change(&other)
			for _, got := range [][]string{other.Differing(original), original.Differing(other)} {
				if !slices.Equal(got, []string{field}) {
					t.Errorf("got %v, want %s alone", got, field)
				}
			}
		})
	}
}

func TestReport_Differing_NamesEveryFieldInTheContractsOrder(t *testing.T) {
	got := fullReport().Differing(delivery.Report{ExecutionID: "run-1"})
	want := []string{
		"document_id", "provider", "status", "attempted_at",
		"external_record_id", "external_url", "error_code", "error_message",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReport_Differing_SameInstantInAnotherZoneIsSame(t *testing.T) {
	original, other := fullReport(), fullReport()
	other.AttemptedAt = other.AttemptedAt.In(time.FixedZone("", -5*3600))
	if got := other.Differing(original); got != nil {
		t.Errorf("got %v, want none", got)
	}
}

func TestReport_Check(t *testing.T) {
	now := time.Date(2026, 3, 24, 3, 0, 0, 123456000, time.UTC)
	earliest := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		attemptedAt time.Time
		ok          bool
	}{
		"EarliestInstant_IsAccepted":              {earliest, true},
		"EarliestInstantInAnotherZone_IsAccepted": {earliest.In(time.FixedZone("", -5*3600)), true},
		"JustBeforeTheEarliest_IsRefused":         {earliest.Add(-time.Microsecond), false},
		"Now_IsAccepted":                          {now, true},
		"ExactlyADayAhead_IsAccepted":             {now.Add(24 * time.Hour), true},
		"JustMoreThanADayAhead_IsRefused":         {now.Add(24*time.Hour + time.Microsecond), false},
		"NoInstant_IsRefused":                     {time.Time{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := fullReport()
			r.AttemptedAt = test.attemptedAt
			err := r.Check(now)
			if test.ok {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if invalid := (*delivery.InvalidValueError)(nil); !errors.As(err, &invalid) || invalid.Field != "attempted_at" {
				t.Errorf("got %v, want an invalid attempted_at", err)
			}
		})
	}
}

func TestNewInstant(t *testing.T) {
	for name, test := range map[string]struct {
		given string
		want  string
	}{
		"Nanoseconds_AreCut":          {"2026-03-24T03:00:00.123456789Z", "2026-03-24T03:00:00.123456Z"},
		"Nanoseconds_AreNeverRounded": {"2026-12-31T23:59:59.999999999Z", "2026-12-31T23:59:59.999999Z"},
		"Before1970_AreCutDownToo":    {"1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999Z"},
		"Zone_BecomesUTC":             {"2026-03-24T04:00:00.5+01:00", "2026-03-24T03:00:00.5Z"},
		"Microseconds_StayAsTheyAre":  {"2026-03-24T03:00:00.000001Z", "2026-03-24T03:00:00.000001Z"},
	} {
		t.Run(name, func(t *testing.T) {
			given, err := time.Parse(time.RFC3339Nano, test.given)
			if err != nil {
				t.Fatal(err)
			}
			if got := delivery.NewInstant(given).Format(time.RFC3339Nano); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestAttempt_EffectiveAt_IsTheEarlierOfTheTwoInstants(t *testing.T) {
	for name, test := range map[string]struct{ attempted, recorded, want int }{
		"TriedBeforeItWasRecorded":      {1, 2, 1},
		"ClockAhead":                    {2, 1, 1},
		"TriedAndRecordedAtTheSameTime": {1, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := attempt(failed, "a", minute(test.attempted), minute(test.recorded)).EffectiveAt(); !got.Equal(minute(test.want)) {
				t.Errorf("got %v, want %v", got, minute(test.want))
			}
		})
	}
}
