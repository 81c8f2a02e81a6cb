"""`[cache]`, the option `cache` and the operation `cache.invalidate`: what is kept, what is found again, and what many who ask at once get."""

import json
import threading
import time

from llm import CONFIG, EVENT, FLAG, INVALID, Client, Queue, chat, library, refused, submit_http
from server import PATIENCE, Server
from suite import config, test

ON = {"cache": {"enabled": True}}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def numbered(exchange):
    """Each answer says which it was, with what it used."""
    text = f"answer {len(exchange.server.requests)}"
    if not exchange.request.json.get("stream"):
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return exchange.whole(200, {"id": "c", "model": "m", "choices": choices, "usage": USAGE})
    exchange.head()
    for word in text.split(" "):
        exchange.delta(word if word == "answer" else f" {word}")
    exchange.finish()
    exchange.event({"id": "c", "model": "m", "choices": [], "usage": USAGE})
    exchange.end()


def cached(*, answer=numbered, provider=None, **more):
    server = Server(answer)
    return server, Client(config(server, provider=provider, **{**ON, **more}))


@test("cache.enabled", says="lets the second of two equal requests be answered without asking")
def _():
    server, client = cached()
    first, second = client.ask("house/m").succeeds("answer 1"), client.ask("house/m").succeeds("answer 1")
    assert len(server.requests) == 1
    assert (first.last["cached"], second.last["cached"]) == (False, True)
    for key in "id", "model", "provider", "target", "finish_reason", "usage", "message", "incomplete":
        assert first.last[key] == second.last[key], key
    assert second.last["cost"] == {"microusd": 0, "source": "cache"}, second.last["cost"]
    assert second.last["usage"]["prompt_tokens"] == 7 and second.last["attempts"] == []
    [route] = second.of("ROUTE")
    assert json.loads(route.data)["reason"] == "cache" and second.events[0].type == EVENT["ROUTE"]


@test("cache.enabled", says="is off by default, and false is off")
def _():
    for said in {}, {"cache": {}}, {"cache": {"enabled": False}}:
        server = Server(numbered)
        client = Client({**config(server), **said})
        client.ask("house/m").succeeds("answer 1")
        client.ask("house/m").succeeds("answer 2")
    refused(lambda: Client({"cache": {"enabled": 1}}), CONFIG, "cache.enabled: expected true or false")


@test("cache.enabled", says="finds what is the same question, and nothing else")
def _():
    server, client = cached()
    message = {"role": "user", "content": "hi"}
    body = {"temperature": 0.5, "stream": True}
    client.ask("house/m", body=body).succeeds("answer 1")
    for same in [{**body, "stream": False}, {"stream": True, "temperature": 0.5}, {**body, "user": "u"}, {**body, "metadata": {"a": "b"}},
                 {**body, "stream_options": {"include_usage": True}}, {**body, "seed": None}]:
        assert client.ask("house/m", body=same).succeeds("answer 1").last["cached"], same
    others = [{"temperature": 0.6}, {}, {"temperature": 0.5, "seed": 1}, {"temperature": 0.5, "messages": [message, message]}]
    for number, other in enumerate(others):
        client.ask("house/m", body=other).succeeds(f"answer {number + 2}")
    count = len(others) + 1
    for more in [{"tenant": "t"}, {"headers": {"x-team": "a"}}, {"extra_body": {"a": 1}}, {"api_key": "other"}, {"unsupported": "pass"}]:
        count += 1
        client.ask("house/m", body=body, json=more).succeeds(f"answer {count}")
        client.ask("house/m", body=body, json=more).succeeds(f"answer {count}")
    client.ask("house/other", body=body).succeeds(f"answer {count + 1}")


def http(client, path, body):
    """One request in a provider's format: status and body of its answer."""
    queue = Queue()
    submit_http(client, queue, "POST", path, body)
    answer = queue.answer().succeeds()
    [head] = answer.of("HTTP_HEAD")
    return json.loads(head.data)["status"], b"".join(event.data for event in answer.of("HTTP_BODY")).decode()


