"""Every wire against `libllm mock` in its own format, through the C ABI: what a script says is what is heard, streamed or not; and what
is asked beside conversations."""

import base64
import json

import suite
from llm import Client
from suite import test

# What stands before a wire's paths, and whether it has words for reasoning and tools there.
WIRES = {
    "openai_chat": "/v1", "openai_responses": "/v1", "anthropic": "", "cohere": "", "ollama": "", "gemini": "/v1beta",
    "vertex": "/v1/projects/p/locations/l", "bedrock_converse": "",
}
SCRIPT = 'reasoning=2;text=Let me see;tool=weather:{"city":"Oslo"}'


def mocked(wire, base=None):
    """`house` is the scripted provider, spoken to by this wire."""
    provider = {"wire": wire, "base_url": suite.MOCK + (WIRES[wire] if base is None else base), "auth": "none"}
    return Client({"providers": {"house": provider}, "retry": {"max_attempts": 1}})


@test("providers.P.wire", says="every format: text, reasoning, tool calls and usage, streamed and whole")
def _():
    for wire in WIRES:
        client = mocked(wire)
        for stream in True, False:
            answer = client.ask(f"house/{SCRIPT}", body={"stream": stream})
            answer.succeeds("Let me see")
            assert "".join(event.data.decode() for event in answer.of("REASONING")) == "r0 r1", (wire, stream, answer.events)
            assert json.loads(answer.of("TOOL_CALL")[0].data)["name"] == "weather", (wire, stream)
            arguments = "".join(event.data.decode() for event in answer.of("TOOL_ARGS"))
            assert json.loads(arguments) == {"city": "Oslo"}, (wire, stream, arguments)
            assert answer.last["finish_reason"] == "tool_calls", (wire, stream, answer.last)
            assert answer.last["usage"]["completion_tokens"] >= 5, (wire, stream, answer.last["usage"])


@test("providers.P.wire", says="every format: refusals, cuts and errors inside an answer are what they are")
def _():
    for wire in WIRES:
        client = mocked(wire)
        client.ask("house/status=429").fails("rate_limited", "")
        client.ask("house/status=500").fails("server_error", "")
        client.ask("house/tokens=5;cut=fin;at=2").fails("stream_truncated", "")
        client.ask("house/tokens=5;cut=rst;at=2").fails("connection_lost", "")
        client.ask("house/tokens=5;garbage;at=2").fails("protocol", "")
        heard = client.ask("house/tokens=5;error=rate_limited;at=2")
        assert heard.text == "w0 w1", (wire, heard.events)
        # Two formats have no codes, and no status inside a stream.
        expected = {"cohere": "provider_error", "ollama": "provider_error"}.get(wire, "rate_limited")
        assert heard.last["kind"] == expected, (wire, heard.last)


def result(client, operation, body, script="echo"):
    events = client.ask(f"house/{script}", operation=operation, body=body).succeeds("").of("RESULT")
    assert len(events) == 1, events
    return json.loads(events[0].data)


@test("llm_options.operation", says="embeddings: a text has one vector, in whichever format it is asked for, and in process")
def _():
    body = {"input": ["a tree", "a house"]}
    first = result(mocked("openai_chat"), "embeddings", body)
    vectors = [item["embedding"] for item in first["data"]]
    assert [len(vector) for vector in vectors] == [8, 8] and vectors[0] != vectors[1], vectors
    for wire in "cohere", "ollama", "gemini", "vertex":
        heard = result(mocked(wire), "embeddings", body)
        assert [item["embedding"] for item in heard["data"]] == vectors, (wire, heard)
    inside = Client({}).ask("mock/echo", operation="embeddings", body=body).succeeds("").of("RESULT")
    assert [item["embedding"] for item in json.loads(inside[0].data)["data"]] == vectors


@test("llm_options.operation", says="rerank, moderation, count_tokens, images, speech, transcription and models are scripted, too")
def _():
    client = mocked("openai_chat")
    ranked = result(client, "rerank", {"query": "red fish", "documents": ["a dog", "one red fish"]})
    assert [one["index"] for one in ranked["results"]] == [1, 0], ranked
    judged = result(client, "moderation", {"input": "x"}, "refusal=violence")
    assert judged["results"][0]["flagged"] and judged["results"][0]["categories"]["violence"], judged
    drawn = result(client, "images", {"prompt": "a fish"})
    assert base64.b64decode(drawn["data"][0]["b64_json"]).startswith(b"\x89PNG"), drawn
    spoken = client.ask("house/echo", operation="speech", body={"input": "good day", "voice": "v"}).succeeds("")
    assert spoken.of("RESULT")[0].data == b"good day" and spoken.last["media_type"] == "audio/mpeg", spoken.last
    file = {"data": base64.b64encode(b"good day").decode(), "content_type": "audio/mpeg"}
    assert result(client, "transcription", {"file": file})["text"] == "good day"
    for wire in "anthropic", "gemini", "vertex":
        counted = result(mocked(wire), "count_tokens", {"messages": [{"role": "user", "content": "three words here"}]})
        assert (counted["prompt_tokens"], counted["source"]) == (3, "provider"), (wire, counted)
    for wire in "openai_chat", "anthropic", "cohere", "ollama", "gemini":
        events = mocked(wire).ask(None, provider="house", operation="models").succeeds("").of("RESULT")
        assert "echo" in [one["id"] for one in json.loads(events[0].data)["data"]], wire
