package app_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/store/storetest"
)

// history is a sealed one, and what it is proven by.
type history struct {
	databaseURL string
	signer      auditKey
	files       []string // of checkpoints that were kept
}

func (h history) run(t *testing.T, arguments ...string) (stdout, stderr string, code int) {
	t.Helper()
	return run(t, t.TempDir(), []string{"NUMORA_DATABASE_URL=" + h.databaseURL}, arguments...)
}

// verify verifies the database, by all that was kept.
func (h history) verify(t *testing.T, more ...string) (stdout, stderr string, code int) {
	t.Helper()
	arguments := append([]string{"audit", "verify", "--public-key", h.signer.public}, more...)
	for _, file := range h.files {
		arguments = append(arguments, "--checkpoints", file)
	}
	return h.run(t, arguments...)
}

func (h history) isProven(t *testing.T, more ...string) {
	t.Helper()
	if stdout, stderr, code := h.verify(t, more...); code != 0 || !strings.HasSuffix(stdout, "\nOK\n") || strings.Contains(stdout, "BAD") {
		t.Errorf("audit verify: exit code %d: %s%s", code, stdout, stderr)
	}
}

// finds fails the test unless verifying ends with exit code 3 and a finding that says this.
func (h history) finds(t *testing.T, finding string, more ...string) {
	t.Helper()
	stdout, stderr, code := h.verify(t, more...)
	if code != 3 || !strings.Contains(stdout, "BAD: ") || !strings.Contains(stdout, finding) || strings.Contains(stdout, "OK") || !strings.Contains(stderr, "it is not what was sealed") {
		t.Errorf("audit verify: exit code %d, want the finding %q: %s%s", code, finding, stdout, stderr)
	}
}

// export writes the export of the history to a file.
func (h history) export(t *testing.T, more ...string) (file, content string) {
	t.Helper()
	stdout, stderr, code := h.run(t, append([]string{"audit", "export"}, more...)...)
	if code != 0 {
		t.Fatalf("audit export: %s", stderr)
	}
	return written(t, stdout), stdout
}

// written returns the name of a new file.
func written(t *testing.T, content string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

// sealed has a server record three reports and a requeue and seal them, in two steps.
func sealed(t *testing.T, databaseURL, key string) history {
	t.Helper()
	h := history{databaseURL, newAuditKey(t, "numora.example/test,1"), []string{filepath.Join(t.TempDir(), "checkpoints")}}
	s := startSealing(t, databaseURL, key, h.signer, h.files[0])
	s.record("one", "two")
	s.awaitSealed(3)
	s.wants(http.StatusOK, http.MethodPost, "/v1/documents/"+documentID+"/actions/retry-push", `{"provider":"dynamics365","reason":"mended"}`)
	s.record("three")
	last := s.awaitSealed(5)
	until(t, "it is kept", func() bool { return strings.HasSuffix(kept(t, s.file), last.Note+"\n") })
	s.kill()
	return h
}

func TestAuditKeygen_MakesAKeyThatItsOwnerAloneCanRead(t *testing.T) {
	folder := t.TempDir()
	stdout, stderr, code := run(t, folder, nil, "audit", "keygen", "--name", "numora.example/test", "--out", "audit.key")
	if code != 0 || strings.Count(stdout, "\n") != 1 || !strings.HasPrefix(stdout, "numora.example/test+") || stderr != "" {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	info, err := os.Stat(filepath.Join(folder, "audit.key"))
	check(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key has the mode %v", info.Mode())
	}
	secret := kept(t, filepath.Join(folder, "audit.key"))
	if !strings.HasPrefix(secret, "PRIVATE+KEY+numora.example/test+") {
		t.Error("the file has no key")
	}
	if text := (auditKey{file: filepath.Join(folder, "audit.key")}).secret(t); strings.Contains(stdout, text) {
		t.Error("it shows the secret")
	}
	stdout, stderr, code = run(t, folder, nil, "audit", "keygen", "--name", "another", "--out", "audit.key")
	if code != 1 || stdout != "" || !strings.Contains(stderr, "audit.key") || !strings.Contains(stderr, "exists") {
		t.Errorf("a second one: exit code %d: %s%s", code, stdout, stderr)
	}
	if kept(t, filepath.Join(folder, "audit.key")) != secret {
		t.Error("it wrote over a key")
	}
}

func TestAuditKeygen_BadName_Exit2(t *testing.T) {
	for _, name := range []string{"", "two words", "with+plus", "line\nend", strings.Repeat("a", 256)} {
		folder := t.TempDir()
		stdout, stderr, code := run(t, folder, nil, "audit", "keygen", "--name", name, "--out", "audit.key")
		if code != 2 || stdout != "" || !strings.Contains(stderr, "a key's name") {
			t.Errorf("%q: exit code %d: %s%s", name, code, stdout, stderr)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("%q: it left %v behind (%v)", name, left, err)
		}
	}
	if _, stderr, code := run(t, t.TempDir(), nil, "audit", "keygen"); code != 2 || !strings.Contains(stderr, "--name") {
		t.Errorf("nothing said: exit code %d: %s", code, stderr)
	}
}

func TestAuditVerify_UntouchedHistory_IsOK(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		h := sealed(t, databaseURL, key)
		h.isProven(t)
		if stdout, stderr, code := h.verify(t); code != 0 || !strings.Contains(stdout, "5 sealed entries, ") || !strings.HasSuffix(stdout, " 1 deliveries; 0 entries not sealed\nOK\n") || stderr != "" {
			t.Errorf("exit code %d: %s%s", code, stdout, stderr)
		}
		file, content := h.export(t)
		h.isProven(t, "--export", file)
		stdout, stderr, code := runOn(t, content, t.TempDir(), nil, "audit", "verify", "--public-key", h.signer.public, "--export", "-")
		if code != 0 || !strings.HasSuffix(stdout, "\nOK\n") || !strings.Contains(stderr, "no checkpoint that was kept elsewhere is given") {
			t.Errorf("from standard input: exit code %d: %s%s", code, stdout, stderr)
		}
	})
}

