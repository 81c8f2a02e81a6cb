"""OpenAI's and Anthropic's own SDKs over libllm, whole and streamed, blocking and not, by both formats."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from conftest import Mock
from pydantic import BaseModel

import libllm
import libllm.httpx

PROVIDERS = ["chat", "claude"]
HI: list[Any] = [{"role": "user", "content": "hi"}]
TOOL = "tool=get_weather:%7B%22city%22:%22Oslo%22%7D"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION: Any = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
FUNCTION_OF_RESPONSES: Any = {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": True}
TOOL_OF_MESSAGES: Any = {"name": "get_weather", "input_schema": SCHEMA}
JSON = "text=%7B%22city%22:%22Oslo%22%7D"


class Place(BaseModel):
    """What a structured answer holds."""

    city: str


@pytest.fixture
def llm(mock: Mock) -> Iterator[libllm.Client]:
    """A client that tries once."""
    with libllm.Client(mock.config(), max_attempts=1) as made:
        yield made


@pytest.fixture
def gpt(llm: libllm.Client) -> openai.OpenAI:
    """OpenAI's SDK over it."""
    return libllm.patch(openai.OpenAI(api_key="sk-sdk"), llm)


@pytest.fixture
def claude(llm: libllm.Client) -> anthropic.Anthropic:
    """Anthropic's SDK over it."""
    return libllm.patch(anthropic.Anthropic(api_key="sk-sdk"), llm)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_chat_completions(gpt: openai.OpenAI, provider: str) -> None:
    said = gpt.chat.completions.create(model=f"{provider}/tokens=3;{TOOL}", messages=HI, tools=[FUNCTION])
    message = said.choices[0].message
    assert message.content == "w0 w1 w2"
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert call.type == "function"
    assert (call.function.name, call.function.arguments.replace(" ", "")) == ("get_weather", '{"city":"Oslo"}')
    assert said.choices[0].finish_reason == "tool_calls"
    assert said.usage is not None
    assert said.usage.completion_tokens > 0
    again = [*HI, message, {"role": "tool", "tool_call_id": call.id, "content": "rain"}, *HI]
    assert gpt.chat.completions.create(model=f"{provider}/echo", messages=again).choices[0].message.content == "hi"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_chat_completions_streamed(gpt: openai.OpenAI, provider: str) -> None:
    model = f"{provider}/tokens=30;pace=1ms;{TOOL}"
    text, tools = "", ""
    for chunk in gpt.chat.completions.create(model=model, messages=HI, tools=[FUNCTION], stream=True):
        delta = chunk.choices[0].delta
        text += delta.content or ""
        for call in delta.tool_calls or []:
            assert call.function is not None
            tools += call.function.arguments or ""
    assert text == " ".join(f"w{n}" for n in range(30))
    assert tools.replace(" ", "") == '{"city":"Oslo"}'


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_helper_that_accumulates_chunks(gpt: openai.OpenAI, provider: str) -> None:
    model = f"{provider}/tokens=5;reasoning=2;{TOOL}"
    with gpt.chat.completions.stream(
        model=model, messages=HI, tools=[FUNCTION], stream_options={"include_usage": True}
    ) as stream:
        kinds = {event.type for event in stream}
        whole = stream.get_final_completion()
    assert {"content.delta", "tool_calls.function.arguments.delta"} <= kinds
    assert whole.choices[0].message.content == "w0 w1 w2 w3 w4"
    assert whole.choices[0].message.tool_calls is not None
    assert whole.choices[0].message.tool_calls[0].function.name == "get_weather"
    assert whole.usage is not None
    assert whole.usage.total_tokens > 5


