"""[[guardrails]]: what may not pass on a request's way out and an answer's way in, and what is done about it."""

import json

from llm import CONFIG, EVENT, Client, Queue, refused, submit_http
from server import Server, turns
from suite import config, house, test

CARD, MAIL, KEY = "4111 1111 1111 1111", "jo.doe@mail.example.com", "sk-proj-" + "a1b2" * 8


def guarded(server, *rules, **more):
    return Client(config(server, guardrails=[{"name": f"g{number}", **rule} for number, rule in enumerate(rules)], **more))


def asks(text):
    return {"messages": [{"role": "user", "content": text}]}


def flags(done):
    return [(it["param"], it["action"], it["why"]) for it in done.last["dropped"]]


def streams(*pieces):
    """A stream of these pieces, each in a write of its own."""

    def answer(exchange):
        exchange.head()
        for piece in pieces:
            exchange.delta(piece)
        exchange.finish()
        exchange.end()

    return answer


@test("guardrails[].name", "guardrails[].pii", "guardrails[].action", says="a request with personal data is refused, and says which rule it was")
def _():
    server = Server()
    client = guarded(server, {"pii": ["email", "card"]})
    failed = client.ask("house/m", body=asks(f"write to {MAIL}")).fails("content_filter", "guardrail \"g0\": email in the request")
    assert failed.status == "LLM_ERR_CONTENT_FILTER" and failed.last["param"] == "guardrails.g0" and not failed.last["retryable"]
    assert MAIL not in json.dumps(failed.last) and not server.requests
    client.ask("house/m", body=asks("call +44 20 7946 0958")).succeeds("ok")


@test("guardrails[].action", "guardrails[].secrets", says="redact masks what is found in a request, wherever it was said, and reports it")
def _():
    server = Server()
    client = guarded(server, {"pii": ["card", "phone", "iban"], "secrets": True, "action": "redact"})
    parts = [{"type": "text", "text": f"key {KEY}"}, {"type": "text", "text": "IBAN DE89 3704 0044 0532 0130 00"}]
    body = {"messages": [{"role": "system", "content": f"{CARD} and {CARD}"}, {"role": "user", "content": parts}], "seed": 7}
    done = client.ask("house/m", body=body).succeeds("ok")
    sent = server.only.json
    assert sent["messages"][0]["content"] == "[CARD] and [CARD]" and sent["seed"] == 7
    assert [part["text"] for part in sent["messages"][1]["content"]] == ["key [SECRET]", "IBAN [IBAN]"]
    assert ("guardrails.g0", "redacted", "2 x card in the request") in flags(done), flags(done)


@test("guardrails[].action", "guardrails[].on", says="redact masks what is found in a stream, however it is cut, and report lets it pass")
def _():
    text = f"Hi: {MAIL}, {CARD}; bye."
    server = Server(streams(*text))
    client = guarded(server, {"pii": ["email", "card"], "action": "redact", "on": "answer"})
    done = client.ask("house/m", body=asks(MAIL)).succeeds("Hi: [EMAIL], [CARD]; bye.")
    assert sorted(flags(done)) == [("guardrails.g0", "redacted", "1 x card in the answer"), ("guardrails.g0", "redacted", "1 x email in the answer")]
    assert server.only.json["messages"][0]["content"] == MAIL
    done = guarded(server, {"pii": ["email"], "action": "report"}).ask("house/m").succeeds(text)
    assert flags(done) == [("guardrails.g0", "reported", "1 x email in the answer")]
    guarded(server, {"pii": ["email"], "on": "request"}).ask("house/m").succeeds(text)


@test("guardrails[].words", says="an answer is cut off before the first word that may not pass")
def _():
    server = Server(streams("so much for Proj", "ect ", "X, said she"))
    failed = guarded(server, {"words": ["project x"]}).ask("house/m").fails("content_filter", "word in the answer")
    assert "so much for ".startswith(failed.text) or failed.text == "so much for ", failed.text
    assert b"X, said" not in b"".join(event.data for event in failed.events)
    server.answer = streams("a projection xylophone")
    guarded(server, {"words": ["project x"]}).ask("house/m").succeeds("a projection xylophone")


