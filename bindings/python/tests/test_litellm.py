"""LiteLLM's calls: its signatures, its shapes."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import httpx
import pytest
from conftest import Mock

from libllm import UnsupportedError, litellm

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


def test_httpx_timeouts_bound_each_wait() -> None:
    with pytest.raises(litellm.Timeout):
        litellm.completion("openai/ttft=60s;tokens=1", HELLO, timeout=httpx.Timeout(30, read=0.05), num_retries=0)
    answer: Any = litellm.completion("openai/echo", HELLO, timeout=httpx.Timeout(None))
    assert answer.choices[0].message.content == "hello there"


@pytest.mark.parametrize(
    "given",
    [
        {"timeout": "soon"},
        {"timeout": (5, 30)},
        {"model_list": [{"model_name": "a"}]},
        {"mock_response": ValueError("x")},
    ],
)
def test_what_is_not_taken_says_what_to_pass(given: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match=r"pass|name the targets") as caught:
        litellm.completion("openai/echo", HELLO, **given)
    assert caught.value.param == next(iter(given))


def test_what_steers_litellm_reaches_no_provider(mock: Mock) -> None:
    said: Any = litellm.completion(
        "openai/echo",
        HELLO,
        metadata={"team": "red", "span": {"id": 1}},
        tags=["batch"],
        api_version="2024-10-21",
        drop_params=True,
        shared_session=object(),
        enable_json_schema_validation=True,
        litellm_call_id="c-1",
        logger_fn=print,
    )
    assert said.choices[0].message.content == "hello there"
    mock.sees("requests", 1)


def test_a_mock_response_asks_nobody(mock: Mock) -> None:
    answer: Any = litellm.completion(
        "openai/gpt-5", HELLO, mock_response="50% of it; n=2", api_base="http://127.0.0.1:1"
    )
    assert answer.choices[0].message.content == "50% of it; n=2"
    stream: Any = litellm.completion("openai/gpt-5", HELLO, mock_response="as a stream", stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "as a stream"
    assert mock.stats()["requests"] == 0


def test_a_deployment_is_asked_of_azure(mock: Mock) -> None:
    answer: Any = litellm.completion(
        "azure/gpt-5", HELLO, deployment_id="echo", api_base=f"{mock.origin}/v1", api_key="k"
    )
    assert answer._hidden_params["libllm"]["target"] == "azure/echo"


def test_unsupported_parameters_are_dropped_or_refused() -> None:
    with pytest.raises(UnsupportedError):
        litellm.completion("anthropic/echo", HELLO, api_key="k", logit_bias={"1": 1}, drop_params=False)


def test_answers_can_be_copied() -> None:
    answer: Any = litellm.completion("openai/echo", HELLO)
    for twin in (copy.deepcopy(answer), pickle.loads(pickle.dumps(answer))):
        assert twin.choices[0].message.content == "hello there"
        assert twin.choices[0].message.tool_calls is None


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