@pytest.mark.parametrize("provider", PROVIDERS)
def test_structured_outputs_of_chats_and_responses(gpt: openai.OpenAI, provider: str) -> None:
    parsed = gpt.chat.completions.parse(model=f"{provider}/{JSON}", messages=HI, response_format=Place)
    assert parsed.choices[0].message.parsed == Place(city="Oslo")
    response = gpt.responses.parse(model=f"{provider}/{JSON}", input="hi", text_format=Place)
    assert response.output_parsed == Place(city="Oslo")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_responses(gpt: openai.OpenAI, provider: str) -> None:
    model = f"{provider}/tokens=3;reasoning=2;{TOOL}"
    said = gpt.responses.create(model=model, input="hi", tools=[FUNCTION_OF_RESPONSES])
    assert said.output_text == "w0 w1 w2"
    assert [item.type for item in said.output] == ["reasoning", "message", "function_call"]
    call = said.output[-1]
    assert call.type == "function_call"
    items: list[Any] = [*HI, *said.output, {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}]
    assert gpt.responses.create(model=f"{provider}/echo", input=[*items, *HI]).output_text == "hi"
    with gpt.responses.stream(model=model, input="hi", tools=[FUNCTION_OF_RESPONSES]) as stream:
        deltas = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        whole = stream.get_final_response()
    assert deltas == whole.output_text == "w0 w1 w2"
    assert whole.output[-1].type == "function_call"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_messages(claude: anthropic.Anthropic, provider: str) -> None:
    model = f"{provider}/tokens=3;reasoning=2;{TOOL}"
    said = claude.messages.create(model=model, max_tokens=99, messages=HI, tools=[TOOL_OF_MESSAGES])
    assert [block.type for block in said.content] == ["thinking", "text", "tool_use"]
    assert said.stop_reason == "tool_use"
    assert said.usage.output_tokens > 0
    call = said.content[-1]
    assert call.type == "tool_use"
    assert call.input == {"city": "Oslo"}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "rain"}
    turns: list[Any] = [*HI, {"role": "assistant", "content": said.content}, {"role": "user", "content": [result]}]
    turns[-1]["content"].append({"type": "text", "text": "so?"})
    again = claude.messages.create(model=f"{provider}/echo", max_tokens=9, messages=turns)
    assert again.content[0].type == "text"
    assert again.content[0].text == "so?"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_helper_that_accumulates_messages(claude: anthropic.Anthropic, provider: str) -> None:
    model = f"{provider}/tokens=30;pace=1ms;reasoning=2;{TOOL}"
    with claude.messages.stream(model=model, max_tokens=99, messages=HI, tools=[TOOL_OF_MESSAGES]) as stream:
        text = "".join(stream.text_stream)
        whole = stream.get_final_message()
    assert text == " ".join(f"w{n}" for n in range(30))
    assert [block.type for block in whole.content] == ["thinking", "text", "tool_use"]
    assert whole.content[-1].type == "tool_use"
    assert whole.content[-1].input == {"city": "Oslo"}
    assert whole.stop_reason == "tool_use"
    assert whole.usage.output_tokens > 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_structured_outputs_of_messages(claude: anthropic.Anthropic, provider: str) -> None:
    said = claude.messages.parse(model=f"{provider}/{JSON}", max_tokens=99, messages=HI, output_format=Place)
    assert said.parsed_output == Place(city="Oslo")


STATUSES = [
    (400, "BadRequestError"),
    (401, "AuthenticationError"),
    (403, "PermissionDeniedError"),
    (404, "NotFoundError"),
    (409, "ConflictError"),
    (422, "UnprocessableEntityError"),
    (429, "RateLimitError"),
    (500, "InternalServerError"),
    (503, "InternalServerError"),
    (529, "InternalServerError"),
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("status", "name"), STATUSES)
def test_refusals_are_the_sdks_own(
    gpt: openai.OpenAI, claude: anthropic.Anthropic, mock: Mock, provider: str, status: int, name: str
) -> None:
    model = f"{provider}/status={status}"
    with pytest.raises(getattr(openai, name)) as first:
        gpt.chat.completions.create(model=model, messages=HI)
    assert first.value.request_id.startswith("req_mock")
    assert first.value.body["message"]
    names = {"OverloadedError", "ServiceUnavailableError", name}
    with (
        pytest.raises(anthropic.APIStatusError) as second,
        claude.messages.stream(model=model, max_tokens=9, messages=HI),
    ):
        raise AssertionError
    assert {kind.__name__ for kind in type(second.value).__mro__} & names
    assert second.value.request_id is not None
    # Neither SDK tried again.
    assert mock.stats()["requests"] == 2


