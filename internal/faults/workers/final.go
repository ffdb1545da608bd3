package workers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// Documents reads all documents that anybody has asked to register, once everything stands still. One that was never registered
// is left out where nobody was told that it was.
func (c *Caller) Documents(ctx context.Context) ([]history.Document, error) {
	ids, acknowledged := c.Journal.documents()
	const readers = 8
	found := make([]*history.Document, len(ids))
	failed := make(chan error, readers)
	var reading sync.WaitGroup
	for reader := range readers {
		reading.Go(func() {
			for i := reader; i < len(ids); i += readers {
				document, err := c.document(ctx, i, ids[i])
				if err == nil && document == nil && acknowledged[ids[i]] {
					document = &history.Document{ID: ids[i]} // which is no status that it could have
				}
				if found[i] = document; err != nil {
					failed <- err
					return
				}
			}
		})
	}
	reading.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return nil, err
	}
	var documents []history.Document
	for _, document := range found {
		if document != nil {
			documents = append(documents, *document)
		}
	}
	return documents, nil
}

// documents are those that anybody has asked to register, and which of them were.
func (j *Journal) documents() (ids []string, acknowledged map[string]bool) {
	all, _ := j.Operations()
	acknowledged = make(map[string]bool)
	for _, o := range all {
		if o.Kind != history.Register {
			continue
		}
		known, seen := acknowledged[o.DocumentID]
		if !seen {
			ids = append(ids, o.DocumentID)
		}
		acknowledged[o.DocumentID] = known || o.Outcome == history.Done
	}
	return ids, acknowledged
}

// document reads one document, or nil where there is none.
func (c *Caller) document(ctx context.Context, number int, id string) (*history.Document, error) {
	for try := 0; ; try++ {
		document, err := c.readDocument(ctx, c.Origins[(number+try)%len(c.Origins)], id)
		if err == nil || try == 10 || ctx.Err() != nil {
			return document, err
		}
		time.Sleep(maxPause)
	}
}

func (c *Caller) readDocument(ctx context.Context, origin, id string) (*history.Document, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+"/v1/documents/"+url.PathEscape(id), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.Keys[0])
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() // it is read, or that failed
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode == http.StatusNotFound:
		return nil, nil
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("document %s: status %d: %.200s", id, response.StatusCode, body)
	}
	var answer documentAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("document %s: %w", id, err)
	}
	return answer.document(), nil
}
