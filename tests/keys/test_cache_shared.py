"""The cache's second level: answers that all processes of one Redis find, and what becomes of that when it is slow or gone."""

import time

from llm import CONFIG, Client, Queue, chat, refused
from redis import Redis, until
from server import PATIENCE, Server
from suite import config, test
from test_cache import gate, invalidated, numbered
from test_shared import PATIENT


def client_of(server, redis, *, timeout_ms=PATIENT, **cache):
    said = {"redis": redis.url, "timeout_ms": timeout_ms}
    made = Client(config(server, cache={"enabled": True, **cache}, shared=said))
    before = made.figures()["shared_links_up"]
    until(lambda: made.figures()["shared_links_up"] >= max(before, 1))
    return made


def pair(server, redis, **more):
    made = [client_of(server, redis, **more) for _ in range(2)]
    until(lambda: made[0].figures()["shared_links_up"] >= 2)
    return made


def held(exchange):
    """Says which answer it was, once it may."""
    text = f"answer {len(exchange.server.requests)}"
    exchange.server.begun.release()
    assert exchange.server.go_on.wait(PATIENCE)
    exchange.say(text)


def kept_by(client, asked):
    """The answer that this one has kept, if it has."""
    said = client.ask("house/m", json=asked).succeeds()
    return said.text if said.last["cached"] else None


def kept(redis):
    """The names of the answers there."""
    return [name for name in redis.ask("KEYS", "*") if ":answer:" in name]


@test("cache.shared", says="lets another process find an answer, from where it goes into that one's memory", needs="redis-server")
def _():
    server, redis = Server(numbered), Redis()
    one, other = pair(server, redis)
    first = one.ask("house/m").succeeds("answer 1")
    until(lambda: kept(redis))
    again = other.ask("house/m").succeeds("answer 1")
    assert again.last["cached"] and again.last["cache"] == {"source": "redis"}, again.last
    for key in "id", "model", "provider", "target", "finish_reason", "usage", "message", "incomplete":
        assert first.last[key] == again.last[key], key
    assert again.last["cost"] == {"microusd": 0, "source": "cache"}
    until(lambda: other.ask("house/m").succeeds("answer 1").last["cache"] == {"source": "memory"})
    # As a stream or whole, in any order of members.
    assert one.complete("house/m")["libllm"]["cache"] == {"source": "memory"}
    figures = one.figures()
    assert len(server.requests) == 1 and figures["cache_shared_hits_total"] == 1, figures
    assert 'libllm_cache_shared_hits_total 1' in one.metrics("prometheus")
    # Another question, another tenant's and another key's are none of these.
    for more in {"tenant": "t"}, {"api_key": "other"}, {"tenant": "t", "api_key": "third"}:
        one.ask("house/m", json=more).succeeds(f"answer {len(server.requests)}")
    assert len(server.requests) == 4
    redis.close()


@test("cache.shared", says="keeps whose key it was to itself: the same key finds it in another process", needs="redis-server")
def _():
    server, redis = Server(numbered), Redis()
    one, other = pair(server, redis)
    one.ask("house/m", json={"api_key": "sk-canary"}).succeeds("answer 1")
    [name] = until(lambda: kept(redis))
    other.ask("house/m", json={"api_key": "sk-canary"}).succeeds("answer 1")
    assert "canary" not in name + str(redis.ask("HGET", name, "marks"))
    redis.close()


@test("cache.shared", says="false keeps answers in this process alone", needs="redis-server")
def _():
    server, redis = Server(numbered), Redis()
    one, other = pair(server, redis, shared=False)
    for number, client in enumerate([one, other], 1):
        client.ask("house/m").succeeds(f"answer {number}")
        assert client.ask("house/m").succeeds(f"answer {number}").last["cache"] == {"source": "memory"}
    assert kept(redis) == [] and one.figures()["cache_shared_misses_total"] == 0
    refused(lambda: Client({"cache": {"shared": 1}}), CONFIG, "cache.shared: expected true or false")
    redis.close()


@test("cache.shared_ttl", says="is how long an answer is kept in Redis; an hour by default, and a request's own ttl before both", needs="redis-server")
def _():
    server, redis = Server(numbered), Redis()
    for said, option, least, most in [({}, True, 3_500_000, 3_600_000), ({"shared_ttl": 90}, True, 60_000, 90_000),
                                      ({"shared_ttl": 90}, {"ttl": 7}, 1, 7_000)]:
        redis.ask("FLUSHALL")
        client = client_of(server, redis, **said)
        client.ask("house/m", json={"cache": option}).succeeds()
        [name] = until(lambda: kept(redis))
        left = redis.ask("PTTL", name)
        assert least <= left <= most, (said, option, left)
    # What is warmed from there is not kept for longer than there.
    redis.ask("PEXPIRE", name, 300)
    fresh = client_of(server, redis, shared_ttl=90)
    assert fresh.ask("house/m").succeeds("answer 3").last["cached"]
    until(lambda: fresh.ask("house/m").succeeds().text != "answer 3")
    refused(lambda: Client({"cache": {"shared_ttl": 0}}), CONFIG, "cache.shared_ttl: expected seconds above 0")
    redis.close()


