package audit

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/numora/delivery/internal/delivery"
)

// maxName is the contract's.
const maxName = 255

// GenerateKey makes an Ed25519 key with a name, which every checkpoint begins with: a secret to sign with, and what is
// public to verify with.
func GenerateKey(name string) (secret, public string, err error) {
	if len(name) > maxName {
		return "", "", fmt.Errorf("a key's name has at most %d bytes", maxName)
	}
	if secret, public, err = note.GenerateKey(rand.Reader, name); err == nil {
		_, err = note.NewVerifier(public)
	}
	if err != nil || !validName(name) {
		return "", "", errors.New("a key's name is neither empty nor has it white space, control characters or a plus sign")
	}
	return secret, public, nil
}

// validName refuses what package note takes for a name and the contract does not, or what it signs a note with and does not open.
func validName(name string) bool {
	return len(name) <= maxName && !strings.ContainsFunc(name, unicode.IsControl)
}

// NewSigner reads a secret of GenerateKey. Its error does not repeat it.
func NewSigner(secret string) (note.Signer, error) {
	signer, err := note.NewSigner(secret)
	if err != nil || !validName(signer.Name()) {
		return nil, errors.New("it is not a key of \"audit keygen\"")
	}
	return signer, nil
}

// NewVerifiers reads what is public of keys.
func NewVerifiers(public ...string) (note.Verifiers, error) {
	var verifiers []note.Verifier
	for _, text := range slices.Compact(slices.Sorted(slices.Values(public))) {
		verifier, err := note.NewVerifier(strings.TrimSpace(text))
		if err != nil {
			return nil, errors.New("it is not a public key of \"audit keygen\"")
		}
		verifiers = append(verifiers, verifier)
	}
	return note.VerifierList(verifiers...), nil
}

// Sign returns the checkpoint of a tree.
func Sign(signer note.Signer, tree *Tree, at time.Time) (delivery.Checkpoint, error) {
	c := delivery.Checkpoint{Origin: signer.Name(), Size: tree.Size(), Root: tree.Root(), SealedAt: at}
	signed, err := note.Sign(&note.Note{Text: textOf(c)}, signer)
	c.Note = string(signed)
	return c, err
}

// textOf is what of a checkpoint is signed.
func textOf(c delivery.Checkpoint) string {
	return fmt.Sprintf("%s\n%d\n%s\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]), c.SealedAt.UTC().Format(delivery.InstantLayout))
}

// Open reads a checkpoint's note, which one of the verifiers has to have signed.
func Open(text string, verifiers note.Verifiers) (delivery.Checkpoint, error) {
	opened, err := note.Open([]byte(text), verifiers)
	if err != nil {
		return delivery.Checkpoint{}, errors.New("it is not signed by a key that was given")
	}
	return parse(opened.Text, text)
}

// Read reads a checkpoint's note without looking at its signature.
func Read(text string) (delivery.Checkpoint, error) {
	body, _, _ := strings.Cut(text, "\n\n")
	return parse(body+"\n", text)
}

func parse(body, text string) (delivery.Checkpoint, error) {
	lines := strings.Split(body, "\n")
	if len(lines) != 5 || lines[4] != "" {
		return delivery.Checkpoint{}, errors.New("it is not a checkpoint")
	}
	size, badSize := strconv.ParseInt(lines[1], 10, 64)
	root, badRoot := tlog.ParseHash(lines[2])
	at, badTime := time.Parse(delivery.InstantLayout, lines[3])
	c := delivery.Checkpoint{Origin: lines[0], Size: size, Root: root, SealedAt: at, Note: text}
	if badSize != nil || badRoot != nil || badTime != nil || size < 1 || textOf(c) != body { // which is written in one way alone
		return delivery.Checkpoint{}, errors.New("it is not a checkpoint")
	}
	return c, nil
}

// ErrCutOff says that the last checkpoint that was kept is not whole, as when a server ended while it wrote it.
var ErrCutOff = errors.New("the last checkpoint is cut off")

// ReadCheckpoints reads checkpoints that were kept one after another, with empty lines between them or none, and calls each
// with them. The first that none of the verifiers has signed is an error that names its line. ErrCutOff comes last.
func ReadCheckpoints(from io.Reader, verifiers note.Verifiers, each func(delivery.Checkpoint) error) error {
	var text strings.Builder
	lines, first, signed := bufio.NewReader(from), 0, false
	for number := 1; ; number++ {
		line, err := lines.ReadString('\n')
		if err != nil && err != io.EOF {
			return err
		}
		signature := strings.HasPrefix(line, "— ")
		if signed && !signature { // one is whole
			c, err := Open(text.String(), verifiers)
			if err != nil {
				return fmt.Errorf("line %d: %w", first, err)
			}
			if err := each(c); err != nil {
				return err
			}
			text.Reset()
			signed = false
		}
		if err == io.EOF {
			if line != "" || text.Len() > 0 {
				return ErrCutOff
			}
			return nil
		}
		if text.Len() == 0 {
			if line == "\n" {
				continue
			}
			first = number
		}
		signed = signed || signature
		text.WriteString(line)
	}
}
