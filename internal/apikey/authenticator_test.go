package apikey

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// memoryStore has the keys it is made of, and counts how often it is asked.
type memoryStore struct {
	Store
	keys  map[string]Key
	err   error
	asked int
	holds chan struct{} // when set, no question is answered before it is closed

	mutex       sync.Mutex
	asking      int // at once
	mostAtOnce  int
	askedOfOwns chan struct{} // when set, is told of each question for a key that it has

	marked []map[string]time.Time
}

func (s *memoryStore) Key(ctx context.Context, id string) (Key, error) {
	s.mutex.Lock()
	s.asked++
	s.asking++
	s.mostAtOnce = max(s.mostAtOnce, s.asking)
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		s.asking--
		s.mutex.Unlock()
	}()
	if s.askedOfOwns != nil && s.keys[id].ID != "" {
		s.askedOfOwns <- struct{}{}
	}
	if s.holds != nil {
		select {
		case <-s.holds:
		case <-ctx.Done():
			return Key{}, ctx.Err()
		}
	}
	if s.err != nil {
		return Key{}, s.err
	}
	key, ok := s.keys[id]
	if !ok {
		return Key{}, ErrNotFound
	}
	return key, nil
}

// storeOf is a store with one key, as change leaves it.
func storeOf(t *testing.T, change func(*Key)) (store *memoryStore, key Key, text string) {
	t.Helper()
	key, text = newKey(t, time.Time{})
	change(&key)
	return &memoryStore{keys: map[string]Key{key.ID: key}}, key, text
}

func asIs(*Key) {}

func authenticate(t *testing.T, store Store, authorization ...string) (Key, error) {
	t.Helper()
	return NewAuthenticator(store, func() time.Time { return now }).Authenticate(t.Context(), authorization)
}

// mistyped has another last character, but the same format.
func mistyped(text string) string {
	last := len(text) - 1
	if text[last] == 'x' {
		return text[:last] + "y"
	}
	return text[:last] + "x"
}

func TestAuthenticate_Header(t *testing.T) {
	for name, test := range map[string]struct {
		authorization func(text string) []string
		ok            bool
	}{
		"Bearer_IsAccepted":               {func(text string) []string { return []string{"Bearer " + text} }, true},
		"SchemeInLowerCase_IsAccepted":    {func(text string) []string { return []string{"bearer " + text} }, true},
		"SchemeInUpperCase_IsAccepted":    {func(text string) []string { return []string{"BEARER " + text} }, true},
		"ExtraSpaces_AreAccepted":         {func(text string) []string { return []string{"Bearer   " + text + "  "} }, true},
		"None_IsRefused":                  {func(string) []string { return nil }, false},
		"Empty_IsRefused":                 {func(string) []string { return []string{""} }, false},
		"SchemeOnly_IsRefused":            {func(string) []string { return []string{"Bearer"} }, false},
		"KeyOnly_IsRefused":               {func(text string) []string { return []string{text} }, false},
		"KeyWithoutScheme_IsRefused":      {func(text string) []string { return []string{" " + text} }, false},
		"NoSpace_IsRefused":               {func(text string) []string { return []string{"Bearer" + text} }, false},
		"Tab_IsRefused":                   {func(text string) []string { return []string{"Bearer\t" + text} }, false},
		"Basic_IsRefused":                 {func(text string) []string { return []string{"Basic " + text} }, false},
		"LongerScheme_IsRefused":          {func(text string) []string { return []string{"Bearers " + text} }, false},
		"Twice_IsRefused":                 {func(text string) []string { return []string{"Bearer " + text, "Bearer " + text} }, false},
		"BesideAnother_IsRefused":         {func(text string) []string { return []string{"Bearer " + text, "Basic abc"} }, false},
		"TwoKeysInOne_IsRefused":          {func(text string) []string { return []string{"Bearer " + text + " " + text} }, false},
		"TwoKeysWithComma_IsRefused":      {func(text string) []string { return []string{"Bearer " + text + ",Bearer " + text} }, false},
		"KeyInUpperCase_IsRefused":        {func(text string) []string { return []string{"Bearer " + strings.ToUpper(text)} }, false},
		"MistypedKey_IsRefused":           {func(text string) []string { return []string{"Bearer " + mistyped(text)} }, false},
		"TruncatedKey_IsRefused":          {func(text string) []string { return []string{"Bearer " + text[:len(text)-1]} }, false},
		"KeyWithSomethingAdded_IsRefused": {func(text string) []string { return []string{"Bearer " + text + "0"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			store, want, text := storeOf(t, asIs)
			got, err := authenticate(t, store, test.authorization(text)...)
			if test.ok {
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v, error %v, want %+v", got, err, want)
				}
				return
			}
			if !errors.Is(err, ErrUnauthorized) || !reflect.DeepEqual(got, Key{}) {
				t.Errorf("got %+v, error %v, want ErrUnauthorized and no key", got, err)
			}
			if store.asked != 0 {
				t.Error("the store was asked for what cannot be a key")
			}
		})
	}
}

