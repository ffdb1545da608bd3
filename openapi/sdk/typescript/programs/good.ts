// What has to compile: each of the three outcomes, lists, claims, errors, the raw client.
import { type CallOptions, type DeliveryAttempt, type DeliveryReport, type ErrorCode } from "@numora/delivery-client";
import { DeliveryClient, DeliveryError, orThrow } from "@numora/delivery-client";

const onRetry = ({ error, pauseMs }: { error: DeliveryError; pauseMs: number }) => void [error.code, pauseMs];
const client = new DeliveryClient({ baseUrl: "https://delivery.example", apiKey: "key", deadlineMs: 30_000, onRetry });
const common = { provider: "sap", execution_id: "run-1", attempted_at: new Date() };
const outcomes: DeliveryReport[] = [
  { ...common, status: "succeeded", external_record_id: "crm-1", external_url: null },
  { ...common, status: "failed", error_code: "crm_429", error_message: "busy", attempted_at: "2026-03-24T03:00:00Z" },
  { ...common, status: "skipped" },
];
for (const report of outcomes) {
  const { attempt, replayed }: { attempt: DeliveryAttempt; replayed: boolean } = await client.record("doc_1", report);
  const recordedAt: string = attempt.recorded_at;
  void [replayed, recordedAt];
}

const call: CallOptions = { requestId: "run-1", signal: new AbortController().signal };
for await (const attempt of client.listDocumentAttempts("doc_1", { since: new Date(0), status: "failed" }, { pageSize: 50, ...call })) {
  const code: string | null | undefined = attempt.error_code;
  void code;
}
for await (const { state } of client.listDeliveries({ state: "exhausted" })) void (state satisfies string);
for await (const { due_at } of client.listOutbox("sap")) void (due_at satisfies string);
for await (const { document_id } of client.listAttempts({ until: "2026-03-24T03:00:00Z" })) void (document_id satisfies string);

for (const item of await client.claim({ provider: "sap", limit: 2, lease_seconds: 60, worker: "worker-1" }, call)) {
  const { lease_expires_at }: { lease_expires_at: string | null } = await client.extend(item.execution_id, { lease_seconds: 300 });
  const total: unknown = item.metadata?.["total"];
  void [lease_expires_at, total, item.delivery_key, await client.release(item.execution_id)];
}
await client.putDocument("doc_1", { status: "reviewed", providers: ["sap"], metadata: { total: 12 } });
await client.retryPush("doc_1", { provider: "sap" });

try {
  await client.getDocument("doc_1");
} catch (error) {
  if (!(error instanceof DeliveryError)) throw error;
  const code: ErrorCode | undefined = error.code;
  if (code === "conflict") void error.details.map(({ field, issue }): [string, string] => [field, issue]);
  void [error.status satisfies number | undefined, error.requestId, error.outcome === "not_executed", error.retryAfter];
}

const { data, error } = await client.raw.POST("/v1/documents/{id}/delivery", {
  params: { path: { id: "doc_1" } },
  body: { ...common, attempted_at: "2026-03-24T03:00:00Z", status: "succeeded", external_record_id: "crm-1" },
});
void (error ? error.error.code satisfies ErrorCode : data.id satisfies string);
const params = { path: { attempt_id: "019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55" } };
void ((await orThrow(client.raw.GET("/v1/delivery/attempts/{attempt_id}", { params }))).data satisfies DeliveryAttempt);
