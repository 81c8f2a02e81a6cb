"""`llm_options.operation`: what is asked beside conversations, over real HTTP. The answer is one RESULT event, or `llm_response_json`."""

import base64
import email
import json

from llm import INVALID, Client, Queue, refused
from server import Server
from suite import config, test

NUMBERS = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.25]}], "model": "m-1",
           "usage": {"prompt_tokens": 2, "total_tokens": 2}}


def operation(name, says):
    return test("llm_options.operation", says=f"{name}: {says}")


def answering(*answers):
    """A service that answers so, the last one again and again."""
    left = list(answers)
    return Server(lambda exchange: exchange.whole(200, left.pop(0) if len(left) > 1 else left[0]))


def result(answer):
    """The one RESULT of an answer, which is all it has beside its end."""
    events = answer.succeeds("").of("RESULT")
    assert len(events) == 1 and answer.last["message"] is None, answer.events
    return events[0].data


@operation("embeddings", "one RESULT in OpenAI's shape, and usage in DONE; `stream` of the request says nothing")
def _():
    server = answering(NUMBERS)
    client = Client(config(server))
    for body in {}, {"stream": True}, {"stream": False}:
        answer = client.ask("house/m", operation="embeddings", body={"input": ["hi"], **body})
        assert json.loads(result(answer)) == NUMBERS
        assert answer.last["model"] == "m-1" and answer.last["usage"]["prompt_tokens"] == 2, answer.last
        asked = server.requests[-1]
        assert asked.path == "/v1/embeddings" and "stream" not in asked.json and asked.json["input"] == ["hi"], asked.json
    whole = client.complete("house/m", operation="embeddings", body={"input": "hi"})
    assert {**whole, "libllm": None} == {**NUMBERS, "libllm": None} and whole["libllm"]["target"] == "house/m", whole


@operation("embeddings", "an answer of megabytes comes as it was sent, through a queue that holds less")
def _():
    vector = ",".join(["0.0123456789"] * 1536)
    items = ",".join('{"object":"embedding","index":%d,"embedding":[%s]}' % (number, vector) for number in range(500))
    body = '{"object":"list","data":[%s],"model":"m"}' % items
    assert len(body) > 8 << 20
    server = answering(body)
    client, queue = Client(config(server)), Queue(64 << 10)
    client.submit(queue, {"model": "house/m", "input": ["hi"] * 500}, operation="embeddings")
    assert result(queue.answer()) == body.encode()


@operation("embeddings", "others are asked in their words, and answer in OpenAI's")
def _():
    vectors = [[1, 2.5], [3, 4]]
    for wire, path, answer in [
        ("cohere", "/v1/v2/embed", {"id": "c", "embeddings": {"float": vectors}, "meta": {"billed_units": {"input_tokens": 5}}}),
        ("cohere_v1", "/v1/v1/embed", {"id": "c", "embeddings": vectors, "meta": {"billed_units": {"input_tokens": 5}}}),
        ("gemini", "/v1/models/m:batchEmbedContents", {"embeddings": [{"values": one} for one in vectors]}),
        ("vertex", "/v1/publishers/google/models/m:predict",
         {"predictions": [{"embeddings": {"values": one, "statistics": {"token_count": 2}}} for one in vectors]}),
        ("ollama", "/v1/api/embed", {"model": "m", "embeddings": vectors, "prompt_eval_count": 5}),
    ]:
        server = answering(answer)
        client = Client(config(server, provider={"wire": wire}))
        heard = json.loads(result(client.ask("house/m", operation="embeddings", body={"input": ["a", "b"]})))
        assert [item["embedding"] for item in heard["data"]] == vectors, heard
        assert server.only.path == path, server.only.path
    server = Server()
    client = Client(config(server, provider={"wire": "anthropic"}))
    answer = client.ask("house/m", operation="embeddings", body={"input": "a"})
    answer.fails("unsupported", "operation embeddings of provider house is not known to wire anthropic")
    assert not server.requests


@operation("embeddings", "retries and falls back as a conversation does")
def _():
    down, server = Server(lambda exchange: exchange.unavailable()), answering(NUMBERS)
    other = {"wire": "openai_chat", "base_url": server.url + "/v1", "api_key": "k"}
    client = Client({"providers": {"down": {**other, "base_url": down.url + "/v1"}, "house": other}, "retry": {"max_attempts": 2}})
    answer = client.ask("down/m", operation="embeddings", body={"input": "a"}, json={"fallbacks": ["house/x"]})
    assert json.loads(result(answer)) == NUMBERS and answer.targets == ["down/m", "house/x"], answer.targets
    refused(lambda: client.ask("house/m", operation="embeddings"), INVALID, "input is missing")


