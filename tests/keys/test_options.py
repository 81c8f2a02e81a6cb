"""The keys of `options_json`: what one request says for itself, before its targets, providers and client."""

from llm import AUTH, CONFIG, INVALID, Client, refused
from server import Server
from suite import config, house, test
from test_timeouts import CASES, LONG, SHORT, configured

JUST = {"retry": {"max_attempts": 1}}


def limit(key, limited, body=None):
    """A limit of the request that stands before `limited` of its target."""
    case = CASES[limited]
    short, long = int(SHORT * 1000), int(LONG * 1000)

    @test(f"options_json.{key}", says=f"a short one comes before {limited} of the target")
    def _():
        case.never(lambda provider: configured(limited, {"target": LONG}, provider), json={key: short})

    @test(f"options_json.{key}", says=f"a long one comes before {limited} of the target, and so does none")
    def _():
        for said in long, -1:
            case.slowly(lambda provider: configured(limited, {"target": SHORT}, provider), json={key: said})

    @test(f"options_json.{key}", says=f"0 leaves {limited} as it is")
    def _():
        case.never(lambda provider: configured(limited, {"target": SHORT}, provider), json={key: 0})


limit("timeout_ms", "total_unary")
limit("first_token_timeout_ms", "first_token")
limit("idle_timeout_ms", "idle")


@test("options_json.timeout_ms", says="is the deadline of a stream, its retries and its fallbacks")
def _():
    def trickle(exchange):
        exchange.head()
        while True:
            exchange.delta("x")
            exchange.hold(SHORT / 4)

    Client(config(Server(trickle))).ask("house/m", json={"timeout_ms": 80}).fails("timeout", "deadline of 0.08 s")
    server = Server(lambda exchange: exchange.fail(503, "retry-after-ms: 30"))
    answer = Client(config(server, retry={"max_attempts": 10})).ask("house/m", json={"timeout_ms": 80})
    assert answer.status != "LLM_OK" and len(server.requests) < 10


