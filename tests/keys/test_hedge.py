"""A second attempt beside one that is slow: by counts at real sockets, and by what the trail says."""

import json
import threading

from llm import CONFIG, Client, refused
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


@test("models.A.race", says="is 2 to 8")
def _():
    for said in 1, 9, "2":
        models = {"a": {"targets": [{"model": "mock/echo"}], "race": said}}
        refused(lambda models=models: Client({"models": models}), CONFIG, "models.a.race: expected a whole number in 2 to 8")
