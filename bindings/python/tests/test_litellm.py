"""LiteLLM's calls: its signatures, its shapes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conftest import Mock

from libllm import litellm

HELLO = [{"role": "user", "content": "hello there"}]


@pytest.fixture(autouse=True)
def environment(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mock as OpenAI, and no client of an earlier test."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{mock.origin}/v1")
    litellm._clients.clear()


def test_completion_has_litellm_s_shape() -> None:
    answer: Any = litellm.completion(
        model="openai/echo;reasoning=2", messages=HELLO, temperature=0.5, max_tokens=9, timeout=30, num_retries=0
    )
    assert answer.choices[0].message.content == "hello there"
    assert answer["choices"][0]["message"]["content"] == "hello there"
    assert answer.choices[0].message.reasoning_content == "r0 r1"
    assert answer.choices[0].message.tool_calls is None
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.object == "chat.completion"
    assert answer.id
    assert isinstance(answer.created, int)
    assert answer.model_dump()["choices"][0]["message"]["role"] == "assistant"
    assert answer._hidden_params["custom_llm_provider"] == "openai"
    with pytest.raises(AttributeError):
        answer.no_such_field  # noqa: B018


def test_tool_calls_have_litellm_s_shape() -> None:
    answer: Any = litellm.completion("openai/tool=weather:{\"city\":\"Oslo\"}", HELLO)  # fmt: skip
    call = answer.choices[0].message.tool_calls[0]
    assert (call.type, call.function.name, call.function.arguments) == ("function", "weather", '{"city":"Oslo"}')
    assert answer.choices[0].finish_reason == "tool_calls"


def test_streamed_chunks_have_litellm_s_shape() -> None:
    model = "openai/tokens=4;reasoning=2;tool=f:{}"
    stream: Any = litellm.completion(model, HELLO, stream=True, stream_options={"include_usage": True}, coalesce=False)
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[0].object == "chat.completion.chunk"
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "w0 w1 w2 w3"
    assert "".join(delta.reasoning_content or "" for delta in deltas) == "r0 r1"
    calls = [delta.tool_calls[0] for delta in deltas if delta.tool_calls]
    assert calls[0].function.name == "f"
    assert "".join(call.function.arguments for call in calls) == "{}"
    assert chunks[-2].choices[0].finish_reason == "tool_calls"
    assert chunks[-1].usage.completion_tokens > 0


def test_acompletion_is_the_same_for_asyncio() -> None:
    async def test() -> None:
        answer: Any = await litellm.acompletion(model="openai/echo", messages=HELLO)
        assert answer.choices[0].message.content == "hello there"
        stream: Any = await litellm.acompletion(model="openai/echo", messages=HELLO, stream=True)
        texts = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(texts) == "hello there"

    asyncio.run(test())


def test_errors_have_litellm_s_names() -> None:
    with pytest.raises(litellm.RateLimitError) as caught:
        litellm.completion("openai/status=429", HELLO, max_retries=0)
    assert (caught.value.status_code, caught.value.llm_provider) == (429, "openai")
    with pytest.raises(litellm.ContextWindowExceededError):
        litellm.completion("openai/status=400;error=context_length", HELLO)
    with pytest.raises(litellm.BadRequestError):
        litellm.completion("openai/status=400;error=content_filter", HELLO)
    with pytest.raises(litellm.Timeout):
        litellm.completion("openai/ttft=60s;tokens=1", HELLO, timeout="0.05")


def test_another_place_may_be_named(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL")
    litellm._clients.clear()
    answer: Any = litellm.completion("openai/echo", HELLO, api_base=f"{mock.origin}/v1", api_key="other")
    assert answer.choices[0].message.content == "hello there"


def test_closing_closes_upstream(mock: Mock) -> None:
    stream: Any = litellm.completion("openai/tokens=1000;pace=20ms", HELLO, stream=True)
    next(stream)
    stream.close()
    mock.sees("closed_by_client", 1)