@test("options_json.first_token_timeout_ms", "options_json.idle_timeout_ms", says="holds for what is no stream, if it is said")
def _():
    silent = Server(lambda exchange: exchange.wait())
    answer = Client(config(silent)).ask("house/m", body={"stream": False}, json={"first_token_timeout_ms": 80})
    answer.fails("timeout", "within 0.08 s")

    def begin(exchange):
        exchange.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{")
        exchange.wait()

    answer = Client(config(Server(begin))).ask("house/m", body={"stream": False}, json={"idle_timeout_ms": 80})
    answer.fails("timeout", "no bytes for 0.08 s")


@test("options_json.first_token_timeout_ms", says="on expiry the next target is asked")
def _():
    silent, server = Server(lambda exchange: exchange.wait()), Server()
    targets = [{"model": "silent/m"}, {"model": "house/m"}]
    client = Client({"providers": {"silent": house(silent), "house": house(server)}, "models": {"m": {"targets": targets}}})
    # What hangs is given up; what answers at once has time enough.
    answer = client.ask("m", json={"first_token_timeout_ms": 400}).succeeds("ok")
    assert answer.targets == ["silent/m", "house/m"] and answer.last["attempts"][0]["kind"] == "timeout", answer.last


@test("options_json.max_attempts", says="comes before retry.max_attempts")
def _():
    for said in 1, 2, 5:
        server = Server(lambda exchange: exchange.unavailable())
        client = Client(config(server, retry={"max_attempts": 3}))
        client.ask("house/m", json={"max_attempts": said}).fails("unavailable")
        assert len(server.requests) == said
    refused(lambda: Client({}).ask("mock/echo", json={"max_attempts": 0}), INVALID, "max_attempts", "1 to 10")


@test("options_json.fallbacks", says="are asked after the request's own targets, models and aliases")
def _():
    down = Server(lambda exchange: exchange.unavailable())
    server = Server()
    models = {"a": {"targets": [{"model": "down/1"}], "fallbacks": {"any": ["down/2"]}},
              "b": {"targets": [{"model": "down/4"}, {"model": "house/5"}]}}
    client = Client({"providers": {"down": house(down), "house": house(server)}, "models": models, "retry": {"max_attempts": 9}})
    answer = client.ask("a", json={"fallbacks": ["down/3", "b"]}).succeeds("ok")
    assert answer.targets == ["down/1", "down/2", "down/3", "down/4", "house/5"], answer.targets
    refused(lambda: client.ask("a", json={"fallbacks": ["hause/x"]}), CONFIG, "fallbacks", "unknown provider", "house")
    refused(lambda: client.ask("a", json={"fallbacks": ["groq/x"]}), AUTH, "GROQ_API_KEY")


@test("options_json.on_partial", says="error asks nobody again; what is no word of it is refused")
def _():
    def cut(exchange):
        exchange.head()
        exchange.delta("half")
        exchange.cut()

    server = Server(cut)
    Client(config(server, retry={"max_attempts": 3})).ask("house/m", json={"on_partial": "error"}).fails("connection_lost")
    assert len(server.requests) == 1
    for word, words in ("resume", 'expected "error"'), (1, "expected a string"):
        refused(lambda: Client({}).ask("mock/echo", json={"on_partial": word}), INVALID, "on_partial", words)


@test("options_json.unsupported", says="comes before params.unsupported")
def _():
    def asked(client_mode, mode):
        server = Server()
        client = Client(config(server, provider={"quirks": {"no_parallel_tools": True}}, params={"unsupported": client_mode}))
        return server, client.ask("house/m", body={"parallel_tool_calls": False}, json={"unsupported": mode})

    server, answer = asked("error", "drop")
    assert "parallel_tool_calls" not in server.only.json and answer.succeeds("ok").last["dropped"]
    server, answer = asked("error", "pass")
    assert "parallel_tool_calls" in server.only.json and not answer.succeeds("ok").last["dropped"]
    server, answer = asked("drop", "error")
    answer.fails("unsupported", "parallel_tool_calls")
    assert not server.requests


@test("options_json.headers", says="go with every attempt, before the provider's own")
def _():
    down, server = Server(lambda exchange: exchange.unavailable()), Server()
    providers = {"down": house(down), "house": house(server, headers={"X-Team": "of-the-provider", "X-Other": "o"})}
    client = Client({"providers": providers})
    client.ask("down/m", json={"fallbacks": ["house/m"], "headers": {"X-Team": "mine"}}).succeeds("ok")
    assert [one.only.headers["x-team"] for one in (down, server)] == ["mine", "mine"]
    assert server.only.headers["x-other"] == "o"
    for name, value in ("Host", "h"), ("Authorization", "k"), ("a b", "x"), ("x", "a\r\nb: c"):
        refused(lambda: client.ask("house/m", json={"headers": {name: value}}), INVALID, "options_json: headers.")


SECRETS = {"api_key": "sk-canary", "headers": {"X-Token": "canary"}, "organization": "canary"}


@test("options_json.base_url", says="is another place, which gets neither key nor headers of the provider's own")
def _():
    home, away = Server(), Server()
    client = Client(config(home, provider=SECRETS))
    client.ask("house/m", json={"base_url": f"{away.url}/elsewhere/"}).succeeds("ok")
    assert not home.requests and away.only.path == "/elsewhere/chat/completions"
    assert "canary" not in str(away.only.headers), away.only.headers
    client.ask("house/m").succeeds("ok")
    assert home.only.key == "Bearer sk-canary", "the next request is at home again"


@test("options_json.base_url", says="moves the provider that the request names, and not its fallbacks")
def _():
    away, other = Server(lambda exchange: exchange.unavailable()), Server()
    client = Client({"providers": {"house": house(Server(), **SECRETS), "other": house(other, api_key="of-other")}})
    client.ask("house/m", json={"base_url": away.url, "api_key": "mine", "fallbacks": ["other/m"]}).succeeds("ok")
    assert (away.only.key, other.only.key) == ("Bearer mine", "Bearer of-other")
    refused(lambda: client.ask("house/m", json={"base_url": "away"}), INVALID, "base_url: base URL")


@test("options_json.api_key", says="is the key of this request's own provider, in its place")
def _():
    home, away = Server(), Server()
    client = Client(config(home, provider={"auth": "header:x-key", "api_key": "sk-canary"}))
    client.ask("house/m", json={"api_key": "mine"}).succeeds("ok")
    client.ask("house/m", json={"api_key": "mine", "base_url": away.url}).succeeds("ok")
    assert [one.only.headers["x-key"] for one in (home, away)] == ["mine", "mine"]


@test("options_json.api_key", says="is enough where configuration and environment have none")
def _():
    away = Server()
    Client({}).ask("groq/m", json={"api_key": "mine", "base_url": away.url}).succeeds("ok")
    Client({}).ask("groq/m", json={"base_url": away.url}).succeeds("ok")
    assert [request.key for request in away.requests] == ["Bearer mine", None]


@test("options_json.idempotency_key", says="is sent with every attempt")
def _():
    server = Server(lambda exchange: exchange.unavailable())
    Client(config(server)).ask("house/m", json={"idempotency_key": "once-1", "max_attempts": 2})
    assert [request.headers["idempotency-key"] for request in server.requests] == ["once-1", "once-1"]
    Client(config(server)).ask("house/m")
    assert "idempotency-key" not in server.requests[-1].headers
    refused(lambda: Client(config(server)).ask("house/m", json={"idempotency_key": "a\nb"}), INVALID, "idempotency_key")


@test("options_json.extra_body", says="is merged into the request last")
def _():
    server = Server()
    client = Client(config(server))
    body = {"temperature": 0.5, "top_p": 0.1, "extra_body": {"top_p": 0.2, "seed": 1}}
    client.ask("house/m", body=body, json={"extra_body": {"temperature": 1.0, "seed": 2, "vendor": {"a": [1]}}}).succeeds("ok")
    sent = server.only.json
    assert (sent["temperature"], sent["top_p"], sent["seed"], sent["vendor"]) == (1.0, 0.2, 2, {"a": [1]}), sent
    assert "extra_body" not in sent
    refused(lambda: client.ask("house/m", json={"extra_body": [1]}), INVALID, "extra_body: expected a table")


@test("options_json.extra_body", says="reaches Messages, too")
def _():
    server = Server()
    client = Client(config(server, provider={"wire": "anthropic"}))
    client.ask("house/m", body={"max_tokens": 5}, json={"extra_body": {"top_k": 3}}).succeeds("ok")
    assert server.only.json["top_k"] == 3


@test("options_json.strategy", says="is one of the words of models.A.strategy")
def _():
    Client({}).ask("mock/echo", json={"strategy": "order"}).succeeds("hi")
    refused(lambda: Client({}).ask("mock/echo", json={"strategy": "random"}), INVALID, "strategy", 'expected "order"')


@test("options_json.tags", "options_json.session", "options_json.tenant", "options_json.metadata",
      says="are words of 1 to 256 bytes that no provider sees")
def _():
    server = Server()
    words = {"tags": ["canary-1", "x" * 256], "session": "canary-2", "tenant": "canary-3", "metadata": {"canary-4": "canary-5"}}
    Client(config(server)).ask("house/m", json=words).succeeds("ok")
    assert "canary" not in str((server.only.headers, server.only.json))
    for wrong, words in [({"tags": "a"}, "tags: expected a list"), ({"tags": [1]}, "tags[0]: expected a string"),
                         ({"tags": [""]}, "expected 1 to 256 bytes, got 0"), ({"session": "x" * 257}, "got 257"),
                         ({"tenant": 1}, "tenant: expected a string"), ({"metadata": []}, "metadata: expected a table"),
                         ({"metadata": {"k": 1}}, "metadata.k: expected a string")]:
        refused(lambda: Client({}).ask("mock/echo", json=wrong), INVALID, words)
