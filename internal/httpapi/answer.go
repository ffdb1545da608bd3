package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/numora/delivery/gen/deliveryapi"
)

// writeTyped writes the JSON answers of the strict handlers in place of the generated code, which escapes
// & < and > in every string: an operator copies URLs out of these answers, and metadata comes back as it
// was sent. Other answers go their generated way; a handler that answers nothing at all is a mistake.
func writeTyped(handler deliveryapi.StrictHandlerFunc, _ string) deliveryapi.StrictHandlerFunc {
	return func(c echo.Context, request any) (any, error) {
		response, err := handler(c, request)
		if err != nil {
			return nil, err
		}
		header := c.Response().Header()
		switch r := response.(type) {
		case deliveryapi.RecordDelivery201JSONResponse:
			header.Set(echo.HeaderLocation, r.Headers.Location)
			return nil, writeJSON(c.Response(), http.StatusCreated, r.Body)
		case deliveryapi.RecordDelivery200JSONResponse:
			header.Set("Idempotent-Replayed", string(r.Headers.IdempotentReplayed))
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.ListDocumentDelivery200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.GetDeliveryAttempt200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.GetDocument200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.PutDocument201JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusCreated, r.Body)
		case deliveryapi.PutDocument200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.ListDeliveryAttempts200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.ListOutbox200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.ClaimDeliveries200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.ExtendClaim200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.ReleaseClaim200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.RetryPush200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.ListDeliveries200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case deliveryapi.GetAuditCheckpoint200JSONResponse:
			return nil, writeJSON(c.Response(), http.StatusOK, r.Body)
		case nil:
			return nil, fmt.Errorf("the handler answered nothing")
		default:
			c.Response().Before(func() { nameCharset(header) })
			return response, nil
		}
	}
}

// nameCharset says of text what it is written in, which a browser would else guess.
func nameCharset(header http.Header) {
	if kind := header.Get(echo.HeaderContentType); strings.HasPrefix(kind, "text/") && !strings.Contains(kind, ";") {
		header.Set(echo.HeaderContentType, kind+"; charset=utf-8")
	}
}

// writeJSON writes body whole or, when it cannot be encoded, not at all.
func writeJSON(w http.ResponseWriter, status int, body any) error {
	text := bytes.NewBuffer(make([]byte, 0, 1<<10)) // enough for what most answers are
	encoder := json.NewEncoder(text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	w.Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	w.WriteHeader(status)
	_, err := text.WriteTo(w)
	return err
}
