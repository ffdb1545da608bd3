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

// Documents reads all documents that anybody has asked to register, once everything stands still. One that is not there is left
// out.
func (c *Caller) Documents(ctx context.Context) ([]history.Document, error) {
	ids := c.Journal.documents()
	const readers = 8
	found := make([]*history.Document, len(ids))
	failed := make(chan error, readers)
	var reading sync.WaitGroup
	for reader := range readers {
		reading.Go(func() {
			for i := reader; i < len(ids); i += readers {
				var err error
				if found[i], err = c.document(ctx, i, ids[i]); err != nil {
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

// documents are those that anybody has asked to register.
func (j *Journal) documents() (ids []string) {
	all, _ := j.Operations() // what could not be written, whoever judges is told
	seen := make(map[string]bool)
	for _, o := range all {
		if o.Kind == history.Register && !seen[o.DocumentID] {
			seen[o.DocumentID] = true
			ids = append(ids, o.DocumentID)
		}
	}
	return ids
}

// maxTries is how often a document is read that cannot be.
const maxTries = 10

// document reads one document, or nil where there is none.
func (c *Caller) document(ctx context.Context, number int, id string) (*history.Document, error) {
	for try := 0; ; try++ {
		document, err := c.readDocument(ctx, c.Origins[(number+try)%len(c.Origins)], id)
		if err == nil || try == maxTries || ctx.Err() != nil {
			return document, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(maxPause):
		}
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
