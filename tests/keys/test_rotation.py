"""Which of several keys is taken, and keys in files that change."""

import json
import os
import pathlib

from llm import CONFIG, Client, refused
from server import Server
from suite import config, test


def metrics(client):
    return json.loads(client.metrics())


def keyed(server, keys, **root):
    root = {"retry": {"max_attempts": 3}, **root}
    return Client(config(server, provider={"api_keys": keys}, **root))


def used(server):
    return [request.key.removeprefix("Bearer ") for request in server.requests]


@test("providers.P.api_keys", says="are taken in turn")
def _():
    server = Server()
    client = keyed(server, ["key-one", "key-two", "key-three"])
    for _ in range(6):
        client.ask("house/m").succeeds("ok")
    assert sorted(used(server)) == sorted(["key-one", "key-two", "key-three"] * 2), used(server)


@test("providers.P.api_keys", says="one that is refused is put aside, counted, and asked no more")
def _():
    for status in 401, 403:
        def answer(exchange, status=status):
            exchange.fail(status) if exchange.request.key.endswith("key-bad") else exchange.say("ok")

        server = Server(answer)
        client = keyed(server, ["key-bad", "key-good"])
        before = metrics(client)["keys_refused_total"]
        for _ in range(6):
            client.ask("house/m").succeeds("ok")
        assert used(server).count("key-bad") == 1, used(server)
        assert metrics(client)["keys_refused_total"] == before + 1


@test("providers.P.api_keys", says="one that is asked too often rests, and the next is taken at once")
def _():
    def answer(exchange):
        limited = exchange.request.key.endswith("key-tired")
        exchange.fail(429, "retry-after: 50") if limited else exchange.say("ok")

    server = Server(answer)
    client = keyed(server, ["key-tired", "key-fresh"])
    for _ in range(4):
        client.ask("house/m").succeeds("ok")
    assert used(server).count("key-tired") == 1, used(server)
    assert len(server.requests) == 5


@test("providers.P.api_keys", says="no key of them is told to anybody else or in a message")
def _():
    server = Server(lambda exchange: exchange.fail(401, f"x-said: {exchange.request.key}"))
    answer = keyed(server, ["sk-canary-one", "sk-canary-two"]).ask("house/m").fails("auth")
    assert "canary" not in str(answer.last) and len(server.requests) == 2, answer.last


@test("providers.P.api_keys", says="is a list of secrets, and goes without api_key")
def _():
    for provider, words in [
        ({"api_keys": []}, "expected 1 to 64 keys"),
        ({"api_keys": ["a"], "api_key": "b"}, "goes without api_key"),
        ({"api_keys": ["a"], "auth": "none"}, "would not be sent"),
        ({"api_keys": ["env:NOT_SET"]}, "NOT_SET"),
        ({"api_keys": "a"}, "expected a list"),
    ]:
        refused(lambda provider=provider: Client(config(Server(), provider=provider)), CONFIG, "api_keys", words)


@test("providers.P.api_key", "providers.P.api_keys", says="a key in a file is read again when the file changes")
def _():
    path = pathlib.Path(os.environ["LLM_WORK"], f"key-{os.getpid()}")
    for how in "api_key", "api_keys":
        good = ["key-old"]

        def answer(exchange, good=good):
            exchange.say("ok") if exchange.request.key.endswith(good[0]) else exchange.fail(401)

        path.write_text("key-old\n")
        server = Server(answer)
        value = f"file:{path}" if how == "api_key" else [f"file:{path}"]
        client = Client(config(server, provider={how: value}, retry={"max_attempts": 2}))
        client.ask("house/m").succeeds("ok")
        path.write_text("key-newer\n")
        good[0] = "key-newer"
        # Whether it has been looked at meanwhile or not: no request fails for it.
        client.ask("house/m").succeeds("ok")
        client.ask("house/m").succeeds("ok")
        assert used(server)[-1] == "key-newer", used(server)
        # Nor does it go to another target, that is there too.
        other = Server()
        models = {"a": {"targets": [{"model": "house/m"}, {"model": "other/m"}]}}
        both = config(server, provider={how: value}, retry={"max_attempts": 2}, models=models)
        both["providers"]["other"] = {"wire": "openai_chat", "base_url": other.url, "api_key": "k"}
        client = Client(both)
        client.ask("a").succeeds("ok")
        path.write_text("key-newest\n")
        good[0] = "key-newest"
        client.ask("a").succeeds("ok")
        assert not other.requests, other.requests
