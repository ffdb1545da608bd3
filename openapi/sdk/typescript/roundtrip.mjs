// The round trip of an installed @numora/delivery-client through a real server, by its public API. It prints "ok <step>" for
// each step and fails at the first that is not. Which addresses the variables name is told in the test that runs this. It also
// kills the server when it reads "restart", writes a line when that is dead, and starts it again about a second later.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { DeliveryClient, DeliveryError } from "@numora/delivery-client";

const { NUMORA_API_KEY: apiKey, NUMORA_API_URL, NUMORA_PROXY_URL, NUMORA_FLAKY_URL, NUMORA_DOWN_URL } = process.env;
const client = new DeliveryClient({ baseUrl: NUMORA_API_URL, apiKey });
const document = "sdk-typescript";
const provider = "sap-typescript";
const attempted_at = new Date();

function succeeded(execution_id, external_record_id = "crm-1", at = provider) {
  return { provider: at, status: "succeeded", execution_id, external_record_id, attempted_at };
}

function failed(execution_id, at = provider) {
  return { provider: at, status: "failed", execution_id, error_code: "crm_429", error_message: "busy", attempted_at };
}

const steps = {
  async register() {
    const { status } = await client.putDocument(document, { status: "reviewed", providers: [provider] });
    assert.equal(status, "reviewed");
  },
  async record() {
    const { attempt, replayed } = await client.record(document, succeeded("typescript-1"));
    assert.deepEqual([attempt.document_id, attempt.execution_id, replayed], [document, "typescript-1", false]);
  },
  async replay() {
    const [{ id }] = await all(client.listDocumentAttempts(document));
    const { attempt, replayed } = await client.record(document, succeeded("typescript-1"));
    assert.deepEqual([attempt.id, replayed], [id, true]);
  },
  async conflict() {
    const error = await failure(client.record(document, succeeded("typescript-1", "crm-2")));
    assert.deepEqual([error.status, error.code], [409, "conflict"]);
    assert.deepEqual(fields(error), ["external_record_id"]);
    assert.ok(error.requestId);
  },
  async invalid() {
    const error = await failure(client.record(document, succeeded("has space")));
    assert.deepEqual([error.status, error.code], [400, "invalid_payload"]);
    assert.ok(fields(error).includes("execution_id"));
  },
  async unknown() {
    const error = await failure(client.record("sdk-nobody", succeeded("typescript-nobody")));
    assert.deepEqual([error.status, error.code], [404, "not_found"]);
  },
  async unauthorized() {
    const error = await failure(new DeliveryClient({ baseUrl: NUMORA_API_URL, apiKey: "wrong" }).getDocument(document));
    assert.deepEqual([error.status, error.code], [401, "unauthorized"]);
  },
  async pages() {
    const recorded = ["typescript-1"];
    for (let n = 1; n <= 45; n++) {
      await client.record(document, failed(`typescript-page-${n}`));
      recorded.unshift(`typescript-page-${n}`);
    }
    const attempts = await all(client.listDocumentAttempts(document, {}, { pageSize: 20 }));
    assert.deepEqual(attempts.map(({ execution_id }) => execution_id), recorded);
    assert.equal(new Set(attempts.map(({ id }) => id)).size, 46);
  },
  async claim() {
    const claims = { provider: "erp-typescript", lease_seconds: 60 };
    await client.putDocument("sdk-typescript-claim", { status: "reviewed", providers: [claims.provider] });
    const [claimed, ...more] = await client.claim(claims);
    assert.deepEqual([claimed.document_id, more], ["sdk-typescript-claim", []]);
    const { lease_expires_at } = await client.extend(claimed.execution_id, { lease_seconds: 300 });
    assert.ok(Date.parse(lease_expires_at) - Date.parse(claimed.lease_expires_at) > 200_000);
    await client.record(claimed.document_id, succeeded(claimed.execution_id, "erp-1", claims.provider));
    assert.equal((await client.getDocument(claimed.document_id)).status, "push_succeeded");
    assert.deepEqual(await client.claim(claims), []);
  },
  async release() {
    const claims = { provider: "rel-typescript" };
    await client.putDocument("sdk-typescript-release", { status: "reviewed", providers: [claims.provider] });
    const [first] = await client.claim(claims);
    assert.ok((await client.release(first.execution_id)).released_at);
    const [second] = await client.claim(claims);
    assert.equal(second.delivery_key, first.delivery_key);
    assert.notEqual(second.execution_id, first.execution_id);
    await client.record(second.document_id, failed(second.execution_id, claims.provider));
    const { requeued } = await client.retryPush(second.document_id, { provider: claims.provider, reason: "round trip" });
    assert.equal(requeued.reason, "round trip");
    const [third] = await client.claim(claims);
    assert.notEqual(third.delivery_key, first.delivery_key);
  },
  async proxy() {
    const error = await failure(new DeliveryClient({ baseUrl: NUMORA_PROXY_URL, apiKey }).getDocument(document));
    assert.deepEqual([error.status, error.code], [502, undefined]);
  },
  async flaky() {
    // It answers 429, then 503, then records the report and closes the connection, and only then passes an answer on.
    const begun = performance.now();
    const flaky = new DeliveryClient({ baseUrl: NUMORA_FLAKY_URL, apiKey });
    const { attempt, replayed } = await flaky.record(document, succeeded("typescript-flaky"));
    assert.deepEqual([attempt.execution_id, replayed], ["typescript-flaky", true]);
    assert.ok(performance.now() - begun >= 2000);
  },
  async down() {
    const begun = performance.now();
    const down = new DeliveryClient({ baseUrl: NUMORA_DOWN_URL, apiKey, deadlineMs: 3000 });
    const error = await failure(down.record(document, succeeded("typescript-down")));
    assert.deepEqual([error.status, error.code], [503, "unavailable"]);
    assert.ok(error.outcome);
    assert.ok(performance.now() - begun < 5000);
  },
  async restart() {
    const lines = createInterface({ input: process.stdin });
    const dead = once(lines, "line");
    process.stdout.write("restart\n");
    await dead;
    lines.close();
    const retries = [];
    const onRetry = (retry) => retries.push(retry);
    const patient = new DeliveryClient({ baseUrl: NUMORA_API_URL, apiKey, deadlineMs: 30_000, onRetry });
    const { attempt } = await patient.record(document, succeeded("typescript-restart"));
    assert.ok(retries.length >= 1, "it was not sent again");
    const attempts = await all(patient.listDocumentAttempts(document, { execution_id: "typescript-restart" }));
    assert.deepEqual(attempts.map(({ id }) => id), [attempt.id]);
  },
};

for (const [name, step] of Object.entries(steps)) {
  await step();
  console.log(`ok ${name}`);
}

async function all(list) {
  const items = [];
  for await (const item of list) {
    items.push(item);
  }
  return items;
}

/** The DeliveryError that a call fails with. */
async function failure(call) {
  const error = await call.then(() => assert.fail("it succeeded"), (error) => error);
  assert.ok(error instanceof DeliveryError, error);
  return error;
}

function fields({ details }) {
  return details.map(({ field }) => field);
}
