package apikey

import (
	"testing"
	"time"
)

func BenchmarkAuthenticate_KnownKey(b *testing.B) {
	key, text, err := New(Live, "bench", Scopes(), now, time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	authenticator := NewAuthenticator(&memoryStore{keys: map[string]Key{key.ID: key}}, func() time.Time { return now })
	authorization := []string{"Bearer " + text}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := authenticator.Authenticate(b.Context(), authorization); err != nil {
			b.Fatal(err)
		}
	}
}
