"""[hooks] and api_key = "ask": questions to the host, and what comes of its answers, of none, and of a cancel meanwhile."""

import ctypes
import json
import os

from llm import AUTH, CONFIG, EVENT, INVALID, UNSUPPORTED, Client, Queue, Refused, check, chat, encode, library, refused
from server import Server, turns
from suite import config, house, test

NOT_FOUND, FORKED = "LLM_ERR_NOT_FOUND", "LLM_ERR_FORKED"


def answer(request, said=None, status=0):
    text = encode(said or {})
    return check(library().llm_answer(request, status, text, len(text)))


def refuses(request, said=None, status=0):
    """The answer is no answer; what it is called."""
    try:
        answer(request, said, status)
    except Refused as error:
        return error.status
    return None


class Host:
    """Polls one queue and answers what is asked: `hooks` are functions of the question by its kind."""

    def __init__(self, client, hooks=None):
        self.client, self.hooks, self.queue, self.asked = client, hooks or {}, Queue(), []

    def ask(self, model, **fields):
        self.client.submit(self.queue, chat(model, fields.pop("body", {})), **fields)
        return self.answer()

    def answer(self):
        events = []
        while not events or events[-1].type < EVENT["DONE"]:
            polled = self.queue.poll()
            assert polled, events
            for event in polled:
                events.append(event)
                if event.type == EVENT["ASK"]:
                    question = json.loads(event.data)
                    self.asked.append(question)
                    said = self.hooks.get(question["kind"], lambda _: {})(question)
                    status, said = said if isinstance(said, tuple) else (0, said)
                    answer(event.request, said, status)
        from llm import Answer

        return Answer(events)

    @property
    def kinds(self):
        return [question["kind"] for question in self.asked]


def asking(server, *names, provider=None, **more):
    return config(server, provider=provider, hooks={name: True for name in names}, **more)


@test("hooks.before", says="the host sees the request before anything is sent, and may go on, replace it or refuse it")
def _():
    server = Server()
    host = Host(Client(asking(server, "before")), {})
    host.ask("house/m", body={"seed": 7}).succeeds("ok")
    (question,) = host.asked
    assert question["request"] == {"model": "house/m", "messages": [{"role": "user", "content": "hi"}], "seed": 7}, question
    assert (question["target"], question["provider"], question["model"], question["id"]) == ("house/m", "house", "m", 1)
    assert 0 < question["deadline_ms"] <= 10_000
    assert server.only.json["seed"] == 7

    server.requests.clear()
    other = {"model": "house/other", "messages": [{"role": "user", "content": "***"}]}
    host.hooks["before"] = lambda _: {"id": 1, "request": other}
    host.ask("house/m").succeeds("ok")
    assert server.only.json["model"] == "other" and server.only.json["messages"] == other["messages"]

    server.requests.clear()
    host.hooks["before"] = lambda _: (-27, {"message": "not in this house"})
    failed = host.ask("house/m").fails("content_filter", "not in this house")
    assert failed.status == "LLM_ERR_CONTENT_FILTER" and failed.last["param"] == "hooks.before" and not failed.last["retryable"]
    assert not server.requests


@test("hooks.before", says="a request that replaces another one is planned like any other, and refused like one")
def _():
    server = Server()
    host = Host(Client(asking(server, "before")))
    for request, kind in [({"model": "nobody/m", "messages": [{"role": "user", "content": "x"}]}, "config"),
                          ({"model": "house/m", "messages": []}, "invalid_argument"), ({"messages": 5}, "invalid_argument")]:
        host.hooks["before"] = lambda _, request=request: {"request": request}
        host.ask("house/m").fails(kind, "the request of a hook's answer")
    assert not server.requests


@test("hooks.before", says="limits count the request that goes out, not the one that it replaces")
def _():
    server = Server()
    host = Host(Client(asking(server, "before", provider={"limits": {"tokens_per_minute": 2000}}, admission={"wait_s": 0})))
    host.hooks["before"] = lambda question: {"request": {**question["request"], "max_tokens": 5000}}
    host.ask("house/m", body={"max_tokens": 10}).fails("rate_limited", "the request alone is more")
    assert not server.requests
    host.hooks["before"] = lambda question: {"request": {**question["request"], "max_tokens": 10}}
    host.ask("house/m", body={"max_tokens": 5000}).succeeds("ok")
    assert server.only.json["max_tokens"] == 10


