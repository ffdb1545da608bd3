package audit_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
)

const origin = "numora.example/delivery"

// sign signs any text, as nobody but who has the key can.
func (k key) sign(t *testing.T, text string) string {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, k.signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

func TestSign_IsReadByWhoeverHasThePublicKey(t *testing.T) {
	k := newKey(t, origin)
	at := minute(5).Add(42 * time.Microsecond)
	for _, size := range []int64{1, 2, 7, 300} {
		tree := treeOf(size)
		c := k.checkpoint(t, tree, at.In(time.FixedZone("", 3600)))
		want := delivery.Checkpoint{Origin: origin, Size: size, Root: tree.Root(), SealedAt: at, Note: c.Note}
		if c.SealedAt = c.SealedAt.UTC(); c != want {
			t.Errorf("signed %+v, want %+v", c, want)
		}
		root := tree.Root()
		text := fmt.Sprintf("%s\n%d\n%s\n2026-03-24T12:05:00.000042Z\n\n— %s ", origin, size, base64.StdEncoding.EncodeToString(root[:]), origin)
		signature, is := strings.CutPrefix(c.Note, text)
		if !is || strings.Count(signature, "\n") != 1 || !strings.HasSuffix(signature, "\n") {
			t.Errorf("the note is %q, want it to begin with %q", c.Note, text)
		}
		if opened, err := audit.Open(c.Note, k.verifiers); err != nil || opened != want {
			t.Errorf("opened %+v, want %+v (%v)", opened, want, err)
		}
		if read, err := audit.Read(c.Note); err != nil || read != want {
			t.Errorf("read %+v, want %+v (%v)", read, want, err)
		}
	}
}

func TestOpen_AnyOfTheVerifiersIsEnough(t *testing.T) {
	old, current := newKey(t, origin), newKey(t, origin)
	verifiers, err := audit.NewVerifiers(old.public+"\n", " "+current.public) // as files have them
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []key{old, current} {
		if _, err := audit.Open(k.checkpoint(t, treeOf(3), minute(1)).Note, verifiers); err != nil {
			t.Error(err)
		}
	}
	other := newKey(t, origin)
	for name, verifiers := range map[string]note.Verifiers{"AnotherOfTheSameName": other.verifiers, "AnotherName": newKey(t, "b").verifiers, "None": nil} {
		if c, err := audit.Open(current.checkpoint(t, treeOf(3), minute(1)).Note, verifiers); err == nil || c != (delivery.Checkpoint{}) {
			t.Errorf("%s: opened %+v (%v)", name, c, err)
		}
	}
}

func TestOpen_NoByteCanBeChanged(t *testing.T) {
	k := newKey(t, "a.example/b")
	whole := k.checkpoint(t, treeOf(12), minute(1)).Note
	for at := range whole {
		changes := map[string]string{
			"cut":      whole[:at],
			"without":  whole[:at] + whole[at+1:],
			"twice":    whole[:at+1] + whole[at:],
			"next":     whole[:at] + string(whole[at]+1) + whole[at+1:],
			"new line": whole[:at] + "\n" + whole[at:],
			"return":   whole[:at] + "\r" + whole[at:],
		}
		if at == len(whole)-3 {
			delete(changes, "next") // the last letter has bits that do not count, and a signature is not what is compared
		}
		for what, text := range changes {
			if c, err := audit.Open(text, k.verifiers); err == nil {
				t.Errorf("byte %d, %s: %q is opened as %+v", at, what, text, c)
			}
		}
	}
}

// A checkpoint is written in one way alone, so that two of them are of the same tree where they are the same text.
func TestOpenAndRead_RefuseWhatSignDoesNotWrite(t *testing.T) {
	k := newKey(t, origin)
	root := treeOf(5).Root().String()
	const at = "2026-03-24T12:05:00.000042Z"
	text := func(lines ...string) string { return strings.Join(lines, "\n") + "\n" }
	for name, body := range map[string]string{
		"SizeZero":                text(origin, "0", root, at),
		"SizeNegative":            text(origin, "-1", root, at),
		"SizeWithPlus":            text(origin, "+5", root, at),
		"SizeWithLeadingZero":     text(origin, "05", root, at),
		"SizeWithUnderscore":      text(origin, "1_000", root, at),
		"SizeWithSpace":           text(origin, " 5", root, at),
		"SizeHexadecimal":         text(origin, "0x5", root, at),
		"SizeTooLarge":            text(origin, "9223372036854775808", root, at),
		"SizeMissing":             text(origin, "", root, at),
		"RootTooShort":            text(origin, "5", base64.StdEncoding.EncodeToString(make([]byte, 31)), at),
		"RootTooLong":             text(origin, "5", base64.StdEncoding.EncodeToString(make([]byte, 33)), at),
		"RootInHex":               text(origin, "5", strings.Repeat("0", 64), at),
		"RootOfURLs":              text(origin, "5", strings.Repeat("-", 43)+"=", at),
		"RootWithoutPadding":      text(origin, "5", strings.TrimSuffix(root, "="), at),
		"RootWithBitsBehind":      text(origin, "5", strings.Repeat("A", 42)+"B=", at),
		"TimeWithoutFraction":     text(origin, "5", root, "2026-03-24T12:05:00Z"),
		"TimeWithMilliseconds":    text(origin, "5", root, "2026-03-24T12:05:00.000Z"),
		"TimeWithNanoseconds":     text(origin, "5", root, "2026-03-24T12:05:00.000042000Z"),
		"TimeWithComma":           text(origin, "5", root, "2026-03-24T12:05:00,000042Z"),
		"TimeInAnotherZone":       text(origin, "5", root, "2026-03-24T12:05:00.000042+00:00"),
		"TimeThatIsNone":          text(origin, "5", root, "2026-02-30T12:05:00.000042Z"),
		"TimeMissing":             text(origin, "5", root),
		"OneLineMore":             text(origin, "5", root, at, "more"),
		"AnEmptyLineBefore":       text("", origin, "5", root, at),
		"SomethingElseAltogether": "I owe you five deliveries.\n",
	} {
		t.Run(name, func(t *testing.T) {
			signed := k.sign(t, body)
			if c, err := audit.Open(signed, k.verifiers); err == nil {
				t.Errorf("opened %+v", c)
			}
			if c, err := audit.Read(signed); err == nil {
				t.Errorf("read %+v", c)
			}
		})
	}
	if _, err := audit.Open(k.sign(t, text(origin, "5", root, at)), k.verifiers); err != nil {
		t.Errorf("what is right is refused: %v", err)
	}
	if _, err := audit.Read(text(origin, "5\r", root, at)); err == nil {
		t.Error("a line that ends as on Windows is read")
	}
	if _, err := audit.Read(text(origin, "5", root+"\r", at)); err == nil {
		t.Error("a root that ends as on Windows is read")
	}
}

// notes are checkpoints of trees of 1, 2, 3 … leaves.
func notes(t *testing.T, k key, number int64) (all []string) {
	t.Helper()
	for size := range number {
		all = append(all, k.checkpoint(t, treeOf(size+1), minute(int(size))).Note)
	}
	return all
}

func readCheckpoints(text string, verifiers note.Verifiers) (read []string, err error) {
	err = audit.ReadCheckpoints(strings.NewReader(text), verifiers, func(c delivery.Checkpoint) error {
		read = append(read, c.Note)
		return nil
	})
	return read, err
}

func TestReadCheckpoints_ReadsWhatWasKept(t *testing.T) {
	k := newKey(t, origin)
	all := notes(t, k, 3)
	cosigned := func(body string) string { // by a witness, whom nobody has to know
		signed, err := note.Sign(&note.Note{Text: body[:strings.Index(body, "\n\n")+1]}, k.signer, newKey(t, "witness").signer)
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
	two := cosigned(all[1])
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"None":                {"", nil},
		"EmptyLinesAlone":     {"\n\n\n", nil},
		"One":                 {all[0], all[:1]},
		"OneBetweenEmptyOnes": {"\n\n" + all[0] + "\n\n", all[:1]},
		"WithoutLinesBetween": {strings.Join(all, ""), all},
		"WithALineBetween":    {strings.Join(all, "\n"), all},
		"WithLinesBetween":    {strings.Join(all, "\n\n\n") + "\n", all},
		"TheSameAgain":        {all[0] + all[0], []string{all[0], all[0]}},
		"TwoSignatures":       {all[0] + two + all[2], []string{all[0], two, all[2]}},
	} {
		t.Run(name, func(t *testing.T) {
			if read, err := readCheckpoints(test.text, k.verifiers); err != nil || !slices.Equal(read, test.want) {
				t.Errorf("read %q, want %q (%v)", read, test.want, err)
			}
		})
	}
}

// A server may end while it writes, and a copy may be taken meanwhile. Whatever was whole before is read all the same.
func TestReadCheckpoints_CutOffAnywhere_KeepsThoseBefore(t *testing.T) {
	k := newKey(t, "a.example/b")
	all := notes(t, k, 3)
	for name, between := range map[string]string{"WithoutLinesBetween": "", "WithALineBetween": "\n"} {
		t.Run(name, func(t *testing.T) {
			before := all[0] + between + all[1] + between
			for end := range len(all[2]) + 1 {
				read, err := readCheckpoints(before+all[2][:end], k.verifiers)
				want, wantErr := all[:2], audit.ErrCutOff
				if end == 0 {
					wantErr = nil
				}
				if end == len(all[2]) {
					want, wantErr = all, nil
				}
				if !slices.Equal(read, want) || err != wantErr {
					t.Errorf("cut after %q: read %d, want %d; error %v, want %v", all[2][:end], len(read), len(want), err, wantErr)
				}
			}
		})
	}
}

func TestReadCheckpoints_NamesTheLineOfWhatIsNotSigned(t *testing.T) {
	k := newKey(t, origin)
	all := notes(t, k, 2)
	foreign := newKey(t, origin).checkpoint(t, treeOf(2), minute(2)).Note
	for name, test := range map[string]struct {
		text, want string
		read       int
	}{
		"First":                      {foreign + all[0], "line 1: it is not signed by a key that was given", 0},
		"InTheMiddle":                {all[0] + foreign + all[1], "line 7: it is not signed by a key that was given", 1},
		"InTheMiddleWithEmptyLines":  {"\n" + all[0] + "\n\n" + foreign + "\n" + all[1], "line 10: it is not signed by a key that was given", 1},
		"Last":                       {all[0] + all[1] + foreign, "line 13: it is not signed by a key that was given", 2},
		"LastBeforeOneThatIsCutOff":  {all[0] + foreign + "numora", "line 7: it is not signed by a key that was given", 1},
		"Changed":                    {all[0] + strings.Replace(all[1], "\n2\n", "\n3\n", 1), "line 7: it is not signed by a key that was given", 1},
		"WithLineEndsOfWindows":      {strings.ReplaceAll(all[0]+all[1], "\n", "\r\n"), "line 1: it is not signed by a key that was given", 0},
		"OneWithLineEndsOfWindows":   {all[0] + strings.ReplaceAll(all[1], "\n", "\r\n"), "line 7: it is not signed by a key that was given", 1},
		"SomethingElseBetween":       {all[0] + "note this\n" + all[1], "line 7: it is not signed by a key that was given", 1},
		"SignedThoughNoCheckpoint":   {all[0] + k.sign(t, "something else\n") + all[1], "line 7: it is not a checkpoint", 1},
		"ASignatureAlone":            {"— " + origin + " AAAA\n" + all[0], "line 1: it is not signed by a key that was given", 0},
		"WithoutTheLineBeforeSigned": {strings.Replace(all[0], "\n\n", "\n", 1) + all[1], "line 1: it is not signed by a key that was given", 0},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := readCheckpoints(test.text, k.verifiers)
			if err == nil || err.Error() != test.want || !slices.Equal(read, all[:test.read]) {
				t.Errorf("read %d, want %d; error %v, want %s", len(read), test.read, err, test.want)
			}
		})
	}
}