def other(wire, name, answer, body, path):
    """What `house` says to another operation, and what it was asked."""
    server = answering(answer)
    client = Client(config(server, provider={"wire": wire}))
    heard = json.loads(result(client.ask("house/m", operation=name, body=body)))
    assert server.only.path == path, server.only.path
    return heard, server.only


@operation("rerank", "places of documents, whoever ranks them")
def _():
    asked = {"query": "q", "documents": ["a", "b"], "top_n": 1}
    place = {"index": 1, "relevance_score": 0.75}
    for wire, path, answer in [
        ("openai_chat", "/v1/rerank", {"model": "m", "results": [place], "usage": {"total_tokens": 9}}),
        ("openai_chat", "/v1/rerank", {"object": "list", "model": "m", "data": [place], "usage": {"total_tokens": 9}}),
        ("cohere", "/v1/v2/rerank", {"id": "r", "results": [place], "meta": {"billed_units": {"search_units": 1}}}),
        ("cohere_v1", "/v1/v1/rerank", {"id": "r", "results": [place]}),
    ]:
        heard, request = other(wire, "rerank", answer, asked, path)
        assert heard["results"] == [place], heard
        assert request.json["documents"] == ["a", "b"] and "messages" not in request.json, request.json


@operation("models", "need a provider and no model; one list whoever has it")
def _():
    for wire, path, answer in [
        ("openai_chat", "/v1/models", {"object": "list", "data": [{"id": "a", "owned_by": "x"}]}),
        ("anthropic", "/v1/v1/models?limit=1000", {"data": [{"id": "a", "owned_by": "x"}], "has_more": False}),
        ("gemini", "/v1/models?pageSize=1000", {"models": [{"name": "models/a", "owned_by": "x"}]}),
        ("ollama", "/v1/api/tags", {"models": [{"name": "a", "owned_by": "x"}]}),
        ("cohere", "/v1/v1/models?page_size=1000", {"models": [{"name": "a", "owned_by": "x"}]}),
    ]:
        server, queue = answering(answer), Queue()
        client = Client(config(server, provider={"wire": wire}))
        client.submit(queue, {}, operation="models", provider="house")
        heard = json.loads(result(queue.answer()))
        assert heard["data"] == [{"id": "a", "object": "model", "owned_by": "x"}] and heard["next_page"] is None, heard
        assert server.only.method == "GET" and server.only.path == path and not server.only.body, server.only.path
    refused(lambda: client.submit(queue, {}, operation="models"), INVALID, "names no model")
    refused(lambda: client.submit(queue, {}, provider="house"), INVALID, "messages is missing")


@operation("moderation", "a verdict on each input")
def _():
    results = [{"flagged": True, "categories": {"violence": True}}]
    heard, request = other("openai_chat", "moderation", {"id": "m", "results": results}, {"input": ["a"]}, "/v1/moderations")
    assert heard["results"] == results and request.json["input"] == ["a"]
    heard, _ = other("openai_chat", "moderation", {"results": [{"categories": {"pii": False}}]}, {"input": "a"}, "/v1/moderations")
    assert heard["results"][0]["flagged"] is False, heard