func TestAuditVerify_WhatWasChanged_IsFound(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		h := sealed(t, databaseURL, key)
		h.isProven(t)
		for i, c := range []struct{ statement, table, finding string }{
			{"UPDATE delivery_attempts SET error_code = 'x' WHERE execution_id = 'two'", "delivery_attempts", "was changed: it is not what was sealed"},
			{"UPDATE audit_entries SET reason = 'x' WHERE kind = 'requeue'", "audit_entries", "(leaf 3) was changed: it is not what was sealed"},
			{"UPDATE deliveries SET tries = 7", "deliveries", "is not what its facts come to: tries: 7 is kept"},
			{"DELETE FROM audit_checkpoints WHERE size = (SELECT max(size) FROM audit_checkpoints)", "audit_checkpoints", "which was kept, is not in the database: it covers 5 leaves"},
			{"DELETE FROM audit_leaves WHERE number = 4", "audit_leaves", "the leaves from 4 on are missing at the end"},
			{"DELETE FROM delivery_attempts WHERE execution_id = 'one'", "delivery_attempts", "(leaf 1) is gone"},
		} {
			if stdout, _, _ := h.verify(t); strings.Contains(stdout, c.finding) {
				t.Fatalf("%q is found before it is so: %s", c.finding, stdout)
			}
			tamper(t, h.databaseURL, c.statement, c.table)
			h.finds(t, c.finding)
			if i == 0 {
				file, _ := h.export(t)
				h.finds(t, c.finding, "--export", file)
			}
		}
		// What is gone cannot be exported, and is not passed over.
		stdout, stderr, code := h.run(t, "audit", "export")
		if code != 1 || !strings.Contains(stderr, "(leaf 1) cannot be exported: run numora-delivery audit verify") || strings.Contains(stdout, `"end"`) {
			t.Errorf("audit export: exit code %d: %s", code, stderr)
		}
	})
}

