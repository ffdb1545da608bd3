package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestOutbox_BadInput_LeavesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		claims, action := "/v1/delivery/claims", "/v1/documents/"+documentID+"/actions/retry-push"
		extend := claims + "/" + unknownClaim + "/extend"
		bodies := map[string]map[string]string{ // which field is wrong, by path and body
			claims: {
				`{}`: "provider", `{"provider":"SAP"}`: "provider", `{"provider":null}`: "provider",
				`{"provider":"sap","limit":0}`: "limit", `{"provider":"sap","limit":-1}`: "limit", `{"provider":"sap","limit":101}`: "limit",
				`{"provider":"sap","limit":1.5}`: "limit", `{"provider":"sap","limit":"1"}`: "limit", `{"provider":"sap","limit":null}`: "limit",
				`{"provider":"sap","limit":1e300}`: "limit", `{"provider":"sap","limit":99999999999999999999}`: "limit",
				`{"provider":"sap","lease_seconds":9}`: "lease_seconds", `{"provider":"sap","lease_seconds":3601}`: "lease_seconds",
				`{"provider":"sap","lease_seconds":true}`: "lease_seconds", `{"provider":"sap","worker":""}`: "worker",
				`{"provider":"sap","worker":"a\n"}`: "worker", `{"provider":"sap","worker":"` + strings.Repeat("é", 101) + `"}`: "worker",
				`{"provider":"sap","Limit":1}`: "Limit", `{"provider":"sap","retry":1}`: "retry", `{"provider":"sap","limit":1,"limit":2}`: "limit",
				`[]`: "", `null`: "",
			},
			extend: {
				`{"lease_seconds":9}`: "lease_seconds", `{"lease_seconds":3601}`: "lease_seconds", `{"lease_seconds":null}`: "lease_seconds",
				`{"lease_seconds":10.5}`: "lease_seconds", `{"provider":"sap"}`: "provider", `[]`: "",
			},
			action: {
				`{}`: "provider", `{"provider":"dynamics365","force":"true"}`: "force", `{"provider":"dynamics365","force":1}`: "force",
				`{"provider":"dynamics365","force":null}`: "force", `{"provider":"dynamics365","reason":""}`: "reason",
				`{"provider":"dynamics365","reason":"\u0000"}`:                            "reason",
				`{"provider":"dynamics365","reason":"` + strings.Repeat("é", 1025) + `"}`: "reason",
				`{"provider":"dynamics365","limit":1}`:                                    "limit",
			},
		}
		for path, wrong := range bodies {
			for body, field := range wrong {
				t.Run(path+" "+body[:min(len(body), 50)], func(t *testing.T) {
					a.post(path, body).wantsError(t, http.StatusBadRequest, "invalid_payload", field)
				})
			}
			a.do(http.MethodPost, path, nil).wantsError(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
			a.post(path, "").wantsError(t, http.StatusBadRequest, "invalid_payload")
		}
		for _, id := range []string{"", "1", "clm_", strings.ToLower(unknownClaim), unknownClaim + "A", "clm_0000000000000000000000000A", "dlv_AAAAAAAAAAAAAAAAAAAAAAAAAA", "%00", "clm_AAAAAAAAAAAAAAAAAAAAAAAAA%0A"} {
			a.extend(id, `{}`).wantsError(t, http.StatusBadRequest, "invalid_payload", "execution_id")
			a.release(id).wantsError(t, http.StatusBadRequest, "invalid_payload", "execution_id")
		}
		for query, field := range map[string]string{
			"/v1/delivery/outbox?": "provider", "/v1/delivery/outbox?provider=": "provider", "/v1/delivery/outbox?provider=SAP": "provider",
			"/v1/delivery/outbox?provider=sap&limit=0": "limit", "/v1/delivery/outbox?provider=sap&limit=101": "limit",
			"/v1/delivery/outbox?provider=sap&cursor=forged": "cursor", "/v1/delivery/outbox?provider=sap&state=ready": "state",
			"/v1/delivery/outbox?provider=sap&cursor=" + strings.Repeat("A", 513): "cursor",
			"/v1/deliveries?state=due": "state", "/v1/deliveries?external_id=": "external_id", "/v1/deliveries?external_id=a%00": "external_id",
			"/v1/deliveries?external_id=a%0Ab": "external_id", "/v1/deliveries?external_id=%ff": "external_id", "/v1/deliveries?limit=x": "limit",
			"/v1/deliveries?cursor=AAAA": "cursor", "/v1/deliveries?document_id=x": "document_id",
			"/v1/delivery/attempts?document_id=-": "document_id", "/v1/delivery/attempts?error_code=": "error_code", "/v1/delivery/attempts?limit=0": "limit",
			"/v1/delivery/attempts?external_record_id=%07": "external_record_id", "/v1/delivery/attempts?request_id=a%20b": "request_id",
			"/v1/delivery/attempts?since=now": "since", "/v1/delivery/attempts?cursor=AAAA": "cursor", "/v1/delivery/attempts?external_id=x": "external_id",
		} {
			t.Run(query[:min(len(query), 60)], func(t *testing.T) { a.get(query).wantsError(t, http.StatusBadRequest, "invalid_payload", field) })
		}
		if d := a.delivery(); d["state"] != "ready" || d["tries"] != 0.0 || d["requeued"] != nil {
			t.Errorf("the delivery is %v", d)
		}
	})
}
