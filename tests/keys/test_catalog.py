"""What an answer costs: the provider's word, the target's price, the catalog that is built in and what is laid over it."""

import json
import os

from llm import CONFIG, INVALID, Client, refused
from nginx import Authority, Nginx, secure
from server import Server
from suite import config, house, test


def said(usage):
    """A server whose answers have this usage."""
    message = {"role": "assistant", "content": "ok"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return Server(lambda exchange: exchange.whole(200, {"id": "c", "model": "m", "choices": [choice], "usage": usage}))


def cost(client, model, **body):
    answer = client.ask(model, body={"stream": False, **body})
    assert answer.status == "LLM_OK", answer.last
    return answer.last["cost"]


def written(entries):
    path = os.path.join(os.environ["LLM_WORK"], f"catalog-{os.getpid()}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(entries, file)
    return path


# A hundred tokens asked, of which forty were cached and ten were written to the cache; twenty answered.
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
         "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10}}
UNKNOWN = {"microusd": None, "source": "unknown"}


def catalog(microusd):
    return {"microusd": microusd, "source": "catalog"}


PRICE = "models.A.targets[].price"


@test(f"{PRICE}.input", f"{PRICE}.output", f"{PRICE}.cache_read", f"{PRICE}.cache_write",
      says="is what tokens cost, in US dollars a million")
def _():
    price = {"input": 2, "output": 10, "cache_read": 0.5, "cache_write": 2.5}
    models = {"a": {"targets": [{"model": "house/m", "price": price}]}}
    assert cost(Client(config(said(USAGE), models=models)), "a") == catalog(50 * 2 + 20 + 25 + 20 * 10)
    models["a"]["targets"][0]["price"] = {"input": 2, "output": 10}
    assert cost(Client(config(said(USAGE), models=models)), "a") == catalog(100 * 2 + 20 * 10)


@test(f"{PRICE}.input", f"{PRICE}.output", says="go before the catalog, and the provider's own word before both")
def _():
    def client(usage, **more):
        target = {"model": "openai/gpt-4o", **more}
        providers = {"openai": {"base_url": f"{said(usage).url}/v1", "api_key": "k"}}
        return Client({"providers": providers, "models": {"a": {"targets": [target]}}})

    # 60 at 2.50 dollars a million, 40 at 1.25, 20 at 10 (package litellm, gpt-4o); written to the cache as any.
    assert cost(client(USAGE), "a") == catalog(400)
    assert cost(client(USAGE, price={"input": 1, "output": 1}), "a") == catalog(120)
    assert cost(client({**USAGE, "cost": 0.000007}, price={"input": 1, "output": 1}), "a") == {"microusd": 7, "source": "provider"}


@test(f"{PRICE}.input", f"{PRICE}.output", says="are needed both, and are no words, nor other keys")
def _():
    def target(price):
        return lambda: Client({"models": {"a": {"targets": [{"model": "mock/echo", "price": price}]}}})

    refused(target({"input": 1}), CONFIG, "price.output is missing", "US dollars a million tokens")
    refused(target({"input": "1", "output": 1}), CONFIG, "price.input: expected US dollars a million tokens, got a string")
    refused(target({"input": -1, "output": 1}), CONFIG, "got -1")
    refused(target({"input": 1, "output": 1, "cached": 1}), CONFIG, "unknown key", "closest: cache")
    refused(target(3), CONFIG, "price: expected a table")


@test("cost", says="is null where the model is unknown or nothing was counted, never 0")
def _():
    assert cost(Client(config(said(USAGE))), "house/m") == UNKNOWN
    providers = {"openai": {"base_url": f"{said({}).url}/v1", "api_key": "k"}}
    assert cost(Client({"providers": providers}), "openai/gpt-4o") == UNKNOWN


@test("cost", says="knows cached tokens of Messages, which stand beside the others there")
def _():
    usage = {"input_tokens": 50, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 10, "output_tokens": 20,
             "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6}}
    body = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "ok"}],
            "stop_reason": "end_turn", "usage": usage}
    server = Server(lambda exchange: exchange.whole(200, body))
    client = Client({"providers": {"anthropic": {"base_url": server.url, "api_key": "k"}}})
    # claude-sonnet-4-5: 3, 15, 0.30, 3.75 and 6 dollars a million (package litellm).
    parts = 50 * 3 + 40 * 0.3 + 4 * 3.75 + 6 * 6 + 20 * 15
    assert cost(client, "anthropic/claude-sonnet-4-5") == catalog(parts)


