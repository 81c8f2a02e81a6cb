"""LiteLLM's shapes: a chat.completion and its chunks, whose keys are attributes as well."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ._answer import Done, Response
from ._asyncio import AsyncStream
from ._client import Stream
from ._events import Event, ReasoningDelta, RefusalDelta, TextDelta, ToolArgsDelta, ToolCallStart

_DETAILS = ("audio_tokens", "text_tokens", "image_tokens", "video_tokens")
_SAID = (
    *("role", "content", "refusal", "tool_calls", "function_call", "audio", "images", "annotations"),
    *("reasoning_content", "thinking_blocks", "reasoning_items", "provider_specific_fields"),
)
# What each object may be asked for, by its key in the one around it, as in LiteLLM 1.109 (tests/test_litellm_surface.py
# compares): pydantic's models have every field, so what was not said is None, and a wrong name an error.
_FIELDS = {
    "": (
        *("id", "created", "model", "object", "choices", "usage", "system_fingerprint"),
        *("provider_specific_fields", "_response_headers"),
    ),
    "choices": (
        *("index", "finish_reason", "message", "delta"),
        *("logprobs", "enhancements", "provider_specific_fields"),
    ),
    "message": _SAID,
    "delta": _SAID,
    "tool_calls": ("id", "type", "index", "function"),
    "function": ("name", "arguments"),
    "function_call": ("name", "arguments"),
    "usage": (
        *("prompt_tokens", "completion_tokens", "total_tokens"),
        *("prompt_tokens_details", "completion_tokens_details", "server_tool_use", "cost"),
    ),
    "prompt_tokens_details": ("cached_tokens", "cache_write_tokens", "cache_creation_tokens", *_DETAILS),
    "completion_tokens_details": (
        *("reasoning_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"),
        *_DETAILS,
    ),
}


class ModelResponse(dict[str, Any]):
    """A chat.completion (or chunk), or a part of one, whose keys are attributes as well."""

    # What it may be asked for; a copy has it in its own __dict__, as everything that was not said.
    _fields: tuple[str, ...] = ()
    # What LiteLLM tells beyond OpenAI's fields; of a whole answer alone.
    _hidden_params: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, told: Mapping[str, Any], where: str = "") -> None:
        super().__init__({key: _view(value, key) for key, value in told.items()})
        object.__setattr__(self, "_fields", _FIELDS.get(where, ()))

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            if name in self._fields:
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


def answer(response: Response, model: str) -> ModelResponse:
    """A whole answer in LiteLLM's shape."""
    told = response.to_dict()
    for choice in told["choices"]:
        message = choice["message"] = dict(choice["message"])
        if "reasoning" in message:
            message["reasoning_content"] = message.pop("reasoning")
        choice["finish_reason"] = choice["finish_reason"] or "stop"
    ours = told.pop("libllm")
    made = ModelResponse({**told, "model": told["model"] or model, "created": int(time.time())})
    cost = response.cost_usd
    hidden = {"response_cost": cost, "custom_llm_provider": response.provider, "libllm": ours}
    object.__setattr__(made, "_hidden_params", hidden)
    return made


def _usage(told: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {key: told.get(key) for key in ("prompt_tokens", "completion_tokens", "total_tokens")}
    for name, key in (("prompt_tokens_details", "cached_tokens"), ("completion_tokens_details", "reasoning_tokens")):
        if told.get(key) is not None:
            made[name] = {key: told[key]}
    return made


def _view(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return ModelResponse(value, key)
    return [_view(each, key) for each in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, ModelResponse):
        return value.model_dump()
    return [_plain(each) for each in value] if isinstance(value, list) else value
