"""What happens to an answer that is cut after its first item."""

import json

from llm import CONFIG, INVALID, Client, refused
from server import Server, turns
from suite import config, house, test


def half(exchange):
    exchange.head()
    exchange.delta("half")
    exchange.cut()


def say(text):
    return lambda exchange: exchange.say(text)


def routes(answer):
    return [json.loads(event.data) for event in answer.of("ROUTE")]


def after_void(answer):
    """The text since the last event that voids what came before."""
    text = ""
    for event in answer.events:
        if event in answer.of("ROUTE") and json.loads(event.data)["voids"]:
            text = ""
        if event in answer.of("TEXT"):
            text += event.data.decode()
    return text


@test("retry.on_partial", says="restart: what came is void, and the request is made again")
def _():
    server = Server(turns(half, say("whole")))
    answer = Client(config(server, retry={"on_partial": "restart", "max_attempts": 2})).ask("house/m").succeeds("halfwhole")
    first, second = routes(answer)
    assert (first["reason"], first["voids"], second["reason"], second["voids"]) == ("first", False, "restart", True), second
    assert (second["attempt"], after_void(answer)) == (2, "whole"), second
    assert [attempt["status"] for attempt in answer.last["attempts"]] == ["LLM_ERR_TRUNCATED", "LLM_OK"], answer.last
    assert {event.attempt for event in answer.of("TEXT")} == {1, 2}


@test("retry.on_partial", says="restart: another target is asked, if there is one, and attempts count as ever")
def _():
    servers = [Server(half), Server(half), Server(say("whole"))]
    places = {name: house(server) for name, server in zip(("first", "second", "third"), servers)}
    models = {"a": {"targets": [{"model": f"{name}/m"} for name in places]}}
    retry = {"on_partial": "restart"}
    answer = Client({"providers": places, "models": models, "retry": retry}).ask("a").succeeds()
    assert (answer.targets, after_void(answer)) == (["first/m", "second/m", "third/m"], "whole"), answer.targets
    retry["max_attempts"] = 2
    answer = Client({"providers": places, "models": models, "retry": retry}).ask("a").fails("connection_lost")
    assert (answer.targets, after_void(answer)) == (["first/m", "second/m"], "half"), answer.targets


@test("options_json.on_partial", says="comes before retry.on_partial")
def _():
    for said, asked, expected in ("error", "restart", 2), ("restart", "error", 1):
        server = Server(turns(half, say("whole")))
        client = Client(config(server, retry={"on_partial": said, "max_attempts": 2}))
        answer = client.ask("house/m", json={"on_partial": asked})
        assert len(server.requests) == expected, (said, asked, answer.status)


@test("retry.on_partial", says="restart: a whole answer is the last one alone")
def _():
    server = Server(turns(half, say("whole")))
    client = Client(config(server, retry={"on_partial": "restart", "max_attempts": 2}))
    answer = client.complete("house/m", body={"stream": True})
    assert answer["choices"][0]["message"]["content"] == "whole", answer


@test("retry.on_partial", "options_json.on_partial", says="what a later version can do is refused")
def _():
    refused(lambda: Client({"retry": {"on_partial": "continue"}}), CONFIG, "retry.on_partial", "not in this build")
    refused(lambda: Client({"retry": {"on_partial": "resume"}}), CONFIG, "retry.on_partial", 'expected "error", "restart"')
    refused(lambda: Client({}).ask("mock/echo", json={"on_partial": "continue"}), INVALID, "on_partial", "not in this build")
