"""The fields of `llm_options` and its flags. A field comes before the key of the same name in `options_json`."""

import ctypes
import socket

from llm import CONFIG, FLAG, INVALID, UNSUPPORTED, CEvent, COptions, Client, Queue, chat, fields_of, refused
from server import HOST, Server
from suite import config, house, test
from test_timeouts import CASES, LONG, SHORT, configured


def limit(field, limited):
    case = CASES[limited]
    short, long = int(SHORT * 1000), int(LONG * 1000)

    @test(f"llm_options.{field}", says=f"comes before options_json and before {limited} of the target")
    def _():
        case.never(lambda provider: configured(limited, {"target": LONG}, provider), **{field: short}, json={field: long})
        case.slowly(lambda provider: configured(limited, {"target": SHORT}, provider), **{field: long}, json={field: short})

    @test(f"llm_options.{field}", says="negative is none, 0 leaves it to options_json")
    def _():
        case.slowly(lambda provider: configured(limited, {"target": SHORT}, provider), **{field: -1}, json={field: short})
        case.never(lambda provider: configured(limited, {"target": LONG}, provider), **{field: 0}, json={field: short})


limit("timeout_ms", "total_unary")
limit("first_token_timeout_ms", "first_token")


@test("llm_options.provider", says="takes the model verbatim, before aliases and slashes")
def _():
    server, other = Server(), Server()
    targets = [{"model": "other/x"}]
    client = Client({"providers": {"house": house(server), "other": house(other)}, "models": {"fast": {"targets": targets}}})
    client.ask("fast", provider="house").succeeds("ok")
    client.ask("other/x", provider="house").succeeds("ok")
    assert [request.json["model"] for request in server.requests] == ["fast", "other/x"] and not other.requests
    refused(lambda: client.ask("m", provider="hause"), CONFIG, "unknown provider", "closest: house")
    refused(lambda: client.ask(None, provider="house"), INVALID, "names no model")


@test("llm_options.provider", says="has the request's fallbacks behind it")
def _():
    down, server = Server(lambda exchange: exchange.unavailable()), Server()
    client = Client({"providers": {"down": house(down), "house": house(server)}})
    answer = client.ask("m", provider="down", json={"fallbacks": ["house/x"]}).succeeds("ok")
    assert answer.targets == ["down/m", "house/x"]


@test("llm_options.operation", says="names what is asked; OpenAI's formats find the one of them that knows it, not every wire has all")
def _():
    client = Client({})
    for operation in "chat", "completion", "", None:
        client.ask("mock/text=ok", operation=operation).succeeds("ok")
    server = Server()
    places = {"house": house(server), "own": {**house(server), "wire": "ollama"}}
    client = Client({"providers": places})
    client.ask("house/m", operation="completion")
    assert server.only.path == "/v1/completions", server.only.path
    client.ask("own/m", operation="completion")
    assert server.requests[-1].path == "/v1/api/generate", server.requests[-1].path
    client.ask("own/m", operation="responses", body={"input": "hi"}).fails("unsupported", "not known to wire ollama")
    client.ask("house/m", operation="responses", body={"input": "hi", "novel": 1})
    assert server.requests[-1].path == "/v1/responses" and server.requests[-1].json["novel"] == 1, server.requests[-1].json
    refused(lambda: client.ask("house/m", operation="responses"), INVALID, "input is missing")
    refused(lambda: client.ask("mock/text=ok", operation="nonsense"), UNSUPPORTED, "nonsense", "not in this build")


@test("llm_options.operation", says="warm opens a connection, once, and asks nothing")
def _():
    server = Server()
    client = Client({"providers": {"house": house(server)}})
    first = client.ask("house/m", operation="warm").succeeds("")
    assert first.last["timing"]["connect_ms"] > 0 and first.targets == ["house/m"], first.last
    again = client.ask("house/m", operation="warm").succeeds("")
    assert again.last["timing"]["connect_ms"] is None, again.last
    assert server.requests == []
    answer = client.ask("house/m").succeeds("ok")
    assert answer.last["timing"]["connect_ms"] is None and server.connections == 1, answer.last
    client.ask("mock/text=ok", operation="warm").succeeds("")


