"""OpenRouter's words for routes, for providers that never heard of them: none of these words is sent."""

from llm import INVALID, refused
from server import Server
from suite import config, test
from llm import Client
from test_routes import Field, fails, refusal, say

KEY = "models.A.targets"


def field(*answers, **more):
    prices = [{"price": {"input": 5, "output": 5}}, {"price": {"input": 1, "output": 1}}, {"price": {"input": 3, "output": 3}}]
    return Field(*(answers or (say, say, say)), targets=prices, **more)


def provider(**said):
    return {"provider": said}


@test(KEY, says="provider.order, only, ignore: who is asked, and in which order")
def _():
    for said, expected in [
        ({"order": ["c", "b"]}, ["c/x", "b/x", "a/x"]),
        ({"order": ["c", "b"], "allow_fallbacks": False}, ["c/x", "b/x"]),
        ({"only": ["B", "c"]}, ["b/x", "c/x"]),
        ({"ignore": ["a"]}, ["b/x", "c/x"]),
        ({"allow_fallbacks": False}, ["a/x"]),
    ]:
        asked = field(fails, fails, fails).client.ask("m", body=provider(**said), json={"max_attempts": 3})
        assert list(dict.fromkeys(asked.targets)) == expected, (said, asked.targets)
    refused(lambda: field().ask(body=provider(only=["zz"])), "LLM_ERR_NO_ROUTE", "no target is left")
    refused(lambda: field().ask(body=provider(order=5)), INVALID, "provider")


@test(KEY, says="provider.sort, the suffixes :floor and :nitro: how one is chosen")
def _():
    assert field().firsts(3, body=provider(sort="price")) == "bbb"
    assert field().firsts(3, model="m:floor") == "bbb"
    assert field().first(model="a/x:nitro") == "a"
    named = field()
    named.ask(model="b/x:floor")
    assert named.servers["b"].only.json["model"] == "x"
    field().client.ask("m:nitro").succeeds("ok")
    refused(lambda: field().ask(body=provider(sort="colour")), INVALID, "provider.sort")


@test(KEY, says="provider.max_price: nobody who takes more")
def _():
    assert field().firsts(3, body=provider(max_price={"prompt": 3, "completion": "3.5"})) == "bbb"
    refused(lambda: field().ask(body=provider(max_price={"prompt": 0.5})), "LLM_ERR_NO_ROUTE")
    unknown = Field(say, say)
    refused(lambda: unknown.ask(body=provider(max_price={"prompt": 100})), "LLM_ERR_NO_ROUTE")


@test(KEY, says="provider.require_parameters: nobody who cannot take one")
def _():
    it = field()
    it.config["providers"]["a"]["quirks"] = {"no_parallel_tools": True}
    it.client.reload(it.config)
    body = {"parallel_tool_calls": False}
    assert it.first(body=body) == "a"
    assert it.first(body={**body, **provider(require_parameters=True)}) == "b"


@test(KEY, says="models: one after the other, whatever goes wrong")
def _():
    for answer in refusal("context_length_exceeded"), refusal("content_filter"), lambda exchange: exchange.unavailable():
        it = Field(answer, say)
        asked = it.client.ask("a/x", body={"models": ["a/x", "b/y"]}).succeeds("ok")
        assert asked.targets == ["a/x", "b/y"], asked.targets
    asked = Field(say, say).client.ask(None, body={"models": ["b/y", "a/x"]}).succeeds("ok")
    assert asked.targets == ["b/y"]


@test(KEY, says="what is meant for the router is not sent; what is sent to OpenRouter itself stays as it is")
def _():
    words = {**provider(order=["b"]), "models": ["b/y"]}
    it = Field(say, say)
    it.ask(body=words)
    sent = it.servers["b"].only.json
    assert "provider" not in sent and "models" not in sent, sent
    server = Server()
    itself = {"providers": {"openrouter": {"base_url": f"{server.url}/v1", "api_key": "k"}}}
    Client(itself).ask("openrouter/x/y:nitro", body=words).succeeds("ok")
    assert server.only.json["provider"] == {"order": ["b"]} and server.only.json["model"] == "x/y:nitro"
    assert server.only.json["models"] == ["b/y"]
    plain = Server()
    Client(config(plain)).ask("house/m", body={"provider": "text"}).succeeds("ok")
    assert plain.only.json["provider"] == "text"
