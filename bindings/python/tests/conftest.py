"""What the tests share: `libllm mock` on a real socket, and clients that ask it.

LLM_BIN names the command `libllm`; the library is the one that the installed package loads.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

import libllm

# A test that waits longer than this for a socket to be closed has found a leak.
WAIT_SECONDS = 10


class Mock:
    """The scripted provider."""

    def __init__(self) -> None:
        binary = os.environ.get("LLM_BIN", "libllm")
        self.process = subprocess.Popen([binary, "mock", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.origin = self.process.stdout.readline().strip().removeprefix("listening on ")
        # Scripts that count requests count them by this key.
        self._keys = (f"test-{number}" for number in itertools.count())

    def ask(self, method: str) -> Any:
        """The mock's own page."""
        connection = http.client.HTTPConnection(self.origin.removeprefix("http://"), timeout=WAIT_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, "/stats")
            body = connection.getresponse().read()
            return json.loads(body) if body else None

    def stats(self) -> dict[str, int]:
        """What it saw since the test began."""
        return self.ask("GET")  # type: ignore[no-any-return]

    def sees(self, key: str, value: int) -> None:
        """Waits until that statistic has that value."""
        until = time.monotonic() + WAIT_SECONDS
        while (now := self.stats())[key] != value:
            assert time.monotonic() < until, f"{key} is not {value}: {now}"
            time.sleep(0.01)

    def config(self) -> dict[str, Any]:
        """Providers `chat` (OpenAI's dialect) and `claude` (Anthropic's), both the mock."""
        headers = {"x-mock-key": next(self._keys)}
        return {
            "providers": {
                "chat": {"wire": "openai_chat", "base_url": f"{self.origin}/v1", "headers": headers},
                "claude": {"wire": "anthropic", "base_url": self.origin, "headers": headers},
            }
        }


@pytest.fixture(scope="session")
def _mock() -> Iterator[Mock]:
    server = Mock()
    yield server
    server.process.kill()
    server.process.wait()


@pytest.fixture
def mock(_mock: Mock) -> Mock:
    """The mock with fresh statistics."""
    _mock.sees("live", 0)
    _mock.ask("DELETE")
    return _mock


@pytest.fixture
def client(mock: Mock) -> Iterator[libllm.Client]:
    """A blocking client of the mock."""
    with libllm.Client(mock.config()) as made:
        yield made


Run = Callable[[Callable[[libllm.AsyncClient], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture
def run(mock: Mock) -> Run:
    """Runs a coroutine function with an asynchronous client of the mock."""

    def runner(test: Callable[[libllm.AsyncClient], Coroutine[Any, Any, Any]]) -> Any:
        async def body() -> Any:
            async with libllm.AsyncClient(mock.config()) as made:
                return await asyncio.wait_for(test(made), 60)

        return asyncio.run(body())

    return runner
