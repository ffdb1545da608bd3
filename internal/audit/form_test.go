package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
)

// canonical is RFC 8785 for what JSON values a form has, written anew from the RFC: members are sorted by UTF-16 code units,
// and of text nothing is escaped but what has to be.
func canonical(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprint(v)
	case float64: // whole and small numbers only
		return fmt.Sprint(int64(v))
	case string:
		return canonicalText(v)
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int { return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b))) })
		members := make([]string, len(names))
		for i, name := range names {
			members[i] = canonicalText(name) + ":" + canonical(v[name])
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	panic(fmt.Sprintf("no form has a %T", value))
}

func canonicalText(text string) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, 8: `\b`, 9: `\t`, 10: `\n`, 12: `\f`, 13: `\r`}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		if escaped, is := short[r]; is {
			b.WriteString(escaped)
		} else if r <= 0x1f {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func instantOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.In(time.UTC).Format("2006-01-02T15:04:05.000000") + "Z"
}

func wantAttempt(a delivery.Attempt) string {
	return canonical(map[string]any{
		"type": "attempt", "form": 1.0, "id": a.ID,
		"document_id": a.DocumentID, "provider": a.Provider, "status": string(a.Status),
		"execution_id": a.ExecutionID, "attempted_at": instantOrNull(a.AttemptedAt),
		"external_record_id": orNull(a.ExternalRecordID), "external_url": orNull(a.ExternalURL),
		"error_code": orNull(a.ErrorCode), "error_message": orNull(a.ErrorMessage),
		"request_id": a.RequestID, "recorded_by_key_id": a.RecordedBy.KeyID, "recorded_by_name": a.RecordedBy.Name,
		"recorded_at": instantOrNull(a.RecordedAt),
	})
}

func wantEntry(e audit.Entry) string {
	return canonical(map[string]any{
		"type": "audit_entry", "form": 1.0, "id": e.ID, "kind": e.Kind,
		"document_id": orNull(e.DocumentID), "provider": orNull(e.Provider), "reason": orNull(e.Reason), "forced": e.Forced,
		"key_id": e.KeyID, "key_name": e.KeyName, "request_id": e.RequestID, "recorded_at": instantOrNull(e.RecordedAt),
		"actor": orNull(e.Actor), "successor_id": orNull(e.SuccessorID), "ends_at": instantOrNull(e.EndsAt),
	})
}

// fields are all that a struct consists of, those of structs in it too, but an instant is one.
func fields(t *testing.T, of reflect.Value, path string) map[string]reflect.Value {
	t.Helper()
	all := make(map[string]reflect.Value)
	for i := range of.NumField() {
		name, field := path+"."+of.Type().Field(i).Name, of.Field(i)
		if _, instant := field.Interface().(time.Time); !instant && field.Kind() == reflect.Struct {
			for name, field := range fields(t, field, name) {
				all[name] = field
			}
			continue
		}
		all[name] = field
	}
	return all
}

// change sets a field to another value than it had.
func change(t *testing.T, name string, field reflect.Value) {
	t.Helper()
	switch v := field.Interface().(type) {
	case time.Time:
		if v.IsZero() {
			v = minute(7)
		}
		field.Set(reflect.ValueOf(v.Add(time.Microsecond)))
	case bool:
		field.SetBool(!v)
	default:
		if field.Kind() != reflect.String {
			t.Fatalf("%s is a %s: say here how another one looks, and see that it is in the form", name, field.Type())
		}
		field.SetString(field.String() + "x")
	}
}

// hostile are texts that break what escapes or takes apart carelessly.
func hostile() []string {
	var controls strings.Builder
	for c := rune(1); c < ' '; c++ {
		controls.WriteRune(c)
	}
	return []string{
		"x", `"`, `\`, `\"`, `"},{"a":"b`, `A\`, `\\`, controls.String(), "\x00", "\x7f", "  ", "\u0080\u0085\u00a0", "<>&", "</script>",
		"😀𝒳\U0010ffff", "é e\u0301 ﬀ \ufeff \ufffd \uffff \ue000", "null", "äöü\r\n\tß", " ", "/",
	}
}

func TestAppendAttempt_IsRFC8785OfItsColumns(t *testing.T) {
	check := func(a delivery.Attempt) {
		t.Helper()
		got := string(audit.AppendAttempt(nil, a))
		if want := wantAttempt(a); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		requireCanonical(t, got)
	}
	check(delivery.Attempt{})
	check(fullAttempt())
	for _, text := range hostile() {
		a := fullAttempt()
		for name, field := range fields(t, reflect.ValueOf(&a).Elem(), "Attempt") {
			if field.Kind() == reflect.String {
				before := field.String()
				field.SetString(text)
				check(a)
				field.SetString(before + text + before)
				check(a)
				field.SetString("")
				check(a)
				field.SetString(before)
			} else if _, instant := field.Interface().(time.Time); !instant {
				t.Fatalf("%s is a %s", name, field.Type())
			}
		}
	}
}

func TestAppendEntry_IsRFC8785OfItsColumns(t *testing.T) {
	check := func(e audit.Entry) {
		t.Helper()
		got := string(audit.AppendEntry(nil, e))
		if want := wantEntry(e); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		requireCanonical(t, got)
	}
	check(audit.Entry{})
	check(audit.Entry{Forced: true})
	check(fullEntry())
	for _, text := range hostile() {
		e := fullEntry()
		for _, field := range fields(t, reflect.ValueOf(&e).Elem(), "Entry") {
			if field.Kind() == reflect.String {
				before := field.String()
				field.SetString(text)
				check(e)
				field.SetString("")
				check(e)
				field.SetString(before)
			}
		}
	}
}