@test("llm_options.operation", says="warm tells a place that cannot be reached")
def _():
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    client = Client({"providers": {"gone": {"wire": "openai_chat", "base_url": f"http://{HOST}:{port}/v1"}}})
    assert len(client.ask("gone/m", operation="warm").fails("connect").targets) == 1


@test("llm_options.options_json", says="is a JSON object of known keys")
def _():
    client = Client({})
    for text, status, *words in [
        ("[]", INVALID, "options_json: expected an object"),
        ("{", INVALID, "options_json", "ends early"),
        ('{"timeout_ms":1} x', INVALID, "options_json"),
        ('{"timout_ms":1}', CONFIG, "unknown key timout_ms", "closest: timeout_ms"),
        ('{"timeout_ms":"1"}', INVALID, "timeout_ms: expected whole milliseconds", "got a string"),
        ('{"headers":{"a":1}}', INVALID, "headers.a: expected a string, got a number"),
    ]:
        refused(lambda: client.ask("mock/echo", json=text), status, *words)
    client.ask("mock/text=ok", json="{}").succeeds("ok")


@test("llm_options.options_json", says="counts for the whole answer at once, too")
def _():
    server = Server()
    answer = Client(config(server)).complete("house/m", json={"extra_body": {"seed": 4}})
    assert answer["choices"][0]["message"]["content"] == "ok"
    assert server.only.json["seed"] == 4 and not server.only.json.get("stream")


@test("llm_options.struct_size", says="is that of this or another version of the header; fields beyond it are not read")
def _():
    client = Client({})
    size = ctypes.sizeof(COptions)
    for bad in 0, 4, 7, size - 1, 5000:
        refused(lambda: client.ask("mock/text=ok", struct_size=bad), INVALID, "struct_size")
    client.ask("mock/text=ok", struct_size=8, operation="nonsense").succeeds("ok")
    refused(lambda: client.ask("mock/text=ok", struct_size=size, operation="nonsense"), UNSUPPORTED)


@test("llm_options.flags", says="an unknown one is refused")
def _():
    assert sorted(FLAG) == ["MESSAGE", "NO_CACHE", "NO_COALESCE", "RAW"], FLAG
    refused(lambda: Client({}).ask("mock/echo", flags=16), INVALID, "options.flags", "0x10")


def three_words(exchange):
    exchange.head()
    for word in "one ", "two ", "three":
        exchange.delta(word)
    exchange.finish()
    exchange.end()


@test("LLM_OPT_RAW", says="adds the provider's own chunks, byte for byte")
def _():
    client = Client(config(Server(three_words)))
    assert not client.ask("house/m").succeeds("one two three").of("RAW")
    answer = client.ask("house/m", flags=FLAG["RAW"]).succeeds("one two three")
    raw = [event.data for event in answer.of("RAW")]
    assert len(raw) >= 4 and raw[0].startswith(b'{"id": "c", "model": "m"') and b'"content": "one "' in raw[0], raw


def waiting(flags):
    """The texts that wait when an answer is over before anybody has looked."""
    server = Server(three_words)
    client, queue = Client(config(server)), Queue()
    client.submit(queue, chat("house/m", {}), flags=flags)
    probe = Queue()
    # Another request, behind the first on the one thread: when it is over, so is the first, or it is about to be.
    client.submit(probe, chat("house/m", {}))
    probe.answer().succeeds()
    return [event.data for event in queue.answer().succeeds("one two three").of("TEXT")]


@test("LLM_OPT_NO_COALESCE", says="leaves every delta an event of its own; without it a late consumer gets them joined")
def _():
    assert waiting(FLAG["NO_COALESCE"]) == [b"one ", b"two ", b"three"]
    assert len(waiting(0)) < 3


@test("LLM_OPT_MESSAGE", says="gives the whole text in the last event")
def _():
    client = Client(config(Server(three_words)))
    message = client.ask("house/m", flags=FLAG["MESSAGE"]).succeeds().last["message"]
    assert message["content"] == "one two three" and message["role"] == "assistant", message
    assert "three" not in str(client.ask("house/m").succeeds().last["message"])


@test("llm_options", says="is, like llm_event, declared here as in the header")
def _():
    for name, declared in ("llm_options", COptions), ("llm_event", CEvent):
        assert fields_of(name) == [field for field, _ in declared._fields_], fields_of(name)
