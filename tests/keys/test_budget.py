"""What may be spent on attempts beyond the first: by counts at real sockets."""

import json

from llm import CONFIG, Client, refused
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


@test("retry.budget", says="out of range is refused")
def _():
    for said in {"bucket": -1}, {"ratio": 2}, {"floor": 0.5}:
        (key,) = said
        refused(lambda said=said: Client({"retry": {"budget": said}}), CONFIG, f"retry.budget.{key}: expected")