// Who rewrites all of a database without the key is found out by its checkpoints, and who has the key by what was kept elsewhere.
func TestAuditVerify_AnotherHistory_IsNotTheOneThatWasKept(t *testing.T) {
	databaseURL, another := storetest.SQLite(t), storetest.SQLite(t)
	h := sealed(t, databaseURL, newKey(t, databaseURL))
	s := startSealing(t, another, newKey(t, another), h.signer, filepath.Join(t.TempDir(), "checkpoints"))
	s.record("one", "two", "three", "four")
	s.awaitSealed(5)
	s.kill()
	forged := history{another, h.signer, nil}
	forged.isProven(t)
	forged.files = h.files
	forged.finds(t, "there are two checkpoints of 5 leaves that do not agree: a kept one and that of the database")
	h.signer = newAuditKey(t, "numora.example/test,1")
	h.files = nil
	h.finds(t, "a checkpoint in the database cannot be used: it is not signed by a key that was given")
}

func TestAuditVerify_WhatCannotBeVerified_IsRefused(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	h := sealed(t, databaseURL, newKey(t, databaseURL))
	_, whole := h.export(t)
	_, part := h.export(t, "--since", "2000-01-01T00:00:00Z")
	lines := strings.SplitAfter(whole, "\n")
	foreign := newAuditKey(t, "numora.example/test,1")
	for name, c := range map[string]struct {
		code      int
		wants     string
		arguments []string
	}{
		"no public key":           {2, "--public-key", nil},
		"a bad public key":        {2, `--public-key: it is not a public key of "audit keygen"`, []string{"--public-key", "nonsense"}},
		"the key itself":          {2, `--public-key: it is not a public key of "audit keygen"`, []string{"--public-key", strings.TrimSpace(kept(t, h.signer.file))}},
		"a negative lateness":     {2, "--late", []string{"--public-key", h.signer.public, "--late", "-1s"}},
		"no database":             {1, "missing.db", []string{"--public-key", h.signer.public, "--database-url", "sqlite:missing.db"}},
		"no export":               {1, "missing.jsonl", []string{"--public-key", h.signer.public, "--export", "missing.jsonl"}},
		"an empty export":         {1, "it is not a whole export: it is cut off after line 0", []string{"--public-key", h.signer.public, "--export", written(t, "")}},
		"an export cut off":       {1, "it is not a whole export: it is cut off after line 4", []string{"--public-key", h.signer.public, "--export", written(t, strings.Join(lines[:4], ""))}},
		"half a line of one":      {1, "it is not a whole export: it is cut off after line 3", []string{"--public-key", h.signer.public, "--export", written(t, strings.Join(lines[:3], "")+lines[3][:20])}},
		"an export without one":   {1, "it is not a whole export: ", []string{"--public-key", h.signer.public, "--export", written(t, strings.Join(append(lines[:3:3], lines[4:]...), ""))}},
		"other text as an export": {1, "it is not a whole export: line 1 cannot be read", []string{"--public-key", h.signer.public, "--export", written(t, "text\n")}},
		"an export of a part":     {1, "it is not a whole export: only what was recorded in a part of the time is in it", []string{"--public-key", h.signer.public, "--export", written(t, part)}},
		"no checkpoint file":      {1, "missing.txt", []string{"--public-key", h.signer.public, "--checkpoints", "missing.txt"}},
		"checkpoints of another":  {1, h.files[0] + ": line 1: it is not signed by a key that was given", []string{"--public-key", foreign.public, "--checkpoints", h.files[0]}},
		"a checkpoint changed":    {1, ": line 8: it is not signed by a key that was given", []string{"--public-key", h.signer.public, "--checkpoints", written(t, changedSecond(t, h.files[0]))}},
	} {
		stdout, stderr, code := h.run(t, append([]string{"audit", "verify"}, c.arguments...)...)
		if code != c.code || !strings.Contains(stderr, c.wants) || stdout != "" {
			t.Errorf("%s: exit code %d: %s%s", name, code, stdout, stderr)
		}
	}
}

// changedSecond is what a file has with another size in its second checkpoint, which begins with line 8.
func changedSecond(t *testing.T, file string) string {
	t.Helper()
	const lines = 7 // of one, the empty one after it included
	all := strings.SplitAfter(kept(t, file), "\n")
	all[lines+1] = "9" + all[lines+1]
	return strings.Join(all, "")
}

