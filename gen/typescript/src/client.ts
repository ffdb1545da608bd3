// Code generated: a copy of openapi/sdk/typescript/package/src/client.ts. DO NOT EDIT.
import createClient, { type Client } from "openapi-fetch";
import type { components, operations, paths } from "./contract.js";
import { type ContractError, refusal } from "./error.js";
import { insistingFetch, type RetryOptions } from "./retry.js";

type Schemas = components["schemas"];
type Query<Operation extends keyof operations> = NonNullable<operations[Operation]["parameters"]["query"]>;

/** The same, with a Date allowed wherever a caller gives an instant. */
type WithDates<T> = T extends unknown
  ? { [Name in keyof T]: Name extends "attempted_at" | "since" | "until" ? T[Name] | Date : T[Name] }
  : never;

/** What happened at the destination. `status` decides what has to be told: a success names its record. */
export type DeliveryReport = WithDates<Schemas["DeliveryReport"]>;
export type DeliveryAttempt = Schemas["DeliveryAttempt"];
export type DocumentRegistration = Schemas["DocumentRegistration"];
export type DeliveryDocument = Schemas["Document"];
export type Delivery = Schemas["Delivery"];
export type OutboxItem = Schemas["OutboxItem"];
export type ClaimRequest = Schemas["ClaimRequest"];
export type ClaimedDelivery = Schemas["ClaimedDelivery"];
export type LeaseExtension = Schemas["LeaseExtension"];
export type Claim = Schemas["Claim"];
export type RetryPush = Schemas["RetryPush"];

export type DocumentAttemptFilters = WithDates<Omit<Query<"listDocumentDelivery">, "limit" | "cursor">>;
export type AttemptFilters = WithDates<Omit<Query<"listDeliveryAttempts">, "limit" | "cursor">>;
export type DeliveryFilters = Omit<Query<"listDeliveries">, "limit" | "cursor">;

export interface DeliveryClientOptions extends RetryOptions {
  /** Where the server is, such as `https://delivery.example`, without `/v1`. */
  baseUrl: string;
  apiKey: string;
}

export interface CallOptions {
  /** Names the request in the answer, the server's log and the recorded attempt: 1 to 128 of `A-Z a-z 0-9 . _ : -`. */
  requestId?: string | undefined;
  /** Ends the call early; it throws the signal's reason then. What was sent already may have been executed. */
  signal?: AbortSignal | undefined;
}

export interface ListOptions extends CallOptions {
  /** How many items to ask for at once, 1 to 100; by default as many as the server chooses. All are read either way. */
  pageSize?: number | undefined;
}

/**
 * A client of one server under one API key. Its calls throw a DeliveryError when they fail for good. Before, on 429, on 503
 * and when no answer came, they send the same bytes again, until the deadline: see RetryOptions. A claim and a forced
 * requeue, which must not be executed twice, they send again only when it certainly was not executed.
 */
export class DeliveryClient {
  /**
   * The generated client, of openapi-fetch, for everything else. It retries alike. What the API refuses it returns as
   * `error`, which `orThrow` turns into a DeliveryError; any other failure it throws as one.
   */
  readonly raw: Client<paths>;

  /** @throws TypeError or RangeError when an option can't be used. */
  constructor(options: DeliveryClientOptions) {
    const apiKey = (options.apiKey ?? "").trim();
    if (!/^[!-~]+$/.test(apiKey)) {
      throw new TypeError("apiKey must be printable ASCII without spaces, and not empty");
    }
    this.raw = createClient<paths>({
      baseUrl: checkedUrl(options.baseUrl),
      headers: { Authorization: `Bearer ${apiKey}` },
      fetch: insistingFetch(apiKey, options),
    });
  }

  /**
   * Reports what came of trying to deliver a document. `replayed` tells that this execution id was recorded before with the
   * same data, and that nothing was written now. The same id with other data is 409 `conflict`.
   */
  async record(
    id: string,
    report: DeliveryReport,
    call?: CallOptions,
  ): Promise<{ attempt: DeliveryAttempt; replayed: boolean }> {
    const body = withoutDates<Schemas["DeliveryReport"]>(report);
    const { data, response } = await answer(call, (init) =>
      this.raw.POST("/v1/documents/{id}/delivery", { params: { path: { id } }, body, ...init }),
    );
    return { attempt: data, replayed: response.status === 200 };
  }

  /** The attempts to deliver one document, newest recorded first. */
  listDocumentAttempts(id: string, filters: DocumentAttemptFilters = {}, call?: ListOptions): AsyncGenerator<DeliveryAttempt, void> {
    const query = { ...withoutDates<Query<"listDocumentDelivery">>(filters), limit: call?.pageSize };
    return items(call, (cursor, init) =>
      this.raw.GET("/v1/documents/{id}/delivery", { params: { path: { id }, query: { ...query, cursor } }, ...init }),
    );
  }

  /** The attempts to deliver any document, newest recorded first. */
  listAttempts(filters: AttemptFilters = {}, call?: ListOptions): AsyncGenerator<DeliveryAttempt, void> {
    const query = { ...withoutDates<Query<"listDeliveryAttempts">>(filters), limit: call?.pageSize };
    return items(call, (cursor, init) => this.raw.GET("/v1/delivery/attempts", { params: { query: { ...query, cursor } }, ...init }));
  }

