// Code generated: a copy of openapi/sdk/typescript/package/src/error.ts. DO NOT EDIT.
import type { components } from "./contract.js";

export type ContractError = components["schemas"]["Error"];
export type ErrorCode = ContractError["code"];
export type ErrorDetail = components["schemas"]["ErrorDetail"];
export type Outcome = NonNullable<ContractError["outcome"]>;

/**
 * Why a call failed:
 *
 * - The API refused it: `status` and `code` are set, and `details` names the fields where that can be said.
 * - Something else answered, such as a proxy: `status` is set, `code` is not, and `message` quotes the answer.
 * - Nothing answered: neither is set, and `cause` is what the transport threw.
 *
 * The API key is in none of it.
 */
export class DeliveryError extends Error {
  /** The HTTP status; undefined when nothing answered, and 0 for a redirect in a browser, which does not tell. */
  readonly status: number | undefined;
  /** The contract's word for the error; undefined when the answer is not this API's. */
  readonly code: ErrorCode | undefined;
  /** What is wrong with which field; empty where that can't be said. */
  readonly details: readonly ErrorDetail[];
  /** The answer's x-request-id: quote it when you ask whoever runs the server. */
  readonly requestId: string | undefined;
  /** Of a 503 only: `not_executed`, it had no effect, or `outcome_unknown`, it may have had one. */
  readonly outcome: Outcome | undefined;
  /** How long the server asks to wait before the next try, in seconds. */
  readonly retryAfter: number | undefined;

  constructor(message: string, known: Partial<Omit<DeliveryError, keyof Error>> & { cause?: unknown } = {}) {
    super(message, known.cause === undefined ? undefined : { cause: known.cause });
    this.status = known.status;
    this.code = known.code;
    this.details = known.details ?? [];
    this.requestId = known.requestId;
    this.outcome = known.outcome;
    this.retryAfter = known.retryAfter;
  }

  override get name(): string {
    return "DeliveryError";
  }
}

/** The error of an answer in which the API refused a call. */
export function refusal(said: ContractError, { status, headers }: Response): DeliveryError {
  const { code, request_id: requestId, outcome } = said;
  const details = Array.isArray(said.details) ? said.details : [];
  return new DeliveryError(said.message, { status, code, details, requestId, outcome, retryAfter: retryAfter(headers) });
}

/** The error of an answer that is not this API's: a proxy's page, JSON of something else, nothing where JSON has to be, also with 200. */
export function strangeAnswer(text: string, { status, headers }: Response): DeliveryError {
  const quote = text === "" ? "it is empty" : `it begins ${JSON.stringify(text.slice(0, 200))}`;
  return new DeliveryError(`the answer, with status ${status}, is not one of the Numora Delivery API: ${quote}`, {
    status,
    requestId: headers.get("x-request-id") ?? undefined,
    retryAfter: retryAfter(headers),
  });
}

/** Whether a body is the contract's ErrorBody, as far as this package relies on it. */
export function isErrorBody(body: unknown): body is { error: ContractError } {
  const error = isObject(body) ? body["error"] : undefined;
  return isObject(error) && typeof error["code"] === "string" && typeof error["message"] === "string";
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Seconds from now, whether Retry-After is a number of them or a date; undefined without a valid one. */
function retryAfter(headers: Headers): number | undefined {
  const text = headers.get("retry-after") ?? "";
  if (/^\d+$/.test(text)) {
    return Number(text);
  }
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
