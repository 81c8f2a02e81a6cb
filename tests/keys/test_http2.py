"""`providers.P.http2` and the age of connections, with nginx as the other side."""

import threading

from llm import CONFIG, Client, Queue, chat, refused
from nginx import Authority, Nginx, secure
from server import HOST, Server
from suite import config, test


def client(nginx, scheme="http", **provider):
    place = {"wire": "openai_chat", "base_url": f"{scheme}://{HOST}:{nginx.port}/v1", **provider}
    return Client({"providers": {"house": place}, "retry": {"max_attempts": 1}})


def protocols(server):
    return {request.headers["x-protocol"] for request in server.requests}


def connections(server):
    return len({request.headers["x-connection"] for request in server.requests})


def at_once(client, count):
    """So many requests, none of which waits for another."""
    queue = Queue()
    for _ in range(count):
        client.submit(queue, chat("house/m", {}))
    ends = []
    while len(ends) < count:
        ends += [event for event in queue.poll() if event.type >= 100]
    assert all(event.status == 0 for event in ends), ends


@test("providers.P.http2.mode", "providers.P.http2", needs="nginx", says="chooses by ALPN, or what it is told")
def _():
    authority = Authority()
    tls = {"ca_file": authority.file}
    for listen, mode, spoken in [
        ("ssl http2", "auto", "HTTP/2.0"),
        ("ssl", "auto", "HTTP/1.1"),
        ("ssl http2", "off", "HTTP/1.1"),
        ("ssl http2", "prior_knowledge", "HTTP/2.0"),
    ]:
        server = Server()
        with Nginx(server, listen, secure(authority)) as nginx:
            house = client(nginx, "https", tls=tls, http2={"mode": mode})
            at_once(house, 20)
            house.ask("house/m").succeeds("ok")
            assert protocols(server) == {spoken}, (listen, mode, protocols(server))
            assert connections(server) == 1 or spoken != "HTTP/2.0", (listen, mode)
    server = Server()
    with Nginx(server, "ssl", secure(authority)) as nginx:
        house = client(nginx, "https", tls=tls, http2={"mode": "prior_knowledge"})
        assert house.ask("house/m").status == "LLM_ERR_CONNECT"
    assert not server.requests


@test("providers.P.http2.mode", needs="nginx", says="without TLS is HTTP/2 for who knows that the server speaks it")
def _():
    server = Server()
    with Nginx(server, "http2") as nginx:
        house = client(nginx, http2={"mode": "prior_knowledge"})
        at_once(house, 20)
        assert protocols(server) == {"HTTP/2.0"} and connections(server) == 1
    plain = Server()
    Client(config(plain)).ask("house/m").succeeds("ok")
    assert plain.only.headers.get("host")
    words = "providers.house.http2.mode", '"auto", "off", "prior_knowledge"'
    refused(lambda: Client(config(plain, provider={"http2": {"mode": "h3"}})), CONFIG, *words)


def held(count):
    """A server that answers nobody before so many have asked."""
    all_there = threading.Barrier(count)

    def answer(exchange):
        all_there.wait(10)
        exchange.say("ok")

    return Server(answer)


@test("providers.P.http2.max_streams", needs="nginx", says="bounds the requests of one connection, as the server does")
def _():
    for more, http2 in ("", {"max_streams": 4}), ("http2_max_concurrent_streams 4;", {}):
        server = held(12)
        with Nginx(server, "http2", more) as nginx:
            at_once(client(nginx, http2={"mode": "prior_knowledge", **http2}), 12)
            assert connections(server) == 3, connections(server)
    words = "providers.house.http2.max_streams: expected a whole number in 1 to 10000"
    refused(lambda: Client(config(Server(), provider={"http2": {"max_streams": 0}})), CONFIG, words)


@test("providers.P.http2.ping_s", needs="nginx", says="finds a connection that died without a word; an answer that is slow lives")
def _():
    server = Server(lambda exchange: (exchange.hold(1), exchange.say("ok")))
    with Nginx(server, "http2") as nginx:
        house = client(nginx, http2={"mode": "prior_knowledge", "ping_s": 0.1}, timeouts={"first_token": 8})
        # nginx answers pings while its own server takes its time.
        house.ask("house/m").succeeds("ok")
        nginx.process.send_signal(19)  # SIGSTOP: it lives, and says nothing.
        answer = house.ask("house/m").fails("connection_lost")
        assert answer.last["phase"] == "send", answer.last
        silent = client(nginx, http2={"mode": "prior_knowledge", "ping_s": 0}, timeouts={"first_token": 0.5})
        silent.ask("house/m").fails("timeout")
    words = "providers.house.http2.ping_s: expected seconds, 0 or more"
    refused(lambda: Client(config(Server(), provider={"http2": {"ping_s": -1}})), CONFIG, words)


@test("providers.P.connection_age_s", needs="nginx", says="takes no more requests after so long, and finishes those on it")
def _():
    for listen, mode in ("", "off"), ("http2", "prior_knowledge"):
        server = Server(lambda exchange: (exchange.hold(0.2), exchange.say("ok")))
        with Nginx(server, listen) as nginx:
            house = client(nginx, http2={"mode": mode}, connection_age_s=0.1)
            for _ in range(3):
                house.ask("house/m", body={"stream": False}).succeeds("ok")
            assert connections(server) == 3, connections(server)
            young = client(nginx, http2={"mode": mode})
            for _ in range(3):
                young.ask("house/m", body={"stream": False}).succeeds("ok")
            assert connections(server) == 4, connections(server)
    words = "providers.house.connection_age_s: expected seconds above 0"
    refused(lambda: Client(config(Server(), provider={"connection_age_s": 0})), CONFIG, words)


@test("providers.P.idle_pool_s", needs="nginx", says="holds for HTTP/2 too")
def _():
    for idle, count in (60, 1), (0, 3):
        server = Server()
        with Nginx(server, "http2") as nginx:
            house = client(nginx, http2={"mode": "prior_knowledge"}, idle_pool_s=idle)
            for _ in range(3):
                house.ask("house/m", body={"stream": False}).succeeds("ok")
            assert connections(server) == count, (idle, connections(server))