// A server may have ended while it wrote: that is no reason to refuse all that it wrote before.
func TestAuditVerify_LastCheckpointCutOff_IsLeftOut(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	h := sealed(t, databaseURL, newKey(t, databaseURL))
	all := kept(t, h.files[0])
	h.files = []string{written(t, all[:len(all)-20])}
	stdout, stderr, code := h.verify(t)
	if code != 0 || !strings.HasSuffix(stdout, "\nOK\n") || !strings.Contains(stderr, h.files[0]+": the last checkpoint is cut off, and is left out") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

// Each key stays good for what it has signed.
func TestAuditKey_Changed_BothVerify(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		h := sealed(t, databaseURL, key)
		next := newAuditKey(t, "numora.example/next")
		s := startSealing(t, databaseURL, key, next, h.files[0])
		s.record("four")
		last := s.awaitSealed(6)
		until(t, "it is kept", func() bool { return strings.HasSuffix(kept(t, s.file), last.Note+"\n") })
		s.kill()
		if last.Origin != "numora.example/next" {
			t.Errorf("the checkpoint is of %s", last.Origin)
		}
		h.isProven(t, "--public-key", next.public)
		if _, stderr, code := h.verify(t); code != 1 || !strings.Contains(stderr, "it is not signed by a key that was given") {
			t.Errorf("by the former key alone: exit code %d: %s", code, stderr)
		}
	})
}

func TestAuditExport_OfATime_HasWhatWasRecordedThen(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		h := sealed(t, databaseURL, key)
		s := start(t, databaseURL, key) // which seals nothing
		s.record("not-sealed")
		type line struct {
			Export, Claim, Delivery map[string]any
			Checkpoint              string
			Leaf, End               *int64
			Hash                    []byte
			Entry                   struct {
				ExecutionID string    `json:"execution_id"`
				RecordedAt  time.Time `json:"recorded_at"`
				Type        string
			}
		}
		read := func(content string) (lines []line) {
			for text := range strings.Lines(content) {
				var l line
				check(t, json.Unmarshal([]byte(text), &l))
				lines = append(lines, l)
			}
			return lines
		}
		_, content := h.export(t)
		whole := read(content)
		last := len(whole) - 1
		if whole[0].Export["whole"] != true || whole[last].End == nil || *whole[last].End != int64(last) {
			t.Fatalf("the export is %s", content)
		}
		var second line
		unsealed, leaves, checkpoints := 0, int64(0), 0
		for _, l := range whole[1:last] {
			switch {
			case l.Checkpoint != "":
				checkpoints++
			case l.Leaf != nil:
				if *l.Leaf != leaves || len(l.Hash) != 32 {
					t.Errorf("leaf %d comes as %+v", leaves, l)
				}
				leaves++
			case l.Entry.ExecutionID == "not-sealed" && l.Hash == nil:
				unsealed++
			}
			if l.Entry.ExecutionID == "two" {
				second = l
			}
		}
		if leaves != 5 || unsealed != 1 || checkpoints == 0 {
			t.Errorf("%d leaves, %d entries not sealed, %d checkpoints: %s", leaves, unsealed, checkpoints, content)
		}
		at := second.Entry.RecordedAt
		for _, c := range []struct {
			since, until time.Time
			wants        string
		}{
			{at, at.Add(time.Microsecond), "two"}, {time.Time{}, at, "one"}, {at.Add(time.Microsecond), time.Time{}, "three not-sealed"},
		} {
			var arguments, got []string
			if !c.since.IsZero() {
				arguments = append(arguments, "--since", c.since.Format(time.RFC3339Nano))
			}
			if !c.until.IsZero() {
				arguments = append(arguments, "--until", c.until.Format(time.RFC3339Nano))
			}
			_, content := h.export(t, arguments...)
			part := read(content)
			for _, l := range part[1 : len(part)-1] {
				if l.Entry.Type == "" {
					t.Errorf("%v has %+v", arguments, l)
				}
				if l.Entry.ExecutionID != "" {
					got = append(got, l.Entry.ExecutionID)
				}
			}
			if part[0].Export["whole"] != false || strings.Join(got, " ") != c.wants {
				t.Errorf("%v has %v, want %s", arguments, got, c.wants)
			}
		}
		if _, stderr, code := h.run(t, "audit", "export", "--since", "yesterday"); code != 2 || !strings.Contains(stderr, "--since") {
			t.Errorf("exit code %d: %s", code, stderr)
		}
	})
}

