// Package audit makes the audit history provable: whoever keeps a signed checkpoint elsewhere can tell later whether what
// it covers was changed, even by who administers the database.
//
// # How it is sealed
//
// Every delivery attempt and every audit entry becomes a leaf of one growing Merkle tree by RFC 6962. What a leaf hashes is
// the entry's canonical form: JSON by RFC 8785 with all of its columns and the version of the form, so that a third party
// can make it from what an export says. Leaves are numbered from 0 in the order in which they are sealed, which is that of
// recorded_at but for what was committed late. A checkpoint is a signed note (golang.org/x/mod/sumdb/note) that says
// how many leaves there are and what the tree of them hashes to. Since the tree only grows, each checkpoint covers all
// before it.
//
// # What verifying looks at
//
// All leaves are made anew from what the database holds, compared with what was hashed when they were sealed, and put
// together to every root that a checkpoint names. Every delivery's standing is folded anew from its attempts, claims and
// requeues. What comes from a kept checkpoint's time is what the signer saw then; what is not sealed yet, and a signer that
// signs lies, nothing here can show.
package audit

import (
	"time"
	"unicode/utf8"

	"github.com/numora/delivery/internal/delivery"
)

// Form is the version of the canonical form that is made today. An older one goes on being made for what was sealed with it.
const Form = 1

// The kinds of entries that are sealed.
const (
	Attempt    = "attempt"
	AuditEntry = "audit_entry"
)

// Entry is an audit entry: what somebody ordered, or what was done to a key. Absent members are zero.
type Entry struct {
	ID, Kind                     string
	DocumentID, Provider, Reason string
	Forced                       bool
	KeyID, KeyName, RequestID    string
	RecordedAt                   time.Time
	Actor, SuccessorID           string
	EndsAt                       time.Time
}

// AppendAttempt appends an attempt's canonical form.
func AppendAttempt(to []byte, a delivery.Attempt) []byte {
	o := object{text: to}
	o.instant("attempted_at", a.AttemptedAt)
	o.string("document_id", a.DocumentID)
	o.optional("error_code", a.ErrorCode)
	o.optional("error_message", a.ErrorMessage)
	o.string("execution_id", a.ExecutionID)
	o.optional("external_record_id", a.ExternalRecordID)
	o.optional("external_url", a.ExternalURL)
	o.raw("form", "1")
	o.string("id", a.ID)
	o.string("provider", a.Provider)
	o.instant("recorded_at", a.RecordedAt)
	o.string("recorded_by_key_id", a.RecordedBy.KeyID)
	o.string("recorded_by_name", a.RecordedBy.Name)
	o.string("request_id", a.RequestID)
	o.string("status", string(a.Status))
	o.string("type", Attempt)
	return append(o.text, '}')
}

// AppendEntry appends an audit entry's canonical form.
func AppendEntry(to []byte, e Entry) []byte {
	forced := "false"
	if e.Forced {
		forced = "true"
	}
	o := object{text: to}
	o.optional("actor", e.Actor)
	o.optional("document_id", e.DocumentID)
	o.instant("ends_at", e.EndsAt)
	o.raw("forced", forced)
	o.raw("form", "1")
	o.string("id", e.ID)
	o.string("key_id", e.KeyID)
	o.string("key_name", e.KeyName)
	o.string("kind", e.Kind)
	o.optional("provider", e.Provider)
	o.optional("reason", e.Reason)
	o.instant("recorded_at", e.RecordedAt)
	o.string("request_id", e.RequestID)
	o.optional("successor_id", e.SuccessorID)
	o.string("type", AuditEntry)
	return append(o.text, '}')
}

// object writes a JSON object by RFC 8785 whose members come in the order of their names, as that wants them.
type object struct {
	text  []byte
	begun bool
}

func (o *object) raw(name, value string) {
	separator := byte(',')
	if !o.begun {
		separator, o.begun = '{', true
	}
	o.text = append(append(append(append(o.text, separator, '"'), name...), '"', ':'), value...)
}

func (o *object) string(name, value string) {
	o.raw(name, "")
	o.text = appendString(o.text, value)
}

func (o *object) optional(name, value string) {
	if value == "" {
		o.raw(name, "null")
	} else {
		o.string(name, value)
	}
}

func (o *object) instant(name string, value time.Time) {
	if value.IsZero() {
		o.raw(name, "null")
		return
	}
	o.raw(name, "")
	o.text = append(value.UTC().AppendFormat(append(o.text, '"'), delivery.InstantLayout), '"')
}

// appendString escapes what RFC 8785 has escaped and nothing else. Text that is no UTF-8, which no server writes, stays as
// it is, so that it hashes to what nothing else does.
func appendString(to []byte, text string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' || c >= utf8.RuneSelf {
			to = append(to, c)
			continue
		}
		switch c {
		case '"', '\\':
			to = append(to, '\\', c)
		case '\b':
			to = append(to, '\\', 'b')
		case '\t':
			to = append(to, '\\', 't')
		case '\n':
			to = append(to, '\\', 'n')
		case '\f':
			to = append(to, '\\', 'f')
		case '\r':
			to = append(to, '\\', 'r')
		default:
			to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
	}
	return append(to, '"')
}
