"""What is asked beside conversations, of a provider that this file plays."""

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


RANKING: Any = {
    "id": "r",
    "model": "m-1",
    "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.25}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}
MODELS: Any = {"object": "list", "data": [{"id": "m-1", "object": "model"}]}
SOUND = bytes([0xFF, 0xFB, 0x00, 0x80, 0x0A])


class Place(http.server.BaseHTTPRequestHandler):
    """Answers every request alike, and keeps it."""

    asked: list[tuple[str, Any]]

    def do_POST(self) -> None:
        """Answers."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.asked.append((self.path, json.loads(body)))
        if self.path.endswith("/audio/speech"):
            self.answer(SOUND, "audio/mpeg")
        else:
            self.answer(json.dumps(RANKING if self.path.endswith("/rerank") else ANSWER).encode())

    def do_GET(self) -> None:
        """Lists models."""
        self.asked.append((self.path, None))
        self.answer(json.dumps(MODELS).encode())

    def answer(self, answer: bytes, media_type: str = "application/json") -> None:
        """All of it."""
        self.send_response(200)
        self.send_header("content-type", media_type)
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


HELLO: Any = {"model": "house/m", "messages": [{"role": "user", "content": "four words are here"}]}


def test_each_operation_has_a_method(place: tuple[dict[str, Any], list[tuple[str, Any]]]) -> None:
    config, asked = place
    with libllm.Client(config) as llm:
        assert [one["index"] for one in llm.rerank("house/m", "q", ["a", "b"])["results"]] == [1, 0]
        assert [one["id"] for one in llm.models("house")["data"]] == ["m-1"]
        count = llm.count_tokens(HELLO)
        assert count["source"] == "estimated"
        assert count["prompt_tokens"] > 4
        assert [one["target"] for one in llm.explain("house/m", "hello")["candidates"]] == ["house/m"]
        spoken = llm.ask("speech", {"model": "house/m", "input": "hello", "voice": "v"})
        assert spoken == {"data": SOUND, "media_type": "audio/mpeg"}
        assert llm.ask("warm", HELLO) == {}
    assert [path for path, _ in asked] == ["/v1/rerank", "/v1/models", "/v1/audio/speech"]
    assert asked[0][1] == {"model": "m", "query": "q", "documents": ["a", "b"]}


def test_each_operation_has_a_method_for_asyncio(place: tuple[dict[str, Any], list[tuple[str, Any]]]) -> None:
    config, asked = place

    async def ask() -> None:
        async with libllm.AsyncClient(config) as llm:
            ranking = await llm.rerank({"model": "house/m", "query": "q", "documents": ["a", "b"]})
            assert ranking["results"][0]["index"] == 1
            assert (await llm.models("house"))["data"][0]["id"] == "m-1"
            assert (await llm.count_tokens("house/m", "hello"))["source"] == "estimated"
            assert (await llm.explain(HELLO))["candidates"][0]["target"] == "house/m"
            assert (await llm.ask("speech", {"model": "house/m", "input": "x", "voice": "v"}))["data"] == SOUND

    asyncio.run(ask())
    assert [path for path, _ in asked] == ["/v1/rerank", "/v1/models", "/v1/audio/speech"]


def test_an_answer_and_a_stream_have_the_result_beside_their_account(
    place: tuple[dict[str, Any], list[tuple[str, Any]]],
) -> None:
    config, _ = place
    request: Any = {"model": "house/m", "query": "q", "documents": ["a", "b"]}
    with libllm.Client(config) as llm:
        answer = llm.chat(request, operation="rerank")
        assert answer.result == RANKING
        assert answer.media_type is None
        assert answer.contents is not None
        assert json.loads(answer.contents) == RANKING
        assert answer.to_dict()["results"] == RANKING["results"]
        assert answer.to_dict()["libllm"]["target"] == "house/m"
        events = list(llm.stream(request, operation="rerank"))
        assert [event.type for event in events] == ["result", "done"]
        assert isinstance(events[0], libllm.Result)
        assert json.loads(events[0].data) == RANKING
        sound = llm.chat({"model": "house/m", "input": "x", "voice": "v"}, operation="speech")
        assert (sound.contents, sound.media_type, sound.result) == (SOUND, "audio/mpeg", None)
        assert sound.to_dict()["data"] == "//sAgAo="
        words = llm.chat("mock/text=hi", "x")
        assert (words.text, words.contents, words.result, words.media_type) == ("hi", None, None, None)
