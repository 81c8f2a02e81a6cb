'use strict';
// What went wrong, as classes to catch. Kinds decide, never messages.

const native = require('./native');
const tables = require('./tables');
const { Attempt } = require('./views');

class LLMError extends Error {
  constructor(message, told = {}, rawJson = '') {
    super(message);
    const wait = told.retry_after_ms ?? null;
    const target = told.target ?? '';
    const slash = target.indexOf('/');
    this.llmStatus = told.status ?? 'LLM_ERR_INTERNAL';
    this.kind = told.kind ?? 'internal';
    this.code = told.code ?? null;
    this.type = told.type ?? null;
    this.param = told.param ?? null;
    this.status = told.http_status ?? null;
    this.requestId = told.request_id ?? null;
    this.provider = told.provider ?? null;
    // A target is PROVIDER/MODEL, and a model's name may have slashes of its own.
    this.model = slash < 0 ? null : target.slice(slash + 1);
    this.retryAfter = wait === null ? null : wait / 1000;
    this.isRetryable = Boolean(told.retryable);
    this.phase = told.phase ?? null;
    this.attempts = (told.attempts ?? []).map((each) => new Attempt(each));
    this.partialText = told.partial?.text ?? '';
    this.rawBody = told.body ?? null;
    // Long, and said already: kept out of what a console prints.
    Object.defineProperty(this, 'rawJson', { value: rawJson, writable: true, configurable: true });
  }

  /** `requestId`, by the name that openai-node uses. */
  get requestID() {
    return this.requestId;
  }
}

class ConfigError extends LLMError {}
class InvalidArgumentError extends LLMError {}
class UnsupportedError extends LLMError {}
class ClosedError extends LLMError {}
class BusyError extends LLMError {}
class ForkedError extends LLMError {}
class InternalError extends LLMError {}

class APIError extends LLMError {}
class BadRequestError extends APIError {}
class NotFoundError extends BadRequestError {}
class ConflictError extends BadRequestError {}
class UnprocessableEntityError extends BadRequestError {}
class ContextLengthError extends BadRequestError {}
class ContentFilterError extends BadRequestError {}
class AuthenticationError extends APIError {}
class PermissionDeniedError extends APIError {}
class RateLimitError extends APIError {}
class QuotaExceededError extends RateLimitError {}
class BudgetExceededError extends RateLimitError {}
class InternalServerError extends APIError {}
class OverloadedError extends InternalServerError {}
class APIConnectionError extends APIError {}
class APITimeoutError extends APIConnectionError {}
class StreamInterruptedError extends APIError {}
class ConsumerStalledError extends StreamInterruptedError {}
class APIResponseValidationError extends APIError {}
class APIUserAbortError extends APIError {}
class NoRouteError extends APIError {}
class CircuitOpenError extends NoRouteError {}

const classes = {
  LLMError, ConfigError, InvalidArgumentError, UnsupportedError, ClosedError, BusyError, ForkedError, InternalError,
  APIError, BadRequestError, NotFoundError, ConflictError, UnprocessableEntityError, ContextLengthError,
  ContentFilterError, AuthenticationError, PermissionDeniedError, RateLimitError, QuotaExceededError,
  BudgetExceededError, InternalServerError, OverloadedError, APIConnectionError, APITimeoutError,
  StreamInterruptedError, ConsumerStalledError, APIResponseValidationError, APIUserAbortError, NoRouteError,
  CircuitOpenError,
};
for (const [name, each] of Object.entries(classes)) {
  Object.defineProperty(each.prototype, 'name', { value: name, writable: true, configurable: true });
}

/** The error that llm_error_json() or an ERROR event tells of. */
function fromJson(rawJson, partialText = '') {
  const told = JSON.parse(rawJson);
  const { byHttp, byKind, byStatus } = tables;
  const name = byHttp[`${told.kind} ${told.http_status}`] ?? byKind[told.kind] ?? byStatus[told.status] ?? 'InternalError';
  const error = new classes[name](told.message ?? '', told, rawJson);
  // What the program has seen, where the library kept no text.
  error.partialText ||= partialText;
  return error;
}

/** The error of a call that returns nothing but a status. */
function fromStatus(status, message) {
  const name = native.statusName(status);
  const told = { status: name, kind: name.replace('LLM_ERR_', '').toLowerCase(), phase: 'local' };
  return new classes[tables.byStatus[name] ?? 'InternalError'](message, told);
}

module.exports = { classes, fromJson, fromStatus };
