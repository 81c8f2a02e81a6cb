"""What `[providers.P]` says of a service: its wire, place, credentials and headers. How it differs is in test_quirks, TLS in
test_tls."""

import json
import os
import re
import tempfile
import threading

from llm import AUTH, CONFIG, EVENT, Client, Queue, refused, submit_http
from server import Server
from suite import config, test

KEYED = {"api_key": "sk-canary"}


def seen(provider, path=""):
    """The one request that a provider configured so gets."""
    server = Server()
    provider = {"base_url": server.url + path, **provider}
    Client(config(server, provider=provider)).ask("house/m", body={"max_tokens": 5}).succeeds("ok")
    return server.only


@test("providers.P.wire", says="is how the service is spoken to")
def _():
    chat = seen({"wire": "openai_chat"})
    assert chat.path == "/chat/completions" and chat.json["messages"] == [{"role": "user", "content": "hi"}]
    messages = seen({"wire": "anthropic"})
    assert messages.path == "/v1/messages" and messages.json["max_tokens"] == 5, messages.path


@test("providers.P.wire", says="is one of this build, and needed for a name of one's own")
def _():
    for text, *words in [
        ("", "providers.h.wire is missing", "openai_chat"),
        ('wire = "openai_chatt"', "line 3, column 8", "closest: openai_chat"),
    ]:
        refused(lambda: Client(f'[providers.h]\nbase_url = "http://h"\n{text}'), CONFIG, *words)


@test("providers.P.base_url", says="is everything before the wire's path")
def _():
    assert seen({}, "/some/where/v7").path == "/some/where/v7/chat/completions"
    assert seen({}, "/v1//").path == "/v1/chat/completions"
    for url in "ftp://h", "h/v1", "http://u:p@h/v1", "http://h/v1?a=b", "http://h/#f", "":
        refused(lambda: Client({"providers": {"groq": {"base_url": url}}}), CONFIG, "providers.groq.base_url: base URL")
    refused(lambda: Client('[providers.h]\nwire = "openai_chat"'), CONFIG, "providers.h.base_url is missing")


@test("providers.P.base_url", says="moves a built-in provider, whose key goes with it")
def _():
    server = Server()
    client = Client({"providers": {"groq": {"base_url": f"{server.url}/x", "api_key": "k"}}})
    client.ask("groq/m").succeeds("ok")
    assert (server.only.path, server.only.key) == ("/x/chat/completions", "Bearer k")


@test("providers.P.auth", says="puts the key where it belongs, and nowhere else")
def _():
    for auth, headers, path in [
        ({}, {"authorization": "Bearer sk-canary"}, ""),
        ({"auth": "bearer"}, {"authorization": "Bearer sk-canary"}, ""),
        ({"auth": "header:X-My-Key"}, {"x-my-key": "sk-canary"}, ""),
        ({"auth": "query:the_key"}, {}, "?the_key=sk-canary"),
    ]:
        request = seen({**KEYED, **auth})
        found = {name: value for name, value in request.headers.items() if "canary" in value}
        assert (found, request.path) == (headers, f"/chat/completions{path}"), (auth, found, request.path)
        assert b"canary" not in request.body


@test("providers.P.auth", says="none sends nothing, and a key beside it is a mistake")
def _():
    assert "authorization" not in seen({"auth": "none"}).headers
    for said, *words in [
        ({**KEYED, "auth": "none"}, "providers.house.api_key", "not be sent"),
        ({"auth": "basic"}, "providers.house.auth", "expected bearer, header:NAME"),
    ]:
        refused(lambda: Client(config(Server(), provider=said)), CONFIG, *words)
    refused(lambda: Client(config(Server(), provider={"auth": "bearer"})).ask("house/m"), AUTH, "provider house has no key")


@test("providers.P.auth", says="none keeps a built-in provider's key at home")
def _():
    os.environ["OPENAI_API_KEY"] = "sk-canary"
    server = Server()
    Client({"providers": {"openai": {"base_url": server.url, "auth": "none"}}}).ask("openai/m").succeeds("ok")
    assert "canary" not in json.dumps(server.only.headers)


@test("providers.P.api_key", says="is the key itself, a variable or a file")
def _():
    os.environ["HOUSE_KEY"] = "from-variable"
    with tempfile.NamedTemporaryFile("w", suffix=".key") as file:
        file.write("  from-file\n\n")
        file.flush()
        for said, sent in ("itself", "itself"), ("env:HOUSE_KEY", "from-variable"), (f"file:{file.name}", "from-file"):
            assert seen({"api_key": said}).key == f"Bearer {sent}", said


@test("providers.P.api_key", says="comes before the built-in provider's variable")
def _():
    os.environ["OPENAI_API_KEY"] = "of-the-variable"
    server = Server()
    Client({"providers": {"openai": {"base_url": server.url, "api_key": "of-the-text"}}}).ask("openai/m").succeeds("ok")
    assert server.only.key == "Bearer of-the-text"