@test("cache.enabled", says="answers waiting calls, and requests over HTTP in each format, from the same answer")
def _():
    server, client = cached()
    client.ask("house/m", body={"max_tokens": 5}).succeeds("answer 1")
    whole = client.complete("house/m", body={"max_tokens": 5})
    assert whole["choices"][0]["message"]["content"] == "answer 1" and whole["libllm"]["cached"], whole
    assert whole["usage"]["prompt_tokens"] == 7
    assert len(server.requests) == 1
    message = {"role": "user", "content": "hi"}
    for path, body in [("/v1/chat/completions", {"messages": [message], "max_tokens": 5}),
                       ("/v1/messages", {"messages": [message], "max_tokens": 5}), ("/v1/responses", {"input": "hi"})]:
        for stream in False, True:
            asked = len(server.requests)
            texts = []
            for turn in range(2):
                status, said = http(client, path, {"model": "house/m", "stream": stream, **body})
                assert status == 200 and "answer" in said, said
                texts.append(said)
            once = asked if (path, stream) == ("/v1/chat/completions", False) or stream else asked + 1
            assert len(server.requests) == once, (path, stream, len(server.requests))
            assert ("data:" in texts[1]) == stream, texts[1]


@test("cache.enabled", says="keeps tool calls, reasoning and refusals, and gives calls of a nameless format ids of their own request")
def _():
    def answer(exchange):
        exchange.head()
        exchange.delta("", reasoning_content="hmm ")
        exchange.delta("", reasoning_content="yes")
        call = {"index": 0, "id": "call_a", "type": "function", "function": {"name": "f", "arguments": '{"a"'}}
        exchange.delta(None, tool_calls=[call])
        exchange.delta(None, tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}])
        exchange.finish("tool_calls")
        exchange.end()

    server, client = cached(answer=answer)
    first, second = client.ask("house/m").succeeds(), client.ask("house/m").succeeds()
    assert len(server.requests) == 1 and second.last["cached"]
    for name in "REASONING", "TOOL_CALL", "TOOL_ARGS":
        texts = [b"".join(event.data for event in answer.of(name)) for answer in (first, second)]
        assert texts[0] and texts[0] == texts[1], (name, texts)
    assert first.last["message"] == second.last["message"]


@test("cache.enabled", says="keeps no failure and no answer that is not whole")
def _():
    def cut(exchange):
        exchange.head()
        exchange.delta("half")
        exchange.cut()

    def ended(reason):
        def answer(exchange):
            exchange.head()
            exchange.delta("x")
            exchange.finish(reason)
            exchange.end()
        return answer

    for answer in cut, lambda exchange: exchange.fail(400), ended("length"), ended("content_filter"), ended("novelty"):
        server, client = cached(answer=answer)
        for asked in 1, 2:
            client.ask("house/m")
            assert len(server.requests) == asked, answer
    # Whoever set the length gets what was asked for.
    server, client = cached(answer=ended("length"))
    for _ in range(2):
        client.ask("house/m", body={"max_tokens": 1}).succeeds("x")
    assert len(server.requests) == 1


@test("cache.enabled", says="leaves alone what wants more than an answer")
def _():
    server, client = cached()
    for number, body in enumerate([{"store": True}, {"store": True}, {"store": False}]):
        client.ask("house/m", body=body).succeeds(f"answer {number + 1}")
    client.ask("house/m", body={"store": False}).succeeds("answer 3")


@test("cache.enabled", "llm_client_reload", says="what is kept outlives a reload, unless names stand for something else")
def _():
    server = Server(numbered)

    def said(model, **more):
        return {**config(server, models={"a": {"targets": [{"model": f"house/{model}"}]}}), "cache": {"enabled": True, **more}}

    client = Client(said("m"))
    client.ask("a").succeeds("answer 1")
    client.reload(said("m", max_bytes=1 << 20))
    assert client.ask("a").succeeds("answer 1").last["cached"]
    client.reload(said("other"))
    client.ask("a").succeeds("answer 2")
    client.reload(said("m"))
    client.ask("a").succeeds("answer 1")


@test("cache.ttl", says="is how long an answer is kept")
def _():
    server, client = cached(cache={"enabled": True, "ttl": 0.15})
    client.ask("house/m").succeeds("answer 1")
    until = time.monotonic() + PATIENCE
    while client.ask("house/m").succeeds().text == "answer 1":
        assert time.monotonic() < until
    refused(lambda: Client({"cache": {"ttl": 0}}), CONFIG, "cache.ttl: expected seconds above 0")


