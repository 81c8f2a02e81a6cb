"""A second attempt beside one that is slow: by counts at real sockets, and by what the trail says."""

import json
import threading
import time

from llm import CONFIG, Client, Queue, chat, library, refused
from server import Server
from suite import house, test

# Answers that must be known before anybody is called slow.
KNOWN = 100


def hedged(slow, quick=None, *, known=KNOWN, **hedge):
    """Alias `a` with two targets; the first has answered `known` requests as `quick` says, and from then on as `slow`."""
    first, second = Server(quick or (lambda exchange: exchange.say("ok"))), Server(lambda exchange: exchange.say("second"))
    models = {"a": {"targets": [{"model": "first/x"}, {"model": "second/y"}], "hedge": hedge}}
    client = Client({"providers": {"first": house(first), "second": house(second)}, "models": models})
    ask_all(client, known)
    assert len(first.requests) == known and not second.requests
    first.answer = slow
    return client, first, second


def ask_all(client, count, at_once=20):
    """Asks so often, some at a time."""
    left = iter(range(count))
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                if next(left, None) is None:
                    return
            client.ask("first/x").succeeds("ok")

    workers = [threading.Thread(target=work) for _ in range(at_once)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def routes(answer):
    return [json.loads(event.data) for event in answer.of("ROUTE")]


@test("models.A.hedge", "models.A.hedge.enabled", says="a second target is asked beside a slow one; the first item wins, the loser is closed")
def _():
    client, first, second = hedged(lambda exchange: exchange.wait(), enabled=True, min_delay=0.05, max_extra=1)
    answer = client.ask("a").succeeds("second")
    (route,) = routes(answer)
    assert (route["reason"], route["provider"], route["attempt"]) == ("hedge", "second", 2), route
    assert {event.attempt for event in answer.of("TEXT")} == {2}
    # The one that lost is in the trail, and its connection is gone.
    trail = {attempt["provider"]: attempt["status"] for attempt in answer.last["attempts"]}
    assert trail == {"first": "LLM_ERR_CANCELED", "second": "LLM_OK"}, trail
    first.saw_it_go()
    told = json.loads(client.metrics())
    assert (told["hedges_total"], told["hedges_won_total"]) == (1, 1), told


@test("models.A.hedge", says="the first may still win, and nothing of the second is delivered")
def _():
    def late(exchange):
        while len(second.requests) == 0:
            exchange.hold(0.01)
        exchange.say("first")

    client, first, second = hedged(late, enabled=True, min_delay=0.05, max_extra=1)
    second.answer = lambda exchange: exchange.wait()
    answer = client.ask("a").succeeds("first")
    (route,) = routes(answer)
    assert (route["reason"], route["attempt"]) == ("first", 1), route
    second.saw_it_go()


@test("models.A.hedge", says="where both fail, what follows is what follows any failure")
def _():
    def late(exchange):
        while len(second.requests) == 0:
            exchange.hold(0.01)
        exchange.fail(500)

    client, first, second = hedged(late, enabled=True, min_delay=0.05, max_extra=1)
    second.answer = lambda exchange: exchange.fail(500)
    answer = client.ask("a").fails("server_error")
    assert len(answer.targets) == 3 and sorted(answer.targets)[0] == "first/x", answer.targets


@test("models.A.hedge", says="one of the two that fails leaves the call to the other, and both are in the trail")
def _():
    failed = threading.Event()

    def fail(exchange):
        while len(second.requests) == 0:
            exchange.hold(0.01)
        exchange.fail(500)
        failed.set()

    def speak(text):
        def later(exchange):
            while not failed.is_set():
                exchange.hold(0.01)
            exchange.say(text)

        return later

    for slow, other, said, reason, number in (fail, speak("second"), "second", "hedge", 2), (speak("first"), fail, "first", "first", 1):
        failed.clear()
        client, _, second = hedged(slow, enabled=True, min_delay=0.05, max_extra=1)
        second.answer = other
        answer = client.ask("a").succeeds(said)
        (route,) = routes(answer)
        assert (route["reason"], route["attempt"]) == (reason, number), route
        trail = {attempt["provider"]: attempt["status"] for attempt in answer.last["attempts"]}
        # What failed may be heard of after the other has answered, and is given up then.
        assert len(trail) == 2 and sorted(trail.values())[1] == "LLM_OK", trail


@test("models.A.hedge.enabled", says="false, and saying nothing, is one attempt at a time")
def _():
    for said in {}, {"enabled": False, "min_delay": 0.01, "max_extra": 1}:
        client, first, second = hedged(lambda exchange: (exchange.hold(0.3), exchange.say("ok")), **said)
        client.ask("a").succeeds("ok")
        assert not second.requests


@test("models.A.hedge.max_extra", says="such a share of requests at most is asked twice")
def _():
    for share, expected in (0, 0), (0.02, 2), (1, 4):
        client, first, second = hedged(lambda exchange: (exchange.hold(0.3), exchange.say("ok")), enabled=True, min_delay=0.02,
                                       max_extra=share)
        for _ in range(4):
            client.ask("a").succeeds()
        assert len(second.requests) == expected, (share, len(second.requests))


@test("models.A.hedge", says="fewer than a hundred answers say nothing about what is slow")
def _():
    client, first, second = hedged(lambda exchange: (exchange.hold(0.3), exchange.say("ok")), known=50, enabled=True, min_delay=0.01,
                                   max_extra=1)
    client.ask("a").succeeds("ok")
    assert not second.requests


@test("models.A.hedge.percentile", "models.A.hedge.min_delay", says="the later of both times is waited before a second is asked")
def _():
    def some_slow(exchange):
        exchange.hold(1.0 if len(exchange.server.requests) % 5 == 0 else 0)
        exchange.say("ok")

    def late(exchange):
        exchange.hold(0.4)
        exchange.say("ok")

    for said, expected in [
        ({"percentile": 50, "min_delay": 0.02}, 1),
        ({"percentile": 99, "min_delay": 0.02}, 0),
        ({"percentile": 50, "min_delay": 2.0}, 0),
    ]:
        client, first, second = hedged(late, some_slow, enabled=True, max_extra=1, **said)
        client.ask("a").succeeds()
        assert len(second.requests) == expected, (said, len(second.requests))


@test("models.A.hedge", says="out of range is refused")
def _():
    for key, value in ("enabled", 1), ("percentile", 100), ("percentile", 0), ("min_delay", -1), ("max_extra", 2):
        models = {"a": {"targets": [{"model": "mock/echo"}], "hedge": {key: value}}}
        refused(lambda models=models: Client({"models": models}), CONFIG, f"models.a.hedge.{key}: expected")


def racing(*answers, **alias):
    servers = [Server(answer) for answer in answers]
    places = {f"p{number}": house(server) for number, server in enumerate(servers)}
    models = {"a": {"targets": [{"model": f"{name}/m"} for name in places], "strategy": "race", **alias}}
    return Client({"providers": places, "models": models}), servers


def say(text):
    return lambda exchange: exchange.say(text)


@test("models.A.strategy", "models.A.race", says="race: so many are asked at once, the first to answer wins and the others are closed")
def _():
    for said, racers in ({}, 2), ({"race": 3}, 3):
        answers = [lambda exchange: exchange.wait()] * (racers - 1) + [say("won"), say("never")]
        client, servers = racing(*answers, **said)
        answer = client.ask("a").succeeds("won")
        (route,) = routes(answer)
        assert (route["provider"], route["attempt"]) == (f"p{racers - 1}", racers), route
        for server in servers[: racers - 1]:
            server.saw_it_go()
        assert [len(server.requests) for server in servers] == [1] * racers + [0], said
        trail = sorted(attempt["status"] for attempt in answer.last["attempts"])
        assert trail == ["LLM_ERR_CANCELED"] * (racers - 1) + ["LLM_OK"], trail


@test("models.A.race", says="one that fails does not end it; where all fail, the others follow")
def _():
    def fail(exchange):
        exchange.fail(500)

    client, servers = racing(fail, say("won"))
    assert client.ask("a").succeeds("won").targets == ["p0/m", "p1/m"]
    client, servers = racing(fail, fail, say("third"))
    answer = client.ask("a").succeeds("third")
    assert sorted(answer.targets[:2]) == ["p0/m", "p1/m"] and answer.targets[2] == "p2/m", answer.targets


def told(text, cost):
    """A whole answer that says what it took."""
    usage = {"prompt_tokens": 3, "completion_tokens": cost, "total_tokens": 3 + cost}
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return lambda exchange: exchange.whole(200, {"id": text, "model": "m", "choices": [choice], "usage": usage})


@test("models.A.race_return", says="all: a pause holds all of them, and nobody else; what is paused can be cancelled")
def _():
    go, heard = threading.Event(), threading.Semaphore(0)

    def later(exchange):
        exchange.head()
        exchange.delta("early, ")
        heard.release()
        go.wait(10)
        exchange.delta("late")
        exchange.finish()
        exchange.end()

    client, _ = racing(later, later, race_return="all")
    queue = Queue()
    number = client.submit(queue, chat("a", {}))
    for _ in range(2):
        assert heard.acquire(timeout=10)
    # Nothing tells that it has arrived as well.
    time.sleep(0.2)
    assert library().llm_pause(number, 1) == 0
    go.set()
    other, _ = racing(say("here"), say("here"))
    other.ask("a").succeeds("here")
    library().llm_cancel(number)
    queue.answer().fails("canceled")


@test("models.A.race_return", says="all: every answer is a choice of its own, with whose it is; usage and cost are of all")
def _():
    price = {"price": {"input": 1, "output": 1}}
    servers = [Server(told(text, tokens)) for text, tokens in (("one", 2), ("two", 4), ("three", 8))]
    places = {f"p{number}": house(server) for number, server in enumerate(servers)}
    models = {"a": {"targets": [{"model": f"{name}/m", **price} for name in places], "strategy": "race", "race": 3, "race_return": "all"}}
    client = Client({"providers": places, "models": models})
    answer = client.ask("a", body={"stream": False}).succeeds()
    texts = {event.choice: event.data.decode() for event in answer.of("TEXT")}
    assert texts == {0: "one", 1: "two", 2: "three"}, texts
    assert sorted(route["attempt"] for route in routes(answer)) == [1, 2, 3]
    ends = [(end["index"], end["target"], end["finish_reason"]) for end in answer.last["choices"]]
    assert ends == [(0, "p0/m", "stop"), (1, "p1/m", "stop"), (2, "p2/m", "stop")], ends
    usage = answer.last["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (9, 14, 23), usage
    assert answer.last["cost"]["microusd"] == 23, answer.last["cost"]
    assert [attempt["status"] for attempt in answer.last["attempts"]] == ["LLM_OK"] * 3
    whole = client.complete("a", body={"stream": False})
    assert [choice["message"]["content"] for choice in whole["choices"]] == ["one", "two", "three"], whole
    assert [len(server.requests) for server in servers] == [2, 2, 2]


@test("models.A.race_return", says="all: one that fails leaves its number out, and the call fails when all do")
def _():
    client, servers = racing(lambda exchange: exchange.fail(500), say("kept"), race_return="all")
    answer = client.ask("a").succeeds("kept")
    assert {event.choice for event in answer.of("TEXT")} == {1}
    # Nobody should take the only one for number 0.
    assert [(end["index"], end["target"]) for end in answer.last["choices"]] == [(1, "p1/m")], answer.last
    trail = {attempt["provider"]: attempt["status"] for attempt in answer.last["attempts"]}
    assert trail == {"p0": "LLM_ERR_OVERLOADED", "p1": "LLM_OK"}, trail
    client, servers = racing(*[lambda exchange: exchange.fail(500)] * 2, race_return="all")
    failed = client.ask("a").fails("server_error")
    assert len(failed.last["attempts"]) == 2 and not failed.of("TEXT"), failed.last
    # What hangs is bounded by its own time, and takes nothing from the others.
    client, servers = racing(lambda exchange: exchange.wait(), say("kept"), race_return="all")
    assert client.ask("a", json={"first_token_timeout_ms": 300}).succeeds("kept").last["attempts"][1]["kind"] == "timeout"


@test("models.A.race_return", says="first, and saying nothing, is the first alone; another word is refused")
def _():
    for said in {}, {"race_return": "first"}:
        client, servers = racing(lambda exchange: exchange.wait(), say("won"), **said)
        client.ask("a").succeeds("won")
        servers[0].saw_it_go()
    models = {"a": {"targets": [{"model": "mock/echo"}], "race_return": "both"}}
    refused(lambda: Client({"models": models}), CONFIG, "models.a.race_return", 'expected "first", "all"')


@test("models.A.race", says="is 2 to 8")
def _():
    for said in 1, 9, "2":
        models = {"a": {"targets": [{"model": "mock/echo"}], "race": said}}
        refused(lambda models=models: Client({"models": models}), CONFIG, "models.a.race: expected a whole number in 2 to 8")
