// What must not compile, for its one mistake: a success that does not name its record.
import { DeliveryClient } from "@numora/delivery-client";

const client = new DeliveryClient({ baseUrl: "https://delivery.example", apiKey: "key" });
await client.record("doc_1", {
  provider: "sap",
  status: "succeeded",
  execution_id: "run-1",
  attempted_at: "2026-03-24T03:00:00Z",
});