@test("cache.max_bytes", says="bounds what is kept, and one answer to a sixteenth of it")
def _():
    def long(exchange):
        exchange.head()
        for _ in range(exchange.request.json["n"]):
            exchange.delta("x" * 1000)
        exchange.finish()
        exchange.end()

    server, client = cached(answer=long, cache={"enabled": True, "max_bytes": 65536})
    for _ in range(2):
        client.ask("house/m", body={"n": 5}).succeeds("x" * 5000)
    assert len(server.requests) == 2
    for _ in range(2):
        client.ask("house/m", body={"n": 1}).succeeds("x" * 1000)
    assert len(server.requests) == 3
    for seed in range(200):
        client.ask("house/m", body={"n": 1, "seed": seed})
    metrics = client.figures()
    assert 0 < metrics["cache_bytes"] <= 65536 and 0 < metrics["cache_entries"] <= 65, metrics
    refused(lambda: Client({"cache": {"max_bytes": 65535}}), CONFIG, "cache.max_bytes: expected a whole number in 65536 to")


@test("options_json.cache", says="decides for one request, whatever the client says")
def _():
    server = Server(numbered)
    client = Client(config(server))
    client.ask("house/m", json={"cache": True}).succeeds("answer 1")
    client.ask("house/m", json={"cache": True}).succeeds("answer 1")
    client.ask("house/m").succeeds("answer 2")
    server, client = cached()
    client.ask("house/m").succeeds("answer 1")
    client.ask("house/m", json={"cache": False}).succeeds("answer 2")
    client.ask("house/m").succeeds("answer 1")
    client.ask("house/m", json={"cache": "refresh"}).succeeds("answer 3")
    client.ask("house/m").succeeds("answer 3")
    client.ask("house/m", json={"cache": {"refresh": True, "tags": ["t"]}}).succeeds("answer 4")
    assert forget(client, {"tag": "t"}) == 1
    for wrong, words in [(1, "expected true, false"), ("on", "expected true, false"), ({"ttl": -1}, "cache.ttl"), ({"tags": [1]}, "cache.tags[0]")]:
        refused(lambda: client.ask("house/m", json={"cache": wrong}), INVALID, words)


@test("LLM_OPT_NO_CACHE", says="neither reads nor fills the cache")
def _():
    server, client = cached()
    client.ask("house/m", flags=FLAG["NO_CACHE"]).succeeds("answer 1")
    client.ask("house/m").succeeds("answer 2")
    client.ask("house/m", flags=FLAG["NO_CACHE"], json={"cache": True}).succeeds("answer 3")
    client.ask("house/m").succeeds("answer 2")


@test("options_json.cache", says="as a table has a time of its own, tags and a name for the question")
def _():
    server, client = cached()
    client.ask("house/m", json={"cache": {"ttl": 0.001}}).succeeds("answer 1")
    until = time.monotonic() + PATIENCE
    while client.ask("house/m", json={"cache": {"ttl": 0.001}}).succeeds().text == "answer 1":
        assert time.monotonic() < until
    server, client = cached()
    for body in {"seed": 1}, {"seed": 2}:
        client.ask("house/m", body=body, json={"cache": {"key": "faq"}}).succeeds("answer 1")
    client.ask("house/m", body={"seed": 2}).succeeds("answer 2")
    client.ask("house/other", json={"cache": {"key": "faq"}}).succeeds("answer 3")
    client.ask("house/m", json={"cache": {"key": "faq"}, "tenant": "t"}).succeeds("answer 4")


def invalidated(client, what, **options):
    """cache.invalidate by a waiting call."""
    answer = client.complete_raw(what, operation="cache.invalidate", json=options)
    assert answer["object"] == "cache.invalidate" and answer["libllm"]["attempts"] == [], answer
    return answer


def forget(client, what, **options):
    """The same: how many."""
    return invalidated(client, what, **options)["removed"]


@test("cache.invalidate", says="forgets by key, model, tag or all, a tenant's own or everybody's, and says how many")
def _():
    server = Server(numbered)
    client = Client({**config(server, models={"a": {"targets": [{"model": "house/m"}]}}), **ON})

    def fill():
        for seed, tags in enumerate([["x"], ["x", "y"], ["y"]]):
            client.ask("a", body={"seed": seed}, json={"cache": {"tags": tags}})
        client.ask("house/other", json={"cache": {"key": "k"}})
        client.ask("a", json={"tenant": "t"})

    for what, options, count in [({"tag": "x"}, {}, 2), ({"tag": "z"}, {}, 0), ({"key": "k"}, {}, 1), ({"key": "l"}, {}, 0),
                                 ({"model": "a"}, {}, 4), ({"model": "house/m"}, {}, 4), ({"model": "house/other"}, {}, 1),
                                 ({"all": True}, {"tenant": "t"}, 1), ({"tag": "x"}, {"tenant": "t"}, 0), ({"all": True}, {}, 5)]:
        fill()
        assert forget(client, what, **options) == count, what
    fill()
    asked = len(server.requests)
    fill()
    assert len(server.requests) == asked
    forget(client, {"tag": "y"})
    fill()
    assert len(server.requests) == asked + 2
    for wrong in {}, {"tag": "x", "key": "k"}, {"tags": ["x"]}, {"all": False}:
        refused(lambda: forget(client, wrong), INVALID, "cache.invalidate: ")


