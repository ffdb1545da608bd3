package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/openapi"
)

const benchedReport = `{"provider":"dynamics365","status":"succeeded","external_record_id":"crm-row-001",` +
	`"execution_id":"n8n-4be38121-3791-4856-80d5-c57dbec2cf78","attempted_at":"2026-11-24T07:00:00.123456Z"}`

func BenchmarkDecodeStrict(b *testing.B) {
	data := []byte(benchedReport)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeStrict(data); err != nil {
			b.Fatal(err)
		}
	}
}

// recordContext is a request's context as the router leaves it.
func recordContext() echo.Context {
	request := httptest.NewRequest(http.MethodPost, "/v1/documents/doc-1/delivery", strings.NewReader(benchedReport))
	request.Header.Set(echo.HeaderXRequestID, "request-1")
	c := echo.New().NewContext(request, httptest.NewRecorder())
	c.SetPath("/v1/documents/:id/delivery")
	c.SetParamNames("id")
	c.SetParamValues("doc-1")
	return c
}

func recordOperation(b *testing.B) *operation {
	contract, err := openapi.Load()
	if err != nil {
		b.Fatal(err)
	}
	operations, err := newOperations(contract)
	if err != nil {
		b.Fatal(err)
	}
	return operations["recordDelivery"]
}

func BenchmarkValidate_Parameters(b *testing.B) {
	operation, c := recordOperation(b), recordContext()
	b.ReportAllocs()
	for b.Loop() {
		if err := operation.validateParameters(c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkValidate_Body decodes, too.
func BenchmarkValidate_Body(b *testing.B) {
	operation, c := recordOperation(b), recordContext()
	b.ReportAllocs()
	for b.Loop() {
		if err := operation.validateBody(c, []byte(benchedReport)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBind converts the value that was validated into the typed model.
func BenchmarkBind(b *testing.B) {
	operation, c := recordOperation(b), recordContext()
	if err := operation.validateBody(c, []byte(benchedReport)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var body deliveryapi.RecordDeliveryJSONRequestBody
		if err := (validatedBinder{}).Bind(&body, c); err != nil {
			b.Fatal(err)
		}
	}
}