@test("guardrails[].models_allow", "guardrails[].models_deny", says="models that may not be asked are left out, or the request is refused")
def _():
    server = Server()
    models = {"a": {"targets": [{"model": "house/big"}, {"model": "house/small"}]}}
    client = guarded(server, {"models_deny": ["house/b*"], "models_allow": ["house/*"]}, models=models)
    client.ask("a").succeeds("ok")
    assert server.only.json["model"] == "small"
    client.ask("house/big").fails("content_filter", "model house/big may not be asked")
    client.ask("mock/echo").fails("content_filter", "model mock/echo may not be asked")
    done = guarded(server, {"models_deny": ["house/*"], "action": "report"}).ask("house/big").succeeds("ok")
    assert flags(done) == [("guardrails.g0", "reported", "1 x model in the request")]


@test("guardrails[].max_chars", says="bounds what is asked and what is answered")
def _():
    server = Server(streams("1234", "5678"))
    client = guarded(server, {"max_chars": 6})
    client.ask("house/m", body=asks("1234567")).fails("content_filter", "too many characters in the request")
    failed = client.ask("house/m", body=asks("123456")).fails("content_filter", "too many characters in the answer")
    # Both pieces may have come in one read.
    assert failed.text in ("", "1234")
    done = guarded(server, {"max_chars": 6, "action": "report", "on": "answer"}).ask("house/m").succeeds("12345678")
    assert flags(done) == [("guardrails.g0", "reported", "1 x too many characters in the answer")]


SCHEMA = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer", "minimum": 0}}}


@test("guardrails[].models_deny", says="those that are left are followed by one another")
def _():
    server = Server(turns(lambda exchange: exchange.unavailable(), lambda exchange: exchange.say("ok")))
    models = {"a": {"targets": [{"model": f"house/{name}"} for name in ("big", "c", "d")]}}
    done = guarded(server, {"models_deny": ["house/b*"]}, models=models, retry={"max_attempts": 2}).ask("a").succeeds("ok")
    assert done.targets == ["house/c", "house/d"], done.targets


@test("guardrails[].json_schema", says="an answer that is not of the schema is an error that says why")
def _():
    server = Server(streams('{"age"', ": -1}"))
    client = guarded(server, {"json_schema": SCHEMA})
    failed = client.ask("house/m").fails("content_filter", "the answer is not of the schema: age: -1 is out of bounds")
    assert failed.text == '{"age": -1}'
    server.answer = streams('{"age"', ": 1}")
    client.ask("house/m").succeeds('{"age": 1}')
    assert len(server.requests) == 2
    server.answer = streams("no JSON")
    client.ask("house/m").fails("content_filter", "is no JSON")
    done = guarded(server, {"json_schema": SCHEMA, "action": "report"}).ask("house/m").succeeds("no JSON")
    assert flags(done) == [("guardrails.g0", "reported", "1 x wrong JSON in the answer")]


@test("guardrails[].repair", says="an answer that is not of the schema is asked for once more, and nothing of the first is seen")
def _():
    server = Server(turns(streams("well: ", "{}"), streams('{"age"', ": 2}")))
    client = guarded(server, {"json_schema": SCHEMA, "repair": True})
    done = client.ask("house/m", body=asks("how old?")).succeeds('{"age": 2}')
    first, second = [request.json["messages"] for request in server.requests]
    assert second[: len(first)] == first and second[1] == {"role": "assistant", "content": "well: {}"}
    assert second[2]["role"] == "user" and "is no JSON" in second[2]["content"]
    assert len(done.targets) == 2 and len(done.of("ROUTE")) == 1
    server.requests.clear()
    server.answer = streams("{}")
    client.ask("house/m").fails("content_filter", "it: lacks age")
    assert len(server.requests) == 2


