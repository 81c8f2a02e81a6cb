"""What becomes of budgets while a Redis is away that several processes share, and how long one request waits for it."""

import socket
import threading
import time

from llm import Client
from redis import Redis, until
from server import HOST, Relay, Server, copy
from suite import config, test
from test_budgets import PRICE, spends
from test_limits import NOW

# What each request uses, and a budget that none of these tests uses up.
USED, MUCH = 100, 0.1


class Between(Relay):
    """The way to a Redis: `slow` seconds for each answer; the answer to one question with the word `loses` is lost, and those with
    `counts` are counted."""

    def __init__(self, redis, counts=None, loses=None):
        self.counts, self.loses, self.lost, self.seen, self.slow = counts, loses, False, 0, 0.0
        super().__init__(redis.port)

    @property
    def url(self):
        return f"redis://{HOST}:{self.port}"

    def begin(self, near):
        try:
            far = socket.create_connection((HOST, self.to))
        except OSError:
            near.shutdown(socket.SHUT_RDWR)
            return
        threading.Thread(target=self.answers, args=(far, near), daemon=True).start()
        try:
            while data := near.recv(65536):
                self.seen += bool(self.counts) and self.counts in data
                if self.loses and not self.lost and self.loses in data:
                    self.lost = True
                    near.shutdown(socket.SHUT_RDWR)
                far.sendall(data)
        except OSError:
            pass
        try:
            far.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def answers(self, far, near):
        copy(Slowly(far, self), near)


class Slowly:
    """A socket whose bytes come late."""

    def __init__(self, sock, way):
        self.sock, self.way = sock, way

    def recv(self, size):
        data = self.sock.recv(size)
        time.sleep(self.way.slow)
        return data


def shares(url, **more):
    models = {"a": {"targets": [{"model": "house/m", "price": PRICE}]}}
    root = {"models": models, "budgets": [{"model": "a", "usd_per_month": MUCH}], "admission": NOW, "shared": {"redis": url, "timeout_ms": 500}}
    client = Client(config(Server(spends(USED)), **{**root, **more}))
    until(lambda: is_there(client))
    return client


def is_there(client):
    told = client.figures()
    return told["shared_links_up"] == told["shared_links"]


def settled(redis):
    """What Redis knows of the budget, but for what is lent to requests that it heard no more of."""
    held = redis.ask("HGETALL", "libllm:usd:month:model:a") or []
    fields = dict(zip(held[::2], map(int, held[1::2])))
    lent = sum(amount for field, amount in fields.items() if field.startswith("lent:"))
    return sum(fields.values()) - 2 * lent


def passes(client, times):
    for _ in range(times):
        client.ask("a", body={"stream": False}).succeeds()


def back(client):
    """It asks until Redis is there again; how many requests that took."""
    took = [0]

    def answers():
        passes(client, 1)
        took[0] += 1
        return is_there(client)

    until(answers)
    return took[0]


@test("shared.redis", "budgets[].usd_per_month", says="what a process spent while Redis was away is in the budget when it is back", needs="redis-server")
def _():
    redis = Redis()
    client = shares(redis.url)
    passes(client, 2)
    until(lambda: settled(redis) == 2 * USED)
    # It keeps what it has, and answers nobody.
    redis.pause()
    passes(client, 5)
    assert client.figures()["shared_links_up"] == 0
    redis.resume()
    more = back(client)
    until(lambda: settled(redis) == (2 + 5 + more) * USED)
    # It is gone with all it had.
    redis.kill()
    passes(client, 7)
    redis.start()
    more = back(client)
    passes(client, 3)
    until(lambda: settled(redis) == (7 + more + 3) * USED)
    # The others have spent nothing meanwhile, and nothing is told twice.
    other = shares(redis.url)
    passes(client, 1)
    theirs = back(other)
    until(lambda: settled(redis) == (7 + more + 3 + theirs + 1) * USED)
    redis.close()


@test("shared.redis", "budgets[].usd_per_month", says="is told once what was spent without it, though its answer is lost and it is told again", needs="redis-server")
def _():
    redis = Redis()
    # The script itself is sent once, and named by its hash from then on.
    way = Between(redis, counts=b"once:", loses=b"'NX', 'EX'")
    client = shares(way.url)
    redis.kill()
    passes(client, 5)
    redis.start()
    made = back(client)

    def again():
        """Named by a hash that is not known, sent whole, and named once more over the next connection."""
        nonlocal made
        passes(client, 1)
        made += 1
        return way.lost and way.seen >= 3

    until(again)
    made += back(client)
    until(lambda: settled(redis) == (5 + made) * USED)
    redis.close()


@test("shared.timeout_ms", says="is what one request waits for all that it asks there", needs="redis-server")
def _():
    redis = Redis()
    tenants = {"*": {"limits": {"requests_per_minute": 100}}}
    provider = {"limits": {"requests_per_minute": 1}}

    def client(url):
        shared = {"redis": url, "timeout_ms": 3000}
        made = Client(config(Server(), provider=provider, shared=shared, admission=NOW, tenants=tenants))
        until(lambda: made.figures()["shared_links_up"] >= 1)
        return made

    client(redis.url).ask("house/m").succeeds("ok")
    way = Between(redis)
    late = client(way.url)
    # Redis knows that the provider's minute is used up, but the tenant's answer took most of the time that there is.
    way.slow = 2.0
    late.ask("house/m").succeeds("ok")
    way.slow = 0.0
    redis.close()
