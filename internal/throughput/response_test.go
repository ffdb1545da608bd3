package main

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestResponseReader(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for name, test := range map[string]struct {
		sent   string
		want   response
		body   string
		failed bool
	}{
		"Created":    {sent: "HTTP/1.1 201 Created\r\nDate: today\r\nContent-Length: 4\r\n\r\nbody", want: response{status: 201}, body: "body"},
		"Empty":      {sent: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", want: response{status: 200}},
		"Long":       {sent: "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + long, want: response{status: 200}, body: long},
		"Refused":    {sent: "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 1\r\n\r\n{", want: response{status: 503, retryAfter: 2 * time.Second}, body: "{"},
		"Closed":     {sent: "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", want: response{status: 503, retryAfter: time.Second, closes: true}},
		"Chunked":    {sent: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", want: response{status: 200}, body: "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"},
		"NoLength":   {sent: "HTTP/1.1 200 OK\r\n\r\n", failed: true},
		"CutOff":     {sent: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbod", failed: true},
		"HeadCutOff": {sent: "HTTP/1.1 200 OK\r\nContent-Len", failed: true},
		"Closing":    {sent: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", failed: true},
		"NoHTTP":     {sent: "SSH-2.0-OpenSSH\r\n\r\n", failed: true},
		"WhenToTry":  {sent: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", failed: true},
		"Two":        {sent: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", failed: true},
	} {
		for how, reader := range map[string]io.Reader{"AtOnce": strings.NewReader(test.sent), "ByteByByte": iotest.OneByteReader(strings.NewReader(test.sent))} {
			if name == "Two" && how == "ByteByByte" {
				continue // the second one has not come yet
			}
			t.Run(name+how, func(t *testing.T) {
				got, err := newResponseReader(reader).read()
				if failed := err != nil; failed != test.failed {
					t.Fatalf("error %v", err)
				}
				if err == nil && (got.status != test.want.status || got.retryAfter != test.want.retryAfter || got.closes != test.want.closes || string(got.body) != test.body) {
					t.Errorf("got %+v, body %q", got, got.body)
				}
			})
		}
	}
}
