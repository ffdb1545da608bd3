package httpapi

import (
	"context"
	"errors"

	"github.com/labstack/echo/v4"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
)

// guard asks who calls, whether they may, and whether they call too often.
type guard struct {
	authenticator *apikey.Authenticator
	keys          *buckets // by key id
	addresses     *buckets // of those without a valid key, by where they are; a valid key never asks there
}

// admit lets a request to the operation pass when its key has the scope that the contract demands, and is within its rate.
func (g guard) admit(operation *operation) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			ctx := c.Request().Context()
			call := callOf(ctx)
			key, err := g.authenticator.Authenticate(ctx, c.Request().Header.Values(echo.HeaderAuthorization))
			if errors.Is(err, apikey.ErrUnauthorized) {
				return g.refuse(c, err)
			}
			switch {
			case errors.Is(err, context.DeadlineExceeded): // it was not waited for any longer
				return delivery.Unavailable(err)
			case err != nil:
				return err
			}
			call.key = key
			level := g.keys.take(key.ID)
			level.tell(c.Response().Header())
			if !key.Allows(operation.scope) {
				return errForbidden(operation.scope)
			}
			if level.retryAfter > 0 {
				return errKeyRateLimited(level.retryAfter)
			}
			return next(c)
		}
	}
}

// refuse returns what a request without a valid key is answered: err, unless there were too many of them. An answer that
// is err tells nothing of the address: all of them are the same.
func (g guard) refuse(c echo.Context, err error) error {
	level := g.addresses.take(neighbourhood(c.RealIP()))
	if level.retryAfter == 0 {
		return err
	}
	level.tell(c.Response().Header())
	return errAddressRateLimited(level.retryAfter)
}
