"""When a target is left alone and how it comes back: by counts at real sockets."""

import threading
import time

from llm import CONFIG, EVENT, Client, Queue, chat, refused
from redis import until
from server import Server, turns
from suite import house, test

# So short that a test can wait for it, so long that a loaded machine is not late.
OPEN = 1.0


def pair(first, second=None, *, model=None, **root):
    """Alias `a`: asked in order are `first`, at a server that answers so, and `second`, which answers well."""
    servers = [Server(first), second or Server()]
    places = {name: house(server) for name, server in zip(("first", "second"), servers)}
    models = {"a": {"targets": [{"model": "first/x"}, {"model": "second/y"}], **(model or {})}}
    return Client({"providers": places, "models": models, **root}), servers


def asked(servers):
    return [len(server.requests) for server in servers]


def failing(exchange):
    exchange.fail(500)


def hanging(hold):
    """Answers once it may."""
    def answer(exchange):
        hold.wait(20)
        exchange.say("late")

    return answer


def breaker(**said):
    return {"health": {"breaker": said}}


@test("health.breaker.failures", says="so many failures in a row, and the target is not asked")
def _():
    for said, expected in ({"failures": 2}, 2), ({}, 5):
        client, servers = pair(failing, **breaker(**said))
        for _ in range(8):
            client.ask("a").succeeds("ok")
        assert asked(servers) == [expected, 8], (said, asked(servers))


@test("health.breaker.enabled", says="false: a target is asked however often it fails")
def _():
    client, servers = pair(failing, **breaker(enabled=False))
    for _ in range(8):
        client.ask("a").succeeds("ok")
    assert asked(servers) == [8, 8]


@test("health.breaker.ratio", "health.breaker.calls", says="such a share of failures of so many calls opens it, too")
def _():
    def every_other(exchange):
        failing(exchange) if len(exchange.server.requests) % 2 else exchange.say("ok")

    client, servers = pair(every_other, **breaker(ratio=0.5, calls=6, failures=100))
    for _ in range(12):
        client.ask("a").succeeds("ok")
    # The sixth call is a success: the seventh opens it.
    assert asked(servers)[0] == 7, asked(servers)
    client, servers = pair(every_other, **breaker(ratio=0.9, calls=6, failures=100))
    for _ in range(12):
        client.ask("a").succeeds("ok")
    assert asked(servers)[0] == 12, asked(servers)


@test("health.breaker.window", says="what is older does not count for the share")
def _():
    def every_other(exchange):
        failing(exchange) if len(exchange.server.requests) % 2 else exchange.say("ok")

    client, servers = pair(every_other, **breaker(ratio=0.5, calls=6, failures=100, window=0.06))
    for _ in range(10):
        client.ask("a").succeeds("ok")
        time.sleep(0.1)
    assert asked(servers)[0] == 10, asked(servers)


@test("health.breaker.open", "health.breaker.open_max", says="how long it is left alone; nobody need ask for it to come back")
def _():
    for said in {"open": OPEN}, {"open": 1000, "open_max": OPEN}:
        client, servers = pair(turns(failing, lambda exchange: exchange.say("ok")), **breaker(failures=1, **said))
        assert client.ask("a").succeeds("ok").targets == ["first/x", "second/y"]
        assert client.ask("a").succeeds("ok").targets == ["second/y"]
        time.sleep(OPEN * 1.5)
        assert client.ask("a").succeeds("ok").targets == ["first/x"]


@test("health.breaker.successes", says="so many probes must succeed; one that fails opens it again")
def _():
    for successes, expected in (1, 1), (2, 2):
        answers = [failing] + [lambda exchange: exchange.say("ok")] * successes + [failing] * 2
        client, servers = pair(turns(*answers), **breaker(failures=1, open=OPEN, successes=successes))
        client.ask("a").succeeds("ok")
        time.sleep(OPEN * 1.5)
        for _ in range(expected):
            assert client.ask("a").succeeds("ok").targets == ["first/x"]
        # Closed, and opened by the next failure for as long as the first time, not twice as long.
        assert client.ask("a").succeeds("ok").targets == ["first/x", "second/y"]
        time.sleep(OPEN * 1.5)
        assert client.ask("a").succeeds("ok").targets == ["first/x", "second/y"]


@test("health.breaker.open", says="many who come at once when it is over send one to see; the others go elsewhere")
def _():
    hold = threading.Event()

    client, servers = pair(turns(failing, *[hanging(hold)] * 40), **breaker(failures=1, open=0.2, probe_timeout=20))
    client.ask("a").succeeds("ok")
    time.sleep(0.4)
    queue = Queue()
    for _ in range(40):
        client.submit(queue, chat("a", {}))
    over = []
    while len(over) < 39:
        over += [event for event in queue.until(lambda event: event.type >= EVENT["DONE"]) if event.type >= EVENT["DONE"]]
    assert all(event.type == EVENT["DONE"] for event in over), over
    assert asked(servers) == [2, 40], asked(servers)
    hold.set()
    queue.until(lambda event: event.type >= EVENT["DONE"])
    assert asked(servers) == [2, 40], asked(servers)


