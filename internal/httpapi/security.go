package httpapi

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// securityHeaders are on every answer. Nothing here is a page but the documentation, which brings a policy of its own: a
// browser that is made to show an answer runs nothing of it, frames it nowhere, and keeps nothing. The values are shared by
// all answers, and never changed.
var securityHeaders = []struct {
	name   string
	values []string
}{
	{"X-Content-Type-Options", []string{"nosniff"}},
	{"Cache-Control", []string{"no-store"}},
	{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}},
	{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
	{"Referrer-Policy", []string{"no-referrer"}},
	{"X-Frame-Options", []string{"DENY"}},
}

// strictTransport has browsers come back over TLS alone, for a year.
var strictTransport = []string{"max-age=31536000"}

// SetSecurityHeaders writes what every answer to the request has into header.
func SetSecurityHeaders(header http.Header, request *http.Request) {
	for _, h := range securityHeaders {
		header[h.name] = h.values
	}
	if request.TLS != nil {
		header["Strict-Transport-Security"] = strictTransport
	}
}

// crossOrigin lets pages of these origins use the API with a key that they have; there are no cookies to be sent along.
// To all others, and to OPTIONS that asks for no such leave, it is as if this were not here.
func crossOrigin(origins []string) echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		Skipper: func(c echo.Context) bool {
			header := c.Request().Header
			preflight := c.Request().Method == http.MethodOptions
			return !slices.Contains(origins, header.Get(echo.HeaderOrigin)) ||
				preflight && (header.Get(echo.HeaderAccessControlRequestMethod) == "" || c.Get(echo.ContextKeyHeaderAllow) == nil)
		},
		AllowOrigins: origins,
		AllowMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut},
		AllowHeaders: []string{echo.HeaderAuthorization, echo.HeaderContentType, echo.HeaderXRequestID, "traceparent", "tracestate"},
		ExposeHeaders: []string{
			echo.HeaderXRequestID, echo.HeaderLocation, "Idempotent-Replayed", echo.HeaderRetryAfter,
			"x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset",
		},
		MaxAge: 600,
	})
}
