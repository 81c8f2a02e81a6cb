"""`providers.P.proxy` and the variables that name proxies. What goes through one has a name that no resolver knows."""

import os
import tempfile

import suite
from llm import CONFIG, Client, refused
from nginx import Authority
from proxy import Proxy, context
from server import HOST, Server
from suite import config, test

NAME = "api.example"


def client(server, scheme="http", host=NAME, port=None, **provider):
    base = f"{scheme}://{host}:{port or server.port}/v1"
    place = {"wire": "openai_chat", "base_url": base, "api_key": "k", **provider}
    return Client({"providers": {"house": place}, "retry": {"max_attempts": 1}})


def secure_port():
    return int(suite.TLS.rsplit(":", 1)[1])


def through_tls(**provider):
    """A client of the scripted provider with TLS, by the name that its certificate has."""
    tls = {"ca_file": suite.CA, "server_name": "localhost", **provider.pop("tls", {})}
    return client(None, "https", port=secure_port(), tls=tls, **provider)


@test("providers.P.proxy", says="is asked for plain HTTP itself, and for a tunnel to everything else")
def _():
    server, proxy = Server(), Proxy()
    house = client(server, proxy=proxy.url())
    # In this order: of a stream the last event may come before its connection's last bytes.
    house.ask("house/m", body={"stream": False}).succeeds("ok")
    house.ask("house/m").succeeds("ok")
    place = f"{NAME}:{server.port}"
    assert proxy.asked == [f"POST http://{place}/v1/chat/completions"], proxy.asked
    assert [request.headers["host"] for request in server.requests] == [place, place]
    proxy = Proxy()
    house = through_tls(proxy=proxy.url())
    for _ in range(2):
        house.ask("house/text=ok").succeeds("ok")
    assert proxy.asked == [f"CONNECT {NAME}:{secure_port()}"], proxy.asked


@test("providers.P.proxy", says="may be SOCKS, which looks names up itself as socks5h, and is given addresses as socks5")
def _():
    proxy = Proxy("socks5")
    through_tls(proxy=proxy.url("socks5h")).ask("house/text=ok").succeeds("ok")
    assert proxy.asked == [f"SOCKS {NAME}:{secure_port()}"], proxy.asked
    server, proxy = Server(), Proxy("socks5")
    client(server, host="localhost", proxy=proxy.url()).ask("house/m").succeeds("ok")
    assert proxy.asked[0] in (f"SOCKS 127.0.0.1:{server.port}", f"SOCKS ::1:{server.port}"), proxy.asked
    client(server, proxy=proxy.url()).ask("house/m").fails("connect", "through proxy")
    for host in "10.1.2.3", "[2001:db8::1]":
        client(server, host=host, proxy=proxy.url()).ask("house/m").succeeds("ok")
    assert [place.rsplit(":", 1)[0] for place in proxy.asked[1:]] == ["SOCKS 10.1.2.3", "SOCKS 2001:db8::1"], proxy.asked


@test("providers.P.proxy", needs="openssl", says="may itself be spoken to by TLS")
def _():
    authority = Authority("proxies")
    with open(authority.file, "a", encoding="utf-8") as both, open(suite.CA, encoding="utf-8") as other:
        both.write(other.read())
    tls = context(*authority.issue("proxy", "serverAuth"))
    proxy = Proxy(tls=tls)
    url = f"https://localhost:{proxy.port}"
    through_tls(proxy=url, tls={"ca_file": authority.file}).ask("house/text=ok").succeeds("ok")
    assert proxy.asked == [f"CONNECT {NAME}:{secure_port()}"], proxy.asked
    through_tls(proxy=url).ask("house/text=ok").fails("connect", "certificate")


@test("providers.P.proxy", says="gets user and password, and nobody else does")
def _():
    server, auth = Server(), ("us@er", "p:w canary")
    user = "us%40er:p%3Aw%20canary@"
    for kind, schemes in ("http", ["http"]), ("socks5", ["socks5h"]):
        for scheme in schemes:
            proxy = Proxy(kind, auth)
            through_tls(proxy=proxy.url(scheme, user)).ask("house/text=ok").succeeds("ok")
            client(server, proxy=proxy.url(scheme, user)).ask("house/m").succeeds("ok")
            for wrong in "", "us%40er:canary@":
                answer = through_tls(proxy=proxy.url(scheme, wrong)).ask("house/text=ok").fails("connect", "through proxy")
                assert "canary" not in str(answer.last), answer.last
    assert all("proxy-authorization" not in request.headers for request in server.requests)


