package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/numora/delivery/gen/deliveryclient"
)

// record is what the destination gets of a document.
type record struct {
	DocumentID string          `json:"document_id"`
	Schema     *string         `json:"schema"`
	ExternalID *string         `json:"external_id"`
	Metadata   json.RawMessage `json:"metadata"`
	ResultURL  *string         `json:"result_url"`
}

// failure is an outcome to report: the document is not known to have been written.
type failure struct{ code, message string }

func (f *failure) Error() string { return f.code + ": " + f.message }

// write brings the document to the destination and returns the record's id there, or a *failure; another error
// when ctx ended before that was known. The destination has to answer 2xx with {"id": "..."}, and a request with an
// Idempotency-Key that it knows as it did the first time. Whatever else it answers is a failed try, which the
// server offers again until the tries are used up; nothing is skipped by itself.
func (w *worker) write(ctx context.Context, item deliveryclient.ClaimedDelivery) (id string, err error) {
	body, err := json.Marshal(record{item.DocumentID, item.Schema, item.ExternalID, item.Metadata, item.ResultURL})
	if err != nil {
		return "", err
	}
	patient, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(patient, http.MethodPost, w.Destination.String(), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", item.DeliveryKey)
	got, err := read(w.http.Do(request))
	switch {
	case err != nil && ctx.Err() != nil:
		return "", err
	case err != nil && patient.Err() != nil:
		return "", &failure{"timeout", fmt.Sprintf("The destination did not answer within %v.", w.Timeout)}
	case err != nil:
		return "", &failure{"unreachable", readable("%v", withoutURL(err))}
	case got.status < 200 || got.status > 299:
		return "", &failure{fmt.Sprintf("http_%d", got.status), readable("The destination answered: %s", got.body)}
	}
	var written struct{ ID string }
	if err := json.Unmarshal(got.body, &written); err != nil || written.ID == "" || utf8.RuneCountInString(written.ID) > 255 {
		return "", &failure{"no_record_id", readable("The destination's answer has no id of 1 to 255 characters: %s", got.body)}
	}
	return written.ID, nil
}

// answer is a whole answer that has arrived.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// read reads the answer to a request: what Do and the generated client return.
func read(response *http.Response, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 8<<20))
	return answer{response.StatusCode, response.Header, body}, errors.Join(err, response.Body.Close())
}

// withoutURL leaves out what net/http says of the URL, which may have a secret in it.
func withoutURL(err error) error {
	if named := (*url.Error)(nil); errors.As(err, &named) {
		return named.Err
	}
	return err
}

// readable writes a text that is fit for error_message.
func readable(format string, value any) string {
	text := fmt.Sprintf(format, value)
	return strings.ToValidUTF8(strings.ReplaceAll(text[:min(len(text), 1000)], "\x00", " "), "")
}
