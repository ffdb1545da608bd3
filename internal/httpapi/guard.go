package httpapi

import (
	"github.com/labstack/echo/v4"

	"github.com/numora/delivery/internal/apikey"
)

// guard asks who calls, and whether they may.
type guard struct{ authenticator *apikey.Authenticator }

// admit lets a request to the operation pass when its key has the scope that the contract demands.
func (g guard) admit(operation *operation) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			ctx := c.Request().Context()
			call := callOf(ctx)
			key, err := g.authenticator.Authenticate(ctx, c.Request().Header.Values(echo.HeaderAuthorization))
			if err != nil {
				return err
			}
			call.key = key
			if !key.Allows(operation.scope) {
				return errForbidden(operation.scope)
			}
			return next(c)
		}
	}
}
