"""Vectors, of a provider that this file plays."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import libllm

ANSWER: Any = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.25]}],
    "model": "m-1",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
}


class Place(http.server.BaseHTTPRequestHandler):
    """Answers every request alike, and keeps it."""

    asked: list[tuple[str, Any]]

    def do_POST(self) -> None:
        """Answers."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.asked.append((self.path, json.loads(body)))
        answer = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def place() -> Iterator[tuple[dict[str, Any], list[tuple[str, Any]]]]:
    """A configuration with the provider `house`, and what that was asked."""
    asked: list[tuple[str, Any]] = []
    handler = type("Handler", (Place,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield {"providers": {"house": {"wire": "openai_chat", "base_url": url}}}, asked
    server.shutdown()
    server.server_close()


def test_a_model_and_texts_make_vectors(place: tuple[dict[str, Any], list[tuple[str, Any]]]) -> None:
    config, asked = place
    with libllm.Client(config) as llm:
        assert llm.embed("house/m", ["a", "b"]) == ANSWER
        assert llm.embed({"model": "house/m", "input": "a", "dimensions": 2}) == ANSWER
        with pytest.raises(libllm.InvalidArgumentError, match="input is missing"):
            llm.embed("house/m")
    assert asked == [
        ("/v1/embeddings", {"model": "m", "input": ["a", "b"]}),
        ("/v1/embeddings", {"model": "m", "input": "a", "dimensions": 2}),
    ]


def test_the_same_for_asyncio(place: tuple[dict[str, Any], list[tuple[str, Any]]]) -> None:
    config, asked = place

    async def ask() -> Any:
        async with libllm.AsyncClient(config) as llm:
            return await asyncio.gather(llm.embed("house/m", "a"), llm.embed("house/m", "b"))

    assert asyncio.run(ask()) == [ANSWER, ANSWER]
    assert sorted(body["input"] for _, body in asked) == ["a", "b"]
