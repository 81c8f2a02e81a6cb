"""`llm_options.operation`: what is asked beside conversations, over real HTTP. The answer is one RESULT event, or `llm_response_json`."""

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
