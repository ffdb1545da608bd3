package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// response is what the load needs to know of an answer.
type response struct {
	status     int
	body       []byte // until the next one is read
	retryAfter time.Duration
	closes     bool // the server closes the connection behind it
}

// responseReader reads the answers on one connection, in a buffer that is used again: net/http's client takes several
// times the processor time, which the server measured would then be without.
type responseReader struct {
	from   io.Reader
	buffer []byte
	filled int // of the buffer
}

func newResponseReader(from io.Reader) *responseReader {
	return &responseReader{from: from, buffer: make([]byte, 4<<10)}
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
	chunked       = []byte("\r\nTransfer-Encoding: chunked\r\n")
	retryAfter    = []byte("\r\nRetry-After: ")
	closing       = []byte("\r\nConnection: close\r\n")
)

// read reads one answer, which has to be all that comes: nobody sends a request before the last one is answered. The
// server writes names of headers as net/http does.
func (r *responseReader) read() (response, error) {
	r.filled = 0
	end := -1
	for end < 0 {
		searched := max(r.filled-len(headEnd), 0)
		if err := r.more(); err != nil {
			return response{}, err
		}
		if found := bytes.Index(r.buffer[searched:r.filled], headEnd); found >= 0 {
			end = searched + found + len(headEnd)
		}
	}
	head := r.buffer[:end-len(headEnd)+2] // with the end of its last line
	if len(head) < len("HTTP/1.1 200\r\n") || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return response{}, fmt.Errorf("this is no answer: %q", head)
	}
	status, err := strconv.Atoi(string(head[9:12]))
	if err != nil {
		return response{}, fmt.Errorf("this is no answer: %q", head)
	}
	found := response{status: status, closes: bytes.Contains(head, closing)}
	if found.closes && status != 503 { // who is refused before the body was read may be told so
		return response{}, fmt.Errorf("the server closes the connection: %q", head)
	}
	if status == 503 {
		seconds, err := number(head, retryAfter)
		if err != nil {
			return response{}, err
		}
		found.retryAfter = time.Duration(seconds) * time.Second
	}
	if bytes.Contains(head, chunked) {
		found.body, err = r.chunks(end)
		return found, err
	}
	length, err := number(head, contentLength)
	if err != nil {
		return response{}, err
	}
	for r.filled < end+length {
		if err := r.more(); err != nil {
			return response{}, err
		}
	}
	if r.filled > end+length {
		return response{}, errors.New("there is more than one answer")
	}
	found.body = r.buffer[end:r.filled]
	return found, nil
}

// chunks reads a body in chunks that begins at start, and keeps it as it came.
func (r *responseReader) chunks(start int) ([]byte, error) {
	for at := start; ; {
		line := bytes.IndexByte(r.buffer[at:r.filled], '\n')
		if line < 0 {
			if err := r.more(); err != nil {
				return nil, err
			}
			continue
		}
		size, err := strconv.ParseUint(string(bytes.TrimRight(r.buffer[at:at+line], "\r")), 16, 31)
		if err != nil {
			return nil, fmt.Errorf("a chunk is not what it should be: %w", err)
		}
		at += line + 1 + int(size) + len("\r\n")
		for r.filled < at {
			if err := r.more(); err != nil {
				return nil, err
			}
		}
		if size == 0 {
			return r.buffer[start:r.filled], nil
		}
	}
}

func (r *responseReader) more() error {
	if r.filled == len(r.buffer) {
		r.buffer = append(r.buffer, make([]byte, len(r.buffer))...)
	}
	n, err := r.from.Read(r.buffer[r.filled:])
	r.filled += n
	if n > 0 {
		return nil
	}
	return err
}

// number returns the number that a header holds.
func number(head, header []byte) (int, error) {
	at := bytes.Index(head, header)
	if at < 0 {
		return 0, fmt.Errorf("an answer without %q: %q", bytes.TrimSpace(header), head)
	}
	value := head[at+len(header):]
	return strconv.Atoi(string(value[:bytes.IndexByte(value, '\r')]))
}