@test("providers.P.api_key", says="that is not there or is no key is refused by name, and not shown")
def _():
    for said, words in [
        ("env:NO_SUCH_KEY", "environment variable NO_SUCH_KEY is not set"),
        ("file:/no/such/file", "cannot read /no/such/file"),
        ("", "is empty"),
        ("sk-canary\u0001", "holds characters that HTTP does not allow"),
    ]:
        error = refused(lambda: Client(config(Server(), provider={"api_key": said})), CONFIG, "providers.house.api_key", words)
        assert "canary" not in error.message


@test("providers.P.headers", says="go with every request")
def _():
    os.environ["TEAM_TOKEN"] = "t-123"
    request = seen({"headers": {"X-Team": "env:TEAM_TOKEN", "X-Plain": "as it is"}})
    assert (request.headers["x-team"], request.headers["x-plain"]) == ("t-123", "as it is")


@test("providers.P.headers", says="say who asks, and may say something else")
def _():
    assert re.fullmatch(r"libllm/\d+\.\d+\.\d+\S*", seen({}).headers["user-agent"])
    assert seen({"headers": {"User-Agent": "house/7"}}).headers["user-agent"] == "house/7"
    server = Server()
    Client(config(server)).ask("house/m", json={"headers": {"user-agent": "mine"}}).succeeds("ok")
    assert server.only.headers["user-agent"] == "mine"


@test("providers.P.headers", says="replace the built-in provider's own, and not what is the library's to set")
def _():
    server = Server()
    place = {"base_url": server.url, "api_key": "k", "headers": {"anthropic-version": "2099-01-01"}}
    Client({"providers": {"anthropic": place}}).ask("anthropic/m", body={"max_tokens": 5}).succeeds("ok")
    assert server.only.headers["anthropic-version"] == "2099-01-01"
    for name in "Host", "Content-Length", "Authorization", "Transfer-Encoding", "proxy-x":
        refused(lambda: Client(config(Server(), provider={"headers": {name: "x"}})), CONFIG, f"providers.house.headers.{name}")
    refused(lambda: Client(config(Server(), provider={"headers": {"a": "b\r\nc"}})), CONFIG, "providers.house.headers.a")
    taken = {**KEYED, "auth": "header:x-key", "headers": {"X-Key": "x"}}
    refused(lambda: Client(config(Server(), provider=taken)), CONFIG, "this is where the key goes")


@test("providers.P.organization", says="is who pays, in the provider's header")
def _():
    assert seen({"organization": "org-1"}).headers["openai-organization"] == "org-1"
    os.environ["MY_ORG"] = "org-2"
    assert seen({"organization": "env:MY_ORG"}).headers["openai-organization"] == "org-2"
    assert "openai-organization" not in seen({}).headers
    refused(lambda: Client({"providers": {"anthropic": {"organization": "o"}}}), CONFIG, "this provider takes no organization")


def connections(idle_pool, pause=0.0):
    server = Server()
    client = Client(config(server, provider={"idle_pool_s": idle_pool}))
    for _ in range(3):
        # Not a stream: its answer is over when its body is, and the connection is free again.
        client.ask("house/m", body={"stream": False}).succeeds("ok")
        threading.Event().wait(pause)
    return len({request.connection for request in server.requests})


@test("providers.P.idle_pool_s", says="keeps connections for so long; 0 keeps none")
def _():
    assert connections(60) == 1
    assert connections(0) == 3
    assert connections(0.02, pause=0.1) == 3
    words = "providers.house.idle_pool_s: expected seconds, 0 or more"
    refused(lambda: Client(config(Server(), provider={"idle_pool_s": -1})), CONFIG, words)


@test("providers.P", says="is a name of its own")
def _():
    for name in "mock", "a/b", "":
        refused(lambda: Client({"providers": {name: {"wire": "openai_chat", "base_url": "http://h"}}}), CONFIG, "expected a name")
    # A table speaks of one provider; the built-in ones are still there.
    refused(lambda: Client(config(Server())).ask("groq/m"), AUTH, "GROQ_API_KEY")


@test("providers.P.wire", says="a refusal in the caller's own format keeps the provider's headers, but for the connection's, and our word on retries")
def _():
    told = ["x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 7s", "openai-organization: org-1", "x-request-id: req-1",
            "retry-after: 7", "x-should-retry: true", "set-cookie: a=b", "keep-alive: timeout=5", "x-echo: Bearer sk-secret-key"]
    body = {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}
    server = Server(lambda exchange: exchange.whole(429, body, told))
    client = Client(config(server, provider={"api_key": "sk-secret-key"}))
    queue = Queue()
    for path, same in ("/v1/chat/completions", True), ("/v1/messages", False):
        asked = {"model": "house/m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
        submit_http(client, queue, "POST", path, asked)
        answer = queue.answer()
        (head,) = [json.loads(event.data) for event in answer.events if event.type == EVENT["HTTP_HEAD"]]
        assert head["status"] == 429, head
        headers = dict(head["headers"])
        assert len(headers) == len(head["headers"]), head
        kept = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "7s", "openai-organization": "org-1",
                "x-echo": "Bearer ***"}
        for name, value in kept.items():
            assert headers.get(name) == (value if same else None), (name, headers)
        assert (headers["retry-after"], headers["x-should-retry"]) == ("7", "false"), headers
        assert not {"set-cookie", "keep-alive", "content-length"} & set(headers), headers
        assert headers["x-request-id" if same else "request-id"] == "req-1", headers
