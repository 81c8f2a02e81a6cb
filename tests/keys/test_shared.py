"""What several clients and processes share in a Redis: limits that are one for all of them, and what is left when it is gone."""

import json

from llm import CONFIG, Client, refused
from redis import Redis, until
from server import Server
from suite import config, test
from test_limits import NOW, WHOLE, crowd, mocked, tenant, usage

# The tests' machine is slow and shared; what the bound is for is tested where it is.
PATIENT = 2000


def clients(count, server, redis, limits, **shared):
    """Clients of one Redis, once they have reached it."""
    said = {"redis": redis.url, "timeout_ms": PATIENT, **shared}
    made = [Client(config(server, provider={"limits": limits}, admission=NOW, shared=said)) for _ in range(count)]
    until(lambda: made[0].figures()["shared_links_up"] >= count)
    return made


def passed(clients, times, **fields):
    """How many of so many requests pass, each client asking in turn."""
    asked = [client.ask("house/m", **fields) for _ in range(times) for client in clients]
    for answer in asked:
        assert answer.status in ("LLM_OK", "LLM_ERR_RATE_LIMITED"), answer.message
    return sum(answer.status == "LLM_OK" for answer in asked)


@test("shared.redis", says="counts for all clients together what each would count for itself", needs="redis-server")
def _():
    server, redis = Server(usage(100)), Redis()
    pair = clients(2, server, redis, {"requests_per_minute": 5})
    assert passed(pair, 5) == 5
    answer = pair[0].ask("house/m").fails("rate_limited", "requests_per_minute")
    assert 30_000 < answer.last["retry_after_ms"] <= 61_000, answer.last
    # Tokens are taken as thought and counted as used.
    pair = clients(2, server, redis, {"tokens_per_minute": 1000}, prefix="tokens:")
    body = {**WHOLE, "max_tokens": 500}
    assert passed(pair, 5, body=body) == 5
    pair[1].ask("house/m", body=body).fails("rate_limited", "tokens_per_minute")
    pair[1].ask("house/m", body={"max_tokens": 2000}).fails("rate_limited", "the request alone is more")
    # A restarted Redis has forgotten the scripts as well.
    assert redis.ask("SCRIPT", "FLUSH") == "OK"
    pair[0].ask("house/m", body={**WHOLE, "max_tokens": 10}).succeeds()
    redis.close()


@test("shared.redis", says="is a place that can be read, and greeted by a password")
def _():
    for url in "cache:6379", "http://h", "redis://h:0":
        refused(lambda: Client({"shared": {"redis": url}}), CONFIG, "shared.redis", "expected")
    refused(lambda: Client({"shared": {"redis": "env:NOT_SET_ANYWHERE"}}), CONFIG, "NOT_SET_ANYWHERE is not set")


@test("shared.redis", says="is greeted with its user, password and database", needs="redis-server")
def _():
    redis, server = Redis(), Server()
    assert redis.ask("ACL", "SETUSER", "me", "on", ">p@ss", "~*", "+@all") == "OK"
    assert redis.ask("CONFIG", "SET", "requirepass", "other") == "OK"
    url = f"redis://me:p%40ss@127.0.0.1:{redis.port}/3"
    client = Client(config(server, provider={"limits": {"requests_per_minute": 2}}, shared={"redis": url, "timeout_ms": PATIENT}))
    until(lambda: client.figures()["shared_links_up"] == 1)
    client.ask("house/m").succeeds()
    assert client.figures()["shared_failed_total"] == 0
    redis.close()


@test("shared.prefix", says="begins the names of keys; other names are others' limits", needs="redis-server")
def _():
    server, redis = Server(), Redis()
    one, other = (clients(1, server, redis, {"requests_per_minute": 2}, **more) for more in ({}, {"prefix": "other:"}))
    assert passed(one, 3) == 2
    assert passed(other, 3) == 2
    names = sorted(redis.ask("KEYS", "*"))
    assert names == ["libllm:requests:provider:house", "other:requests:provider:house"], names
    redis.close()


@test("shared.timeout_ms", says="is all that anybody waits for a Redis that does not answer; requests go on without it", needs="redis-server")
def _():
    server, redis = Server(), Redis()
    (client,) = clients(1, server, redis, {"requests_per_minute": 10_000}, timeout_ms=200)
    client.ask("house/m").succeeds()
    redis.pause()
    assert passed([client], 10) == 10
    told = client.figures()
    # The first one waited; then nobody was asked any more.
    assert told["shared_late_total"] >= 1 and told["shared_links_up"] == 0, told
    assert told["shared_late_total"] <= 3, told
    redis.resume()

    def answers():
        client.ask("house/m").succeeds()
        return client.figures()["shared_links_up"] == 1

    until(answers)
    redis.close()
    for said in 0, 10_001, "5":
        refused(lambda: Client({"shared": {"timeout_ms": said}}), CONFIG, "shared.timeout_ms")


