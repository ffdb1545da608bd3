package apikey

import (
	"crypto/sha256"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 24, 3, 0, 0, 0, time.UTC)

func newKey(t *testing.T, expiresAt time.Time) (Key, string) {
	t.Helper()
	key, text, err := New(Live, "crm-worker", []Scope{DeliveryRead, DeliveryWrite}, now, expiresAt)
	if err != nil {
		t.Fatal(err)
	}
	return key, text
}

func TestNew_TextHasTheDocumentedFormat(t *testing.T) {
	// Spelled out here and not built from the package's constants: scanners and operators rely on it.
	format := regexp.MustCompile(`^sk_(live|test)_([0-9a-z]{16})_[0-9A-Za-z]{49}$`)
	for _, kind := range []Kind{Live, Test} {
		key, text, err := New(kind, "crm-worker", []Scope{DeliveryRead}, now, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		match := format.FindStringSubmatch(text)
		if match == nil || match[1] != string(kind) || match[2] != key.ID {
			t.Errorf("%s is no key of kind %s and id %s", text, kind, key.ID)
		}
	}
}

func TestNew_KeyIsWhatWasAskedForAndHoldsOnlyTheHash(t *testing.T) {
	expiresAt := now.Add(time.Hour)
	key, text := newKey(t, expiresAt)
	if key.Hash != sha256.Sum256([]byte(text)) {
		t.Error("the hash is not the SHA-256 of the whole text")
	}
	if key.Kind != Live || key.Name != "crm-worker" || !slices.Equal(key.Scopes, []Scope{DeliveryRead, DeliveryWrite}) {
		t.Errorf("got %+v", key)
	}
	if !key.CreatedAt.Equal(now) || !key.ExpiresAt.Equal(expiresAt) || !key.RevokedAt.IsZero() {
		t.Errorf("created at %v, expires at %v, revoked at %v", key.CreatedAt, key.ExpiresAt, key.RevokedAt)
	}
}

func TestNew_IsRandomInEveryCharacter(t *testing.T) {
	const n = 2000
	ids, secrets := map[string]bool{}, map[string]bool{}
	seen := make([]map[byte]bool, idLength+secretLength)
	for range n {
		key, text := newKey(t, time.Time{})
		secret := text[len(text)-checkLength-secretLength : len(text)-checkLength]
		ids[key.ID], secrets[secret] = true, true
		for i, character := range []byte(key.ID + secret) {
			if seen[i] == nil {
				seen[i] = map[byte]bool{}
			}
			seen[i][character] = true
		}
	}
	if len(ids) != n || len(secrets) != n {
		t.Errorf("of %d keys %d ids and %d secrets are different", n, len(ids), len(secrets))
	}
	for i, characters := range seen {
		want := len(base62)
		switch {
		case i < idLength:
			want = len(idAlphabet)
		case i == idLength:
			want-- // 256 bits are a little less than 43 digits: the first one ends at y
		}
		if len(characters) != want {
			t.Errorf("character %d takes %d values, want %d", i, len(characters), want)
		}
	}
}

func TestDigits_ArePaddedBase62(t *testing.T) {
	power := func(base, exponent int64) *big.Int {
		return new(big.Int).Exp(big.NewInt(base), big.NewInt(exponent), nil)
	}
	less1 := func(n *big.Int) *big.Int { return n.Sub(n, big.NewInt(1)) }
	for name, test := range map[string]struct {
		n      *big.Int
		length int
		want   string
	}{
		"Zero":           {big.NewInt(0), 6, "000000"},
		"LastDigit":      {big.NewInt(61), 6, "00000z"},
		"Carry":          {big.NewInt(62), 6, "000010"},
		"OneLeadingZero": {less1(power(62, 5)), 6, "0zzzzz"},
		"GreatestCheck":  {less1(power(2, 32)), 6, "4gfFC3"},
		"GreatestSecret": {less1(power(2, 256)), 43, "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := digits(test.n, test.length); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// Keys whose check was computed by another program: keys that were handed out must be known for ever.
func TestParseID_KnowsKeysMadeElsewhere(t *testing.T) {
	for text, want := range map[string]string{
		"sk_live_0123456789abcdef_PvsEIpqQlwEBJQXLJmGZj7NNa9xe1UGRb8Rvn1CZkHI0Nt8Qr": "0123456789abcdef",
		"sk_test_zzzzzzzzzzzzzzzz_000000000000000000000000000000000000000000028PGyG": "zzzzzzzzzzzzzzzz",
	} {
		if id, ok := ParseID(text); !ok || id != want {
			t.Errorf("%s: got id %q, %t, want %q", text, id, ok, want)
		}
	}
}

func TestParseID_ReadsWhatNewMakes(t *testing.T) {
	for range 1000 { // among them secrets and checks that begin with zeros
		key, text := newKey(t, time.Time{})
		if id, ok := ParseID(text); !ok || id != key.ID {
			t.Fatalf("%s: got id %q, %t, want %q", text, id, ok, key.ID)
		}
	}
}

func TestParseID_RefusesEveryMistypedCharacter(t *testing.T) {
	_, text := newKey(t, time.Time{})
	for i := range len(text) {
		for _, wrong := range []byte(base62 + "_- \n\x00\xff") {
			if wrong == text[i] {
				continue
			}
			mistyped := text[:i] + string([]byte{wrong}) + text[i+1:]
			if _, ok := ParseID(mistyped); ok {
				t.Errorf("%q passes for %q", mistyped, text)
			}
		}
	}
}

func TestParseID_RefusesEverySwapOfNeighbours(t *testing.T) {
	_, text := newKey(t, time.Time{})
	for i := range len(text) - 1 {
		if text[i] == text[i+1] {
			continue
		}
		swapped := text[:i] + text[i+1:i+2] + text[i:i+1] + text[i+2:]
		if _, ok := ParseID(swapped); ok {
			t.Errorf("%q passes for %q", swapped, text)
		}
	}
}

func TestParseID_RefusesEveryTruncation(t *testing.T) {
	_, text := newKey(t, time.Time{})
	for i := range text {
		for _, part := range []string{text[:i], text[i+1:], text[:i] + text[i+1:]} {
			if _, ok := ParseID(part); ok {
				t.Errorf("%q passes for %q", part, text)
			}
		}
	}
}

// Right checks over wrong bodies: it is the format that refuses these.
func TestParseID_RefusesOtherFormats(t *testing.T) {
	id, secret := strings.Repeat("a", idLength), strings.Repeat("B", secretLength)
	checked := func(body string) string { return body + check(body) }
	if _, ok := ParseID(checked("sk_live_" + id + "_" + secret)); !ok {
		t.Fatal("the right format is refused")
	}
	for name, text := range map[string]string{
		"Empty":           "",
		"OtherPrefix":     checked("pk_live_" + id + "_" + secret),
		"OtherKind":       checked("sk_prod_" + id + "_" + secret),
		"UpperCaseKind":   checked("sk_LIVE_" + id + "_" + secret),
		"UpperCaseID":     checked("sk_live_" + strings.ToUpper(id) + "_" + secret),
		"ShortID":         checked("sk_live_" + id[1:] + "_" + secret),
		"LongID":          checked("sk_live_" + id + "a_" + secret),
		"ShortSecret":     checked("sk_live_" + id + "_" + secret[1:]),
		"LongSecret":      checked("sk_live_" + id + "_" + secret + "B"),
		"OtherCharacter":  checked("sk_live_" + id + "_" + secret[1:] + "é"),
		"NoSeparator":     checked("sk_live_" + id + secret),
		"LineEndBehind":   checked("sk_live_"+id+"_"+secret) + "\n",
		"SpaceBefore":     checked(" sk_live_" + id + "_" + secret),
		"LineBefore":      checked("key:\nsk_live_" + id + "_" + secret),
		"CheckOfNothing":  "sk_live_" + id + "_" + secret + check(""),
		"NoCheck":         "sk_live_" + id + "_" + secret,
		"CheckWithoutAll": check(""),
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok := ParseID(text); ok {
				t.Errorf("%q is taken for a key", text)
			}
		})
	}
}

func TestKey_Successor_IsAnotherKeyOfTheSamePrincipal(t *testing.T) {
	first, firstText := newKey(t, time.Time{})
	second, text, err := first.Successor(now, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	third, _, err := second.Successor(now, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := ParseID(text); !ok || id != second.ID || second.ID == first.ID || text == firstText || second.Hash == first.Hash {
		t.Errorf("the successor of %s is %s, with the text's id %s", first.ID, second.ID, id)
	}
	if first.PrincipalID != first.ID || second.PrincipalID != first.ID || third.PrincipalID != first.ID {
		t.Errorf("principals %q, %q, %q; want all %q", first.PrincipalID, second.PrincipalID, third.PrincipalID, first.ID)
	}
	if second.Name != first.Name || second.Kind != first.Kind || !slices.Equal(second.Scopes, first.Scopes) || !second.ExpiresAt.Equal(now.Add(time.Hour)) {
		t.Errorf("got %+v, made from %+v", second, first)
	}
}