@test("cache.invalidate", says="is a request like any other on a queue: a result, and the end")
def _():
    server, client = cached()
    client.ask("house/m").succeeds("answer 1")
    queue = Queue()
    client.submit(queue, {"model": "house/m"}, operation="cache.invalidate")
    answer = queue.answer().succeeds()
    assert [json.loads(event.data) for event in answer.of("RESULT")] == [{"object": "cache.invalidate", "removed": 1}]
    client.ask("house/m").succeeds("answer 2")
    assert not any("invalidate" in request.path for request in server.requests)


def gated(exchange):
    """The first half at once, the rest when the test says so."""
    exchange.head()
    exchange.delta("half ")
    exchange.server.begun.release()
    assert exchange.server.go_on.wait(PATIENCE)
    exchange.delta("whole")
    exchange.finish()
    exchange.end()


def gate(answer=gated):
    server = Server(answer)
    server.begun, server.go_on = threading.Semaphore(0), threading.Event()
    return server


MANY = 1000


def halves(queue, count):
    """Polls until so many requests have got their first text; everything that came."""
    events, heard = [], set()
    while len(heard) < count:
        polled = queue.poll()
        assert polled, f"{len(heard)} of {count} heard the first half"
        events += polled
        heard |= {event.request for event in polled if event.type == EVENT["TEXT"]}
    return events


def answers(queue, events, count):
    """Polls until so many requests have ended: text and last event of each."""
    texts, lasts = {}, {}
    while True:
        for event in events:
            if event.type == EVENT["TEXT"]:
                texts[event.request] = texts.get(event.request, "") + event.data.decode()
            if event.type >= EVENT["DONE"]:
                lasts[event.request] = (event.type, json.loads(event.data))
        if len(lasts) == count:
            return texts, lasts
        events = queue.poll()
        assert events, f"{len(lasts)} of {count} ended"


def at_once(threads):
    server = gate()
    client, queue = Client({**config(server), **ON, "runtime": {"threads": threads}}), Queue()
    numbers = [client.submit(queue, chat("house/m", {})) for _ in range(MANY)]
    events = halves(queue, MANY)
    assert not any(event.type >= EVENT["DONE"] for event in events), "nobody waits for the whole"
    server.go_on.set()
    texts, lasts = answers(queue, events, MANY)
    assert len(server.requests) == 1, len(server.requests)
    assert set(texts.values()) == {"half whole"} and set(texts) == set(numbers)
    assert {kind for kind, _ in lasts.values()} == {EVENT["DONE"]}
    assert [last["cached"] for _, last in lasts.values()].count(False) == 1
    metrics = client.figures()
    assert (metrics["cache_joins_total"], metrics["cache_misses_total"]) == (MANY - 1, 1), metrics


@test("cache.enabled", says="1,000 equal requests at once are one, streamed to all as it comes")
def _():
    at_once(threads=1)


@test("cache.enabled", "runtime.threads", says="1,000 equal requests on several threads are one, streamed to all as it comes")
def _():
    at_once(threads=3)


@test("cache.enabled", says="a leader that is canceled leaves its answer to the others")
def _():
    server = gate()
    client, queue = Client({**config(server), **ON}), Queue()
    numbers = [client.submit(queue, chat("house/m", {})) for _ in range(10)]
    events = halves(queue, 10)
    library().llm_cancel(numbers[0])
    while not any(event.type >= EVENT["DONE"] for event in events):
        events += queue.poll()
    server.go_on.set()
    texts, lasts = answers(queue, events, 10)
    kinds = {number: lasts[number][1].get("kind") for number in numbers}
    assert kinds[numbers[0]] == "canceled" and set(list(kinds.values())[1:]) == {None}, kinds
    assert {texts[number] for number in numbers[1:]} == {"half whole"}
    assert len(server.requests) == 1
    client.ask("house/m").succeeds("half whole")
    assert len(server.requests) == 1