@test("guardrails[].action", says="a request in HTTP's words is guarded both ways, in its own format")
def _():
    answer = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
              "content": [{"type": "text", "text": f"to {MAIL}"}], "usage": {"input_tokens": 1, "output_tokens": 1}}
    server = Server(lambda exchange: exchange.whole(200, answer))
    client = guarded(server, {"pii": ["email"], "action": "redact"}, provider={"wire": "anthropic", "base_url": server.url})
    queue = Queue()
    body = {"model": "house/m", "max_tokens": 5, "system": f"I am {MAIL}", "messages": [{"role": "user", "content": "hi"}]}
    submit_http(client, queue, "POST", "/v1/messages", body)
    done = queue.answer().succeeds()
    said = json.loads(b"".join(event.data for event in done.of("HTTP_BODY")))
    assert said["content"][0]["text"] == "to [EMAIL]" and server.only.json["system"] == "I am [EMAIL]"
    assert EVENT["HTTP_HEAD"] in [event.type for event in done.events]


@test("guardrails[].action", says="redact masks what any of a race answers, though its own bytes would do for the caller")
def _():
    message = {"role": "assistant", "content": f"to {MAIL}"}
    answer = {"id": "c", "object": "chat.completion", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    servers = [Server(lambda exchange: exchange.whole(200, answer)) for _ in range(2)]
    places = {f"p{number}": house(server) for number, server in enumerate(servers)}
    models = {"a": {"targets": [{"model": f"{name}/m"} for name in places], "strategy": "race"}}
    rule = {"name": "g", "pii": ["email"], "action": "redact"}
    client, queue = Client({"providers": places, "models": models, "guardrails": [rule]}), Queue()
    submit_http(client, queue, "POST", "/v1/chat/completions", {"model": "a", **asks(f"I am {MAIL}")})
    done = queue.answer().succeeds()
    said = json.loads(b"".join(event.data for event in done.of("HTTP_BODY")))
    assert said["choices"][0]["message"]["content"] == "to [EMAIL]", said
    assert [flag[2][-8:] for flag in flags(done)] == [" request", "e answer"], flags(done)


@test("guardrails[].name", says="rules that are none are refused where they stand")
def _():
    for rule, words in [
        ({}, "name is missing"),
        ({"name": "a", "pii": ["mail"]}, "guardrails[0].pii[0]: expected \"email\""),
        ({"name": "a", "action": "redact"}, "there is nothing to redact"),
        ({"name": "a", "repair": True}, "guardrails[0].repair: goes with json_schema"),
        ({"name": "a", "json_schema": {"pattern": "x"}}, "/pattern is not checked here"),
        ({"name": "a", "on": "way"}, "guardrails[0].on: expected \"both\""),
        ({"name": "a", "max_chars": 0}, "expected a whole number in 1"),
        ({"name": "a", "zz": 0}, "unknown key guardrails[0].zz"),
    ]:
        refused(lambda rule=rule: Client({"guardrails": [rule]}), CONFIG, words)


@test("guardrails[].secrets", says="sees what is said beside conversations, and what tools are given and say")
def _():
    client = guarded(Server(), {"secrets": True})
    for operation, body in [
        ("completion", {"prompt": f"the key {KEY}"}),
        ("images", {"prompt": KEY}),
        ("rerank", {"query": KEY, "documents": ["a"]}),
        ("rerank", {"query": "a", "documents": ["a", KEY]}),
        ("rerank", {"query": "a", "documents": [{"text": KEY}]}),
    ]:
        client.ask("house/m", body=body, operation=operation).fails("content_filter", "in the request")
    server = Server()
    client = guarded(server, {"secrets": True}, provider={"wire": "anthropic", "base_url": server.url})
    queue, says = Queue(), {"role": "user", "content": "go on"}
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {"deep": [{"er": KEY}]}}
    paper = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": f"the key {KEY}"}}
    named = {"type": "document", "title": KEY, "source": {"type": "url", "url": "https://h.example/a.pdf"}}
    for messages in [says, {"role": "assistant", "content": [use]}, says], [{"role": "user", "content": [paper]}], [{"role": "user", "content": [named]}]:
        submit_http(client, queue, "POST", "/v1/messages", {"model": "house/m", "max_tokens": 5, "messages": messages})
        queue.answer()
    for part in ({"functionCall": {"name": "f", "args": {"a": KEY}}}, {"functionResponse": {"name": "f", "response": {"said": [KEY]}}}):
        body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "user", "parts": [part]}]}
        submit_http(client, queue, "POST", "/v1beta/models/house%2Fm:generateContent", body)
        queue.answer()
    assert not server.requests


