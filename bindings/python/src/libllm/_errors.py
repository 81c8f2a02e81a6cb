"""What went wrong, as classes to catch. Kinds decide, never messages."""

from __future__ import annotations

from . import _abi, _native, _tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._answer import Attempt


class LLMError(Exception):
    """The root of every error of this package.

    Attributes that nobody told are None; `attempts` is then empty.
    """

    #: For people; one line.
    message: str
    #: The library's constant, such as "LLM_ERR_TIMEOUT".
    llm_status: str
    #: Small and stable, such as "rate_limited"; see docs of the error kinds.
    kind: str
    #: The provider's own words.
    code: str | None
    type: str | None
    param: str | None
    #: HTTP status.
    status: int | None
    request_id: str | None
    provider: str | None
    model: str | None
    #: Seconds to wait before asking again.
    retry_after: float | None
    #: Whether asking again may help.
    is_retryable: bool
    #: Where it happened: local, connect, send, first_item, stream or consumer.
    phase: str | None
    #: Every try, in order.
    attempts: list[Attempt]
    #: Text that had been delivered.
    partial_text: str
    #: The provider's answer, cut to 64 KiB.
    raw_body: str | None
    #: Everything above as the library told it.
    raw_json: str

    def __init__(self, message: str, told: dict[str, Any] | None = None, raw_json: str = "") -> None:
        super().__init__(message)
        told = told or {}
        wait = told.get("retry_after_ms")
        target = told.get("target") or ""
        self.message = message
        self.llm_status = told.get("status", "LLM_ERR_INTERNAL")
        self.kind = told.get("kind", "internal")
        self.code, self.type, self.param = told.get("code"), told.get("type"), told.get("param")
        self.status = told.get("http_status")
        self.request_id = told.get("request_id")
        self.provider = told.get("provider")
        # A target is PROVIDER/MODEL, and a model's name may have slashes of its own.
        self.model = target.partition("/")[2] or None
        self.retry_after = None if wait is None else wait / 1000
        self.is_retryable = bool(told.get("retryable"))
        self.phase = told.get("phase")
        self.attempts = _attempts(told)
        self.partial_text = (told.get("partial") or {}).get("text") or ""
        self.raw_body = told.get("body")
        self.raw_json = raw_json

    @property
    def status_code(self) -> int | None:
        """`status`, by the name that the official SDKs use."""
        return self.status

    @property
    def body(self) -> str | None:
        """`raw_body`, by the name that the official SDKs use."""
        return self.raw_body

    @property
    def llm_provider(self) -> str | None:
        """`provider`, by the name that LiteLLM uses."""
        return self.provider

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process pools; an exception's own pickling would drop all but the message.
        return _rebuilt, (type(self), self.message, self.raw_json, self.__dict__)


class ConfigError(LLMError):
    """A configuration, an option or a model name that the library does not know."""


class InvalidArgumentError(LLMError, ValueError):
    """A request that is no request: malformed, or without messages."""


class UnsupportedError(LLMError):
    """Not in this build, or not by this provider."""


class ClosedError(LLMError):
    """The client was closed."""


class BusyError(LLMError):
    """A limit of the configuration is reached, or two threads read one stream."""


class ForkedError(LLMError):
    """The client was made before fork(): make one in the child."""


class InternalError(LLMError):
    """A fault of the library, or memory that could not be had."""


class APIError(LLMError):
    """What came of a request that was made."""


class BadRequestError(APIError):
    """400 and its like: the same request will fail again."""


class NotFoundError(BadRequestError):
    """404: no such model or place."""


class ConflictError(BadRequestError):
    """409."""


class UnprocessableEntityError(BadRequestError):
    """422."""


class ContextLengthError(BadRequestError):
    """The prompt does not fit the model."""


class ContentFilterError(BadRequestError):
    """Refused by the provider's moderation."""


class AuthenticationError(APIError):
    """401, or no key at all."""


class PermissionDeniedError(APIError):
    """403."""


class RateLimitError(APIError):
    """429: see `retry_after`."""


class QuotaExceededError(RateLimitError):
    """Out of credit: waiting does not help."""


class BudgetExceededError(RateLimitError):
    """A spending limit of the configuration."""


class InternalServerError(APIError):
    """5xx."""


class OverloadedError(InternalServerError):
    """529, or an overload told inside an answer."""


class APIConnectionError(APIError):
    """DNS, TCP, TLS or a proxy."""


class APITimeoutError(APIConnectionError, TimeoutError):
    """A deadline passed; `phase` says which part took too long."""


class StreamInterruptedError(APIError):
    """The answer was cut; `partial_text` has what came."""


class ConsumerStalledError(StreamInterruptedError):
    """The stream was left unread too long."""


class APIResponseValidationError(APIError):
    """The provider sent what cannot be understood."""


class APIUserAbortError(APIError):
    """The request was cancelled."""


class NoRouteError(APIError):
    """No target was left to ask; see `attempts`."""


class CircuitOpenError(NoRouteError):
    """Every target's circuit breaker is open."""


def _class_of(status: str, kind: str, http: int) -> type[LLMError]:
    name = _tables.BY_HTTP.get((kind, http)) or _tables.BY_KIND.get(kind) or _tables.BY_STATUS.get(status)
    found: type[LLMError] = globals()[name or "InternalError"]
    return found


def from_json(raw_json: str, partial_text: str = "") -> LLMError:
    """The error that llm_error_json() or an ERROR event tells of."""
    import json

    told: dict[str, Any] = json.loads(raw_json)
    found = _class_of(told.get("status", ""), told.get("kind", ""), told.get("http_status") or 0)
    error = found(told.get("message", ""), told, raw_json)
    # What the program has seen, where the library kept no text.
    error.partial_text = error.partial_text or partial_text
    return error


_WORDS = {
    _abi.ERR_FORKED: "this client was made before fork(), in another process",
    _abi.ERR_CLOSED: "the client is closed",
    _abi.ERR_BUSY: "two threads read one stream",
    _abi.ERR_CANCELED: "the request was cancelled",
}


def from_status(status: int) -> LLMError:
    """The error of a call that returns nothing but a status."""
    name: str = _native.status_name(status).decode()
    kind = name.removeprefix("LLM_ERR_").lower()
    found = _class_of(name, kind, 0)
    return found(_WORDS.get(status, name), {"status": name, "kind": kind, "phase": "local"})


def _attempts(told: dict[str, Any]) -> list[Attempt]:
    tries = told.get("attempts")
    if not tries:
        return []
    from ._answer import Attempt

    return [Attempt(each) for each in tries]


def _rebuilt(found: type[LLMError], message: str, raw_json: str, fields: dict[str, Any]) -> LLMError:
    error = found(message, None, raw_json)
    error.__dict__.update(fields)
    return error
