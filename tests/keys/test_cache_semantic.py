"""`cache.semantic`: the answer to a question that is almost the same; and vectors, which are kept as any answer."""

import math

from llm import CONFIG, Client, refused
from server import Server, turns
from suite import config, test
from test_cache import invalidated
from test_guardrails import SCHEMA, guarded


def turned(degrees):
    """A direction of the plane, of some length."""
    return [3 * math.cos(math.radians(degrees)), 3 * math.sin(math.radians(degrees))]


# Where each text lies: greetings beside each other, all else far away.
PLACES = {"hello": 0, "hello!": 5, "hi there": 20, "goodbye": 90, "order 17": 0, "order 71": 1}


def answer(exchange):
    """Vectors by PLACES; chats are numbered among themselves."""
    server = exchange.server
    if exchange.request.path.endswith("/embeddings"):
        said = exchange.request.json
        server.embedded.append(said["input"])
        texts = said["input"] if isinstance(said["input"], list) else [said["input"]]
        vectors = [{"object": "embedding", "index": number, "embedding": turned(PLACES.get(text, 180))} for number, text in enumerate(texts)]
        return exchange.whole(200, {"object": "list", "model": said["model"], "data": vectors,
                                    "usage": {"prompt_tokens": 2, "total_tokens": 2}})
    server.chats += 1
    exchange.say(f"answer {server.chats}")


def near(*, answer=answer, enabled=True, more=None, **semantic):
    server = Server(answer)
    server.embedded, server.chats = [], 0
    said = {"enabled": enabled, "semantic": {"model": "house/v", "threshold": 0.99, **semantic}}
    return server, Client({**config(server, cache=said), **(more or {})})


def ask(client, text, body=None, **options):
    return client.ask("house/m", body={"messages": [{"role": "user", "content": text}], **(body or {})}, json=options).succeeds()


@test("cache.semantic.model", "cache.semantic.threshold", says="lets a question that is near enough be answered as the other was, and says how near")
def _():
    server, client = near()
    assert not ask(client, "hello").last["cached"]
    found = ask(client, "hello!")
    assert found.text == "answer 1" and found.last["cached"], found.last
    assert found.last["cache"] == {"source": "semantic", "similarity": round(math.cos(math.radians(5)), 4)}, found.last["cache"]
    assert found.last["cost"] == {"microusd": 0, "source": "cache"}
    # Twenty degrees are 0.94: not for this threshold.
    for number, text in enumerate(["hi there", "goodbye"], 2):
        assert ask(client, text).text == f"answer {number}", text
    # What is equal is found by that, and no vector is asked for.
    count = len(server.embedded)
    assert ask(client, "hello").last["cache"] == {"source": "memory"} and len(server.embedded) == count
    # Nor is one that was made before.
    assert ask(client, "hello!").last["cache"]["source"] == "semantic" and len(server.embedded) == count
    figures = client.figures()
    assert [figures[f"cache_semantic_{name}_total"] for name in ("hits", "misses", "failures")] == [2, 3, 0], figures
    server, client = near(threshold=0.9)
    ask(client, "hello")
    assert ask(client, "hi there").last["cache"]["similarity"] == 0.9397
    for wrong, words in [({"threshold": 1.1}, "cache.semantic.threshold"), ({"model": "nobody/v"}, "cache.semantic.model"), ({"modle": 1}, "closest: model")]:
        refused(lambda: near(**wrong), CONFIG, words)
    refused(lambda: Client({"cache": {"semantic": {"threshold": 0.9}}}), CONFIG, "cache.semantic.model is missing")


@test("cache.semantic.model", says="takes nothing else for the same: number, model, tenant, system prompt, parameter, earlier message")
def _():
    server, client = near()
    ask(client, "order 17")
    assert ask(client, "order 71").text == "answer 2"
    ask(client, "hello")
    others = [
        lambda: ask(client, "hello!", tenant="t"),
        lambda: ask(client, "hello!", {"temperature": 0.5}),
        lambda: ask(client, "hello!", {"messages": [{"role": "system", "content": "Be rude."}, {"role": "user", "content": "hello!"}]}),
        lambda: ask(client, "hello!", {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "hello!"}]}),
        lambda: client.ask("house/other", body={"messages": [{"role": "user", "content": "hello!"}]}).succeeds(),
    ]
    for number, other in enumerate(others, 4):
        assert other().text == f"answer {number}", number
    # The same tenant's own is found, on whose behalf the vector was asked for.
    assert ask(client, "hello", tenant="t").last["cache"]["source"] == "semantic"