// requireCanonical has a form read by somebody who knows nothing of it, and written again by RFC 8785.
func requireCanonical(t *testing.T, form string) {
	t.Helper()
	var read map[string]any
	if err := json.Unmarshal([]byte(form), &read); err != nil {
		t.Fatalf("%s is not JSON: %v", form, err)
	}
	if again := canonical(read); again != form {
		t.Errorf("got  %s\nwant %s", form, again)
	}
}

// These bytes are what was signed in every deployment. Whoever changes the form makes another version of it, and leaves this
// one as it is.
func TestForm1_NeverChanges(t *testing.T) {
	a := fullAttempt()
	a.ErrorMessage = "a \"b\" \\ <c>\u2028\n\x01\x7f 😀"
	a.ExternalURL = ""
	const wantAttempt = `{"attempted_at":"2026-03-24T12:01:00.123456Z","document_id":"invoice-1","error_code":"E42",` +
		`"error_message":"a \"b\" \\ <c>` + "\u2028" + `\n\u0001` + "\x7f" + ` 😀","execution_id":"run-1","external_record_id":"record-1","external_url":null,` +
		`"form":1,"id":"0195c5d2-0000-7000-8000-000000000001","provider":"dynamics365","recorded_at":"2026-03-24T12:02:00.000001Z",` +
		`"recorded_by_key_id":"key-1","recorded_by_name":"crm-worker","request_id":"request-1","status":"failed","type":"attempt"}`
	if got := string(audit.AppendAttempt(nil, a)); got != wantAttempt {
		t.Errorf("an attempt is\n     %s\nwant %s", got, wantAttempt)
	}
	e := fullEntry()
	e.DocumentID, e.EndsAt = "", time.Time{}
	const wantEntry = `{"actor":"alice@example.com","document_id":null,"ends_at":null,"forced":true,"form":1,"id":"0195c5d2-0000-7000-8000-000000000002",` +
		`"key_id":"key-2","key_name":"operator","kind":"requeue","provider":"dynamics365","reason":"lost there",` +
		`"recorded_at":"2026-03-24T12:03:00.500000Z","request_id":"request-2","successor_id":"key-3","type":"audit_entry"}`
	if got := string(audit.AppendEntry(nil, e)); got != wantEntry {
		t.Errorf("an entry is\n     %s\nwant %s", got, wantEntry)
	}
	if audit.Form != 1 {
		t.Errorf("the form of today is %d: what was sealed in form 1 has to go on being made, and this test to go on holding it", audit.Form)
	}
}

// A column that is not in the form could be changed without anybody's finding out.
func TestAppendAttempt_EveryFieldChangesIt(t *testing.T) {
	for start, attempt := range map[string]delivery.Attempt{"nothing": {}, "everything": fullAttempt()} {
		a := attempt
		for name, field := range fields(t, reflect.ValueOf(&a).Elem(), "Attempt") {
			before := audit.AppendAttempt(nil, attempt)
			change(t, name, field)
			if bytes.Equal(before, audit.AppendAttempt(nil, a)) {
				t.Errorf("from %s, another %s makes the same form", start, name)
			}
			a = attempt
		}
	}
}

func TestAppendEntry_EveryFieldChangesIt(t *testing.T) {
	for start, entry := range map[string]audit.Entry{"nothing": {}, "everything": fullEntry()} {
		e := entry
		for name, field := range fields(t, reflect.ValueOf(&e).Elem(), "Entry") {
			before := audit.AppendEntry(nil, entry)
			change(t, name, field)
			if bytes.Equal(before, audit.AppendEntry(nil, e)) {
				t.Errorf("from %s, another %s makes the same form", start, name)
			}
			e = entry
		}
	}
}

// What a member has moves to the one beside it, and the form notices.
func TestAppendAttempt_NoTwoFieldsAreTakenForEachOther(t *testing.T) {
	seen := map[string]string{}
	var a delivery.Attempt
	for name, field := range fields(t, reflect.ValueOf(&a).Elem(), "Attempt") {
		if field.Kind() == reflect.String {
			field.SetString("same")
		} else {
			field.Set(reflect.ValueOf(minute(1)))
		}
		form := string(audit.AppendAttempt(nil, a))
		if other, is := seen[form]; is {
			t.Errorf("%s and %s make the same form", name, other)
		}
		seen[form] = name
		field.SetZero()
	}
}

func TestAppend_LeavesWhatIsThere(t *testing.T) {
	want := "before" + wantAttempt(fullAttempt()) + wantEntry(fullEntry())
	if got := string(audit.AppendEntry(audit.AppendAttempt([]byte("before"), fullAttempt()), fullEntry())); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAppendAttempt_AnInstantIsTheSameInEveryZone(t *testing.T) {
	a := fullAttempt()
	a.RecordedAt = a.RecordedAt.In(time.FixedZone("", 5*3600+1800))
	if got, want := string(audit.AppendAttempt(nil, a)), wantAttempt(fullAttempt()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// No server writes text that is no UTF-8. Who writes it into the database cannot make it pass for what is like it.
func TestAppendAttempt_InvalidUTF8StaysDistinct(t *testing.T) {
	seen := map[string]string{}
	texts := []string{"a", "a?", "a\ufffd", "a\xff", "a\xfe", "a\xed\xa0\x80", "a\xc0\x80", "a\x00", `a\ufffd`, "a\xf0\x9f\x98", "a\xf0\x9f\x98\x80", "\xffa", "a\x80", "a\u0080"}
	for _, text := range texts {
		form := string(audit.AppendAttempt(nil, delivery.Attempt{RequestID: text}))
		if other, is := seen[form]; is {
			t.Errorf("%q and %q make the same form", text, other)
		}
		seen[form] = text
	}
}
