"""Requests as TypedDicts, for editors and type checkers. At run time they are plain dicts; unknown keys pass."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from ._requests import (
    ChatRequest,
    ContentPart,
    FunctionCall,
    FunctionDefinition,
    MessageParam,
    ToolCallParam,
    ToolDefinition,
)

__all__ = [
    "ChatRequest",
    "ContentPart",
    "FunctionCall",
    "FunctionDefinition",
    "Hook",
    "HookAnswer",
    "MessageParam",
    "RequestOptions",
    "ToolCallParam",
    "ToolDefinition",
]


class HookAnswer(TypedDict, total=False):
    """What a hook may answer (docs/hooks.md); nothing goes on."""

    #: "before": what is sent instead.
    request: Mapping[str, Any]
    #: "attempt": added to this attempt.
    headers: Mapping[str, str]
    #: "token", "attempt": the key of this attempt.
    api_key: str


#: Gets the question; raises to refuse the request.
Hook: TypeAlias = Callable[[dict[str, Any]], "HookAnswer | Awaitable[HookAnswer | None] | None"]


class RequestOptions(TypedDict, total=False):
    """Wishes for one request, or the defaults of a client. Times are seconds; infinity is no limit."""

    #: Ask this provider; the request's model is then its own name for it.
    provider: str | None
    #: What is asked; "chat" if left out.
    operation: str | None
    #: The whole request, retries included.
    timeout: float | None
    #: Until the first token; then the next target is tried.
    first_token_timeout: float | None
    #: Between two pieces of an answer.
    idle_timeout: float | None
    #: Attempts beyond the first, or all of them; over all targets.
    max_retries: int | None
    max_attempts: int | None
    #: Models or aliases asked after the request's own.
    fallbacks: Sequence[str] | None
    on_partial: str | None
    #: "drop", "error" or "pass": a parameter that a provider cannot take.
    unsupported: str | None
    #: Hold the request against what is known of the model before it is sent.
    check_limits: bool | None
    #: Added to every attempt; two names for one thing.
    headers: Mapping[str, str] | None
    extra_headers: Mapping[str, str] | None
    base_url: str | None
    api_key: str | None
    idempotency_key: str | None
    #: Merged into the request's body last.
    extra_body: Mapping[str, Any] | None
    #: How the model's targets are chosen among, this once, such as "latency".
    strategy: str | None
    #: Words that rules look at.
    tags: Sequence[str] | None
    #: Whose conversation it is: what should stay at one target does.
    session: str | None
    #: On whose behalf the request is made: rules, limits and budgets look at it.
    tenant: str | None
    #: More words that rules look at, by name.
    metadata: Mapping[str, str] | None
    #: The trace that it belongs to, as the headers of these names say it (W3C Trace Context).
    traceparent: str | None
    tracestate: str | None
    #: Also the provider's own chunks, as Raw events.
    raw: bool
    #: False: one event for each delta, even when the consumer lags.
    coalesce: bool
    #: False: neither read nor fill the cache; "refresh": ask anew and keep the answer;
    #: or an object of `refresh`, `ttl`, `tags`, `key` and `semantic`.
    cache: bool | str | Mapping[str, Any]
    #: The whole text in the Done event's message too.
    message: bool
    #: Keys of the library's options_json that are not named here.
    options: Mapping[str, Any] | None