func TestAuthenticate_Key(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Key)
		ok     bool
	}{
		"WithoutExpiry_IsAccepted":       {asIs, true},
		"JustBeforeExpiry_IsAccepted":    {func(k *Key) { k.ExpiresAt = now.Add(time.Microsecond) }, true},
		"ExactlyAtExpiry_IsRefused":      {func(k *Key) { k.ExpiresAt = now }, false},
		"Expired_IsRefused":              {func(k *Key) { k.ExpiresAt = now.Add(-time.Hour) }, false},
		"Revoked_IsRefused":              {func(k *Key) { k.RevokedAt = now.Add(-time.Hour) }, false},
		"RevokedAndNotExpired_IsRefused": {func(k *Key) { k.RevokedAt, k.ExpiresAt = now, now.Add(time.Hour) }, false},
		"OtherSecret_IsRefused":          {func(k *Key) { k.Hash[31] ^= 1 }, false},
		"NoHash_IsRefused":               {func(k *Key) { k.Hash = [32]byte{} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			store, want, text := storeOf(t, test.change)
			got, err := authenticate(t, store, "Bearer "+text)
			if test.ok {
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v, error %v, want %+v", got, err, want)
				}
				return
			}
			if !errors.Is(err, ErrUnauthorized) || !reflect.DeepEqual(got, Key{}) {
				t.Errorf("got %+v, error %v, want ErrUnauthorized and no key", got, err)
			}
		})
	}
}

func TestAuthenticate_UnknownID_IsUnauthorized(t *testing.T) {
	store, _, _ := storeOf(t, asIs)
	_, text := newKey(t, time.Time{})
	if _, err := authenticate(t, store, "Bearer "+text); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("got %v, want ErrUnauthorized", err)
	}
	if store.asked != 1 {
		t.Errorf("the store was asked %d times, want once", store.asked)
	}
}

// Who knows a key's id, which every attempt shows, can make a text with a right check.
func TestAuthenticate_WrongSecretWithARightCheck_IsUnauthorized(t *testing.T) {
	store, key, _ := storeOf(t, asIs)
	_, another := newKey(t, time.Time{})
	forged := "sk_live_" + key.ID + another[len("sk_live_")+idLength:len(another)-checkLength]
	forged += check(forged)
	if id, ok := ParseID(forged); !ok || id != key.ID {
		t.Fatalf("%s is no key of id %s", forged, key.ID)
	}
	if _, err := authenticate(t, store, "Bearer "+forged); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("got %v, want ErrUnauthorized", err)
	}
}

func TestAuthenticate_OtherKind_IsUnauthorized(t *testing.T) {
	store, key, text := storeOf(t, asIs)
	body := "sk_test_" + key.ID + text[len("sk_live_")+idLength:len(text)-checkLength]
	if _, err := authenticate(t, store, "Bearer "+body+check(body)); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("got %v, want ErrUnauthorized", err)
	}
}

// A store that is away must not look like a wrong key: the caller would give up instead of trying again.
func TestAuthenticate_StoresError_ComesThroughUnchanged(t *testing.T) {
	store, _, text := storeOf(t, asIs)
	store.err = errors.New("connection lost")
	got, err := authenticate(t, store, "Bearer "+text)
	if err != store.err || !reflect.DeepEqual(got, Key{}) {
		t.Errorf("got %+v, error %v, want %v itself and no key", got, err, store.err)
	}
	if errors.Is(err, ErrUnauthorized) {
		t.Error("a store's error counts as unauthorized")
	}
}

func TestKey_Allows_OnlyItsOwnScopes(t *testing.T) {
	key := Key{Scopes: []Scope{DeliveryRead, DocumentsRead}}
	for _, scope := range Scopes() {
		if want := scope == DeliveryRead || scope == DocumentsRead; key.Allows(scope) != want {
			t.Errorf("allows %s: %t, want %t", scope, !want, want)
		}
	}
	if (Key{}).Allows(DeliveryRead) {
		t.Error("a key without scopes allows something")
	}
}