@test("health.breaker.probe_timeout", says="one probe at a time, and one that hangs makes room for another")
def _():
    hold = threading.Event()

    client, servers = pair(turns(failing, hanging(hold), hanging(hold)), **breaker(failures=1, open=0.2, probe_timeout=OPEN))
    client.ask("a").succeeds("ok")
    time.sleep(0.4)
    probe = threading.Thread(target=lambda: client.ask("a"))
    probe.start()
    while asked(servers)[0] < 2:
        time.sleep(0.01)
    assert client.ask("a").succeeds("ok").targets == ["second/y"]
    time.sleep(OPEN * 1.5)
    second = threading.Thread(target=lambda: client.ask("a"))
    second.start()
    while asked(servers)[0] < 3:
        time.sleep(0.01)
    hold.set()
    probe.join()
    second.join()


@test("health.breaker", says="where every target is open, they are asked as if none were")
def _():
    client, servers = pair(failing, Server(failing), retry={"max_attempts": 2}, **breaker(failures=1, open=100))
    for _ in range(3):
        assert client.ask("a").fails("server_error").targets == ["first/x", "second/y"]
    assert asked(servers) == [3, 3]


@test("health.breaker", says="what the request is to blame for, and a 429, are no failures")
def _():
    for status in 400, 404, 422:
        server = Server(lambda exchange, status=status: exchange.fail(status))
        client, servers = pair(server.answer, **breaker(failures=1))
        for _ in range(3):
            client.ask("a")
        assert asked(servers)[0] == 3, status


@test("health", says="a target that says when to come back is not asked before then")
def _():
    client, servers = pair(lambda exchange: exchange.fail(429, "retry-after: 90"))
    assert client.ask("a").succeeds("ok").targets == ["first/x", "second/y"]
    for _ in range(3):
        assert client.ask("a").succeeds("ok").targets == ["second/y"]
    assert asked(servers) == [1, 4]


@test("health", says="survives a reload")
def _():
    client, servers = pair(failing, **breaker(failures=1))
    client.ask("a").succeeds("ok")
    places = {name: house(server) for name, server in zip(("first", "second"), servers)}
    client.reload({"providers": places, "models": {"a": {"targets": [{"model": "first/x"}, {"model": "second/y"}]}}})
    assert client.ask("a").succeeds("ok").targets == ["second/y"]


@test("health.breaker", says="out of range is refused")
def _():
    for said in {"failures": 0}, {"ratio": 1.5}, {"calls": 0}, {"window": 0}, {"open": -1}, {"successes": 0}, {"enabled": 1}:
        (key,) = said
        refused(lambda said=said: Client(breaker(**said)), CONFIG, f"health.breaker.{key}: expected")


def probing(first, second=None, **said):
    return pair(first, second, health={"breaker": {"failures": 1, "open": 0.2}, "probe": said} if said else
                {"breaker": {"failures": 1, "open": 0.2}})


def come(server, count):
    until(lambda: len(server.requests) >= count)


@test("health.probe.every", says="who was left alone is asked by the library itself, until it is well; no request of anybody's has to")
def _():
    client, servers = probing(turns(failing, failing, *[lambda exchange: exchange.say("ok")] * 20), every=0.3)
    assert client.ask("a").succeeds("ok").targets == ["first/x", "second/y"]
    # One that fails, and three that succeed.
    come(servers[0], 5)
    assert asked(servers)[1] == 1
    sent = servers[0].requests[1].json
    assert (sent["model"], sent["max_tokens"], sent["stream"]) == ("x", 16, True), sent
    until(lambda: client.ask("a").succeeds("ok").targets == ["first/x"])
    probes = asked(servers)[0]
    time.sleep(1.0)
    assert asked(servers)[0] == probes, "who is well is not asked"
    client, servers = probing(turns(failing, lambda exchange: exchange.say("ok")))
    client.ask("a").succeeds("ok")
    time.sleep(1.0)
    assert asked(servers) == [1, 1], "nobody is asked unless it is wished"


@test("health.probe.all", says="who is well is asked, too, and found out before a request is")
def _():
    client, servers = probing(failing, every=0.3, all=True)
    come(servers[1], 2)
    assert asked(servers)[0] >= 1
    assert client.ask("a").succeeds("ok").targets == ["second/y"], "the first is known to fail"


@test("health.probe.timeout", says="one that hangs is given up")
def _():
    client, servers = probing(turns(failing, lambda exchange: exchange.wait()), every=5, timeout=0.3)
    client.ask("a").succeeds("ok")
    come(servers[0], 2)
    servers[0].saw_it_go()


@test("health.probe", says="neither asks the host, nor follows a rule, nor is anybody's; other values are refused")
def _():
    servers = [Server(turns(failing, lambda exchange: exchange.say("ok"))), Server()]
    places = {name: house(server) for name, server in zip(("first", "second"), servers)}
    models = {"a": {"targets": [{"model": "first/x"}, {"model": "second/y"}]}}
    health = {"breaker": {"failures": 1, "open": 0.2}, "probe": {"every": 0.3}}
    client = Client({"providers": places, "models": models, "health": health, "tenants": {"*": {"models": ["a"]}},
                     "rules": [{"when": {"model": "first/*"}, "use": {"model": "second/y"}}]})
    client.ask("a").succeeds("ok")
    come(servers[0], 2)
    for said in {"every": 0}, {"timeout": -1}, {"all": 1}:
        (key,) = said
        refused(lambda said=said: Client({"health": {"probe": said}}), CONFIG, f"health.probe.{key}: expected")
