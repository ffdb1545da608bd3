// Code generated: a copy of openapi/sdk/typescript/package/src/retry.ts. DO NOT EDIT.
import { isAnswer } from "./answer.js";
import { DeliveryError, isErrorBody, isObject, refusal, strangeAnswer } from "./error.js";

const firstPauseMs = 500;
/** What a timer can wait for at most; told to wait longer, it does not wait at all. */
const longestTimerMs = 2 ** 31 - 1;

export interface RetryOptions {
  /** How long one call may take with all its tries and pauses, in milliseconds; by default 60 000. Each page of a list is a call. */
  deadlineMs?: number | undefined;
  /** How long a single try may take, in milliseconds; by default 15 000. */
  tryTimeoutMs?: number | undefined;
  /** How long the growing pauses get at most, in milliseconds; by default 10 000. A longer Retry-After is waited for all the same. */
  longestPauseMs?: number | undefined;
  /** Is told of each retry, before its pause. What it throws ends the call. */
  onRetry?: ((retry: Retry) => void) | undefined;
  /** Sends a single try, for tests and proxies; by default the global fetch. It has to heed `init.signal`. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

export interface Retry {
  /** How often the request was sent so far. */
  readonly tries: number;
  /** How long it is until the next try, in milliseconds. */
  readonly pauseMs: number;
  /** What the last try came to. */
  readonly error: DeliveryError;
}

/** What a try comes to: a success; a refusal, with its response; or, without a response, any other failure. */
type Result = { response: Response; error?: undefined } | { response?: Response; error: DeliveryError };

/**
 * Returns a fetch that sends a request, the very same bytes each time, until nothing is gained by sending it again, or until
 * the deadline. It returns what the API answered. It throws a DeliveryError when something else answered last, or nothing
 * did, and the reason of the request's signal when that is aborted.
 */
export function insistingFetch(apiKey: string, options: RetryOptions): (request: Request) => Promise<Response> {
  const deadlineMs = checked("deadlineMs", options.deadlineMs ?? 60_000);
  const tryTimeoutMs = checked("tryTimeoutMs", options.tryTimeoutMs ?? 15_000);
  const longestPauseMs = checked("longestPauseMs", options.longestPauseMs ?? 10_000);
  const send = options.fetch ?? ((url, init) => globalThis.fetch(url, init));

  async function once(request: Request, body: ArrayBuffer | null, timeoutMs: number): Promise<Result> {
    const stop = new AbortController();
    const abort = () => stop.abort(request.signal.reason);
    const timeout = () => stop.abort(new DOMException(`none within ${Math.ceil(timeoutMs)} ms`, "TimeoutError"));
    const timer = setTimeout(timeout, timeoutMs);
    request.signal.addEventListener("abort", abort);
    try {
      request.signal.throwIfAborted();
      const response = await send(request.url, {
        method: request.method,
        headers: [...request.headers] as [string, string][],
        body,
        redirect: "manual", // followed, a POST may become a GET, whose answer says nothing of what was to be written
        signal: stop.signal,
      });
      const text = await response.text();
      const sent = body && parsed(new TextDecoder().decode(body));
      return judged(response, text, isAnswer(parsed(text), request.method, request.url, sent), apiKey);
    } catch (thrown) {
      request.signal.throwIfAborted();
      const cause = stop.signal.aborted ? stop.signal.reason : thrown;
      const words = told(cause);
      const clean = redacted(words, apiKey);
      return { error: new DeliveryError(`no answer: ${clean}`, clean === words ? { cause } : {}) };
    } finally {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", abort);
    }
  }

  return async (request) => {
    const deadline = performance.now() + deadlineMs;
    const bytes = await request.arrayBuffer();
    const body = bytes.byteLength > 0 ? bytes : null;
    const repeatable = isRepeatable(request.url, bytes);
    for (let tries = 1; ; tries++) {
      const { response, error } = await once(request, body, Math.min(tryTimeoutMs, deadline - performance.now()));
      if (!error) {
        return response;
      }
      // With jitter, so that workers do not come back all at once.
      const grown = Math.min(firstPauseMs * 2 ** (tries - 1), longestPauseMs) * (0.5 + Math.random() / 2);
      const pauseMs = Math.max(grown, (error.retryAfter ?? 0) * 1000);
      if (isWorthRetrying(error, repeatable) && performance.now() + pauseMs < deadline) {
        options.onRetry?.({ tries, pauseMs, error });
        await pause(pauseMs, request.signal);
        if (performance.now() < deadline) {
          continue;
        }
      }
      if (!response) {
        throw error;
      }
      return response;
    }
  };
}

/** Whether it does no harm to execute a request twice. A claim leases once more, a forced requeue delivers once more. */
function isRepeatable(url: string, body: ArrayBuffer): boolean {
  const { pathname } = new URL(url);
  if (pathname.endsWith("/actions/retry-push")) {
    const order = parsed(new TextDecoder().decode(body));
    return !isObject(order) || order["force"] !== true;
  }
  return !pathname.endsWith("/v1/delivery/claims");
}

/** Whether another try may come to something else and does no harm. */
function isWorthRetrying(error: DeliveryError, repeatable: boolean): boolean {
  switch (error.status) {
    case 429:
      return true;
    case 503:
      return repeatable || error.outcome === "not_executed";
    case undefined: // Without a connection nothing was sent. Each runtime says in its own words that there was none.
      return repeatable || /ECONNREFUSED|connection ?refused|ENOTFOUND|EAI_AGAIN/i.test(error.message);
    default:
      return false;
  }
}

/**
 * What an answer comes to. A 2xx is a success only when it is what the API answers to this request: others answer JSON too.
 * Of anything else the key is taken out: it may show the request that it is for.
 */
function judged(response: Response, text: string, expected: boolean, apiKey: string): Result {
  const { ok, status, headers } = response;
  if (ok && expected) {
    return { response: new Response(text, { status, headers }) };
  }
  const clean = redacted(text, apiKey);
  const body = parsed(clean);
  if (ok || !isErrorBody(body)) {
    return { error: strangeAnswer(clean, response) };
  }
  return { response: new Response(clean, { status, headers }), error: refusal(body.error, response) };
}

/** The text without the key. What is too short to be a key may be part of any word, and is left in. */
function redacted(text: string, apiKey: string): string {
  return apiKey.length < 8 ? text : text.replaceAll(apiKey, "[API key]");
}

/** The messages of an error and its causes, as in "fetch failed: connect ECONNREFUSED 127.0.0.1:8080". */
function told(error: unknown): string {
  const words: string[] = [];
  for (let next = error; next instanceof Error && words.length < 5; next = next.cause) {
    const code = "code" in next && typeof next.code === "string" && !next.message.includes(next.code) ? next.code : "";
    words.push(`${code} ${next.message}`.trim() || next.name);
  }
  return words.join(": ") || String(error);
}

/** The value of a JSON text; undefined when it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Waits. Throws the signal's reason as soon as that is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      if (signal.aborted) {
        reject(signal.reason);
      } else {
        resolve();
      }
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) {
      end();
    }
  });
}

function checked(name: string, ms: number): number {
  if (!(ms > 0 && ms <= longestTimerMs)) {
    throw new RangeError(`${name} must be more than 0 and at most ${longestTimerMs} milliseconds`);
  }
  return ms;
}
