"""What may be spent on attempts beyond the first: by counts at real sockets."""

import json

from llm import CONFIG, EVENT, Client, Queue, chat, refused
from server import Server
from suite import house, test


def metrics(client):
    return json.loads(client.metrics())


@test("retry.budget.bucket", says="an attempt takes 5, a success gives 1; empty is an error at once")
def _():
    server = Server(lambda exchange: exchange.unavailable())
    client = Client({"providers": {"house": house(server)}, "retry": {"max_attempts": 3, "budget": {"bucket": 15}}})
    client.ask("house/m").fails("unavailable")
    client.ask("house/m").fails("unavailable", "not tried again, the retry budget of 127.0.0.1")
    client.ask("house/m").fails("unavailable", "not tried again")
    assert len(server.requests) == 3 + 2 + 1, len(server.requests)
    assert metrics(client)["retries_unpaid_total"] == 2
    server.answer = lambda exchange: exchange.say("ok")
    for _ in range(5):
        client.ask("house/m").succeeds("ok")
    server.answer = lambda exchange: exchange.unavailable()
    client.ask("house/m").fails("unavailable", "not tried again")
    assert len(server.requests) == 6 + 5 + 2


@test("retry.budget.ratio", "retry.budget.floor", says="a share of the last ten seconds' requests, and so many a second beside")
def _():
    def sent(**budget):
        server = Server(lambda exchange: exchange.unavailable())
        client = Client({"providers": {"house": house(server)}, "retry": {"max_attempts": 2, "budget": budget}})
        for _ in range(20):
            client.ask("house/m").fails("unavailable")
        return len(server.requests) - 20

    assert sent(ratio=0.0, floor=0) == 0
    assert sent(ratio=0.5, floor=0) == 10
    assert sent(ratio=0.0, floor=1) == 10
    assert sent() == 20
    assert sent(bucket=0, ratio=0.0, floor=0) == 20


@test("retry.budget", says="however many are refused at once for asking too often, all may go to another host, and none to the same")
def _():
    def together(exchange):
        while len(exchange.server.requests) < 10:
            exchange.hold(0.01)
        exchange.fail(429, "retry-after: 60")

    def client_of(first, second):
        places = {"first": house(first), "second": house(second)}
        targets = [{"model": "first/m"}, {"model": "second/m"}]
        return Client({"providers": places, "models": {"a": {"targets": targets}},
                       "retry": {"budget": {"bucket": 5, "ratio": 0.0, "floor": 0}}})

    first, second = Server(together), Server()
    client, queue = client_of(first, second), Queue()
    for _ in range(10):
        client.submit(queue, chat("a", {}))
    ended = []
    while len(ended) < 10:
        ended += [event for event in queue.poll() if event.type >= EVENT["DONE"]]
    assert all(event.type == EVENT["DONE"] for event in ended), [event.data for event in ended]
    assert (len(first.requests), len(second.requests)) == (10, 10)
    assert metrics(client)["retries_unpaid_total"] == 0, metrics(client)
    alone = Server(lambda exchange: exchange.fail(429, "retry-after: 60"))
    client_of(alone, alone).ask("a").fails("rate_limited", "not tried again")
    assert len(alone.requests) == 1, len(alone.requests)


@test("retry.budget", says="out of range is refused")
def _():
    for said in {"bucket": -1}, {"ratio": 2}, {"floor": 0.5}:
        (key,) = said
        refused(lambda said=said: Client({"retry": {"budget": said}}), CONFIG, f"retry.budget.{key}: expected")
