import { isObject } from "./error.js";

/**
 * Whether a JSON value can be what this API answers to a request that succeeded: a report's own attempt, a list, or an object
 * that is identified. What is in them is not checked any further.
 */
export function isAnswer(value: unknown, method: string, url: string, sent: unknown): boolean {
  if (!isObject(value)) {
    return false;
  }
  const path = new URL(url).pathname;
  if (/\/v1\/documents\/[^/]+\/delivery$/.test(path)) {
    return method === "GET" ? isPage(value) : isObject(sent) && value["execution_id"] === sent["execution_id"] && has(value, "id");
  }
  if (/\/v1\/(delivery\/attempts|delivery\/outbox|deliveries)$/.test(path)) {
    return isPage(value);
  }
  if (/\/v1\/delivery\/claims$/.test(path)) {
    return isList(value["data"]);
  }
  if (/\/v1\/delivery\/claims\/[^/]+\/[a-z]+$/.test(path)) {
    return has(value, "execution_id");
  }
  if (/\/v1\/documents\/[^/]+\/actions\/[^/]+$/.test(path)) {
    return has(value, "document_id");
  }
  return has(value, "id");
}

function isPage({ data, next_cursor }: Record<string, unknown>): boolean {
  return isList(data) && (next_cursor === null || typeof next_cursor === "string");
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.every(isObject);
}

function has(value: Record<string, unknown>, name: string): boolean {
  return typeof value[name] === "string" && value[name] !== "";
}
