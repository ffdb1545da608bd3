// Tests of what is written by hand, on the package as it is installed, against local servers that answer by a script.
import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { createServer } from "node:http";
import { after, describe, it } from "node:test";
import { inspect } from "node:util";
import { DeliveryClient, DeliveryError, orThrow } from "@numora/delivery-client";

const together = { concurrency: true, timeout: 30_000 };
const apiKey = "canary-0123456789";
const report = {
  provider: "sap",
  status: "succeeded",
  external_record_id: "crm-1",
  execution_id: "run-1",
  attempted_at: "2026-03-24T03:00:00Z",
};
const attempt = { ...report, id: "019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55", document_id: "doc_1" };
const created = json(201, attempt);
const limited = refused(429, "rate_limited");
const notExecuted = refused(503, "unavailable", { outcome: "not_executed" });
const unknown = refused(503, "unavailable", { outcome: "outcome_unknown" });
const page502 = { status: 502, headers: { "content-type": "text/html" }, body: `<html><body>Bad Gateway${"!".repeat(1000)}</body></html>` };

describe("a call", together, () => {
  it("sends the same bytes again on 429, on 503 and when the connection is closed", async () => {
    const server = await serve(limited, notExecuted, unknown, cut, created);
    const retries = [];
    const attemptedAt = new Date("2026-03-24T03:00:00Z");
    const changing = { ...report, attempted_at: attemptedAt };
    const recorded = client(server, { onRetry: (retry) => retries.push(retry) }).record("doc_1", changing);
    changing.external_record_id = "crm-2";
    attemptedAt.setTime(0);
    assert.deepEqual(await recorded, { attempt, replayed: false });
    assert.equal(server.seen.length, 5);
    assert.deepEqual(JSON.parse(server.seen[0].body), { ...report, attempted_at: "2026-03-24T03:00:00.000Z" });
    for (const { method, url, headers, body } of server.seen) {
      assert.deepEqual([method, url, body], ["POST", "/v1/documents/doc_1/delivery", server.seen[0].body]);
      assert.equal(headers.authorization, `Bearer ${apiKey}`);
      assert.equal(headers["content-type"], "application/json");
    }
    assert.deepEqual(retries.map(({ tries, error }) => [tries, error.status]), [[1, 429], [2, 503], [3, 503], [4, undefined]]);
  });

  it("sends it again when the answer breaks off", async () => {
    const brokenOff = (_, response) => {
      response.writeHead(201, { "content-length": "1000" });
      response.write('{"id":', () => response.destroy());
    };
    assert.equal((await client(await serve(brokenOff, created)).record("doc_1", report)).replayed, false);
  });

  it("sends it again when a try takes too long", async () => {
    const server = await serve(silence, created);
    await client(server, { tryTimeoutMs: 500 }).record("doc_1", report);
    assert.ok(server.seen.length >= 2);
  });

  it("tells a replay by its status", async () => {
    assert.equal((await client(await serve(json(200, attempt))).record("doc_1", report)).replayed, true);
  });

  it("waits as long as Retry-After says, in seconds", async () => {
    const server = await serve({ ...limited, headers: { "retry-after": "1" } }, created);
    await client(server).record("doc_1", report);
    assert.ok(server.seen[1].at - server.seen[0].at >= 990);
  });

  it("waits as long as Retry-After says, by a date", async () => {
    const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
    const server = await serve({ ...notExecuted, headers: { "retry-after": until.toUTCString() } }, created);
    await client(server).record("doc_1", report);
    assert.ok(Date.now() >= until.getTime() - 10);
  });

  it("waits longer each time, with jitter, until the longest pause", async () => {
    const pauses = [];
    const stop = new AbortController();
    const onRetry = ({ pauseMs }) => pauses.push(pauseMs) === 4 && stop.abort();
    const patient = client(await serve(limited), { longestPauseMs: 800, onRetry });
    await assert.rejects(patient.getDocument("doc_1", { signal: stop.signal }), { name: "AbortError" });
    for (const [i, full] of [500, 800, 800, 800].entries()) {
      assert.ok(pauses[i] >= full / 2 && pauses[i] <= full, `pause ${i} is ${pauses[i]} ms`);
    }
  });

  it("gives up at once when the pause would end after the deadline", async () => {
    const server = await serve({ ...notExecuted, headers: { "retry-after": "9" } });
    const begun = performance.now();
    const error = await failure(client(server, { deadlineMs: 1000 }).record("doc_1", report));
    assert.deepEqual([error.status, error.code, error.outcome, error.retryAfter], [503, "unavailable", "not_executed", 9]);
    assert.ok(performance.now() - begun < 1000);
    assert.equal(server.seen.length, 1);
  });

  it("gives up at the deadline, also when nobody answers", async () => {
    const begun = performance.now();
    const error = await failure(client(await serve(silence), { deadlineMs: 300 }).record("doc_1", report));
    assert.ok(performance.now() - begun < 2000);
    assert.deepEqual([error.status, error.code, error.cause.name], [undefined, undefined, "TimeoutError"]);
    assert.match(error.message, /^no answer: none within/);
  });

  it("that is refused a connection tells the cause, and ends when onRetry throws", async () => {
    const onRetry = ({ error }) => {
      throw error;
    };
    const error = await failure(client(await nobody(), { onRetry }).record("doc_1", report));
    assert.equal(error.status, undefined);
    assert.match(error.message, /ECONNREFUSED/);
    assert.ok(error.cause instanceof Error);
  });

  for (const status of [400, 401, 403, 404, 409, 413, 422, 500, 502, 504]) {
    it(`does not send it again on ${status}`, async () => {
      const server = await serve(refused(status, "some_code"), created);
      assert.equal((await failure(client(server).record("doc_1", report))).status, status);
      assert.equal(server.seen.length, 1);
    });
  }

  for (const when of ["in flight", "in a pause"]) {
    it(`ends with the caller's signal ${when}`, async () => {
      const stop = new AbortController();
      const end = () => setTimeout(() => stop.abort(new Error("told to stop")), 10);
      const server = await serve(when === "in flight" ? end : { ...limited, headers: { "retry-after": "9" } });
      const begun = performance.now();
      const call = client(server, { onRetry: end }).record("doc_1", report, { signal: stop.signal });
      await assert.rejects(call, { message: "told to stop" });
      assert.ok(performance.now() - begun < 2000);
      assert.equal(server.seen.length, 1);
    });
  }

  it("does not begin when the caller's signal is aborted", async () => {
    const server = await serve(created);
    await assert.rejects(client(server).record("doc_1", report, { signal: AbortSignal.abort() }), { name: "AbortError" });
    assert.equal(server.seen.length, 0);
  });

  it("leaves no listener on the caller's signal", async () => {
    const { signal } = new AbortController();
    const server = await serve(limited, created, json(200, { data: [], next_cursor: "c1" }), json(200, { data: [], next_cursor: null }), page502);
    await client(server).record("doc_1", report, { signal });
    assert.equal((await client(server).listAttempts({}, { signal }).next()).done, true);
    await failure(client(server).getDocument("doc_1", { signal }));
    assert.equal(server.seen.length, 5);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  it("sends the request id it is given", async () => {
    const server = await serve(created, created);
    await client(server).record("doc_1", report, { requestId: "mine-1" });
    await client(server).record("doc_1", report);
    assert.deepEqual(server.seen.map(({ headers }) => headers["x-request-id"]), ["mine-1", undefined]);
  });

  it("follows no redirect", async () => {
    const server = await serve({ status: 307, headers: { location: "/elsewhere" }, body: "" }, created);
    assert.equal((await failure(client(server).record("doc_1", report))).status, 307);
    assert.equal(server.seen.length, 1);
  });

  it("sends an invalid date as one, for the server to name its field", async () => {
    const server = await serve(created);
    await client(server).record("doc_1", { ...report, attempted_at: new Date(NaN) });
    assert.equal(JSON.parse(server.seen[0].body).attempted_at, "Invalid Date");
  });
});

describe("a claim", together, () => {
  const claim = (server, options) => client(server, options).claim({ provider: "sap" });
  const claimed = json(200, { data: [] });

  it("is sent again when it certainly was not executed", async () => {
    assert.deepEqual(await claim(await serve(limited, notExecuted, claimed)), []);
  });

  it("is sent again when the connection is refused", async () => {
    const server = await nobody(claimed);
    assert.deepEqual(await claim(server, { longestPauseMs: 200, onRetry: server.comeBack }), []);
  });

  for (const code of ["ENOTFOUND", "EAI_AGAIN"]) {
    it(`is sent again when the host's name is not resolved, with ${code}`, async () => {
      const server = await serve(claimed);
      let tries = 0;
      const lookedUp = async (url, init) => {
        if (++tries > 1) return fetch(url, init);
        throw new TypeError("fetch failed", { cause: Object.assign(new Error(`getaddrinfo ${code} delivery.example`), { code }) });
      };
      assert.deepEqual(await claim(server, { fetch: lookedUp }), []);
      assert.deepEqual([tries, server.seen.length], [2, 1]);
    });
  }

  for (const [what, answer] of Object.entries({
    "the connection is closed": cut,
    "a try takes too long": silence,
    "a 503 does not know the outcome": unknown,
    "a 503 is a proxy's": { status: 503, body: "<html>" },
  })) {
    it(`is not sent again when ${what}`, async () => {
      const server = await serve(answer, claimed);
      await failure(claim(server, { tryTimeoutMs: 500 }));
      assert.equal(server.seen.length, 1);
    });
  }
});

describe("a requeue", together, () => {
  it("is sent again on a lost answer, but not when it is forced", async () => {
    const server = await serve(cut, json(200, { document_id: "doc_1" }), cut);
    await client(server).retryPush("doc_1", { provider: "sap" });
    await failure(client(server).retryPush("doc_1", { provider: "sap", force: true }));
    assert.equal(server.seen.length, 3);
  });
});

describe("an error", together, () => {
  it("has what the contract says", async () => {
    const details = [{ field: "external_record_id", issue: "differs" }];
    const error = await failure(client(await serve(refused(409, "conflict", { details }))).record("doc_1", report));
    assert.deepEqual([error.name, error.status, error.code, error.message], ["DeliveryError", 409, "conflict", "what is wrong"]);
    assert.deepEqual([error.details, error.requestId, error.outcome, error.retryAfter], [details, "req-1", undefined, undefined]);
  });

  for (const [what, answer, says] of [
    ["a proxy's page", page502, /status 502, is not one of the Numora Delivery API: it begins "<html><body>Bad Gateway!/],
    ["JSON without error", json(404, { message: "no route" }), /status 404.*no route/],
    ["JSON with another error", json(500, { error: "broken" }), /status 500.*broken/],
    ["an empty error", { status: 500, body: "" }, /status 500.*it is empty/],
    ["a success that is a page", { status: 200, body: "<html>Log in" }, /status 200.*<html>Log in/],
    ["a success that is no object", { status: 200, body: "[]" }, /status 200/],
    ["an empty success", { status: 201, body: "" }, /status 201.*it is empty/],
    ["a success without a body", { status: 204 }, /status 204.*it is empty/],
  ]) {
    it(`has no code for ${what}`, async () => {
      const server = await serve({ ...answer, headers: { "x-request-id": "proxy-1" } });
      const error = await failure(client(server).record("doc_1", report));
      assert.deepEqual([error.status, error.code, error.details, error.requestId], [answer.status, undefined, [], "proxy-1"]);
      assert.match(error.message, says);
      assert.ok(error.message.length < 300);
      assert.equal(server.seen.length, 1);
    });
  }

  const reads = {
    record: (calls) => calls.record("doc_1", report),
    getDocument: (calls) => calls.getDocument("doc_1"),
    putDocument: (calls) => calls.putDocument("doc_1", { status: "reviewed" }),
    claim: (calls) => calls.claim({ provider: "sap" }),
    extend: (calls) => calls.extend("clm_1"),
    release: (calls) => calls.release("clm_1"),
    retryPush: (calls) => calls.retryPush("doc_1", { provider: "sap" }),
    listDocumentAttempts: (calls) => calls.listDocumentAttempts("doc_1").next(),
    listAttempts: (calls) => calls.listAttempts().next(),
    listDeliveries: (calls) => calls.listDeliveries().next(),
    listOutbox: (calls) => calls.listOutbox("sap").next(),
    raw: (calls) => calls.raw.GET("/v1/delivery/attempts/{attempt_id}", { params: { path: { attempt_id: attempt.id } } }),
  };
  const strange = [{}, null, { error: { code: "x", message: "y" } }, { data: {} }, { data: [null], next_cursor: null }, { id: 1 }];
  for (const [name, read] of Object.entries(reads)) {
    it(`has no code for a success that is not what ${name} asks for`, async () => {
      for (const body of strange) {
        const server = await serve(json(200, body));
        const error = await failure(read(client(server)));
        assert.deepEqual([error.status, error.code, server.seen.length], [200, undefined, 1]);
        assert.match(error.message, /not one of the Numora Delivery API: it begins/);
      }
    });
  }

  it("has no code for an attempt of another report, nor for a list without next_cursor", async () => {
    for (const [read, body] of [
      [reads.record, { ...attempt, execution_id: "run-2" }],
      [reads.record, { execution_id: "run-1" }],
      [reads.listAttempts, { data: [attempt] }],
      [reads.listOutbox, { data: [], next_cursor: 2 }],
    ]) {
      const error = await failure(read(client(await serve(json(200, body)))));
      assert.deepEqual([error.status, error.code], [200, undefined]);
    }
  });

  it("never shows the API key", async () => {
    const echo = ({ headers }, response) => response.writeHead(502).end(`${"<".repeat(190)}${headers.authorization}`);
    const echoing = ({ headers: { authorization } }, response) => {
      const details = [{ field: "", issue: authorization }];
      response.writeHead(400).end(refused(400, "invalid_payload", { message: authorization, details }).body);
    };
    const mirror = ({ headers }, response) => response.end(JSON.stringify({ headers }));
    const failing = async (_, { headers }) => {
      throw new Error("not sent", { cause: new Error(`${headers}`) });
    };
    const seen = [client(await nobody())];
    for (const calling of [
      client(await serve(echo)),
      client(await serve(echoing)),
      client(await serve(mirror)),
      client(await nobody(), { deadlineMs: 50 }),
      client(await nobody(), { deadlineMs: 50, fetch: failing }),
    ]) {
      seen.push(await failure(calling.record("doc_1", report)));
    }
    for (const baseUrl of [apiKey, `http://${apiKey}@example`, `ftp://${apiKey}`, `http://example?key=${apiKey}`]) {
      seen.push(thrown(() => new DeliveryClient({ baseUrl, apiKey })));
    }
    for (const bad of [`${apiKey}\n${apiKey}`, `${apiKey} `.repeat(2), `${apiKey}é`]) {
      seen.push(thrown(() => new DeliveryClient({ baseUrl: "http://example", apiKey: bad })));
    }
    for (const shown of seen) {
      for (const text of [inspect(shown, { depth: 20, showHidden: true }), String(shown), JSON.stringify(shown)]) {
        assert.ok(!text.includes(apiKey.slice(0, 6)), text);
      }
    }
  });
});

describe("a list", together, () => {
  const page = (next_cursor, ...ids) => json(200, { data: ids.map((id) => ({ id })), next_cursor });

  it("reads all pages with the same filters", async () => {
    const server = await serve(page("c1", 1, 2), limited, page("c2"), page(null, 3));
    const ids = [];
    for await (const { id } of client(server).listDocumentAttempts("doc_1", { provider: "sap", since: new Date(0) }, { pageSize: 2 })) {
      ids.push(id);
    }
    assert.deepEqual(ids, [1, 2, 3]);
    const query = "/v1/documents/doc_1/delivery?provider=sap&since=1970-01-01T00%3A00%3A00.000Z&limit=2";
    assert.deepEqual(server.seen.map(({ url }) => url), [query, `${query}&cursor=c1`, `${query}&cursor=c1`, `${query}&cursor=c2`]);
  });

  it("reads no more than it is asked for", async () => {
    const server = await serve(page("c1", 1, 2));
    for await (const { id } of client(server).listAttempts()) {
      if (id === 2) break;
    }
    assert.deepEqual(server.seen.map(({ url }) => url), ["/v1/delivery/attempts"]);
  });

  it("fails where a page fails", async () => {
    const server = await serve(page("c1", 1), refused(400, "invalid_payload"));
    const seen = [];
    const error = await failure((async () => {
      for await (const { id } of client(server).listOutbox("sap")) seen.push(id);
    })());
    assert.deepEqual([seen, error.code], [[1], "invalid_payload"]);
  });
});

describe("the raw client", together, () => {
  const get = (server) => client(server).raw.GET("/v1/documents/{id}", { params: { path: { id: "doc_1" } } });

  it("retries, and returns what the API answers", async () => {
    assert.equal((await get(await serve(limited, json(200, { id: "doc_1" })))).data.id, "doc_1");
    const { error, response } = await get(await serve(refused(404, "not_found")));
    assert.deepEqual([response.status, error.error.code], [404, "not_found"]);
  });

  it("throws a DeliveryError for any other failure, and with orThrow for each", async () => {
    assert.equal((await failure(get(await serve(page502)))).status, 502);
    assert.equal((await failure(orThrow(get(await serve(refused(404, "not_found")))))).code, "not_found");
  });
});

describe("the README's worker", () => {
  const item = { provider: "sap", document_id: "doc_1", execution_id: "clm_1", delivery_key: "dlv_1", metadata: {} };
  const readme = new URL("readme.js", import.meta.url);

  for (const [what, crm, expected] of [
    ["a record", () => new Response("", { status: 201, headers: { location: "crm-1" } }), ["succeeded", "crm-1", undefined]],
    ["a 500", () => new Response("", { status: 500, headers: { location: "crm-1" } }), ["failed", undefined, "Error: the CRM answered 500"]],
    ["no record's id", () => new Response("", { status: 201 }), ["failed", undefined, "Error: the CRM did not name its record"]],
  ]) {
    it(`reports what the CRM's answer is, with ${what}`, async (t) => {
      const recorded = json(201, { ...attempt, execution_id: item.execution_id });
      const server = await serve(json(200, { data: [item] }), recorded, json(200, { data: [], next_cursor: null }), json(200, attempt));
      Object.assign(process.env, { NUMORA_API_URL: server.url, NUMORA_API_KEY: apiKey });
      const { fetch } = globalThis;
      t.mock.method(globalThis, "fetch", async (url, init) => (`${url}`.startsWith("https://crm.example/") ? crm() : fetch(url, init)));
      t.mock.method(console, "log", () => {});
      await import(`${readme}?${what}`);
      const { status, external_record_id, error_message } = JSON.parse(server.seen[1].body);
      assert.deepEqual([status, external_record_id, error_message], expected);
    });
  }
});

it("options that can't be used are refused", () => {
  for (const wrong of [{ deadlineMs: 0 }, { deadlineMs: Infinity }, { tryTimeoutMs: -1 }, { longestPauseMs: NaN }]) {
    assert.throws(() => new DeliveryClient({ baseUrl: "http://example", apiKey, ...wrong }), RangeError);
  }
  assert.throws(() => new DeliveryClient({ baseUrl: "http://example", apiKey: undefined }), /apiKey/);
  assert.throws(() => new DeliveryClient({ baseUrl: "/v1", apiKey }), /baseUrl/);
});

/** A client whose pauses are short, but for Retry-After, and that does not go on for ever when it should have given up. */
function client({ url }, options) {
  return new DeliveryClient({ baseUrl: url, apiKey, longestPauseMs: 5, deadlineMs: 10_000, ...options });
}

function json(status, body) {
  return { status, body: JSON.stringify(body) };
}

function refused(status, code, more) {
  return json(status, { error: { code, message: "what is wrong", request_id: "req-1", ...more } });
}

/** Closes the connection without an answer. */
function cut(request) {
  request.socket.destroy();
}

/** Never answers. */
function silence() {}

/** A server that gives one answer after the other, the last of them for ever, and keeps what it has seen. */
async function serve(...script) {
  const seen = [];
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    const { method, url, headers } = request;
    seen.push({ method, url, headers, body: Buffer.concat(chunks).toString("latin1"), at: performance.now() });
    const answer = script.length > 1 ? script.shift() : script[0];
    if (typeof answer === "function") {
      answer(request, response);
    } else {
      response.writeHead(answer.status, answer.headers).end(answer.body);
    }
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: await listening(server, 0), seen, server };
}

/** A server that is not there, until it listens on its port. */
async function nobody(...script) {
  const { url, server } = await serve(...script);
  server.close();
  await once(server, "close");
  return { url, comeBack: () => listening(server, new URL(url).port) };
}

async function listening(server, port) {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

async function failure(call) {
  const error = await call.then(() => assert.fail("it succeeded"), (error) => error);
  assert.ok(error instanceof DeliveryError, inspect(error));
  return error;
}

function thrown(make) {
  try {
    make();
  } catch (error) {
    return error;
  }
  return assert.fail("it did not throw");
}
