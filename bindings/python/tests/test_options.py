"""Every option reaches the library and does what it says there."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Mock

import libllm
from libllm import _options
from libllm.types import RequestOptions

ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
}


class Seen:
    """A provider that keeps what it was sent."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body: dict[str, Any] = {}
        seen = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                seen.headers = {name.lower(): value for name, value in self.headers.items()}
                seen.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = json.dumps(ANSWER).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def seen() -> Iterator[Seen]:
    """Such a provider."""
    made = Seen()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_what_goes_to_the_provider(client: libllm.Client, seen: Seen) -> None:
    client.chat(
        {"model": "chat/m", "messages": [{"role": "user", "content": "x"}], "temperature": 0.5, "unheard_of": [1]},
        base_url=seen.origin,
        api_key="secret",
        headers={"x-one": "1"},
        idempotency_key="once",
        extra_body={"also": {"nested": True}},
    )
    assert seen.headers["authorization"] == "Bearer secret"
    assert seen.headers["x-one"] == "1"
    assert seen.headers["idempotency-key"] == "once"
    assert seen.body["also"] == {"nested": True}
    assert seen.body["temperature"] == 0.5
    assert seen.body["unheard_of"] == [1]
    assert seen.body["model"] == "m"
    assert seen.body["stream"] is False
    client.chat("chat/m", "x", base_url=seen.origin, extra_headers={"x-two": "2"})
    assert seen.headers["x-two"] == "2"
    assert "x-one" not in seen.headers


def test_provider_names_whom_to_ask(client: libllm.Client) -> None:
    assert client.chat("tokens=2", "x", provider="claude", unsupported="drop").provider == "claude"


def test_attempts_are_limited(client: libllm.Client, mock: Mock) -> None:
    for options, attempts in (({"max_retries": 0}, 1), ({"max_attempts": 2}, 2)):
        mock.ask("DELETE")
        with pytest.raises(libllm.OverloadedError) as caught:
            client.chat("chat/status=529;retry_after=1ms", "x", **options)  # type: ignore[arg-type]
        assert len(caught.value.attempts) == attempts == mock.stats()["requests"]


def test_a_client_has_defaults(mock: Mock) -> None:
    with libllm.Client(mock.config(), max_retries=0, fallbacks=["chat/tokens=1"]) as client:
        with pytest.raises(libllm.OverloadedError):
            client.chat("chat/status=529", "x")
        assert client.chat("chat/status=529", "x", max_retries=1).text == "w0"
        patient = client.with_options(max_retries=1)
        assert patient.chat("chat/status=529", "x").text == "w0"
        with pytest.raises(libllm.OverloadedError):
            client.chat("chat/status=529", "x")


def test_an_operation_that_is_not_there_says_so(client: libllm.Client) -> None:
    with pytest.raises(libllm.LLMError):
        client.chat("chat/x", "x", operation="no-such-operation")


def test_unsupported_parameters_may_be_errors(client: libllm.Client) -> None:
    request: dict[str, Any] = {
        "model": "claude/tokens=1",
        "messages": [{"role": "user", "content": "x"}],
        "max_tokens": 9,
        "logit_bias": {"1": 2},
    }
    assert [each["param"] for each in client.chat(request).dropped] == ["logit_bias"]
    with pytest.raises(libllm.LLMError, match="logit_bias"):
        client.chat(request, unsupported="error")


def test_on_partial_crosses(client: libllm.Client) -> None:
    assert client.chat("chat/tokens=1", "x", on_partial="error").text == "w0"
    with pytest.raises(libllm.LLMError, match="on_partial"):
        client.chat("chat/tokens=1", "x", on_partial="nonsense")


def test_options_by_the_library_s_own_names(client: libllm.Client) -> None:
    with pytest.raises(libllm.OverloadedError) as caught:
        client.chat("chat/status=529;retry_after=1ms", "x", options={"max_attempts": 2})
    assert len(caught.value.attempts) == 2


@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [(None, 0), (1.5, 1500), (0.0001, 1), (0, 1), (-1, -1), (float("inf"), -1)],
)
def test_times_are_seconds(seconds: float | None, milliseconds: int) -> None:
    assert _options.milliseconds(seconds) == milliseconds


def test_flags_and_names_are_those_of_the_typed_dict() -> None:
    assert set(RequestOptions.__annotations__) == _options.NAMES
    made = _options.Compiled({"raw": True, "coalesce": False, "cache": False, "message": True})
    assert made.flags == 1 | 2 | 4 | 8


def test_what_the_cache_is_to_a_request_crosses_as_it_is() -> None:
    assert _options.Compiled({"cache": False}).struct.options_json is None
    made = _options.Compiled({"cache": {"ttl": 60, "tags": ["a"]}})
    assert made.flags == 0
    assert json.loads(made.struct.options_json) == {"cache": {"ttl": 60, "tags": ["a"]}}
