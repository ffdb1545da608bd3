package httpapi

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/numora/delivery/openapi"
)

// A contract that leaves open who may call an operation is not served.
func TestContract_OperationWithoutItsScope_StopsTheServer(t *testing.T) {
	for name, spoil := range map[string]func(*openapi3.Operation){
		"NoScope":           func(o *openapi3.Operation) { delete(o.Extensions, "x-required-scope") },
		"ScopeThatIsNone":   func(o *openapi3.Operation) { o.Extensions["x-required-scope"] = "delivery:all" },
		"OpenButWithAScope": func(o *openapi3.Operation) { o.Security = openapi3.NewSecurityRequirements() },
	} {
		t.Run(name, func(t *testing.T) {
			contract, err := openapi.Load()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := newOperations(contract); err != nil {
				t.Fatal(err)
			}
			spoil(contract.Paths.Find("/v1/documents/{id}").Get)
			if _, err := newOperations(contract); err == nil {
				t.Error("it is served")
			}
		})
	}
}
