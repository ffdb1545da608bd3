export * from "./client.js";
export type { components, operations, paths } from "./contract.js";
export { DeliveryError, type ErrorCode, type ErrorDetail, type Outcome } from "./error.js";
export type { Retry, RetryOptions } from "./retry.js";
