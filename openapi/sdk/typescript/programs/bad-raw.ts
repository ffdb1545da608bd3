// What must not compile, for its one mistake: a success that does not name its record, through the generated client.
import { DeliveryClient } from "@numora/delivery-client";

const client = new DeliveryClient({ baseUrl: "https://delivery.example", apiKey: "key" });
await client.raw.POST("/v1/documents/{id}/delivery", {
  params: { path: { id: "doc_1" } },
  body: {
    provider: "sap",
    status: "succeeded",
    execution_id: "run-1",
    attempted_at: "2026-03-24T03:00:00Z",
  },
});