@operation("count_tokens", "the provider's count where it counts, else an estimate that says so and asks nobody")
def _():
    for wire, path, answer in [
        ("anthropic", "/v1/v1/messages/count_tokens", {"input_tokens": 17}),
        ("gemini", "/v1/models/m:countTokens", {"totalTokens": 17}),
        ("vertex", "/v1/publishers/google/models/m:countTokens", {"totalTokens": 17}),
    ]:
        heard, _ = other(wire, "count_tokens", answer, {}, path)
        assert heard == {"object": "token_count", "prompt_tokens": 17, "source": "provider"}, heard
    for wire, quirks, model, path, answer in [
        ("openai_chat", {"token_counts": "responses"}, "m", "/v1/responses/input_tokens", {"object": "response.input_tokens", "input_tokens": 17}),
        ("openai_responses", {"token_counts": "responses"}, "m", "/v1/responses/input_tokens", {"input_tokens": 17}),
        ("openai_chat", {"token_counts": "messages"}, "m", "/v1/messages/count_tokens", {"input_tokens": 17}),
        ("openai_chat", {"token_counts": "tokenize"}, "m", "/tokenize", {"count": 17, "max_model_len": 99, "tokens": [1] * 17}),
        ("vertex_anthropic", {}, "claude", "/v1/publishers/anthropic/models/count-tokens:rawPredict", {"input_tokens": 17}),
        ("bedrock_converse", {}, "us.anthropic.claude-x", "/v1/model/anthropic.claude-x/count-tokens", {"inputTokens": 17}),
        ("bedrock_invoke", {}, "eu.anthropic.claude-x", "/v1/model/anthropic.claude-x/count-tokens", {"inputTokens": 17}),
    ]:
        server = answering(answer)
        client = Client(config(server, provider={"wire": wire, "quirks": quirks}))
        heard = json.loads(result(client.ask(f"house/{model}", operation="count_tokens")))
        assert heard == {"object": "token_count", "prompt_tokens": 17, "source": "provider"}, heard
        assert server.only.path == path, server.only.path
    for wire in "openai_responses", "bedrock_converse", "bedrock_invoke":
        server = Server()
        client = Client(config(server, provider={"wire": wire}))
        heard = json.loads(result(client.ask("house/amazon.nova-lite-v1:0", operation="count_tokens")))
        assert heard["source"] == "estimated" and not server.requests, (wire, heard)
    server = Server()
    client = Client(config(server))
    answer = client.ask("house/m", operation="count_tokens", body={"messages": [{"role": "user", "content": "x" * 400}]})
    heard = json.loads(result(answer))
    assert heard["source"] == "estimated" and 100 <= heard["prompt_tokens"] <= 115, heard
    assert answer.targets == ["house/m"] and answer.last["usage"]["source"] == "unknown" and not server.requests
    whole = client.complete("house/m", operation="count_tokens")
    assert whole["source"] == "estimated" and whole["libllm"]["provider"] == "house", whole


@operation("images", "pictures as the provider gives them")
def _():
    picture = {"created": 1, "data": [{"b64_json": "aGk="}], "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}
    body = {"prompt": "a cat", "response_format": "b64_json"}
    heard, request = other("openai_chat", "images", picture, body, "/v1/images/generations")
    assert heard == picture and request.json == {"model": "m", **body}, request.json


@operation("speech", "bytes, whose type DONE tells; in base64 where the answer is JSON")
def _():
    sound = bytes(range(256)) * 40

    def speak(exchange):
        head = f"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: {len(sound)}\r\n\r\n"
        exchange.send(head.encode() + sound)

    server = Server(speak)
    client = Client(config(server))
    answer = client.ask("house/m", operation="speech", body={"input": "hello", "voice": "alloy"})
    assert result(answer) == sound and answer.last["media_type"] == "audio/mpeg", answer.last
    assert server.only.path == "/v1/audio/speech" and server.only.json == {"model": "m", "input": "hello", "voice": "alloy"}
    whole = client.complete("house/m", operation="speech", body={"input": "hello", "voice": "alloy"})
    assert (whole["object"], whole["media_type"]) == ("bytes", "audio/mpeg") and base64.b64decode(whole["data"]) == sound


@operation("transcription", "a real form with the file in it")
def _():
    server = answering({"text": "Hello.", "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19}})
    client = Client(config(server))
    sound = bytes(range(256)) * 3
    file = {"data": base64.b64encode(sound).decode(), "filename": "talk.mp3", "content_type": "audio/mpeg"}
    answer = client.ask("house/m", operation="transcription", body={"file": file, "language": "en", "timestamp_granularities": ["word"]})
    assert json.loads(result(answer))["text"] == "Hello." and answer.last["usage"]["completion_tokens"] == 5, answer.last
    assert server.only.path == "/v1/audio/transcriptions"
    head = f"content-type: {server.only.headers['content-type']}\r\n\r\n".encode()
    form = email.message_from_bytes(head + server.only.body)
    parts = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}
    assert sorted(parts) == ["file", "language", "model", "timestamp_granularities[]"], sorted(parts)
    assert parts["model"].get_payload() == "m" and parts["file"].get_filename() == "talk.mp3"
    assert parts["file"].get_payload(decode=True) == sound and parts["file"].get_content_type() == "audio/mpeg"
    refused(lambda: client.ask("house/m", operation="transcription", body={"input": "a"}), INVALID, "file is missing")
