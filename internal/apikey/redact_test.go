package apikey

import (
	"strings"
	"testing"
	"time"
)

func TestRedact(t *testing.T) {
	key, text := newKey(t, time.Time{})
	secret := text[len("sk_live_")+idLength+1:]
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"/v1/documents/doc_1/delivery", "/v1/documents/doc_1/delivery"},
		{"task_live_forever", "task_live_forever"},
		{text, "sk_live_" + key.ID + "_***"},
		{"/v1/documents/" + text + "/delivery", "/v1/documents/sk_live_" + key.ID + "_***/delivery"},
		{text[:len(text)-20], "sk_live_" + key.ID + "_***"}, // the beginning of a secret is one, too
		{text + " and " + text, "sk_live_" + key.ID + "_*** and sk_live_" + key.ID + "_***"},
		{"Bearer\n" + text, "Bearer\nsk_live_" + key.ID + "_***"},
	} {
		got := Redact(test.text)
		if got != test.want || strings.Contains(got, secret[:8]) {
			t.Errorf("%s: got %s, want %s", test.text, got, test.want)
		}
	}
}