def messages(*content):
    """An answer in Messages, streamed block by block or whole, as it is asked for."""
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn", "content": list(content),
               "usage": {"input_tokens": 1, "output_tokens": 1}}
    return lambda exchange: exchange.whole(200, message)


def parts(done):
    return [json.loads(event.data) for event in done.of("PART")]


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": f"who is {MAIL}"}}
HIT = {"type": "web_search_result", "url": "https://h.example/jo", "title": f"Jo ({MAIL})", "encrypted_content": f"x{MAIL}"}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [HIT]}
CITED = {"type": "text", "text": "so they say", "citations": [{"type": "char_location", "cited_text": f"write to {MAIL}", "document_index": 0}]}


@test("guardrails[].action", says="redact masks what is found in citations and in what servers' tools were asked and said, not in what is sealed")
def _():
    client = guarded(Server(messages(SEARCH, FOUND, CITED)), {"pii": ["email"], "action": "redact", "on": "answer"}, provider={"wire": "anthropic"})
    done = client.ask("house/m").succeeds("so they say")
    told = {part["kind"]: part["data"] for part in parts(done)}
    by_type = {part["data"]["type"]: part["data"] for part in parts(done)}
    assert by_type["server_tool_use"] == {**SEARCH, "input": {"query": "who is [EMAIL]"}}, told
    assert by_type["web_search_tool_result"]["content"] == [{**HIT, "title": "Jo ([EMAIL])"}], told
    assert told["citation"]["cited_text"] == "write to [EMAIL]", told
    assert ("guardrails.g0", "redacted", "3 x email in the answer") in flags(done), flags(done)
    sealed = json.dumps(done.last["message"]).replace(HIT["encrypted_content"], "")
    assert MAIL not in sealed and "[EMAIL]" in sealed, sealed


@test("guardrails[].action", says="refuse and report look at parts of every kind that has words, in every format")
def _():
    call = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "run", "input": f"mail {MAIL}", "status": "completed"}
    said = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "well", "annotations": []}]}
    responses = {"id": "r", "object": "response", "model": "m", "status": "completed", "output": [said, call],
                 "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}
    plan = {"role": "assistant", "tool_plan": f"I will write to {MAIL}", "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    cohere = {"id": "c", "finish_reason": "TOOL_CALL", "message": plan}
    for wire, answer, kind in [
        ("openai_responses", lambda exchange: exchange.whole(200, responses), "custom_tool"),
        ("cohere", lambda exchange: exchange.whole(200, cohere), "plan"),
        ("anthropic", messages(SEARCH, FOUND), "server_tool"),
        ("anthropic", messages(CITED), "citation"),
    ]:
        server, provider = Server(answer), {"wire": wire}
        failed = guarded(server, {"pii": ["email"]}, provider=provider).ask("house/m").fails("content_filter", "email in the answer")
        assert MAIL not in b"".join(event.data for event in failed.events).decode(), kind
        done = guarded(server, {"pii": ["email"], "action": "report"}, provider=provider).ask("house/m").succeeds()
        assert [part["kind"] for part in parts(done)][-1:] == [kind], parts(done)
        assert flags(done)[-1][:2] == ("guardrails.g0", "reported"), flags(done)
        guarded(server, {"pii": ["card"]}, provider=provider).ask("house/m").succeeds()


@test("guardrails[].action", says="a signed thought in which something is masked does not go: what is signed cannot be changed")
def _():
    thought = {"type": "thinking", "thinking": f"it is {MAIL}", "signature": "c2lnbmVk"}
    server = Server(messages(thought, {"type": "text", "text": "ok"}))
    rule = {"pii": ["email"], "action": "redact"}
    done = guarded(server, rule, provider={"wire": "anthropic"}).ask("house/m").succeeds("ok")
    assert b"".join(event.data for event in done.of("REASONING")) == b"it is [EMAIL]" and parts(done) == []
    assert MAIL not in json.dumps(done.last)
    kept = guarded(server, {**rule, "pii": ["card"]}, provider={"wire": "anthropic"}).ask("house/m").succeeds("ok")
    assert [part["data"]["signature"] for part in parts(kept)] == ["c2lnbmVk"], parts(kept)