@test("cost", says="is that of the service that was asked for")
def _():
    providers = {"openai": {"base_url": f"{said({'prompt_tokens': 100, 'completion_tokens': 10}).url}/v1", "api_key": "k"}}
    client = Client({"providers": providers})
    # gpt-5-mini: 0.25 and 2 dollars a million; flex half of it; priority 0.45 and 3.60 (package litellm).
    assert cost(client, "openai/gpt-5-mini") == catalog(45)
    assert cost(client, "openai/gpt-5-mini", service_tier="flex") == catalog(23)
    assert cost(client, "openai/gpt-5-mini", service_tier="priority") == catalog(81)


@test("catalog.file", says="is laid over the catalog that is built in, in the words of the source")
def _():
    path = written({
        "house/m": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "input_cost_per_token_above_128k_tokens": 3e-06},
        "gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 5e-06, "output_cost_per_token": 5e-06},
    })
    server = said({"prompt_tokens": 100, "completion_tokens": 20})
    providers = {"house": house(server), "openai": {"base_url": f"{server.url}/v1", "api_key": "k"}}
    client = Client({"providers": providers, "catalog": {"file": path}})
    assert cost(client, "house/m") == catalog(140)
    assert cost(client, "openai/gpt-4o") == catalog(600)
    assert cost(client, "openai/gpt-5-mini") == catalog(65)
    assert cost(client, "house/other") == UNKNOWN
    # A reload reads it again.
    written({"house/m": {"input_cost_per_token": 2e-06, "output_cost_per_token": 2e-06}})
    client.reload({"providers": providers, "catalog": {"file": path}})
    assert cost(client, "house/m") == catalog(240)
    assert cost(client, "openai/gpt-4o") == catalog(450)


@test("catalog.file", says="that cannot be read, or is no catalog, refuses the configuration")
def _():
    refused(lambda: Client({"catalog": {"file": "/nowhere/prices.json"}}), CONFIG, "catalog.file: cannot read /nowhere/prices.json")
    refused(lambda: Client({"catalog": {"file": written([])}}), CONFIG, "catalog.file", "no JSON object")
    refused(lambda: Client({"catalog": {"files": "x"}}), CONFIG, "unknown key catalog.files", "closest: file")


def until(found, ask):
    """Calls do not wait for a catalog that is fetched: some come too early."""
    for _ in range(500):
        last = ask()
        if last == found:
            return
    raise AssertionError(last)


@test("catalog.url", says="is fetched when a call is made, laid over what is built in, and under the file")
def _():
    server = said({"prompt_tokens": 100, "completion_tokens": 20})
    prices = {"house/m": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
              "house/n": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}}
    far = Server(lambda exchange: exchange.whole(200, prices))
    path = written({"house/n": {"input_cost_per_token": 3e-06, "output_cost_per_token": 3e-06}})
    client = Client({"providers": {"house": house(server)}, "catalog": {"url": f"{far.url}/prices.json?v=1", "file": path}})
    assert not far.requests
    until(catalog(120), lambda: cost(client, "house/m"))
    assert cost(client, "house/n") == catalog(360)
    asked = far.only
    assert (asked.method, asked.path) == ("GET", "/prices.json?v=1")
    assert asked.headers["user-agent"].startswith("libllm/"), asked.headers


@test("catalog.url", needs="nginx", says="is fetched from whom the platform, or SSL_CERT_FILE in its place, trusts")
def _():
    prices = {"house/m": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}}
    server, far = said({"prompt_tokens": 100, "completion_tokens": 20}), Server(lambda exchange: exchange.whole(200, prices))
    authority = Authority()
    with Nginx(far, "ssl", secure(authority)) as front:
        settings = {"providers": {"house": house(server)}, "catalog": {"url": f"https://localhost:{front.port}/"}}
        os.environ["SSL_CERT_FILE"] = os.path.join(os.environ["LLM_ROOT"], "core/tests/data/ca.pem")
        client = Client(settings)
        assert [cost(client, "house/m") for _ in range(20)] == [UNKNOWN] * 20
        os.environ["SSL_CERT_FILE"] = authority.file
        client = Client(settings)
        until(catalog(120), lambda: cost(client, "house/m"))
    assert len(far.requests) == 1


@test("catalog.url", says="that cannot be fetched, or is no catalog, changes nothing, and no redirect is followed")
def _():
    server = said({"prompt_tokens": 100, "completion_tokens": 20})
    good = Server(lambda exchange: exchange.whole(200, {"house/m": {"input_cost_per_token": 1, "output_cost_per_token": 1}}))
    for far in (Server(lambda exchange: exchange.whole(500, "no")), Server(lambda exchange: exchange.whole(200, "[]")),
                Server(lambda exchange: exchange.whole(302, "", [f"location: {good.url}/"]))):
        client = Client({"providers": {"house": house(server)}, "catalog": {"url": far.url}})
        until(1, lambda: [cost(client, "house/m"), len(far.requests)][1])
        assert [cost(client, "house/m") for _ in range(20)] == [UNKNOWN] * 20
        far.only
    assert not good.requests