func TestReadCheckpoints_EndsWithTheErrorOfOthers(t *testing.T) {
	k := newKey(t, origin)
	all := strings.Join(notes(t, k, 3), "")
	broken := errors.New("broken")
	calls := 0
	err := audit.ReadCheckpoints(strings.NewReader(all), k.verifiers, func(delivery.Checkpoint) error { calls++; return broken })
	if err != broken || calls != 1 {
		t.Errorf("%d calls, error %v", calls, err)
	}
	calls = 0
	err = audit.ReadCheckpoints(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(all))), k.verifiers, func(delivery.Checkpoint) error { calls++; return nil })
	if !errors.Is(err, iotest.ErrTimeout) || calls != 0 {
		t.Errorf("%d calls, error %v", calls, err)
	}
}

func TestGenerateKey_RefusesANameThatNoCheckpointCanBeginWith(t *testing.T) {
	for _, name := range []string{
		"", " ", "a b", "a\tb", "a\nb", "a\u00a0b", "a\u2003b", "a+b", "+", "a\xffb", "a\x00b", "a\x01b", "a\x1fb", "a\x7fb", "a\u0085b", "a\u009fb",
		strings.Repeat("a", 256), strings.Repeat("ä", 128),
	} {
		secret, public, err := audit.GenerateKey(name)
		if err == nil || secret != "" || public != "" {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestGenerateKey_EveryNameThatIsNotRefusedSigns(t *testing.T) {
	for _, name := range []string{"a", origin, "ä", "😀", "—", "=", "a:b@c", strings.Repeat("a", 255)} {
		k := newKey(t, name)
		if c, err := audit.Open(k.checkpoint(t, treeOf(1), minute(1)).Note, k.verifiers); err != nil || c.Origin != name {
			t.Errorf("%q: %q (%v)", name, c.Origin, err)
		}
	}
	if one, other := newKey(t, "a"), newKey(t, "a"); one.secret == other.secret || one.public == other.public {
		t.Error("two keys are the same")
	}
}

func TestNewSigner_ErrorNeverHoldsTheSecret(t *testing.T) {
	secret, public := newKey(t, origin).secret, newKey(t, origin).public
	long, _, err := note.GenerateKey(rand.Reader, strings.Repeat("a", 256))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(secret, "+", 5) // what is hidden may have one, too
	hidden := parts[len(parts)-1]
	for name, text := range map[string]string{
		"CutOff":           secret[:len(secret)-1],
		"LongerByALetter":  secret + "A",
		"WithoutTheName":   strings.Replace(secret, origin, "", 1),
		"OfAnotherKind":    strings.Replace(secret, "PRIVATE", "PUBLIC", 1),
		"WithAnotherHash":  strings.Replace(secret, "+"+parts[3]+"+", "+00000000+", 1),
		"OfALongName":      long,
		"ThePublicKey":     public,
		"ThePrivatePart":   hidden,
		"SomethingElse":    "hunter2",
		"WithAnotherName":  strings.Replace(secret, origin, "other", 1),
		"WithControlsName": strings.Replace(secret, origin, "a\x01b", 1),
	} {
		signer, err := audit.NewSigner(text)
		if err == nil || signer != nil {
			t.Errorf("%s: %q is taken for a key", name, text)
			continue
		}
		for size := 8; size <= len(text); size++ {
			if strings.Contains(err.Error(), text[len(text)-size:]) {
				t.Errorf("%s: %q repeats it", name, err)
				break
			}
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), hidden[:8]) {
			t.Errorf("%s: %q repeats it", name, err)
		}
	}
}

func TestNewVerifiers_RefuseWhatIsNoPublicKey(t *testing.T) {
	k := newKey(t, origin)
	for _, text := range []string{"", "x", k.secret, k.public[:len(k.public)-1], k.public + "\n" + k.public} {
		if _, err := audit.NewVerifiers(k.public, text); err == nil || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whoever reads the two of them apart must come to the same: the store's checkpoints are read, those of verifying opened.
func TestRead_NeedsNoSignature(t *testing.T) {
	k := newKey(t, origin)
	c := k.checkpoint(t, treeOf(5), minute(1))
	c.Note = c.Note[:strings.Index(c.Note, "— ")] + "— somebody else\n"
	if read, err := audit.Read(c.Note); err != nil || read != c {
		t.Errorf("read %+v, want %+v (%v)", read, c, err)
	}
	if read, err := audit.Read(""); err == nil {
		t.Errorf("nothing is read as %+v", read)
	}
}
