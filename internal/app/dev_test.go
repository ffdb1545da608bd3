package app_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/numora/delivery/internal/store/storetest"
)

func startDev(t *testing.T, folder string) *server {
	t.Helper()
	s := startIn(t, folder, "", nil, "serve", "--dev", "--listen", "127.0.0.1:0")
	key, err := os.ReadFile(filepath.Join(folder, "data/dev.key"))
	check(t, err)
	s.key = strings.TrimSpace(string(key))
	return s.heldToContract()
}

// exampleAttempt is where the contract's example of an attempt is read.
const exampleAttempt = "/v1/delivery/attempts/019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55"

func TestDev_HasAllThatTheFirstStepsNeed(t *testing.T) {
	folder := t.TempDir()
	s := startDev(t, folder)
	if !strings.HasPrefix(s.key, "sk_test_") {
		t.Errorf("the key is not one for tests")
	}
	for _, name := range []string{"data/dev.key", "data/numora.db"} {
		info, err := os.Stat(filepath.Join(folder, name))
		check(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
	}
	attempt := s.wants(http.StatusOK, http.MethodGet, exampleAttempt, "")
	if document := s.wants(http.StatusOK, http.MethodGet, "/v1/documents/doc_delivered", ""); !strings.Contains(string(document), `"status":"push_succeeded"`) {
		t.Errorf("the delivered document is %s", document)
	}
	if document := s.wants(http.StatusOK, http.MethodGet, "/v1/documents/"+documentID, ""); !strings.Contains(string(document), `"status":"reviewed"`) {
		t.Errorf("the document to report on is %s", document)
	}
	s.wants(http.StatusCreated, http.MethodPost, "/v1/documents/"+documentID+"/delivery", report("one"))
	s.wants(http.StatusOK, http.MethodPut, "/v1/documents/"+documentID, `{"status":"review_required"}`)
	check(t, s.command.Process.Signal(os.Interrupt))
	s.wait()

	// Started again, it keeps its key and its data, the example document as it was left.
	again := startDev(t, folder)
	if again.key != s.key {
		t.Error("it made another key")
	}
	again.wants(http.StatusOK, http.MethodPost, "/v1/documents/"+documentID+"/delivery", report("one"))
	if document := again.wants(http.StatusOK, http.MethodGet, "/v1/documents/"+documentID, ""); !strings.Contains(string(document), `"status":"review_required"`) {
		t.Errorf("the document is %s", document)
	}
	if same := again.wants(http.StatusOK, http.MethodGet, exampleAttempt, ""); !bytes.Equal(same, attempt) {
		t.Errorf("the example attempt was %s and is %s", attempt, same)
	}
	check(t, again.command.Process.Signal(os.Interrupt))
	again.wait()

	// With the database gone, the key in the file is worth nothing: it makes another.
	check(t, os.Remove(filepath.Join(folder, "data/numora.db")))
	fresh := startDev(t, folder)
	if fresh.key == s.key {
		t.Error("it kept a key that the database does not know")
	}
	fresh.wants(http.StatusCreated, http.MethodPost, "/v1/documents/"+documentID+"/delivery", report("one"))
}

// A history that somebody has already gets no invented attempt.
func TestDev_LeavesADocumentOfSomebodysOwnAlone(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	s := start(t, databaseURL, newKey(t, databaseURL))
	s.wants(http.StatusCreated, http.MethodPut, "/v1/documents/doc_delivered", `{"status":"reviewed","providers":["dynamics365"]}`)
	check(t, s.command.Process.Signal(os.Interrupt))
	s.wait()
	environment := []string{"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_DOCS=off"}
	dev := startIn(t, t.TempDir(), s.key, environment, "serve", "--dev", "--listen", "127.0.0.1:0")
	if document := dev.wants(http.StatusOK, http.MethodGet, "/v1/documents/doc_delivered", ""); !strings.Contains(string(document), `"status":"reviewed"`) {
		t.Errorf("the document is %s", document)
	}
	dev.wants(http.StatusNotFound, http.MethodGet, exampleAttempt, "")
}