@test("providers.P.proxy", says="that refuses or breaks is told, and what it says is no answer")
def _():
    for kind, only, words in [
        ("http", b"HTTP/1.1 403 No\r\n\r\n", "through proxy 127.0.0.1"),
        ("http", b"HTTP/1.1 403 No\r\n\r\n", "refused with status 403"),
        ("http", b"HTTP/1.1 407 Who\r\n\r\n", "other credentials"),
        ("http", b"SSH-2.0-x\r\n\r\n", "does not speak HTTP"),
        ("http", b"HTTP/1.1 200 x\r\n" + b"x" * 20000, "exceeds"),
        ("http", b"HTTP/1.1 2", "went away"),
        ("socks5h", b"\x05\x05\x00\x01", "connection refused (5)"),
        ("socks5h", b"\x05\x00\x00\x09", "no known kind"),
        ("socks5h", b"\x05", "went away"),
    ]:
        proxy = Proxy("http" if kind == "http" else "socks5", only=only)
        answer = through_tls(proxy=proxy.url(kind)).ask("house/text=ok").fails("connect", words)
        assert answer.last["phase"] == "connect", answer.last


@test("providers.P.proxy", says="may be a variable or a file; what is no proxy is refused without its words")
def _():
    server, proxy = Server(), Proxy()
    os.environ["HOUSE_PROXY"] = proxy.url()
    client(server, proxy="env:HOUSE_PROXY").ask("house/m").succeeds("ok")
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(proxy.url() + "\n")
        file.flush()
        client(server, proxy=f"file:{file.name}").ask("house/m").succeeds("ok")
    assert len(proxy.asked) == 2
    error = refused(lambda: client(server, proxy="ftp://canary@h"), CONFIG, "providers.house.proxy: expected a proxy with")
    assert "canary" not in error.message


@test("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", says="name proxies by a URL's scheme; none of them is for this machine")
def _():
    server, plain, tunnel = Server(), Proxy(), Proxy()
    os.environ.update(HTTP_PROXY=plain.url(), HTTPS_PROXY=tunnel.url())
    client(server).ask("house/m").succeeds("ok")
    through_tls().ask("house/text=ok").succeeds("ok")
    Client(config(server)).ask("house/m").succeeds("ok")
    assert (len(plain.asked), len(tunnel.asked)) == (1, 1)
    every = Proxy("socks5")
    os.environ.update(https_proxy="", HTTPS_PROXY="", all_proxy=every.url("socks5h"))
    through_tls().ask("house/text=ok").succeeds("ok")
    assert len(every.asked) == 1
    client(server, proxy="none").ask("house/m").fails("connect")
    assert len(plain.asked) == 1


@test("NO_PROXY", says="names those that are reached without")
def _():
    server, proxy = Server(), Proxy()
    os.environ["ALL_PROXY"] = proxy.url()
    for listed in "example", f"api.example:{server.port}", "*":
        os.environ["NO_PROXY"] = listed
        client(server).ask("house/m").fails("connect")
        # What the configuration says is not excepted.
        client(server, proxy=proxy.url()).ask("house/m").succeeds("ok")
    assert len(proxy.asked) == 3
    os.environ["NO_PROXY"] = "other.example, 10.0.0.0/8"
    client(server).ask("house/m").succeeds("ok")
    assert len(proxy.asked) == 4


@test("HTTPS_PROXY", says="that is unusable takes those away that have no proxy of their own")
def _():
    os.environ["HTTPS_PROXY"] = "ftp://canary"
    server = Server()
    error = refused(lambda: client(server), CONFIG, "variable HTTPS_PROXY")
    assert "canary" not in error.message
    client(server, host=HOST, proxy="none").ask("house/m").succeeds("ok")
    os.environ["OPENAI_API_KEY"] = "k"
    refused(lambda: Client({}).ask("openai/m"), CONFIG, "openai", "variable HTTPS_PROXY")
