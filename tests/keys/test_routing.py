"""Who is asked, in which order and how often: default_model, aliases, fallbacks, attempts."""

from llm import CONFIG, INVALID, Client, refused
from server import Server, turns
from suite import config, house, test


def three(**root):
    """Three providers: two that fail for good and one that answers."""
    failing = [Server(lambda exchange: exchange.unavailable()) for _ in range(2)]
    good = Server()
    places = {"first": house(failing[0]), "second": house(failing[1]), "third": house(good)}
    return Client({"providers": places, **root}), [*failing, good]


def asked(*models):
    return {"targets": [{"model": model} for model in models]}


@test("default_model", says="is asked when a request names none")
def _():
    server = Server()
    client = Client(config(server, default_model="house/plain"))
    client.ask(None).succeeds("ok")
    client.ask("").succeeds("ok")
    client.ask("house/other").succeeds("ok")
    assert [request.json["model"] for request in server.requests] == ["plain", "plain", "other"]
    refused(lambda: Client(config(server)).ask(None), INVALID, "names no model", "default_model")


@test("default_model", says="may be an alias, and must be known")
def _():
    server = Server()
    client = Client(config(server, default_model="fast", models={"fast": asked("house/quick")}))
    client.ask(None).succeeds("ok")
    assert server.only.json["model"] == "quick"
    refused(lambda: Client('default_model = "fats"\n[models.fast]\ntargets = [{ model = "mock/echo" }]'), CONFIG,
            "line 1, column 17: default_model", "closest: fast")


@test("models.A.targets", "models.A.targets[].model", says="are asked in their order")
def _():
    client, servers = three(models={"a": asked("second/x", "first/y", "third/z")})
    answer = client.ask("a").succeeds("ok")
    assert answer.targets == ["second/x", "first/y", "third/z"], answer.targets
    assert [server.only.json["model"] for server in servers] == ["y", "x", "z"]
    assert [event.attempt for event in answer.of("TEXT")] == [3]


@test("models.A.targets[].model", says="is split at its first slash")
def _():
    server = Server()
    Client(config(server, models={"a": asked("house/org/model:tag")})).ask("a").succeeds("ok")
    assert server.only.json["model"] == "org/model:tag"


@test("models.A.strategy", says="order is what holds where nothing is said")
def _():
    client, _ = three(models={"a": {**asked("first/x", "third/z"), "strategy": "order"}})
    assert client.ask("a").succeeds("ok").targets == ["first/x", "third/z"]
    text = {"models": {"a": {**asked("mock/echo"), "strategy": "random"}}}
    refused(lambda: Client(text), CONFIG, "models.a.strategy", 'expected "order"')


@test("models.A.fallbacks", "models.A.fallbacks.any", says="are asked after all targets; an alias stands for its targets")
def _():
    models = {"a": {**asked("first/x"), "fallbacks": {"any": ["b"]}},
              "b": {**asked("second/y", "third/z"), "fallbacks": {"any": ["a"]}}}
    client, _ = three(models=models)
    assert client.ask("a").succeeds("ok").targets == ["first/x", "second/y", "third/z"]


@test("models.A.fallbacks.any", says="must be known, and answer only for their own alias")
def _():
    models = {"a": {**asked("first/x"), "fallbacks": {"any": ["third/z"]}}}
    client, servers = three(models=models, retry={"max_attempts": 2})
    client.ask("a").succeeds("ok")
    client.ask("first/x").fails("unavailable")
    assert len(servers[2].requests) == 1
    text = {"models": {"a": {**asked("mock/echo"), "fallbacks": {"any": ["bb"]}}, "b": asked("mock/echo")}}
    refused(lambda: Client(text), CONFIG, "models.a.fallbacks.any[0]", "closest: b")


@test("retry.max_attempts", says="counts every attempt at one target")
def _():
    for said, expected in (1, 1), (2, 2), (5, 5), (None, 3):
        server = Server(lambda exchange: exchange.unavailable())
        retry = {} if said is None else {"max_attempts": said}
        answer = Client(config(server, retry=retry)).ask("house/m").fails("unavailable")
        assert len(server.requests) == len(answer.last["attempts"]) == expected, (said, len(server.requests))


@test("retry.max_attempts", says="counts over all targets and fallbacks")
def _():
    models = {"a": {**asked("first/x", "second/y"), "fallbacks": {"any": ["third/z"]}}}
    client, servers = three(models=models, retry={"max_attempts": 2})
    assert client.ask("a").fails("unavailable").targets == ["first/x", "second/y"]
    assert not servers[2].requests


@test("retry.max_attempts", says="is 1 to 10")
def _():
    for said in 0, 11, -1, 1.5, "3":
        words = "retry.max_attempts: expected a whole number in 1 to 10"
        refused(lambda: Client({"retry": {"max_attempts": said}}), CONFIG, words)


@test("retry.on_partial", says="after its first item nothing of an answer is asked for again")
def _():
    def cut(exchange):
        exchange.head()
        exchange.delta("half")
        exchange.cut()

    server = Server(turns(cut, lambda exchange: exchange.say("whole")))
    client = Client(config(server, retry={"on_partial": "error", "max_attempts": 3}))
    answer = client.ask("house/m").fails("connection_lost")
    assert (answer.text, len(server.requests)) == ("half", 1)


@test("params.unsupported", says="drop leaves out and reports, error refuses, pass sends")
def _():
    def asked_with(mode):
        server = Server()
        root = {} if mode is None else {"params": {"unsupported": mode}}
        client = Client(config(server, provider={"quirks": {"no_parallel_tools": True}}, **root))
        return server, client.ask("house/m", body={"parallel_tool_calls": False})

    for mode in None, "drop":
        server, answer = asked_with(mode)
        answer.succeeds("ok")
        assert "parallel_tool_calls" not in server.only.json
        dropped = [(one["param"], one["action"]) for one in answer.last["dropped"]]
        assert dropped == [("parallel_tool_calls", "dropped")], dropped
    server, answer = asked_with("pass")
    answer.succeeds("ok")
    assert server.only.json["parallel_tool_calls"] is False and answer.last["dropped"] == [], answer.last
    server, answer = asked_with("error")
    answer.fails("unsupported", "parallel_tool_calls")
    assert not server.requests