@test("shared.share", says="is the part of a limit that a process takes while Redis is gone", needs="redis-server")
def _():
    server, redis = Server(), Redis()
    quarter, half = (clients(1, server, redis, {"requests_per_minute": 20}, **more) for more in ({"share": 0.25}, {"prefix": "other:"}))
    redis.kill()
    assert passed(quarter, 20) == 5
    assert passed(half, 20) == 10
    assert 'libllm_shared_links_up 0' in half[0].metrics("prometheus")
    # What was used while it was there counts too.
    redis.start()
    (fresh,) = clients(1, server, redis, {"requests_per_minute": 20}, prefix="fresh:", share=0.25)
    assert passed([fresh], 4) == 4
    redis.kill()
    assert passed([fresh], 20) == 1
    for said in 1.5, -1, "all":
        refused(lambda: Client({"shared": {"share": said}}), CONFIG, "shared.share")


@test("tenants.T.limits", says="are shared too", needs="redis-server")
def _():
    server, redis = Server(), Redis()
    said = {"redis": redis.url, "timeout_ms": PATIENT}
    pair = [Client(config(server, tenants={"*": {"limits": {"requests_per_minute": 3}}}, admission=NOW, shared=said)) for _ in range(2)]
    until(lambda: pair[0].figures()["shared_links_up"] == 2)
    assert passed(pair, 3, **tenant("a")) == 3
    assert passed(pair, 3, **tenant("b")) == 3
    redis.close()


@test("shared.redis", says="tells the others how long a target asked to be left alone", needs="redis-server")
def _():
    server, redis = Server(lambda exchange: exchange.fail(429, "retry-after: 30")), Redis()
    (client,) = clients(1, server, redis, {})
    client.ask("house/m").fails("rate_limited")
    until(lambda: redis.ask("HKEYS", "libllm:cooldowns") == ["house/m"])
    seconds, micro = (int(part) for part in redis.ask("TIME"))
    left = int(redis.ask("HGET", "libllm:cooldowns", "house/m")) / 1000 - seconds - micro / 1e6
    assert 20 < left <= 30, left
    # What is over is forgotten by whoever looks.
    assert redis.ask("HSET", "libllm:cooldowns", "house/old", 1) == 1
    until(lambda: redis.ask("HKEYS", "libllm:cooldowns") == ["house/m"])
    redis.close()


@test("shared.redis", says="has the others leave such a target alone, too, though they never asked it", needs="redis-server")
def _():
    def answer(exchange):
        exchange.fail(429, "retry-after: 30") if exchange.request.json["model"] == "busy" else exchange.say("ok")

    server, redis = Server(answer), Redis()
    said = {"redis": redis.url, "timeout_ms": PATIENT}
    alias = {"a": {"targets": [{"model": "house/busy"}, {"model": "house/idle"}]}}
    pair = [Client({**config(server, models=alias, shared=said), "retry": {"max_attempts": 2}}) for _ in range(2)]
    until(lambda: pair[0].figures()["shared_links_up"] >= 2)
    assert pair[0].ask("a").succeeds("ok").targets == ["house/busy", "house/idle"]
    # Nobody asks the other one for anything: it hears of it from Redis.
    until(lambda: json.loads(pair[1].ask("a", operation="explain").of("RESULT")[0].data)["candidates"][0]["target"] == "house/idle")
    asked = len(server.requests)
    assert pair[1].ask("a").succeeds("ok").targets == ["house/idle"]
    assert [request.json["model"] for request in server.requests[asked:]] == ["idle"]
    redis.close()


@test("shared.redis", says="64 threads and four clients of one Redis take what is there, and nothing more", needs="redis-server")
def _():
    redis = Redis()
    said = {"redis": redis.url, "timeout_ms": PATIENT}
    four = [mocked({"requests_per_minute": 100}, admission=NOW, shared=said) for _ in range(4)]
    until(lambda: four[0].figures()["shared_links_up"] == 4)
    assert crowd(four, 4, "a") == {"LLM_OK": 100, "LLM_ERR_RATE_LIMITED": 64 * 4 - 100}
    redis.close()
