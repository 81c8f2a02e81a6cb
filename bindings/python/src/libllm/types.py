"""Requests as TypedDicts, for editors and type checkers. At run time they are plain dicts; unknown keys pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

__all__ = [
    "ChatRequest",
    "ContentPart",
    "FunctionCall",
    "FunctionDefinition",
    "MessageParam",
    "RequestOptions",
    "ToolCallParam",
    "ToolDefinition",
]

Role: TypeAlias = Literal["system", "developer", "user", "assistant", "tool"]


class ContentPart(TypedDict, total=False):
    """A piece of a message: text, an image, audio or a file."""

    type: str
    text: str
    image_url: Mapping[str, Any]
    input_audio: Mapping[str, Any]
    file: Mapping[str, Any]


class FunctionCall(TypedDict):
    """What the model called."""

    name: str
    arguments: str


class ToolCallParam(TypedDict):
    """A call of an earlier turn."""

    id: str
    type: Literal["function"]
    function: FunctionCall


class _Message(TypedDict):
    role: Role


class MessageParam(_Message, total=False):
    """One turn."""

    content: str | Sequence[ContentPart | Mapping[str, Any]] | None
    name: str
    tool_calls: Sequence[ToolCallParam | Mapping[str, Any]]
    tool_call_id: str
    reasoning: str
    refusal: str | None
    libllm_parts: Sequence[Mapping[str, Any]]


class FunctionDefinition(TypedDict, total=False):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    strict: bool


class ToolDefinition(TypedDict):
    """A tool of kind function."""

    type: Literal["function"]
    function: FunctionDefinition


class ChatRequest(TypedDict, total=False):
    """A Chat Completions request. `model` is PROVIDER/MODEL or an alias of the configuration."""

    model: str
    messages: Sequence[MessageParam | Mapping[str, Any]]
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    max_completion_tokens: int | None
    n: int | None
    stop: str | Sequence[str] | None
    seed: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    logit_bias: Mapping[str, float] | None
    logprobs: bool | None
    top_logprobs: int | None
    tools: Sequence[ToolDefinition | Mapping[str, Any]]
    tool_choice: str | Mapping[str, Any]
    parallel_tool_calls: bool
    response_format: Mapping[str, Any]
    reasoning_effort: str | None
    service_tier: str | None
    stream: bool
    stream_options: Mapping[str, Any]
    user: str
    metadata: Mapping[str, str]
    extra_body: Mapping[str, Any]


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
    #: Added to every attempt; two names for one thing.
    headers: Mapping[str, str] | None
    extra_headers: Mapping[str, str] | None
    base_url: str | None
    api_key: str | None
    idempotency_key: str | None
    #: Merged into the request's body last.
    extra_body: Mapping[str, Any] | None
    #: Also the provider's own chunks, as Raw events.
    raw: bool
    #: False: one event for each delta, even when the consumer lags.
    coalesce: bool
    #: False: neither read nor fill the cache.
    cache: bool
    #: Keys of the library's options_json that are not named here.
    options: Mapping[str, Any] | None
