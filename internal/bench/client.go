package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const provider = "dynamics365"

// client speaks to one server over a connection that it keeps.
type client struct {
	origin, key string
	http        *http.Client
}

func newClient(origin, key string) client {
	return client{origin: origin, key: key, http: &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}}
}

// close gives the connection back, so that the server has none to wait for.
func (c client) close() { c.http.CloseIdleConnections() }

// send returns the body of the answer, which has to have the wanted status.
func (c client) send(ctx context.Context, method, path, body string, wanted int) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.origin+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != wanted {
		return nil, fmt.Errorf("%s %s: got %s, want %d: %s", method, path, response.Status, wanted, answer)
	}
	return answer, nil
}

func (c client) registerDocument(ctx context.Context, id string) error {
	body := fmt.Sprintf(`{"schema":"invoice","status":"reviewed","providers":[%q]}`, provider)
	_, err := c.send(ctx, http.MethodPut, "/v1/documents/"+id, body, http.StatusCreated)
	return err
}

// report records a report that was never sent before.
func (c client) report(ctx context.Context, documentID, executionID string) error {
	body := fmt.Sprintf(`{"provider":%q,"status":"succeeded","external_record_id":"crm-row-001","execution_id":%q,"attempted_at":%q}`,
		provider, executionID, time.Now().Format(time.RFC3339Nano))
	_, err := c.send(ctx, http.MethodPost, "/v1/documents/"+documentID+"/delivery", body, http.StatusCreated)
	return err
}

func (c client) auditPage(ctx context.Context, documentID string) ([]byte, error) {
	return c.send(ctx, http.MethodGet, fmt.Sprintf("/v1/documents/%s/delivery?limit=%d", documentID, pageSize), "", http.StatusOK)
}

func (c client) document(ctx context.Context, id string) ([]byte, error) {
	return c.send(ctx, http.MethodGet, "/v1/documents/"+id, "", http.StatusOK)
}

// checkHistory makes sure that what is going to be timed is what it should be: a full page with more to
// come, and a document that knows its latest attempt.
func (c client) checkHistory(ctx context.Context, documentID string) error {
	var page struct {
		Data       []struct{}
		NextCursor *string `json:"next_cursor"`
	}
	answer, err := c.auditPage(ctx, documentID)
	if err == nil {
		err = json.Unmarshal(answer, &page)
	}
	if err != nil {
		return err
	}
	var document struct{ Status string }
	if answer, err = c.document(ctx, documentID); err == nil {
		err = json.Unmarshal(answer, &document)
	}
	if err != nil {
		return err
	}
	if len(page.Data) != pageSize || page.NextCursor == nil || document.Status != "push_succeeded" {
		return fmt.Errorf("%s was not filled as meant: %d attempts on its page, status %s", documentID, len(page.Data), document.Status)
	}
	return nil
}
