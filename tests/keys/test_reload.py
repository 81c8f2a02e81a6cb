"""llm_client_reload(): keys, routes and limits change at once; requests in flight keep the configuration they began with."""

import threading

from llm import CONFIG, EVENT, Client, Queue, chat, refused
from server import PATIENCE, Server
from suite import config, house, test


def gated(exchange):
    """Half of an answer, and the rest when the test has done what it wants to in between."""
    exchange.head()
    exchange.delta("half ")
    assert exchange.server.go_on.wait(PATIENCE)
    exchange.delta("whole")
    exchange.finish()
    exchange.end()


@test("llm_client_reload", says="changes keys, places and routes for what comes, not for what is under way")
def _():
    old, new = Server(gated), Server()
    old.go_on = threading.Event()

    def said(server, key, model):
        return config(server, provider={"api_key": key}, models={"a": {"targets": [{"model": f"house/{model}"}]}})

    client, queue = Client(said(old, "k1", "m1")), Queue()
    client.submit(queue, chat("a", {}))
    earlier = queue.until(lambda event: event.type == EVENT["TEXT"])
    client.reload(said(new, "k2", "m2"))
    client.ask("a").succeeds("ok")
    old.go_on.set()
    queue.answer(earlier).succeeds("half whole")
    assert [(one.only.key, one.only.json["model"]) for one in (old, new)] == [("Bearer k1", "m1"), ("Bearer k2", "m2")]


@test("llm_client_reload", says="a request keeps its attempts, its fallbacks and their keys")
def _():
    failing, first, second = Server(), Server(), Server()
    failing.go_on = threading.Event()

    def fail_late(exchange):
        failing.gone.put(exchange.request)
        assert failing.go_on.wait(PATIENCE)
        exchange.unavailable()

    failing.answer = fail_late

    def said(server, key):
        providers = {"down": house(failing), "house": house(server, api_key=key)}
        return {"providers": providers, "models": {"a": {"targets": [{"model": "down/m"}, {"model": "house/m"}]}}}

    client, queue = Client(said(first, "k1")), Queue()
    client.submit(queue, chat("a", {}))
    failing.saw_it_go()
    client.reload({**said(second, "k2"), "retry": {"max_attempts": 1}})
    failing.go_on.set()
    queue.answer().succeeds("ok")
    assert first.only.key == "Bearer k1" and not second.requests


@test("llm_client_reload", says="what was there and is not said any more is gone")
def _():
    client = Client(config(Server(), models={"fast": {"targets": [{"model": "house/m"}]}}))
    client.ask("fast").succeeds("ok")
    client.reload({"retry": {"max_attempts": 2}})
    refused(lambda: client.ask("fast"), CONFIG, '"fast" is no alias')
    refused(lambda: client.ask("house/m"), CONFIG, "unknown provider")


@test("llm_client_reload", says="a bad configuration is refused, and changes nothing")
def _():
    server = Server()
    client = Client(config(server, provider={"api_key": "k1"}))
    refused(lambda: client.reload("[retry]\nmax_attempts = 0"), CONFIG, "line 2", "retry.max_attempts")
    client.ask("house/m").succeeds("ok")
    assert server.only.key == "Bearer k1"


@test("llm_client_reload", says="changes limits")
def _():
    server = Server(lambda exchange: exchange.wait())
    client = Client(config(server))
    client.reload(config(server, timeouts={"first_token": 0.08}))
    client.ask("house/m").fails("timeout")
