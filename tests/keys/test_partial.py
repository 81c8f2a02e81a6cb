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


def rest(*texts, usage=None):
    """An answer in so many pieces."""

    def answer(exchange):
        exchange.head()
        for text in texts:
            exchange.delta(text)
        exchange.finish()
        if usage:
            exchange.event({"id": "c", "model": "m", "choices": [], "usage": usage})
        exchange.end()

    return answer


def cut_after(*texts):
    def answer(exchange):
        exchange.head()
        for text in texts:
            exchange.delta(text)
        exchange.cut()

    return answer


def trio(*answers, quirks=(None, None, None), **retry):
    """Targets first, second, third of alias `a`, asked in this order; each can go on with others' answers as its quirk says."""
    servers = [Server(answer) for answer in answers]
    names = ("first", "second", "third")[: len(servers)]
    said = [{"quirks": {"prefill": how}} if how else {} for how in quirks]
    places = {name: house(server, **more) for name, server, more in zip(names, servers, said)}
    models = {"a": {"targets": [{"model": f"{name}/m"} for name in names]}}
    return Client({"providers": places, "models": models, "retry": {"on_partial": "continue", **retry}}), servers


HI = {"role": "user", "content": "hi"}


@test("retry.on_partial", "providers.P.quirks.prefill", says="continue: a target that can is given what came, and goes on with it")
def _():
    for how, last, members in [
        ("last", {}, {}),
        ("prefix", {"prefix": True}, {}),
        ("final", {}, {"continue_final_message": True, "add_generation_prompt": False}),
    ]:
        usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
        client, servers = trio(cut_after("The sky ", "is "), say("never"), rest("blue", ".", usage=usage), quirks=(None, None, how))
        answer = client.ask("a", body={"messages": [HI]}).succeeds("The sky is blue.")
        first, second = routes(answer)
        assert (second["reason"], second["voids"], second["attempt"], second["provider"]) == ("continue", False, 2, "third"), second
        assert answer.targets == ["first/m", "third/m"] and not servers[1].requests, answer.targets
        sent = servers[2].only.json
        assert sent["messages"] == [HI, {"role": "assistant", "content": "The sky is ", **last}], sent
        assert {key: sent[key] for key in members} == members, sent
        assert servers[0].only.json["messages"] == [HI]
        assert {event.attempt for event in answer.of("TEXT")} == {1, 2}
        assert [attempt["status"] for attempt in answer.last["attempts"]] == ["LLM_ERR_TRUNCATED", "LLM_OK"], answer.last
        assert answer.last["finish_reason"] == "stop" and answer.last["usage"]["completion_tokens"] == 2, answer.last


@test("retry.on_partial", says="continue: again and again, at the same target if there is no other; a whole answer is all of it")
def _():
    pieces = turns(cut_after("one "), cut_after("two "), rest("three"))
    client, (server,) = trio(pieces, quirks=("last",))
    assert client.ask("a").succeeds("one two three").targets == ["first/m"] * 3
    assert [request.json["messages"][1:] for request in server.requests[1:]] == [
        [{"role": "assistant", "content": "one "}], [{"role": "assistant", "content": "one two "}]]
    client, _ = trio(turns(cut_after("one "), rest("two")), quirks=("last",))
    answer = client.complete("a", body={"stream": True})
    assert answer["choices"][0]["message"]["content"] == "one two", answer


@test("retry.on_partial", says="continue: what fails before it goes on is tried as ever, and what came is told with the error")
def _():
    client, servers = trio(cut_after("half"), lambda exchange: exchange.unavailable(), rest(" way"), quirks=("last",) * 3)
    assert client.ask("a").succeeds("half way").targets == ["first/m", "second/m", "third/m"]
    client, servers = trio(cut_after("half"), cut_after(" way"), quirks=("last",) * 3, max_attempts=2)
    failed = client.ask("a").fails("connection_lost")
    assert failed.text == "half way" and failed.last["partial"]["text"] == "half way", failed.last


@test("retry.on_partial", says="continue: is an error where nobody can, or where the rest is not anybody's to make")
def _():
    client, servers = trio(cut_after("half"), rest("never"))
    client.ask("a").fails("connection_lost")

    def calls(exchange):
        exchange.head()
        exchange.delta("so ")
        call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{"}}
        exchange.event({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
        exchange.cut()

    client, servers = trio(calls, rest("never"), quirks=("last",) * 3)
    client.ask("a").fails("connection_lost")
    assert not servers[1].requests
    def ends(exchange):
        exchange.head()
        exchange.delta("all")
        exchange.finish()
        exchange.cut()

    # The model has ended it: there is no rest.
    client, servers = trio(ends, rest("never"), quirks=("last",) * 3)
    assert client.ask("a").fails("connection_lost").text == "all" and not servers[1].requests
    for body in {"response_format": {"type": "json_object"}}, {"n": 2}:
        client, servers = trio(cut_after("half"), rest("never"), quirks=("last",) * 3)
        client.ask("a", body=body).fails("connection_lost")
        assert not servers[1].requests, body
    client, servers = trio(cut_after("half"), rest("never"), quirks=("last",) * 3)
    client.ask("a", json={"on_partial": "error"}).fails("connection_lost")
    assert not servers[1].requests


@test("retry.on_partial", "options_json.on_partial", says="another word is refused")
def _():
    words = 'expected "error", "restart", "continue"'
    refused(lambda: Client({"retry": {"on_partial": "resume"}}), CONFIG, "retry.on_partial", words)
    refused(lambda: Client({}).ask("mock/echo", json={"on_partial": "resume"}), INVALID, "on_partial", words)
