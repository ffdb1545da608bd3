package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/flatten/allof"
)

// proxyVariable names the executable of Prism, the validating proxy that "make test-contract" installs.
const proxyVariable = "NUMORA_TEST_PROXY"

// heldToContract puts the validating proxy, when there is one, between the test and its server: from here on a
// request or an answer that the contract does not allow is an error of exchange, and so fails the test. For tests
// that speak as the contract says; what tests the connection itself, or breaks the contract on purpose, has
// nothing to say to a proxy.
//
// What Prism is: strict about statuses, media types, required headers, and schemas to the letter of JSON Schema,
// formats and patterns included. What it is not:
//   - It answers by itself, in place of the server: an operation or method that the contract does not have (HEAD
//     among them, which it has in words only), a request without any key, and one that breaks its schemas.
//   - It passes on JSON as it would write it: other member order, number spelling (1204.50 becomes 1204.5) and
//     escapes. That the server keeps such things is tested without it.
//   - It passes on undeclared headers and query parameters; the latter the server refuses itself.
//   - A schema that it cannot compile it silently ignores. TestProxy_ObjectsToWhatTheContractDoesNotSay would
//     tell.
func (s *server) heldToContract() *server {
	s.t.Helper()
	if executable := os.Getenv(proxyVariable); executable != "" {
		s.url = startProxy(s.t, executable, s.url)
	}
	return s
}

// startProxy starts Prism in front of the server and returns the proxy's URL.
func startProxy(t *testing.T, executable, upstream string) string {
	t.Helper()
	proxy := exec.CommandContext(t.Context(), executable, "proxy", closedContract(t), upstream,
		"--errors", "--cors=false", "--host", "127.0.0.1", "--port", "0")
	proxy.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	output, err := proxy.StdoutPipe()
	check(t, err)
	proxy.Stderr = proxy.Stdout
	check(t, proxy.Start())

	addresses := make(chan string, 1)
	var said []string // all but what it says of every request
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(addresses)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if _, address, ok := strings.Cut(lines.Text(), "Prism is listening on "); ok {
				addresses <- address
			}
			if !strings.Contains(lines.Text(), " info ") {
				said = append(said, lines.Text())
			}
		}
	})
	t.Cleanup(func() { // the test's context, which has just ended, has killed it
		reading.Wait()
		_ = proxy.Wait()
		if t.Failed() {
			t.Logf("the proxy said:\n%s", strings.Join(said, "\n"))
		}
	})
	select {
	case address, ok := <-addresses:
		if !ok {
			t.Fatalf("the proxy %s ended", executable)
		}
		return address
	case <-time.After(3 * settled): // it takes seconds of work to start, and others work too
		t.Fatalf("the proxy %s does not get ready", executable)
	}
	return ""
}

// proxyObjection is what the proxy, if there is one, finds wrong with a request or its answer. Graver things it
// answers with a problem of its own, which the server never does; an undeclared status of an error it tells in a
// header alone.
func proxyObjection(request *http.Request, got answer) error {
	violations := got.header.Get("sl-violations")
	if violations == "" && got.header.Get("Content-Type") != "application/problem+json" {
		return nil
	}
	type violation struct{ Message string }
	var problem struct {
		Title, Detail string
		Validation    []violation
	}
	if json.Unmarshal([]byte(violations), &problem.Validation) != nil && json.Unmarshal(got.body, &problem) != nil {
		return fmt.Errorf("%s %s: the proxy objects: %s %s", request.Method, request.URL.Path, violations, got.body)
	}
	var why strings.Builder
	for _, v := range problem.Validation {
		why.WriteString("\n\t" + v.Message)
	}
	if len(problem.Validation) == 0 {
		why.WriteString(" " + problem.Title + ": " + problem.Detail)
	}
	return fmt.Errorf("%s %s breaks the contract, says the proxy:%s", request.Method, request.URL.Path, why.String())
}

// closedContract writes a copy of the contract in which no object may have members that it does not name. The
// contract leaves its answers open, so that clients bear members that are added later; the server may not use that
// to send what it does not declare.
func closedContract(t *testing.T) (path string) {
	t.Helper()
	contract, err := openapi3.NewLoader().LoadFromFile("../../openapi/delivery.yaml")
	check(t, err)
	// Closed one by one, the parts of an object would each refuse the others' members.
	merged, err := allof.MergeSpec(contract)
	check(t, err)
	text, err := merged.MarshalJSON()
	check(t, err)
	var document map[string]any
	check(t, json.Unmarshal(text, &document))
	closeObjects(document)
	text, err = json.Marshal(document)
	check(t, err)
	path = filepath.Join(t.TempDir(), "delivery.json")
	check(t, os.WriteFile(path, text, 0o600))
	return path
}

func closeObjects(node any) {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			closeObjects(child)
		}
	case map[string]any:
		if _, named := node["properties"].(map[string]any); named && node["type"] == "object" && node["additionalProperties"] == nil {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			closeObjects(child)
		}
	}
}
