package audit_test

import (
	"testing"
	"unicode/utf8"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
)

// A canonical form is what RFC 8785 makes of the columns, and texts that differ never make the same one.
func FuzzCanonicalForm(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text, text+"x", "")
		f.Add("", text, text)
	}
	f.Add("\xff", "\xfe", "\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, always, optional, other string) {
		a := delivery.Attempt{ID: always, RecordedAt: minute(1), Report: delivery.Report{ErrorMessage: optional, ErrorCode: other, ExecutionID: other}}
		e := audit.Entry{KeyName: always, Reason: optional, Actor: other, RequestID: other, Forced: len(other) > 3}
		attempt, entry := string(audit.AppendAttempt(nil, a)), string(audit.AppendEntry(nil, e))
		if utf8.ValidString(always) && utf8.ValidString(optional) && utf8.ValidString(other) {
			if want := wantAttempt(a); attempt != want {
				t.Errorf("got  %s\nwant %s", attempt, want)
			}
			if want := wantEntry(e); entry != want {
				t.Errorf("got  %s\nwant %s", entry, want)
			}
			requireCanonical(t, attempt)
			requireCanonical(t, entry)
		}
		if always != other {
			a.ID, e.KeyName = other, other
			if string(audit.AppendAttempt(nil, a)) == attempt || string(audit.AppendEntry(nil, e)) == entry {
				t.Errorf("%q makes the form that %q makes", other, always)
			}
		}
	})
}