@test("hooks.attempt", says="the host is asked before each attempt, and its headers and its key go with that one")
def _():
    down, up = Server(), Server()
    down.answer = lambda exchange: exchange.unavailable()
    providers = {"down": house(down, api_key="k1"), "up": house(up, api_key="k2")}
    models = {"a": {"targets": [{"model": "down/m"}, {"model": "up/n"}]}}
    host = Host(Client({"providers": providers, "models": models, "hooks": {"attempt": True}, "retry": {"max_attempts": 2}}))
    host.hooks["attempt"] = lambda question: {"headers": {"X-Signed": question["provider"]}, "api_key": f"key-{question['attempt']}"}
    host.ask("a").succeeds("ok")
    assert [(question["target"], question["attempt"]) for question in host.asked] == [("down/m", 1), ("up/n", 2)]
    assert [(one.only.headers["x-signed"], one.only.key) for one in (down, up)] == [("down", "Bearer key-1"), ("up", "Bearer key-2")]

    host.hooks["attempt"] = lambda question: (-31, {})
    failed = host.ask("a")
    assert (failed.status, failed.last["param"]) == ("LLM_ERR_QUOTA", "hooks.attempt"), failed.last
    assert len(down.requests) == 1


@test("hooks.after", says="the host learns how it went before the end is told, and may refuse what went well")
def _():
    server = Server()
    host = Host(Client(asking(server, "after")))
    done = host.ask("house/m").succeeds("ok")
    (question,) = host.asked
    assert question["status"] == "LLM_OK" and question["outcome"]["finish_reason"] == "stop", question
    assert [event.type for event in done.events][-2:] == [EVENT["ASK"], EVENT["DONE"]]
    host.hooks["after"] = lambda _: (-27, {})
    host.ask("house/m").fails("content_filter", "refused by the host")
    server.answer = lambda exchange: exchange.fail(400)
    host.asked.clear()
    host.ask("house/m").fails("invalid_request", "made up 400")
    (question,) = host.asked
    assert (question["status"], question["outcome"]["http_status"]) == ("LLM_ERR_BAD_REQUEST", 400), question


@test("providers.P.api_key", says="\"ask\" has the host give the key, for each attempt and to that provider alone")
def _():
    server, elsewhere = Server(), Server()
    server.answer = turns(lambda exchange: exchange.unavailable(), lambda exchange: exchange.say("ok"))
    client = Client({**config(server, provider={"api_key": "ask"}), "retry": {"max_attempts": 2}})
    keys = iter(["canary-1", "canary-2", "canary-3"])
    host = Host(client, {"token": lambda _: {"api_key": next(keys)}})
    host.ask("house/m").succeeds("ok")
    assert host.kinds == ["token", "token"]
    assert [request.key for request in server.requests] == ["Bearer canary-1", "Bearer canary-2"]
    # Another place is no place for it, and a key that comes with a request is nobody's to ask for.
    host.ask("house/m", json={"base_url": f"{elsewhere.url}/v1"}).succeeds("ok")
    host.ask("house/m", json={"api_key": "mine"}).succeeds("ok")
    assert elsewhere.only.key is None and server.requests[-1].key == "Bearer mine" and len(host.asked) == 2


@test("providers.P.api_key", says="a key that the host gave is in no error")
def _():
    server = Server(lambda exchange: exchange.whole(401, {"error": {"message": f"bad key {exchange.request.key}"}}))
    host = Host(Client(config(server, provider={"api_key": "ask"})), {"token": lambda _: {"api_key": "canary-secret-key"}})
    failed = host.ask("house/m").fails("auth")
    assert failed.status == AUTH and not any(b"canary" in event.data for event in failed.events), failed.events


@test("hooks.timeout_s", says="without an answer in time the request ends, and says which hook it was")
def _():
    server = Server()
    for name in ("before", "attempt", "after"):
        client, queue = Client({**asking(server, name), "hooks": {name: True, "timeout_s": 0.05}}), Queue()
        number = client.submit(queue, chat("house/m", {}))
        failed = queue.answer().fails("timeout", f"hook \"{name}\": the host did not answer within 0.05 s")
        assert failed.last["param"] == f"hooks.{name}" and refuses(number) == NOT_FOUND
    assert len(server.requests) == 1
    refused(lambda: Client({"hooks": {"timeout_s": 0}}), CONFIG, "hooks.timeout_s", "seconds above 0")
    refused(lambda: Client({"hooks": {"before": 1}}), CONFIG, "hooks.before: expected true or false, got a number")


@test("hooks.before", says="the request's own deadline, a cancel and the end of client or queue end the wait")
def _():
    server = Server()
    client, queue = Client(asking(server, "before")), Queue()
    client.submit(queue, chat("house/m", {}), timeout_ms=50)
    queue.answer().fails("timeout", "deadline")
    number = client.submit(queue, chat("house/m", {}))
    asked = queue.until(lambda event: event.type == EVENT["ASK"])
    check(library().llm_cancel(number))
    queue.answer(asked).fails("canceled")
    assert refuses(number) == NOT_FOUND
    client.submit(queue, chat("house/m", {}))
    asked = queue.until(lambda event: event.type == EVENT["ASK"])
    client.free()
    queue.answer(asked).fails("canceled")
    client = Client(asking(server, "before"))
    number = client.submit(queue, chat("house/m", {}))
    queue.until(lambda event: event.type == EVENT["ASK"])
    library().llm_queue_free(queue.handle)
    while refuses(number, {"zz": 1}) != NOT_FOUND:
        pass
    assert not server.requests


