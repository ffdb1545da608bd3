package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/internal/delivery"
)

// sealedStore is a store whose latest checkpoint is this one. What seals is none of the API's business.
type sealedStore struct {
	delivery.Store
	latest delivery.Checkpoint
}

func (s sealedStore) Checkpoint(context.Context) (delivery.Checkpoint, error) { return s.latest, nil }

// seal makes a checkpoint the latest.
func (a *api) seal(latest delivery.Checkpoint) {
	a.t.Helper()
	a.serve(delivery.NewService(sealedStore{a.store, latest}, delivery.Settings{}, time.Now), a.store, a.store.Ready)
}

func TestCheckpoint_IsToldAsItWasSealed(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		// The longest name and the greatest size that the contract has room for; the second signature is somebody else's.
		root := strings.Repeat("A", 42) + "E="
		sealed := delivery.Checkpoint{
			Origin: "é<&>" + strings.Repeat("x", 251), Size: 1<<53 - 1, Root: [32]byte{31: 1}, SealedAt: time.Date(2026, 3, 24, 3, 0, 0, 1000, time.UTC),
		}
		sealed.Note = fmt.Sprintf("%s\n%d\n%s\n2026-03-24T03:00:00.000001Z\n\n— %[1]s AAAA\n— other AAAA\n", sealed.Origin, sealed.Size, root)
		a.seal(sealed)
		got := a.get("/v1/audit/checkpoint")
		want := map[string]any{
			"origin": sealed.Origin, "size": float64(sealed.Size), "root": root, "sealed_at": "2026-03-24T03:00:00.000001Z", "note": sealed.Note,
		}
		if told := got.wants(t, http.StatusOK); !reflect.DeepEqual(told, want) || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("got  %v\nwant %v\nheaders %v", told, want, got.header)
		}
	})
}

func TestCheckpoint_WhereNothingWasSealed_Is404SayingWhatToDo(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		a.report(reportBody("one")).wants(t, http.StatusCreated)
		got := a.get("/v1/audit/checkpoint")
		got.wantsError(t, http.StatusNotFound, "not_found")
		if !strings.Contains(got.problem(t).Message, "NUMORA_AUDIT_KEY_FILE") {
			t.Errorf("the message does not say what to do: %s", got.body)
		}
	})
}

func TestCheckpoint_StoreAway_Is503(t *testing.T) {
	got := broken(t, delivery.Unavailable(errors.New("away"))).get("/v1/audit/checkpoint")
	got.wantsError(t, http.StatusServiceUnavailable, "unavailable")
	if got.header.Get("Retry-After") != "1" || got.problem(t).Outcome != string(delivery.NotExecuted) {
		t.Errorf("Retry-After %q, %s", got.header.Get("Retry-After"), got.body)
	}
}

// Who reads the contract can check its example with the key that stands beside it.
func TestContract_ExampleOfACheckpoint_IsSignedByTheKeyBesideIt(t *testing.T) {
	schema, err := contract()
	check(t, err)
	operation := schema.Paths.Find("/v1/audit/checkpoint").Get
	key := regexp.MustCompile(`(?m)^ {4}(\S+)$`).FindStringSubmatch(operation.Description)
	if key == nil {
		t.Fatal("the description shows no key")
	}
	verifier, err := note.NewVerifier(key[1])
	check(t, err)
	encoded, err := json.Marshal(operation.Responses.Status(http.StatusOK).Value.Content.Get("application/json").Examples["checkpoint"].Value.Value)
	check(t, err)
	var shown deliveryapi.AuditCheckpoint
	check(t, json.Unmarshal(encoded, &shown))
	signed, err := note.Open([]byte(shown.Note), note.VerifierList(verifier))
	check(t, err)
	if want := fmt.Sprintf("%s\n%d\n%s\n%s\n", shown.Origin, shown.Size, shown.Root, shown.SealedAt.Format("2006-01-02T15:04:05.000000Z")); signed.Text != want {
		t.Errorf("the note says %q, the members beside it %q", signed.Text, want)
	}
	if shown.Origin != verifier.Name() {
		t.Errorf("the origin is %s, the key's name %s", shown.Origin, verifier.Name())
	}
}