@test("cache.shared", says="what is forgotten is forgotten in every process and in Redis, by key, model, tag and tenant", needs="redis-server")
def _():
    server, redis = Server(numbered), Redis()
    one, other = pair(server, redis)
    asked = {"cache": {"tags": ["prices"], "key": "k"}, "tenant": "t"}
    for what, tenant in [({"tag": "prices"}, None), ({"key": "k"}, None), ({"model": "house/m"}, None), ({"all": True}, None),
                         ({"tag": "prices"}, "t")]:
        text = one.ask("house/m", json=asked).succeeds().text
        until(lambda: kept(redis))
        assert other.ask("house/m", json=asked).succeeds(text).last["cached"]
        answer = invalidated(one, what, **({"tenant": tenant} if tenant else {}))
        assert answer["shared"] is True and answer["removed"] == 1, answer
        # Not there any more for who has it not in memory, from the moment on that it was said.
        fresh = client_of(server, redis)
        newer = fresh.ask("house/m", json=asked).succeeds()
        assert newer.text != text and not newer.last["cached"], what
        # Not kept if the word of what is void came to it later than its question.
        newer = until(lambda: kept_by(fresh, asked))
        # It is kept behind the answer's back; who asked before that would be told something else, and keep it.
        until(lambda: kept(redis))
        until(lambda: other.ask("house/m", json=asked).succeeds().text == newer)
        assert one.ask("house/m", json=asked).succeeds(newer).last["cached"]
    # Somebody else's words about it leave it alone.
    for what, tenant in [({"tag": "other"}, None), ({"all": True}, "u")]:
        invalidated(one, what, **({"tenant": tenant} if tenant else {}))
    time.sleep(0.6)
    for client in one, other:
        assert client.ask("house/m", json=asked).succeeds(newer).last["cached"]
    redis.close()


@test("cache.shared", says="what was asked before it was forgotten is not kept when it comes, anywhere", needs="redis-server")
def _():
    server, redis = gate(held), Redis()
    one, other = pair(server, redis)
    queue = Queue()
    one.submit(queue, chat("house/m", {}))
    assert server.begun.acquire(timeout=PATIENCE)
    invalidated(other, {"all": True})
    time.sleep(0.6)
    server.go_on.set()
    queue.answer().succeeds("answer 1")
    one.ask("house/m").succeeds("answer 2")
    until(lambda: kept(redis))
    other.ask("house/m").succeeds("answer 2")
    redis.close()


@test("cache.shared", says="answers are void once nobody knows any more what was forgotten", needs="redis-server")
def _():
    server, redis = Server(numbered), Redis()
    one, other = pair(server, redis)
    one.ask("house/m").succeeds("answer 1")
    until(lambda: kept(redis))
    # As an eviction would.
    assert redis.ask("DEL", "libllm:forgotten") == 1
    other.ask("house/m").succeeds("answer 2")
    # Nor is it read what nobody here has written.
    until(lambda: redis.ask("ZCARD", "libllm:forgotten"))
    [name] = until(lambda: kept(redis))
    assert redis.ask("HSET", name, "body", "llm1 nonsense") == 0
    client_of(server, redis).ask("house/m").succeeds("answer 3")
    redis.close()


@test("cache.shared", says="a Redis that is gone costs nobody anything; what was forgotten meanwhile is told when it is back", needs="redis-server")
def _():
    server, redis = Server(numbered), Redis()
    one, other = pair(server, redis)
    one.ask("house/m").succeeds("answer 1")
    until(lambda: kept(redis))
    other.ask("house/m").succeeds("answer 1")
    redis.kill()
    until(lambda: one.figures()["shared_links_up"] == 0)
    assert one.ask("house/m").succeeds("answer 1").last["cache"] == {"source": "memory"}
    one.ask("house/m", body={"seed": 1}).succeeds("answer 2")
    assert one.figures()["cache_shared_unavailable_total"] >= 1
    assert invalidated(one, {"all": True})["shared"] is False
    one.ask("house/m").succeeds("answer 3")
    redis.start()
    until(lambda: not other.ask("house/m").succeeds().text == "answer 1")
    until(lambda: one.figures()["shared_links_up"] == 2)
    redis.close()


@test("cache.shared", "shared.timeout_ms", says="nobody waits longer for it than for anything there; what comes too late is kept for the next",
      needs="redis-server")
def _():
    server, redis = gate(held), Redis()
    server.go_on.set()
    one, other = client_of(server, redis), client_of(server, redis, timeout_ms=20)
    one.ask("house/m").succeeds("answer 1")
    until(lambda: kept(redis))
    until(lambda: other.figures()["shared_links_up"] == 2)
    server.go_on.clear()
    redis.pause()
    queue = Queue()
    other.submit(queue, chat("house/m", {}))
    # Redis said nothing in time: the provider is asked, and takes its time.
    until(lambda: len(server.requests) == 2)
    assert other.figures()["cache_shared_unavailable_total"] == 1
    redis.resume()
    until(lambda: other.figures()["cache_shared_late_total"] == 1)
    assert other.ask("house/m", body={"stream": False}).succeeds("answer 1").last["cache"] == {"source": "memory"}
    server.go_on.set()
    queue.answer().succeeds("answer 2")
    redis.close()