@test("cache.enabled", says="a leader that is canceled before its answer began is followed by another")
def _():
    def answer(exchange):
        exchange.server.begun.release()
        assert exchange.server.go_on.wait(PATIENCE)
        exchange.say("ok")

    server = gate(answer)
    client, queue = Client({**config(server), **ON}), Queue()
    numbers = [client.submit(queue, chat("house/m", {})) for _ in range(10)]
    assert server.begun.acquire(timeout=PATIENCE)
    library().llm_cancel(numbers[0])
    server.go_on.set()
    texts, lasts = answers(queue, [], 10)
    assert [lasts[number][1].get("kind") for number in numbers] == ["canceled"] + [None] * 9
    assert [texts[number] for number in numbers[1:]] == ["ok"] * 9 and len(server.requests) == 2


def failing(failures):
    """Ten ask at once, and so many requests to the provider fail: how many it saw, and how many of the ten got an answer."""
    server = gate()

    def answer(exchange):
        number = len(server.requests)
        assert server.go_on.wait(PATIENCE)
        exchange.fail(400) if number <= failures else exchange.say("ok")

    server.answer = answer
    client, queue = Client({**config(server), **ON}), Queue()
    for _ in range(10):
        client.submit(queue, chat("house/m", {}))
    until = time.monotonic() + PATIENCE
    while client.figures()["cache_joins_total"] < 9:
        assert time.monotonic() < until
    server.go_on.set()
    _, lasts = answers(queue, [], 10)
    return len(server.requests), sum(kind == EVENT["DONE"] for kind, _ in lasts.values())


@test("cache.enabled", says="a failing leader does not fail the rest without a try of their own")
def _():
    assert failing(1) == (2, 9)


@test("cache.enabled", says="a second failure is everybody's")
def _():
    assert failing(2) == (2, 0)


@test("cache.enabled", says="a failure that has begun is everybody's who heard of it")
def _():
    server = gate()

    def answer(exchange):
        exchange.head()
        exchange.delta("half ")
        assert server.go_on.wait(PATIENCE)
        exchange.cut()

    server.answer = answer
    client, queue = Client({**config(server), **ON}), Queue()
    for _ in range(5):
        client.submit(queue, chat("house/m", {}))
    events = halves(queue, 5)
    server.go_on.set()
    _, lasts = answers(queue, events, 5)
    assert {last["status"] for _, last in lasts.values()} == {"LLM_ERR_TRUNCATED"} and len(server.requests) == 1


def kept_apart(slow, pausing):
    """Two ask one question, and the first or the second does not read; the other reads to the end meanwhile."""
    server = gate()

    def answer(exchange):
        exchange.head()
        exchange.delta("x")
        assert server.go_on.wait(PATIENCE)
        for _ in range(2000):
            exchange.delta("y" * 500)
        exchange.finish()
        exchange.end()

    server.answer = answer
    client = Client({**config(server), **ON, "memory": {"per_stream": 65536}})
    queues, numbers = [Queue(), Queue()], []
    for queue in queues:
        numbers.append(client.submit(queue, chat("house/m", {})))
        halves(queue, 1)
    if pausing:
        library().llm_pause(numbers[slow], 1)
    server.go_on.set()
    for reader in 1 - slow, slow:
        if reader == slow and pausing:
            library().llm_pause(numbers[slow], 0)
        texts, lasts = answers(queues[reader], [], 1)
        kind, last = lasts[numbers[reader]]
        assert kind == EVENT["DONE"] and len(texts[numbers[reader]]) >= 1_000_000, last
    assert len(server.requests) == 1


@test("cache.enabled", says="a slow reader holds nobody up, whoever asked first")
def _():
    kept_apart(slow=0, pausing=False)
    kept_apart(slow=1, pausing=False)


@test("cache.enabled", says="a paused reader holds nobody up, whoever asked first")
def _():
    kept_apart(slow=0, pausing=True)
    kept_apart(slow=1, pausing=True)


@test("cache.enabled", says="is counted: hits, misses, joins")
def _():
    server, client = cached()
    client.ask("house/m")
    client.ask("house/m")
    client.ask("house/m", json={"cache": False})
    metrics = client.figures()
    found = [metrics[f"cache_{name}_total"] for name in ("hits", "misses", "joins")]
    assert found == [1, 1, 0] and metrics["cache_entries"] == 1 and metrics["cache_bytes"] > 0, metrics
    assert metrics["prompt_tokens_total"] == 14, "what was paid for twice"
    assert "libllm_cache_hits_total 1" in client.metrics("prometheus")