@test("catalog.refresh_s", says="is how long one that was fetched is good")
def _():
    server = said({"prompt_tokens": 100, "completion_tokens": 20})
    far = Server(lambda exchange: exchange.whole(200, {"house/m": {"input_cost_per_token": 1e-06 * len(far.requests),
                                                                   "output_cost_per_token": 0}}))
    client = Client({"providers": {"house": house(server)}, "catalog": {"url": far.url, "refresh_s": 0.05}})
    until(catalog(300), lambda: cost(client, "house/m"))
    # Once for ever.
    far.requests.clear()
    client = Client({"providers": {"house": house(server)}, "catalog": {"url": far.url, "refresh_s": 0}})
    until(catalog(100), lambda: cost(client, "house/m"))


@test("catalog.url", "catalog.refresh_s", says="are a URL, and a time for one")
def _():
    for url in ("ftp://host/x", "prices.json", "http://user@host/"):
        refused(lambda url=url: Client({"catalog": {"url": url}}), CONFIG, "catalog.url: expected an http or https URL")
    refused(lambda: Client({"catalog": {"refresh_s": 5}}), CONFIG, "there is no catalog.url")


def small(**more):
    """A client whose model takes a hundred tokens and answers with ten, as far as is known."""
    server = Server()
    entries = {"house/m": {"max_input_tokens": 100, "max_output_tokens": 10}, "house/large": {"max_input_tokens": 100000}}
    return Client(config(server, catalog={"file": written(entries)}, **more)), server


LENGTHS = "max_tokens", "max_completion_tokens"
LONG = {"messages": [{"role": "user", "content": "word " * 100}]}


@test("params.check_limits", says="brings what is wanted down to the model's longest answer, and reports that")
def _():
    client, server = small(params={"check_limits": True})
    for name in LENGTHS:
        answer = client.ask("house/m", body={name: 11}).succeeds("ok")
        assert answer.last["dropped"][0]["action"] == "clamped" and answer.last["dropped"][0]["param"] == name, answer.last
        assert server.requests[-1].json[name] == 10
        assert client.ask("house/m", body={name: 10}).succeeds("ok").last["dropped"] == []
        client.ask("house/large", body={name: 11}).succeeds("ok")
        client.ask("house/unknown", body={name: 11}).succeeds("ok")
        assert server.requests[-1].json[name] == 11


@test("params.check_limits", says="refuses it where what does not fit is an error, and leaves it where all is passed")
def _():
    client, server = small(params={"check_limits": True, "unsupported": "error"})
    client.ask("house/m", body={"max_tokens": 11}).fails("unsupported", "max_tokens: 11, and the model's longest answer has 10 tokens")
    assert not server.requests
    client, server = small(params={"check_limits": True, "unsupported": "pass"})
    client.ask("house/m", body={"max_tokens": 11, **LONG}).succeeds("ok")
    assert server.only.json["max_tokens"] == 11


@test("params.check_limits", says="finds a prompt too long before it is sent, and whoever has room is asked")
def _():
    client, server = small(params={"check_limits": True})
    client.ask("house/m", body=LONG).fails("context_length", "tokens, and the model takes 100")
    assert not server.requests
    client.ask("house/m", body=LONG, json={"fallbacks": ["house/large"], "max_attempts": 2}).succeeds("ok")
    assert server.only.json["model"] == "large"
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo" * 1000}}
    client.ask("house/m", body={"messages": [{"role": "user", "content": [image]}]}).succeeds("ok")


@test("params.check_limits", "options_json.check_limits", says="is off unless it is asked for, by a request before the client")
def _():
    client, server = small()
    client.ask("house/m", body={"max_tokens": 11, **LONG}).succeeds("ok")
    assert server.only.json["max_tokens"] == 11
    client.ask("house/m", body=LONG, json={"check_limits": True}).fails("context_length")
    client, server = small(params={"check_limits": True})
    client.ask("house/m", body=LONG, json={"check_limits": False}).succeeds("ok")
    refused(lambda: client.ask("house/m", json={"check_limits": 1}), INVALID, "check_limits: expected true or false")
    refused(lambda: Client({"params": {"check_limits": "yes"}}), CONFIG, "params.check_limits: expected true or false")
