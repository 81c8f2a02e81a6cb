"""LiteLLM's two calls on libllm: `import libllm.litellm as litellm` in a program that uses `completion`/`acompletion`.

Answers have LiteLLM's shape: attributes and keys (`answer.choices[0].message.content`), chunks when streaming.
Errors are libllm's classes, under LiteLLM's names too. What is not here: callbacks, LiteLLM's own router, budgets and
caches (the library's configuration has those), and parameters that LiteLLM itself interprets (`metadata`, `tags`).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from ._answer import Done, Response
from ._asyncio import AsyncClient, AsyncStream
from ._client import Client, Stream
from ._errors import (
    APIConnectionError,
    APIError,
    APIResponseValidationError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    ContentFilterError,
    ContextLengthError,
    InternalServerError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
)
from ._events import Event, ReasoningDelta, RefusalDelta, TextDelta, ToolArgsDelta, ToolCallStart
from ._options import NAMES

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "ContentPolicyViolationError",
    "ContextWindowExceededError",
    "CustomStreamWrapper",
    "InternalServerError",
    "ModelResponse",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServiceUnavailableError",
    "Timeout",
    "UnprocessableEntityError",
    "acompletion",
    "completion",
]

Timeout = APITimeoutError
ContextWindowExceededError = ContextLengthError
ContentPolicyViolationError = ContentFilterError
ServiceUnavailableError = OverloadedError

# LiteLLM's name of an option -> ours.
_OPTIONS = {
    "api_base": "base_url",
    "custom_llm_provider": "provider",
    "num_retries": "max_retries",
    "request_timeout": "timeout",
}
# What LiteLLM reads for itself and no provider is sent.
_OWN = frozenset(("api_version", "deployment_id", "model_list", "shared_session", "mock_response", "drop_params"))


class ModelResponse(dict[str, Any]):
    """A chat.completion (or chunk) whose keys are attributes as well."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__({key: _view(value) for key, value in told.items()})

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            # pydantic's models have every field; a missing one is None, a wrong name an error.
            if name in _FIELDS:
                return None
            raise AttributeError(f"no field {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {key: _plain(value) for key, value in self.items()}

    to_dict = json = dict = model_dump

    def model_dump_json(self, **_: Any) -> str:
        """JSON text."""
        import json

        return json.dumps(self.model_dump())


_FIELDS = frozenset(
    ("content", "tool_calls", "function_call", "reasoning_content", "refusal", "role", "finish_reason", "usage", "id")
)


class CustomStreamWrapper:
    """Chunks in LiteLLM's shape; iterate it with `for` or `async for`, as it was made."""

    def __init__(self, stream: Stream | AsyncStream, model: str, usage: bool) -> None:
        self._stream = stream
        self._usage = usage
        self._head: dict[str, Any] = {
            "id": f"chatcmpl-{id(stream):x}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        # Of each choice: whether its first chunk, which names the role, was given.
        self._begun: set[int] = set()
        self._rest: list[ModelResponse] = []

    def __iter__(self) -> Iterator[ModelResponse]:
        return self

    def __next__(self) -> ModelResponse:
        assert isinstance(self._stream, Stream), "this answer is asynchronous: use `async for`"
        while not self._rest:
            self._rest = self._chunks(next(self._stream))
        return self._rest.pop(0)

    def __aiter__(self) -> AsyncIterator[ModelResponse]:
        return self

    async def __anext__(self) -> ModelResponse:
        assert isinstance(self._stream, AsyncStream), "this answer is synchronous: use `for`"
        while not self._rest:
            self._rest = self._chunks(await self._stream.__anext__())
        return self._rest.pop(0)

    def close(self) -> None:
        """Closes the stream upstream."""
        if isinstance(self._stream, Stream):
            self._stream.close()
        else:
            self._stream.cancel()

    async def aclose(self) -> None:
        """As close()."""
        self.close()

    def _chunks(self, event: Event) -> list[ModelResponse]:
        if isinstance(event, TextDelta):
            return [self._chunk(event.choice, {"content": event.text})]
        if isinstance(event, ReasoningDelta):
            return [self._chunk(event.choice, {"reasoning_content": event.text})]
        if isinstance(event, RefusalDelta):
            return [self._chunk(event.choice, {"refusal": event.text})]
        if isinstance(event, ToolCallStart):
            function = {"name": event.name, "arguments": ""}
            call = {"index": event.index, "id": event.id, "type": "function", "function": function}
            return [self._chunk(event.choice, {"tool_calls": [call]})]
        if isinstance(event, ToolArgsDelta):
            call = {"index": event.index, "function": {"name": None, "arguments": event.arguments}}
            return [self._chunk(event.choice, {"tool_calls": [call]})]
        if isinstance(event, Done):
            return self._last(event)
        return []

    def _chunk(self, choice: int, delta: dict[str, Any], finish: str | None = None) -> ModelResponse:
        if choice not in self._begun:
            self._begun.add(choice)
            delta = {"role": "assistant", **delta}
        return ModelResponse({**self._head, "choices": [{"index": choice, "delta": delta, "finish_reason": finish}]})

    def _last(self, done: Done) -> list[ModelResponse]:
        told = done.to_dict()
        ends = told.get("choices") or [{"index": 0, "finish_reason": done.finish_reason}]
        made = [self._chunk(end["index"], {}, end.get("finish_reason") or "stop") for end in ends]
        if self._usage:
            made.append(ModelResponse({**self._head, "choices": [], "usage": _usage(told.get("usage") or {})}))
        return made


def completion(
    model: str,
    messages: Sequence[Mapping[str, Any]] = (),
    timeout: float | str | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    n: int | None = None,
    stream: bool | None = None,
    stream_options: Mapping[str, Any] | None = None,
    stop: str | Sequence[str] | None = None,
    max_completion_tokens: int | None = None,
    max_tokens: int | None = None,
    presence_penalty: float | None = None,
    frequency_penalty: float | None = None,
    logit_bias: Mapping[str, float] | None = None,
    user: str | None = None,
    reasoning_effort: str | None = None,
    response_format: Mapping[str, Any] | type | None = None,
    seed: int | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    logprobs: bool | None = None,
    top_logprobs: int | None = None,
    parallel_tool_calls: bool | None = None,
    extra_headers: Mapping[str, str] | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **kwargs: Any,
) -> ModelResponse | CustomStreamWrapper:
    """litellm.completion(): the whole answer, or chunks with `stream=True`. More parameters go to the provider."""
    request, options = _split(locals())
    client: Client = _shared(Client)
    if stream:
        return CustomStreamWrapper(client.stream(request, **options), model, _wants_usage(stream_options))
    return _answer(client.chat(request, **options), model)


async def acompletion(
    model: str,
    messages: Sequence[Mapping[str, Any]] = (),
    timeout: float | str | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    n: int | None = None,
    stream: bool | None = None,
    stream_options: Mapping[str, Any] | None = None,
    stop: str | Sequence[str] | None = None,
    max_tokens: int | None = None,
    max_completion_tokens: int | None = None,
    presence_penalty: float | None = None,
    frequency_penalty: float | None = None,
    logit_bias: Mapping[str, float] | None = None,
    user: str | None = None,
    response_format: Mapping[str, Any] | type | None = None,
    seed: int | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    parallel_tool_calls: bool | None = None,
    logprobs: bool | None = None,
    top_logprobs: int | None = None,
    reasoning_effort: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    **kwargs: Any,
) -> ModelResponse | CustomStreamWrapper:
    """litellm.acompletion(): as completion(), for asyncio."""
    request, options = _split(locals())
    client: AsyncClient = _shared(AsyncClient)
    if stream:
        return CustomStreamWrapper(client.stream(request, **options), model, _wants_usage(stream_options))
    return _answer(await client.chat(request, **options), model)


_clients: dict[Any, Any] = {}


def _shared(kind: Callable[[], Any]) -> Any:
    """The process's client, configured from the environment, made at the first call and anew after a fork."""
    import os

    key: Any = (kind, os.getpid())
    # Without a lock, which a fork may leave taken: of two clients made at once one is kept.
    return _clients.get(key) or _clients.setdefault(key, kind())


def _split(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    request: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for name, value in {**given, **given["kwargs"]}.items():
        if name == "kwargs" or name in _OWN or value is None:
            continue
        # LiteLLM reads more in these two than words.
        if name in _OPTIONS or (name in NAMES and name not in ("metadata", "tags")):
            options[_OPTIONS.get(name, name)] = value
        else:
            request[name] = list(value) if name == "messages" else value
    if isinstance(options.get("timeout"), str):
        options["timeout"] = float(options["timeout"])
    if isinstance(request.get("response_format"), type):
        request["response_format"] = _schema(request["response_format"])
    return request, options


def _schema(model: Any) -> dict[str, Any]:
    # A pydantic model, as LiteLLM takes it; pydantic itself is not needed here.
    schema = {"name": model.__name__, "schema": model.model_json_schema(), "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def _wants_usage(stream_options: Mapping[str, Any] | None) -> bool:
    return bool(stream_options and stream_options.get("include_usage"))


def _answer(response: Response, model: str) -> ModelResponse:
    told = response.to_dict()
    for choice in told["choices"]:
        message = choice["message"] = dict(choice["message"])
        if "reasoning" in message:
            message["reasoning_content"] = message.pop("reasoning")
        choice["finish_reason"] = choice["finish_reason"] or "stop"
    ours = told.pop("libllm")
    made = ModelResponse({**told, "model": told["model"] or model, "created": int(time.time())})
    # LiteLLM puts what it knows beyond OpenAI's fields here.
    cost = response.cost_usd
    hidden = {"response_cost": cost, "custom_llm_provider": response.provider, "libllm": ours}
    object.__setattr__(made, "_hidden_params", hidden)
    return made


def _usage(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: told.get(key) for key in ("prompt_tokens", "completion_tokens", "total_tokens")}


def _view(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ModelResponse(value)
    return [_view(each) for each in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, ModelResponse):
        return value.model_dump()
    return [_plain(each) for each in value] if isinstance(value, list) else value