  /** A document, with its push status and its deliveries. */
  async getDocument(id: string, call?: CallOptions): Promise<DeliveryDocument> {
    return data(call, (init) => this.raw.GET("/v1/documents/{id}", { params: { path: { id } }, ...init }));
  }

  /** Registers a document, or replaces its registration: what is left out is cleared, but for `providers`. */
  async putDocument(id: string, body: DocumentRegistration, call?: CallOptions): Promise<DeliveryDocument> {
    return data(call, (init) => this.raw.PUT("/v1/documents/{id}", { params: { path: { id } }, body, ...init }));
  }

  /** Deliveries across documents, last updated first. One that is updated meanwhile moves to the front. */
  listDeliveries(filters: DeliveryFilters = {}, call?: ListOptions): AsyncGenerator<Delivery, void> {
    const query = { ...filters, limit: call?.pageSize };
    return items(call, (cursor, init) => this.raw.GET("/v1/deliveries", { params: { query: { ...query, cursor } }, ...init }));
  }

  /** What is due for a provider, oldest due first. Listing claims nothing. */
  listOutbox(provider: string, call?: ListOptions): AsyncGenerator<OutboxItem, void> {
    const query = { provider, limit: call?.pageSize };
    return items(call, (cursor, init) => this.raw.GET("/v1/delivery/outbox", { params: { query: { ...query, cursor } }, ...init }));
  }

  /**
   * Leases what is due to this worker alone, oldest due first; when nothing is, the list is empty. Hand `delivery_key` to the
   * destination as its idempotency key, and report under `execution_id`. Where the answer may be lost this throws, and what
   * was leased is due again when its lease runs out, at the cost of a try: claim few at a time.
   */
  async claim(body: ClaimRequest, call?: CallOptions): Promise<ClaimedDelivery[]> {
    return (await data(call, (init) => this.raw.POST("/v1/delivery/claims", { body, ...init }))).data;
  }

  /** Prolongs a lease to `lease_seconds` from now. One that is over can't be had back: 409 `claim_over`. */
  async extend(execution_id: string, body: LeaseExtension = {}, call?: CallOptions): Promise<Claim> {
    const params = { path: { execution_id } };
    return data(call, (init) => this.raw.POST("/v1/delivery/claims/{execution_id}/extend", { params, body, ...init }));
  }

  /** Gives a lease back, which does not count as a try. */
  async release(execution_id: string, call?: CallOptions): Promise<Claim> {
    const params = { path: { execution_id } };
    return data(call, (init) => this.raw.POST("/v1/delivery/claims/{execution_id}/release", { params, ...init }));
  }

  /** Requeues a delivery by hand, under a new `delivery_key`. What was delivered is delivered again only with `force`. */
  async retryPush(id: string, body: RetryPush, call?: CallOptions): Promise<Delivery> {
    return data(call, (init) => this.raw.POST("/v1/documents/{id}/actions/retry-push", { params: { path: { id } }, body, ...init }));
  }
}

/** What a call of the raw client comes to. */
type RawAnswer<Data> =
  | { data: Data; error?: never; response: Response }
  | { data?: never; error: { error: ContractError }; response: Response };

/** What a call of the raw client succeeds with. @throws DeliveryError where the raw client returns `error`. */
export async function orThrow<Data>(answer: Promise<RawAnswer<Data>>): Promise<{ data: Data; response: Response }> {
  const { data, error, response } = await answer;
  if (error) {
    throw refusal(error.error, response);
  }
  return { data, response };
}

type Init = ReturnType<typeof init>;

/**
 * What a call succeeds with. A Request follows its signal for as long as it is not collected, so it is given one of its own:
 * the caller's, which may be that of a whole process, has one listener during the call and none afterwards.
 */
async function answer<Data>(
  call: CallOptions = {},
  send: (init: Init) => Promise<RawAnswer<Data>>,
): Promise<{ data: Data; response: Response }> {
  const { requestId, signal } = call;
  const stop = new AbortController();
  const abort = () => stop.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) {
    abort();
  }
  try {
    return await orThrow(send(init(requestId, stop.signal)));
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

async function data<Data>(call: CallOptions | undefined, send: (init: Init) => Promise<RawAnswer<Data>>): Promise<Data> {
  return (await answer(call, send)).data;
}

/** Reads page after page, as their items are asked for. */
async function* items<Item>(
  call: CallOptions | undefined,
  read: (cursor: string | undefined, init: Init) => Promise<RawAnswer<{ data: Item[]; next_cursor: string | null }>>,
): AsyncGenerator<Item, void> {
  let page = await data(call, (init) => read(undefined, init));
  yield* page.data;
  while (page.next_cursor) {
    const cursor = page.next_cursor;
    page = await data(call, (init) => read(cursor, init));
    yield* page.data;
  }
}

function init(requestId: string | undefined, signal: AbortSignal) {
  return { headers: { "x-request-id": requestId }, signal };
}

/** The same with each Date as text. One that is no date stays one, for the server to refuse it by its field's name. */
function withoutDates<T extends object>(given: WithDates<T>): T {
  const text = (value: unknown) => (value instanceof Date ? (Number.isNaN(value.getTime()) ? String(value) : value.toISOString()) : value);
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, text(value)])) as T;
}

/** @throws TypeError, which does not repeat the text: it may be the API key, by mistake. */
function checkedUrl(text: string): string {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // It is told below.
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new TypeError("baseUrl must be an absolute http or https URL without user, query or fragment");
  }
  return url.href;
}
