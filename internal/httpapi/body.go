package httpapi

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/oapi-codegen/runtime"

	"github.com/numora/delivery/gen/deliveryapi"
)

// maxBodyBytes is how large a request's body may be.
const maxBodyBytes = 64 << 10

// usualBodyBytes is what nearly all bodies are smaller than. Memory for more is taken when it arrives, not when it is
// announced.
const usualBodyBytes = 2 << 10

// bodyReader reads bodies that may take a time to arrive.
type bodyReader struct {
	timeout   time.Duration
	admission *admission
}

// read reads a JSON body, after it made sure by the headers that it is one. What the body takes to arrive does
// not count against the request's time, and the request is not in work meanwhile.
func (r bodyReader) read(c echo.Context) ([]byte, error) {
	request := c.Request()
	if !isPlainJSON(request.Header) {
		return nil, errUnsupportedMediaType
	}
	if request.ContentLength > maxBodyBytes {
		return nil, errPayloadTooLarge
	}
	call := callOf(request.Context())
	r.admission.leave(call)
	began := time.Now()
	data, err := receive(c, r.timeout)
	if err != nil {
		return nil, err
	}
	call.received = true
	if took := time.Since(began); took > unnoticed {
		deadline, _ := request.Context().Deadline() // of limitTime
		setDeadline(c, deadline.Add(took))
	}
	return data, r.admission.again(c.Request().Context(), call)
}

// unnoticed is how long a body may take to arrive without the request's time being made longer, which costs more than
// most bodies take.
const unnoticed = 5 * time.Millisecond

// receive reads a body that may take timeout to arrive, from now: the server's own limit began with the request,
// and what the key took to be looked up must not count against the client.
func receive(c echo.Context, timeout time.Duration) ([]byte, error) {
	if err := http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, fmt.Errorf("limit the body's time: %w", err)
	}
	request := c.Request()
	data := bytes.NewBuffer(make([]byte, 0, min(max(request.ContentLength, 0), usualBodyBytes)+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(request.Body, maxBodyBytes+1)); err != nil {
		return nil, errBodyIncomplete
	}
	if data.Len() > maxBodyBytes {
		return nil, errPayloadTooLarge
	}
	return data.Bytes(), nil
}

// linger reads on for a moment behind an answer that went out before the body was in, where the client itself asked for
// the connection to be closed, as proxies do: net/http would close it over what was not read, and the reset that
// causes can take the answer from the client.
func linger(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		request := c.Request()
		if request.Close && request.ContentLength != 0 && !callOf(request.Context()).received {
			connection := http.NewResponseController(c.Response())
			if connection.Flush() == nil && connection.SetReadDeadline(time.Now().Add(lingering)) == nil {
				_, _ = io.CopyN(io.Discard, request.Body, 4*maxBodyBytes)
			}
		}
		return err
	}
}

// lingering is how long that may take.
const lingering = time.Second

// isPlainJSON tells whether the headers announce JSON in UTF-8, not encoded any further.
func isPlainJSON(header http.Header) bool {
	types := header.Values(echo.HeaderContentType)
	if len(types) != 1 || len(header.Values(echo.HeaderContentEncoding)) > 0 {
		return false
	}
	mediaType, parameters, err := mime.ParseMediaType(types[0])
	if err != nil || mediaType != echo.MIMEApplicationJSON {
		return false
	}
	charset, given := parameters["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// validatedBinder hands the generated code the very value that was validated, so that no second decoder
// with other ideas about names or duplicates comes between contract and handler.
type validatedBinder struct{}

func (validatedBinder) Bind(target any, c echo.Context) error {
	body := callOf(c.Request().Context()).body
	if err := runtime.BindJSONValue(body.value, target); err != nil {
		return err
	}
	// Metadata is kept as it came; the decoded value has lost the spelling of its numbers.
	if registration, ok := target.(*deliveryapi.DocumentRegistration); ok {
		registration.Metadata = body.member("metadata")
	}
	return nil
}