def test_what_is_wrong_with_the_request_is_the_sdks_error(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    # At OpenAI's own address a name that routes nowhere is OpenAI's to judge.
    with pytest.raises(openai.NotFoundError, match="nobody"):
        gpt.with_options(base_url="http://libllm/v1").chat.completions.create(model="nobody/x", messages=HI)
    with pytest.raises(anthropic.BadRequestError, match="malformed"):
        claude.post("/v1/messages", cast_to=object, content=b"{", options={"headers": {"content-type": "x"}})
    with pytest.raises(openai.NotFoundError, match="embeddings"):
        gpt.embeddings.create(model="chat/x", input="x")


def test_no_connection_and_no_time_are_the_sdks_errors(mock: Mock) -> None:
    config = mock.config()
    config["providers"]["nowhere"] = {"wire": "openai_chat", "base_url": "http://127.0.0.1:1/v1", "auth": "none"}
    with libllm.Client(config, max_attempts=1) as llm:
        gpt = libllm.patch(openai.OpenAI(api_key="x"), llm)
        with pytest.raises(openai.APIConnectionError):
            gpt.chat.completions.create(model="nowhere/x", messages=HI)
        with pytest.raises(openai.APITimeoutError):
            gpt.chat.completions.create(model="chat/ttft=9s", messages=HI, timeout=0.2)
        claude = libllm.patch(anthropic.Anthropic(api_key="x"), llm)
        with pytest.raises(anthropic.APITimeoutError):
            claude.messages.create(model="chat/ttft=9s", messages=HI, max_tokens=9, timeout=0.2)
        mock.sees("live", 0)


def test_a_broken_stream_raises(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    for provider in PROVIDERS:
        model = f"{provider}/tokens=30;cut=rst;at=9"
        with pytest.raises(openai.APIError):
            list(gpt.chat.completions.create(model=model, messages=HI, stream=True))
        with (
            pytest.raises(anthropic.APIError),
            claude.messages.stream(model=model, max_tokens=9, messages=HI) as stream,
        ):
            stream.until_done()


def test_raw_responses_tell_who_answered(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    raw = gpt.chat.completions.with_raw_response.create(model="claude/tokens=2", messages=HI)
    assert raw.headers["x-libllm-target"] == "claude/tokens=2"
    assert raw.status_code == 200
    assert raw.parse().choices[0].message.content == "w0 w1"
    assert raw.request_id is not None
    told = claude.messages.with_raw_response.create(
        model="chat/echo", max_tokens=9, messages=HI, extra_body={"top_k": 3}
    )
    assert "top_k" in told.headers["x-libllm-dropped"]
    with gpt.chat.completions.with_streaming_response.create(model="chat/tokens=2", messages=HI, stream=True) as lines:
        assert any("[DONE]" in line for line in lines.iter_lines())


def test_models_are_listed(mock: Mock) -> None:
    config = mock.config() | {"models": {"best": {"targets": [{"model": "chat/echo"}]}}}
    with libllm.Client(config) as llm:
        gpt = libllm.patch(openai.OpenAI(api_key="x"), llm)
        assert [model.id for model in gpt.models.list()] == ["best", "chat/echo"]
        assert gpt.models.retrieve("best").owned_by == "libllm"
        claude = libllm.patch(anthropic.Anthropic(api_key="x"), llm)
        assert [model.id for model in claude.models.list()] == ["best", "chat/echo"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_leaving_a_stream_closes_it_at_the_provider(
    gpt: openai.OpenAI, claude: anthropic.Anthropic, mock: Mock, provider: str
) -> None:
    model = f"{provider}/tokens=1000;pace=20ms"
    with gpt.chat.completions.create(model=model, messages=HI, stream=True) as chunks:
        for chunk in chunks:
            if chunk.choices[0].delta.content:
                break
    mock.sees("closed_by_client", 1)
    with claude.messages.stream(model=model, max_tokens=9, messages=HI) as stream:
        next(iter(stream.text_stream))
    mock.sees("closed_by_client", 2)
    mock.sees("live", 0)


def test_a_whole_url_names_the_provider_and_the_library_holds_the_key(mock: Mock) -> None:
    config = mock.config()
    with libllm.Client(config) as llm:
        gpt = libllm.patch(openai.OpenAI(api_key="x", base_url=f"{mock.origin}/v1"), llm)
        raw = gpt.chat.completions.with_raw_response.create(model="tokens=2", messages=HI)
        assert raw.headers["x-libllm-target"] == "chat/tokens=2"


def test_asynchronous_sdks(mock: Mock) -> None:
    async def body() -> None:
        async with libllm.AsyncClient(mock.config(), max_attempts=1) as llm:
            gpt = libllm.patch(openai.AsyncOpenAI(api_key="x"), llm)
            claude = libllm.patch(anthropic.AsyncAnthropic(api_key="x"), llm)
            for provider in PROVIDERS:
                said = await gpt.chat.completions.create(model=f"{provider}/tokens=3", messages=HI)
                assert said.choices[0].message.content == "w0 w1 w2"
                async with gpt.chat.completions.stream(
                    model=f"{provider}/tokens=9;{TOOL}", messages=HI, tools=[FUNCTION]
                ) as chunks:
                    whole = await chunks.get_final_completion()
                assert whole.choices[0].message.tool_calls
                async with claude.messages.stream(
                    model=f"{provider}/tokens=9;{TOOL}", messages=HI, max_tokens=9, tools=[TOOL_OF_MESSAGES]
                ) as stream:
                    text = "".join([piece async for piece in stream.text_stream])
                    message = await stream.get_final_message()
                assert text == "w0 w1 w2 w3 w4 w5 w6 w7 w8"
                assert message.stop_reason == "tool_use"
                response = await gpt.responses.create(model=f"{provider}/tokens=3", input="hi")
                assert response.output_text == "w0 w1 w2"
            with pytest.raises(anthropic.RateLimitError):
                await claude.messages.create(model="chat/status=429", messages=HI, max_tokens=9)
            with pytest.raises(openai.APITimeoutError):
                await gpt.chat.completions.create(model="chat/ttft=9s", messages=HI, timeout=0.2)
            with pytest.raises(openai.APIError):
                async for _ in await gpt.chat.completions.create(
                    model="claude/tokens=30;cut=rst;at=9", messages=HI, stream=True
                ):
                    pass

    asyncio.run(asyncio.wait_for(body(), 60))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_cancelled_task_closes_the_providers_stream(mock: Mock, provider: str) -> None:
    async def body() -> None:
        async with libllm.AsyncClient(mock.config()) as llm:
            gpt = libllm.patch(openai.AsyncOpenAI(api_key="x"), llm)
            begun = asyncio.Event()

            async def read() -> None:
                stream = await gpt.chat.completions.create(
                    model=f"{provider}/tokens=1000;pace=20ms", messages=HI, stream=True
                )
                async for _ in stream:
                    begun.set()

            task = asyncio.create_task(read())
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(mock.sees, "closed_by_client", 1)

    asyncio.run(asyncio.wait_for(body(), 60))


def test_many_streams_at_once(mock: Mock) -> None:
    async def body() -> None:
        async with libllm.AsyncClient(mock.config()) as llm:
            claude = libllm.patch(anthropic.AsyncAnthropic(api_key="x"), llm)

            async def one(number: int) -> str:
                model = f"{PROVIDERS[number % 2]}/tokens=40;pace=2ms"
                async with claude.messages.stream(model=model, messages=HI, max_tokens=9) as stream:
                    return await stream.get_final_text()

            texts = await asyncio.gather(*(one(number) for number in range(50)))
            assert set(texts) == {" ".join(f"w{n}" for n in range(40))}

    asyncio.run(asyncio.wait_for(body(), 60))


def test_plain_httpx_clients_and_paths_of_others(llm: libllm.Client) -> None:
    import httpx
    import httpx2

    for module in (httpx, httpx2):
        other = module.MockTransport(lambda request, module=module: module.Response(418, text=str(request.url.path)))
        with module.Client(transport=libllm.httpx.Transport(llm, other=other), base_url="http://libllm") as client:
            answer = client.post("/v1/chat/completions", json={"model": "chat/echo", "messages": HI})
            assert isinstance(answer, module.Response)
            assert answer.json()["choices"][0]["message"]["content"] == "hi"
            assert client.post("/v1/embeddings", json={}).status_code == 418
            body = {"model": "chat/tokens=9;cut=rst;at=4", "messages": HI, "stream": True}
            with (
                pytest.raises(module.RemoteProtocolError) as failed,
                client.stream("POST", "/v1/chat/completions", json=body) as lines,
            ):
                lines.read()
            assert isinstance(failed.value.__cause__, libllm.StreamInterruptedError)


EXAMPLES = sorted((Path(__file__).parents[3] / "examples/python/sdk").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.stem))
def test_examples_run(mock: Mock, tmp_path: Path, example: Path) -> None:
    targets = [{"model": "chat/status=529"}, {"model": "claude/tokens=12"}]
    config = tmp_path / "llm.json"
    config.write_text(json.dumps(mock.config() | {"models": {"demo": {"targets": targets}}}))
    environment = {**os.environ, "LLM_CONFIG": str(config)}
    done = subprocess.run([sys.executable, str(example)], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "w0 w1 w2" in done.stdout
    assert "first token after" in done.stdout
    assert len(example.read_text().splitlines()) < 26


def test_there_is_an_example_for_each_sdk() -> None:
    assert len(EXAMPLES) == 2


def test_only_clients_of_sdks_are_patched() -> None:
    with pytest.raises(TypeError, match="client of openai or anthropic"):
        libllm.patch(object())
