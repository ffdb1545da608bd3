package apikey

import (
	"strings"
	"testing"
	"time"
)

// What is taken for a key is one to the letter: no other letter anywhere in it goes unnoticed.
func FuzzParseID(f *testing.F) {
	_, text, err := New(Live, "crm-worker", Scopes(), time.Now(), time.Time{})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{text, text[:len(text)-1], text + "0", strings.ToUpper(text), "sk_live_", "sk_test_0123456789abcdef_", ""} {
		f.Add(seed, 9, byte('x'))
	}
	f.Fuzz(func(t *testing.T, text string, at int, letter byte) {
		id, ok := ParseID(text)
		if !ok {
			if id != "" {
				t.Errorf("%q is no key, and has the id %q", text, id)
			}
			return
		}
		if len(id) != idLength || strings.Trim(id, idAlphabet) != "" || !strings.Contains(text, "_"+id+"_") {
			t.Errorf("%q has the id %q", text, id)
		}
		at = int(uint(at) % uint(len(text)))
		if other := text[:at] + string(rune(letter)) + text[at+1:]; other != text {
			if _, ok := ParseID(other); ok {
				t.Errorf("%q is taken for a key, as %q is", other, text)
			}
		}
	})
}
