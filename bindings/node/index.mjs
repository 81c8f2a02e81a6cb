// The same module for `import`: one copy of every class, whoever loads it how.
import libllm from './index.js';

export const {
  LLM, Stream, Answer, Attempt, Done, LLMError, ConfigError, InvalidArgumentError, UnsupportedError, ClosedError,
  BusyError, ForkedError, InternalError, APIError, BadRequestError, NotFoundError, ConflictError,
  UnprocessableEntityError, ContextLengthError, ContentFilterError, AuthenticationError, PermissionDeniedError,
  RateLimitError, QuotaExceededError, BudgetExceededError, InternalServerError, OverloadedError, APIConnectionError,
  APITimeoutError, StreamInterruptedError, ConsumerStalledError, APIResponseValidationError, APIUserAbortError,
  NoRouteError, CircuitOpenError, setLogger, libraryVersion, version,
} = libllm;