@test("cache.semantic.model", "options_json.cache", says="is not for what calls tools, for what is no text, nor for who does not want it")
def _():
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    image = [{"type": "text", "text": "hello!"}, {"type": "image_url", "image_url": {"url": "https://h/x.png"}}]
    called = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    result = {"role": "tool", "tool_call_id": "c", "content": "5"}
    server, client = near()
    ask(client, "hello")
    embedded = list(server.embedded)
    for number, body in enumerate([{"tools": [tool]}, {"messages": [{"role": "user", "content": image}]},
                                   {"messages": [called, result, {"role": "user", "content": "hello!"}]}], 2):
        assert ask(client, "hello!", body).text == f"answer {number}", body
    for number, cache in enumerate([{"semantic": False}, "refresh", {"key": "k"}, False], 5):
        assert ask(client, "hello!", cache=cache).text == f"answer {number}", cache
    assert server.embedded == embedded
    # An answer that calls a tool is nobody else's.

    def calls(exchange):
        if exchange.request.path.endswith("/embeddings"):
            return answer(exchange)
        message = {"role": "assistant", "content": None, "tool_calls": called["tool_calls"]}
        exchange.whole(200, {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})

    server, client = near(answer=calls)
    for text in "hello", "hello!":
        assert not ask(client, text, {"stream": False}).last["cached"]
    # Without the cache there is nothing to find; a request may ask for it.
    server, client = near(enabled=False)
    ask(client, "hello")
    ask(client, "hello!")
    assert server.embedded == [] and server.chats == 2
    ask(client, "hello", cache=True)
    assert ask(client, "hello!", cache=True).last["cache"]["source"] == "semantic"


@test("cache.semantic.max_entries", says="bounds what is remembered; the oldest goes, and what is forgotten is not found")
def _():
    server, client = near(max_entries=1)
    ask(client, "hello")
    ask(client, "goodbye")
    assert not ask(client, "hello!").last["cached"]
    assert ask(client, "hello").last["cache"] == {"source": "memory"}
    server, client = near()
    ask(client, "hello", cache={"tags": ["t"]})
    assert invalidated(client, {"tag": "t"})["removed"] == 1
    assert ask(client, "hello!").text == "answer 2"
    for said in 0, 100_001:
        refused(lambda: near(max_entries=said), CONFIG, "cache.semantic.max_entries")


@test("cache.semantic.timeout_ms", says="is how long a vector is waited for; without one a question is asked as it is")
def _():
    def mute(exchange):
        if exchange.request.path.endswith("/embeddings"):
            return exchange.wait()
        answer(exchange)

    def broken(exchange):
        if exchange.request.path.endswith("/embeddings"):
            return exchange.fail(500)
        answer(exchange)

    for behaviour in mute, broken:
        server, client = near(answer=behaviour, timeout_ms=30)
        before = client.figures()["cache_semantic_failures_total"]
        for number, text in enumerate(["hello", "hello!"], 1):
            assert ask(client, text).text == f"answer {number}"
        assert client.figures()["cache_semantic_failures_total"] == before + 2
    for said in 0, 60_001:
        refused(lambda: near(timeout_ms=said), CONFIG, "cache.semantic.timeout_ms")


@test("cache.enabled", says="keeps vectors: the same texts are asked for once")
def _():
    server = Server(answer)
    server.embedded = []
    client = Client(config(server, cache={"enabled": True}))
    whole = [client.complete("house/v", body={"input": "goodbye"}, operation="embeddings") for _ in range(2)]
    assert whole[0]["data"] == whole[1]["data"] and len(whole[0]["data"][0]["embedding"]) == 2
    assert [answer["libllm"]["cached"] for answer in whole] == [False, True]
    assert whole[1]["libllm"]["usage"]["prompt_tokens"] == 2 and whole[1]["libllm"]["cost"]["microusd"] == 0
    client.complete("house/v", body={"input": ["goodbye"]}, operation="embeddings")
    assert server.embedded == ["goodbye", ["goodbye"]]


@test("cache.enabled", says="what guardrails changed is kept as they left it, with what they said of it; other rules find nothing of it")
def _():
    def told(exchange):
        exchange.say("mail me@house.example " + str(len(exchange.server.requests)))

    server = Server(told)
    rules = [{"name": "mail", "pii": ["email"], "action": "redact"}]

    def said(rules):
        return {**config(server, cache={"enabled": True}), "guardrails": rules}

    client = Client(said(rules))
    mine, yours = ({"messages": [{"role": "user", "content": f"I am {who}@house.example"}]} for who in ("a", "b"))
    first, second = (client.ask("house/m", body=body).succeeds() for body in (mine, yours))
    assert first.text == second.text and "house.example" not in first.text and first.text.endswith(" 1"), (first.text, second.text)
    assert second.last["cached"] and len(server.requests) == 1
    assert [entry["param"] for entry in second.last["dropped"]] == ["guardrails.mail"] * 2, second.last["dropped"]
    client.reload(said([]))
    assert client.ask("house/m", body=mine).succeeds().text.endswith("me@house.example 2")
    client.reload(said(rules))
    assert client.ask("house/m", body=mine).last["cached"]


@test("cache.enabled", says="an answer that has to be asked for again is kept neither before nor after, a good one is")
def _():
    bad, good = lambda exchange: exchange.say("no json"), lambda exchange: exchange.say('{"age":1}')
    server = Server(turns(bad, good, good))
    client = guarded(server, {"json_schema": SCHEMA, "repair": True}, cache={"enabled": True})
    for asked, cached in (2, False), (3, False), (3, True):
        answer = client.ask("house/m").succeeds('{"age":1}')
        assert (len(server.requests), answer.last["cached"]) == (asked, cached)
