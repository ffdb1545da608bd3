// Package apikey is about who may call: the format of an API key, its scopes, and the check of a presented
// key against a store.
//
// A key reads
//
//	sk_live_<key id>_<secret><check>
//
// with a key id of 16 lower-case letters and digits, a secret of 256 random bits as 43 characters of
// base62, and the CRC-32 of everything before it as 6 characters of base62, so that a mistyped or
// truncated key is known without asking the store, and secret scanners have something to look for. Keys of
// a development server begin with sk_test_. The text is shown once, when the key is made; the store keeps
// its SHA-256 only, which is enough for a secret that long.
//
// A principal is whoever the key stands for: a key, and those that it was rotated to one after the other. What is
// recorded with a key carries its id and name.
package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"math/big"
	"regexp"
	"strings"
	"time"
)

// Kind tells keys of production from keys of development.
type Kind string

// The kinds of keys, as they stand in the key's text.
const (
	Live Kind = "live"
	Test Kind = "test"
)

const (
	base62       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idAlphabet   = "0123456789abcdefghijklmnopqrstuvwxyz"
	idLength     = 16
	secretLength = 43 // base62 digits of 256 bits
	checkLength  = 6  // base62 digits of 32 bits
)

// Key is a key as it is stored; it does not hold the secret.
type Key struct {
	ID        string // stands in the key's text
	Kind      Kind
	Name      string // 1..100 characters without control characters
	Hash      [sha256.Size]byte
	Scopes    []Scope
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	RevokedAt time.Time // zero: not revoked

	PrincipalID string    // the id of the first key of its line: its own, unless it was made by rotating one
	SuccessorID string    // the key that it was rotated to, or empty
	LastUsedAt  time.Time // zero: never; to about a minute
}

// Usable tells whether the key may be used at now.
func (k Key) Usable(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// New makes a key of random id and secret, and returns it with its text, which cannot be had again.
func New(kind Kind, name string, scopes []Scope, now, expiresAt time.Time) (Key, string, error) {
	id, err := randomDigits(idAlphabet, idLength)
	if err != nil {
		return Key{}, "", err
	}
	secret, err := randomSecret()
	if err != nil {
		return Key{}, "", err
	}
	text := "sk_" + string(kind) + "_" + id + "_" + secret
	text += check(text)
	return Key{
		ID: id, Kind: kind, Name: name, Hash: sha256.Sum256([]byte(text)), Scopes: scopes,
		CreatedAt: now, ExpiresAt: expiresAt, PrincipalID: id,
	}, text, nil
}

// Successor makes the key that takes the place of k: another secret of the same principal, with the same name and scopes.
// It is for the store to keep, with RotateKey.
func (k Key) Successor(now, expiresAt time.Time) (Key, string, error) {
	successor, text, err := New(k.Kind, k.Name, k.Scopes, now, expiresAt)
	successor.PrincipalID = k.PrincipalID
	return successor, text, err
}

var keyFormat = regexp.MustCompile(fmt.Sprintf(`^sk_(?:live|test)_([0-9a-z]{%d})_[0-9A-Za-z]{%d}$`, idLength, secretLength+checkLength))

// ParseID returns the key id in a key's text; ok is false when the text is no key or mistyped.
func ParseID(text string) (id string, ok bool) {
	match := keyFormat.FindStringSubmatch(text)
	if match == nil || !strings.HasSuffix(text, check(text[:len(text)-checkLength])) {
		return "", false
	}
	return match[1], true
}

func check(body string) string {
	return digits(new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(body)))), checkLength)
}

func randomSecret() (string, error) {
	var bits [32]byte
	if _, err := rand.Read(bits[:]); err != nil {
		return "", fmt.Errorf("make a key's secret: %w", err)
	}
	return digits(new(big.Int).SetBytes(bits[:]), secretLength), nil
}

func randomDigits(alphabet string, length int) (string, error) {
	var id strings.Builder
	for range length {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			return "", fmt.Errorf("make a key's id: %w", err)
		}
		id.WriteByte(alphabet[n.Int64()])
	}
	return id.String(), nil
}

// digits writes n in base62, padded with zeros to length.
func digits(n *big.Int, length int) string {
	text := make([]byte, length)
	n, base, digit := new(big.Int).Set(n), big.NewInt(int64(len(base62))), new(big.Int)
	for i := length - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		text[i] = base62[digit.Int64()]
	}
	return string(text)
}