@test("hooks.before", says="answers that do not fit are refused and leave the question open; it is answered once")
def _():
    server = Server()
    client, queue = Client(asking(server, "before", "attempt")), Queue()
    number = client.submit(queue, chat("house/m", {}))
    queue.until(lambda event: event.type == EVENT["ASK"])
    wrong = [({"headers": {}}, 0), ({"api_key": "k"}, 0), ({"zz": 1}, 0), ({"id": 2}, 0), ({}, 1), ({"zz": 1}, -27), ({"id": "x"}, -27)]
    assert [refuses(number, *said) for said in wrong] == [INVALID] * len(wrong)
    for text, length in [(b"{", 1), (b"[]", 2), (None, 5), (b"\xff", 1)]:
        assert library().llm_answer(number, 0, text, length) == -2, text
    assert refuses(number + 1_000_000) == NOT_FOUND and refuses(0) == NOT_FOUND
    # NULL, or nothing, goes on; each question takes one answer.
    assert library().llm_answer(number, 0, None, 0) == 0
    queue.until(lambda event: event.type == EVENT["ASK"])
    for said in ({"headers": {"host": "h"}}, {"headers": {"a": "b\r\nc"}}, {"api_key": ""}, {"api_key": "a\nb"}, {"request": {}}):
        assert refuses(number, said) == INVALID, said
    answer(number, {"id": 2})
    queue.answer().succeeds("ok")
    assert refuses(number) == NOT_FOUND


@test("hooks.attempt", says="a question outlives no fork: the child is told so at once")
def _():
    server = Server()
    client, queue = Client(asking(server, "attempt")), Queue()
    number = client.submit(queue, chat("house/m", {}))
    queue.until(lambda event: event.type == EVENT["ASK"])
    child = os.fork()
    if child == 0:
        os._exit(0 if refuses(number) == FORKED else 1)
    assert os.waitpid(child, 0)[1] == 0
    answer(number)
    queue.answer().succeeds("ok")


@test("hooks.before", "hooks.after", says="calls that show no events are refused; llm_stream's callback may answer")
def _():
    server = Server()
    for said in (asking(server, "before"), asking(server, "after"), config(server, provider={"api_key": "ask"})):
        refused(lambda said=said: Client(said).complete("house/m"), UNSUPPORTED, "shows no questions")
    assert not server.requests
    client = Client(asking(server, "before", "after"))
    text, kinds, error = encode(chat("house/m", {})), [], ctypes.c_void_p()

    def on_event(event, _):
        kinds.append(event.contents.type)
        if event.contents.type == EVENT["ASK"]:
            answer(event.contents.request)
        return 0

    from llm import CEvent

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(CEvent), ctypes.c_void_p)(on_event)
    library().llm_stream.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t] + [ctypes.c_void_p] * 4
    status = library().llm_stream(client.handle, text, len(text), None, ctypes.cast(callback, ctypes.c_void_p), None, ctypes.byref(error))
    assert check(status, error) == 0 and kinds.count(EVENT["ASK"]) == 2 and kinds[-1] == EVENT["DONE"], kinds


@test("hooks.before", "hooks.attempt", says="llm_invoke's callback sees text alone, so that a question there ends the request")
def _():
    server = Server()
    os.environ["LLM_CONFIG"] = os.path.join(os.environ["LLM_WORK"], "hooks.json")
    with open(os.environ["LLM_CONFIG"], "wb") as file:
        file.write(encode(asking(server, "attempt")))
    assert library().llm_invoke(None, encode(chat("house/m", {})), None, None) == -34
    assert not server.requests


@test("hooks.before", says="a request in HTTP's words is shown and replaced in its own format")
def _():
    server = Server()
    client = Client(asking(server, "before", provider={"wire": "anthropic", "base_url": server.url}))
    body = {"model": "house/m", "max_tokens": 5, "system": "s", "messages": [{"role": "user", "content": "hi"}]}
    host = Host(client, {"before": lambda question: {"request": {**question["request"], "system": "t", "model": "house/n"}}})
    from llm import submit_http

    submit_http(client, host.queue, "POST", "/v1/messages", body)
    done = host.answer().succeeds()
    (question,) = host.asked
    assert question["dialect"] == "anthropic" and question["request"] == body, question
    assert (server.only.json["system"], server.only.json["model"]) == ("t", "n")
    assert [event for event in done.events if event.type == EVENT["HTTP_HEAD"]]
