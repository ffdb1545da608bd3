package store

import (
	"reflect"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
)

var instants = map[string]time.Time{
	"FirstOfReports":    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
	"OneMicrosecond":    time.Date(2000, 1, 1, 0, 0, 0, 1_000, time.UTC),
	"LastMicrosecond":   time.Date(2026, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	"TrailingZeros":     time.Date(2026, 3, 24, 3, 0, 0, 120_000_000, time.UTC),
	"LeapDay":           time.Date(2024, 2, 29, 12, 0, 0, 123_456_000, time.UTC),
	"DayOfAClockChange": time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC),
	"LastOfAll":         time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
}

func TestInstants_ComeBackAsTheyWereStored(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		if s.writer.Name() == "postgres" {
			set(t, url, "timezone", "'Asia/Kathmandu'") // a server's zone must not show
			s = opened(t, url, Options{Create: true})
		}
		register(t, s)
		n := 0
		for name, want := range instants {
			n++
			a := failedAttempt(n, name, documentID, "dynamics365")
			a.AttemptedAt = want
			results, err := s.Record(t.Context(), []delivery.Attempt{a}, nil)
			if err != nil {
				t.Fatal(err)
			}
			stored, err := s.Attempt(t.Context(), a.ID)
			if err != nil {
				t.Fatal(err)
			}
			// Not only the same instant, but in the same form.
			if !reflect.DeepEqual(stored.AttemptedAt, want) {
				t.Errorf("%s: got %#v, want %#v", name, stored.AttemptedAt, want)
			}
			if !reflect.DeepEqual(stored.RecordedAt, results[0].Attempt.RecordedAt) || stored.RecordedAt.Location() != time.UTC {
				t.Errorf("%s: recorded at %#v, was answered as %#v", name, stored.RecordedAt, results[0].Attempt.RecordedAt)
			}

			key := apikey.Key{ID: name, PrincipalID: name, Kind: apikey.Live, Name: name, CreatedAt: want, ExpiresAt: want}
			if err := s.AddKey(t.Context(), key, "tests"); err != nil {
				t.Fatal(err)
			}
			if read, err := s.Key(t.Context(), name); err != nil || !reflect.DeepEqual(read, key) {
				t.Errorf("%s: got %+v, error %v, want %+v", name, read, err, key)
			}
		}
	})
}

func TestInstants_AreCutToTheMicrosecondOnBothEngines(t *testing.T) {
	given := time.Date(2026, 12, 31, 23, 59, 59, 999_999_999, time.FixedZone("", -5*3600))
	want := time.Date(2027, 1, 1, 4, 59, 59, 999_999_000, time.UTC)
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		if err := s.AddKey(t.Context(), apikey.Key{ID: "key", Kind: apikey.Live, CreatedAt: given}, "tests"); err != nil {
			t.Fatal(err)
		}
		if read, err := s.Key(t.Context(), "key"); err != nil || !reflect.DeepEqual(read.CreatedAt, want) {
			t.Errorf("got %v, error %v, want %v", read.CreatedAt, err, want)
		}
	})
}

// Engines order what is stored, so the order of the stored form must be that of time.
func TestInstants_SortAsTheyFollow(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		for name, createdAt := range instants {
			if err := s.AddKey(t.Context(), apikey.Key{ID: name, Kind: apikey.Live, CreatedAt: createdAt}, "tests"); err != nil {
				t.Fatal(err)
			}
		}
		keys, err := s.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) != len(instants) {
			t.Fatalf("%d keys, want %d", len(keys), len(instants))
		}
		for i := range keys[1:] {
			if !keys[i].CreatedAt.Before(keys[i+1].CreatedAt) {
				t.Errorf("%s comes before %s", keys[i].ID, keys[i+1].ID)
			}
		}
	})
}

func TestInstant_Scan(t *testing.T) {
	want := time.Date(2026, 3, 24, 3, 0, 0, 123_456_000, time.UTC)
	for name, test := range map[string]struct {
		value any
		want  time.Time
		ok    bool
	}{
		"NULL_IsZero":            {nil, time.Time{}, true},
		"Text_IsRead":            {"2026-03-24T03:00:00.123456Z", want, true},
		"Time_BecomesUTC":        {want.In(time.FixedZone("", 3600)), want, true},
		"OtherText_IsRefused":    {"2026-03-24 03:00:00", time.Time{}, false},
		"TextWithZone_IsRefused": {"2026-03-24T04:00:00.123456+01:00", time.Time{}, false},
		"EmptyText_IsRefused":    {"", time.Time{}, false},
		"AnythingElse_IsRefused": {int64(1), time.Time{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := instant{want.Add(time.Hour)} // what was there before must not stay
			err := got.Scan(test.value)
			if (err == nil) != test.ok {
				t.Fatalf("error %v", err)
			}
			if test.ok && !reflect.DeepEqual(got.Time, test.want) {
				t.Errorf("got %#v, want %#v", got.Time, test.want)
			}
		})
	}
}

func TestOptional_EmptyIsNULLAndBack(t *testing.T) {
	for given, stored := range map[optional]any{"": nil, "text": "text", " ": " ", "NULL": "NULL"} {
		value, err := given.Value()
		if err != nil || value != stored {
			t.Errorf("%q is stored as %#v, error %v", given, value, err)
		}
		back := optional("before")
		if err := back.Scan(value); err != nil || back != given {
			t.Errorf("%q comes back as %q, error %v", given, back, err)
		}
	}
	if err := new(optional).Scan(int64(1)); err == nil {
		t.Error("a number was taken for text")
	}
}