func TestAuditProve_WhatIsSealed_IsCheckedWithoutADatabase(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		h := sealed(t, databaseURL, key)
		s := start(t, databaseURL, key) // which seals nothing
		s.record("not-sealed")
		proof, stderr, code := h.run(t, "audit", "prove", "two")
		if code != 0 || strings.Count(proof, "\n") != 1 {
			t.Fatalf("audit prove: exit code %d: %s", code, stderr)
		}
		checkProof := func(proof string, public ...string) (stdout, stderr string, code int) {
			arguments := []string{"audit", "check-proof"}
			for _, key := range public {
				arguments = append(arguments, "--public-key", key)
			}
			return runOn(t, proof, t.TempDir(), nil, append(arguments, "-")...)
		}
		var indented bytes.Buffer
		check(t, json.Indent(&indented, []byte(proof), "", "  "))
		another := newAuditKey(t, "numora.example/another").public
		for name, proof := range map[string]string{"as it came": proof, "written for people": indented.String()} {
			stdout, stderr, code := checkProof(proof, another, h.signer.public)
			if code != 0 || !strings.HasPrefix(stdout, "OK: this is entry 2 of the 5 that numora.example/test,1 had sealed at ") || !strings.Contains(stdout, "two") {
				t.Errorf("%s: exit code %d: %s%s", name, code, stdout, stderr)
			}
		}
		if stdout, stderr, code := run(t, t.TempDir(), nil, "audit", "check-proof", "--public-key", h.signer.public, written(t, proof)); code != 0 {
			t.Errorf("from a file: exit code %d: %s%s", code, stdout, stderr)
		}
		changed := func(old, new string) string {
			if strings.Count(proof, old) != 1 {
				t.Fatalf("%q is %d times in %s", old, strings.Count(proof, old), proof)
			}
			return strings.Replace(proof, old, new, 1)
		}
		for name, c := range map[string]struct{ proof, public string }{
			"another outcome":    {changed(`"status":"failed"`, `"status":"skipped"`), h.signer.public},
			"another number":     {changed(`"leaf":2,`, `"leaf":1,`), h.signer.public},
			"a number too high":  {changed(`"leaf":2,`, `"leaf":5,`), h.signer.public},
			"a negative number":  {changed(`"leaf":2,`, `"leaf":-1,`), h.signer.public},
			"a shorter path":     {changed(`"path":[`, `"path":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",`), h.signer.public},
			"another checkpoint": {changed(`\n5\n`, `\n4\n`), h.signer.public},
			"another version":    {changed(`"version":1,`, `"version":2,`), h.signer.public},
			"a key of nobody's":  {proof, another},
		} {
			stdout, stderr, code := checkProof(c.proof, c.public)
			if code != 3 || stdout != "" || !strings.Contains(stderr, "it is not what was sealed: ") {
				t.Errorf("%s: exit code %d: %s%s", name, code, stdout, stderr)
			}
		}
		for name, c := range map[string]struct {
			code  int
			wants string
			given []string
		}{
			"an unknown id":      {1, `no attempt has the execution id "four"`, []string{"prove", "four"}},
			"not sealed yet":     {1, `the attempt with the execution id "not-sealed" is not sealed yet`, []string{"prove", "not-sealed"}},
			"no id":              {2, "<execution-id>", []string{"prove"}},
			"no proof":           {1, "missing.json", []string{"check-proof", "--public-key", h.signer.public, "missing.json"}},
			"what is no proof":   {1, `it is not a proof of "audit prove"`, []string{"check-proof", "--public-key", h.signer.public, written(t, "text")}},
			"a bad public key":   {2, `--public-key: it is not a public key of "audit keygen"`, []string{"check-proof", "--public-key", "x", written(t, proof)}},
			"without public key": {2, "--public-key", []string{"check-proof", written(t, proof)}},
		} {
			stdout, stderr, code := h.run(t, append([]string{"audit"}, c.given...)...)
			if code != c.code || stdout != "" || !strings.Contains(stderr, c.wants) {
				t.Errorf("%s: exit code %d: %s%s", name, code, stdout, stderr)
			}
		}
	})
}
