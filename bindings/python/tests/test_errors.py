"""Every error is a class of its own and carries all that is known."""

from __future__ import annotations

import asyncio
import pickle
import socket

import pytest
from conftest import Mock

import libllm

# script, class, kind, HTTP status
REFUSED = [
    ("status=400;error=invalid_request", libllm.BadRequestError, "invalid_request", 400),
    ("status=401;error=auth", libllm.AuthenticationError, "auth", 401),
    ("status=403;error=permission", libllm.PermissionDeniedError, "auth", 403),
    ("status=404;error=not_found", libllm.NotFoundError, "not_found", 404),
    ("status=409;error=conflict", libllm.ConflictError, "conflict", 409),
    ("status=413;error=too_large", libllm.BadRequestError, "too_large", 413),
    ("status=422;error=invalid_request", libllm.UnprocessableEntityError, "invalid_request", 422),
    ("status=400;error=context_length", libllm.ContextLengthError, "context_length", 400),
    ("status=400;error=content_filter", libllm.ContentFilterError, "content_filter", 400),
    ("status=429;error=rate_limited", libllm.RateLimitError, "rate_limited", 429),
    ("status=429;error=quota", libllm.QuotaExceededError, "quota", 429),
    ("status=500;error=server_error", libllm.InternalServerError, "server_error", 500),
    ("status=529;error=overloaded", libllm.OverloadedError, "overloaded", 529),
    ("status=302;body=empty", libllm.APIResponseValidationError, "redirect_refused", 302),
    ("body=html", libllm.APIResponseValidationError, "bad_content_type", 200),
]


@pytest.mark.parametrize(("script", "kind_of", "kind", "status"), REFUSED)
def test_a_refusal_has_its_class(
    client: libllm.Client, script: str, kind_of: type[libllm.LLMError], kind: str, status: int
) -> None:
    with pytest.raises(libllm.APIError) as caught:
        client.chat(f"chat/{script}", "x", max_retries=0)
    error = caught.value
    assert type(error) is kind_of
    assert (error.kind, error.status, error.status_code) == (kind, status, status)
    assert error.provider == error.llm_provider == "chat"
    assert error.model == script
    assert error.attempts[-1].status == status
    assert str(error) == error.message
    assert error.phase == "first_item"


def test_all_that_is_known_is_there(client: libllm.Client) -> None:
    with pytest.raises(libllm.RateLimitError) as caught:
        client.chat("chat/status=429;retry_after=20ms", "x", max_retries=1)
    error = caught.value
    assert error.retry_after == 0.02
    assert error.is_retryable
    assert error.request_id
    assert error.code == "rate_limit_exceeded"
    assert error.type == "requests"
    assert error.llm_status == "LLM_ERR_RATE_LIMITED"
    assert error.raw_body is not None
    assert '"rate_limit_exceeded"' in error.raw_body
    assert [attempt.kind for attempt in error.attempts] == ["rate_limited", "rate_limited"]


@pytest.mark.parametrize("cut", ["fin", "rst", "chunk"])
def test_a_cut_stream_has_the_text_that_came(client: libllm.Client, cut: str) -> None:
    seen = []
    with pytest.raises(libllm.StreamInterruptedError) as caught:
        for event in client.stream(f"chat/tokens=9;pace=5ms;cut={cut};at=3", "x"):
            assert isinstance(event, libllm.TextDelta)
            seen.append(event.text)
    assert caught.value.partial_text == "".join(seen) == "w0 w1 w2"


def test_an_error_inside_the_stream_has_its_class(client: libllm.Client) -> None:
    stream = client.stream("chat/tokens=9;error=overloaded;at=3", "x")
    with pytest.raises(libllm.OverloadedError) as caught:
        list(stream)
    assert caught.value.partial_text == "w0 w1 w2"
    assert list(stream) == []
    with pytest.raises(libllm.OverloadedError):
        stream.final()


def test_a_timeout_says_its_phase(client: libllm.Client) -> None:
    with pytest.raises(libllm.APITimeoutError) as caught:
        client.stream("chat/tokens=2;ttft=60s", "x", first_token_timeout=1, max_retries=0).final()
    assert caught.value.phase == "first_item"
    with pytest.raises(TimeoutError):
        client.chat("chat/tokens=2;ttft=60s", "x", timeout=1)
    with pytest.raises(libllm.APITimeoutError) as caught:
        client.stream("chat/tokens=2;stall=60s;at=1", "x", idle_timeout=1).final()
    assert caught.value.phase == "stream"
    assert caught.value.partial_text == "w0"


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        origin = "http://127.0.0.1:%d" % unused.getsockname()[1]  # noqa: UP031
        config = {"providers": {"house": {"wire": "openai_chat", "base_url": origin}}}
        with libllm.Client(config, max_retries=0) as client, pytest.raises(libllm.APIConnectionError) as caught:
            client.chat("house/x", "x")
    assert not isinstance(caught.value, libllm.APITimeoutError)
    assert caught.value.status is None


def test_what_the_library_refuses_is_raised_by_the_call(client: libllm.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(libllm.ConfigError, match="closest"):
        client.stream("chart/x", "x")
    with pytest.raises(libllm.InvalidArgumentError):
        client.chat({"model": "chat/x", "messages": []})
    with pytest.raises(libllm.ConfigError, match="no_such_key"):
        client.chat("chat/x", "x", options={"no_such_key": 1})
    with pytest.raises(TypeError, match="temprature"):
        client.chat("chat/x", "x", temprature=1)  # type: ignore[call-arg]
    with pytest.raises(libllm.ConfigError, match="api_kye"):
        libllm.Client({"providers": {"openai": {"api_kye": "k"}}})
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(libllm.AuthenticationError, match="OPENAI_API_KEY"):
        libllm.Client("[retry]\nmax_attempts = 1\n").chat("openai/gpt-5-mini", "x")


def test_errors_cross_processes(client: libllm.Client) -> None:
    with pytest.raises(libllm.RateLimitError) as caught:
        client.chat("chat/status=429", "x", max_retries=0)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is libllm.RateLimitError
    assert copy.__dict__ == caught.value.__dict__


def test_both_clients_tell_the_same(client: libllm.Client, mock: Mock) -> None:
    model = "chat/tokens=4;cut=fin;at=2"
    with pytest.raises(libllm.StreamInterruptedError) as blocking:
        client.chat(model, "x", max_retries=0)

    async def ask() -> None:
        async with libllm.AsyncClient(mock.config()) as llm:
            await llm.chat(model, "x", max_retries=0)

    with pytest.raises(libllm.StreamInterruptedError) as asynchronous:
        asyncio.run(ask())
    varies = {"raw_json", "attempts", "request_id"}
    told = [
        {name: value for name, value in vars(error).items() if name not in varies}
        for error in (blocking.value, asynchronous.value)
    ]
    assert told[0] == told[1]
