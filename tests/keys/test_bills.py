"""What a budget holds after calls that ended in every way that there is: what may be billed counts, and nothing else."""

import threading

import exposition
from llm import EVENT, Client, Queue, chat, library
from redis import Redis, until
from server import PATIENCE, Server, turns
from suite import config, house, test
from test_budgets import PRICE, spends
from test_guardrails import SCHEMA
from test_hooks import Host
from test_limits import NOW, Held, answers, submit

# What each request may come to, in tokens and millionths of a dollar: far more than its words do.
THOUGHT = 5000
LONG = {"max_tokens": THOUGHT}


def dollars(millionths):
    return millionths / 1_000_000


def alias(budget, *servers, limits=None, **more):
    """Alias `a` of these servers, with a budget of so many millionths."""
    places = {f"p{number}": house(server) for number, server in enumerate(servers)}
    targets = [{"model": f"{name}/m", "price": PRICE, **(limits or {})} for name in places]
    model = {"targets": targets, **more.pop("model", {})}
    budgets = [{"model": "a", "usd_per_month": dollars(budget)}]
    return Client({"providers": places, "models": {"a": model}, "budgets": budgets, "admission": NOW, **more})


def streams(text, tokens=None, cut=False):
    """A stream that says what it took, whether it comes to its end or not."""

    def answer(exchange):
        exchange.head()
        exchange.delta(text)
        if tokens:
            usage = {"prompt_tokens": tokens - 1, "completion_tokens": 1, "total_tokens": tokens}
            exchange.event({"id": "c", "model": "m", "choices": [], "usage": usage})
        if cut:
            return exchange.cut()
        exchange.finish()
        exchange.end()

    return answer


def holds(client, used, budget):
    """The budget of `a` has about so much used: what fits passes, what does not is refused. The words of a request are a few tokens."""
    room = budget - used
    client.ask("a", body={"max_tokens": room + 1}).fails("quota", "budget of model a")
    client.ask("a", body={"max_tokens": room - 200}).succeeds()


@test("budgets[].tenant", says="is not touched by what is refused here: nobody was asked")
def _():
    held, queue = Held(), Queue()
    models = {"a": {"targets": [{"model": "house/m", "price": PRICE}]}}
    budgets = [{"tenant": "default", "usd_per_month": dollars(4 * THOUGHT)}]
    client = Client(config(held.server, provider={"limits": {"in_flight": 1}}, models=models, budgets=budgets, admission=NOW))
    submit(client, queue, "a")
    held.wait(1)
    for _ in range(20):
        client.ask("a", body=LONG).fails("rate_limited", "in_flight")
    held.go(2)
    assert answers(queue, 1) == ["LLM_OK"]
    client.ask("a", body=LONG).succeeds()
    assert len(held.server.requests) == 2


@test("hooks.attempt", says="one that the host refuses has used nothing, neither of a minute nor of a budget")
def _():
    server = Server(streams("ok", 100))
    budget = 2 * THOUGHT
    client = alias(budget, server, hooks={"attempt": True}, limits={"limits": {"tokens_per_minute": 2 * THOUGHT}})
    host = Host(client, {"attempt": lambda _: (-7, {"message": "no"})})
    for _ in range(20):
        host.ask("a", body=LONG)
    assert not server.requests
    host.hooks = {}
    assert host.ask("a", body=LONG).status == "LLM_OK"


@test("budgets[].model", says="no number that a request says is so large that it costs nothing")
def _():
    server = Server()
    client = alias(1_000_000, server)
    for most in 2**64 // 10, 2**64 - 1, 2**64, 10**30, 2**63:
        client.ask("a", body={"max_tokens": most}).fails("quota", "budget of model a")
        client.ask("a", body={"max_tokens": most // 4, "n": 4}).fails("quota", "budget of model a")
    assert not server.requests
    client.ask("a").succeeds()


@test("budgets[].model", "retry.on_partial", says="holds what a void answer took, and DONE's cost does too")
def _():
    for how, quirks, usage in ("restart", {}, 100), ("continue", {"prefill": "last"}, 4100):
        server, budget = Server(turns(streams("half", 4000, cut=True), streams("whole", 100))), 10_000
        client = alias(budget, server, retry={"on_partial": how, "max_attempts": 2})
        if quirks:
            places = {"p0": house(server, quirks=quirks)}
            models = {"a": {"targets": [{"model": "p0/m", "price": PRICE}]}}
            budgets = [{"model": "a", "usd_per_month": dollars(budget)}]
            client = Client({"providers": places, "models": models, "budgets": budgets, "admission": NOW,
                             "retry": {"on_partial": how, "max_attempts": 2}})
        done = client.ask("a", body={"max_tokens": 1000}).succeeds()
        assert done.last["cost"]["microusd"] == 4100 and done.last["usage"]["total_tokens"] == usage, done.last
        server.answer = streams("ok", 1)
        holds(client, 4100, budget)


@test("retry.on_partial", says="continue: each part costs what its own target takes for it")
def _():
    servers = [Server(streams("The sky ", 100, cut=True)), Server(streams("is blue.", 10))]
    places = {f"p{number}": house(server, quirks={"prefill": "last"}) for number, server in enumerate(servers)}
    prices = [PRICE, {"input": 50, "output": 50}]
    models = {"a": {"targets": [{"model": f"{name}/m", "price": price} for name, price in zip(places, prices)]}}
    client = Client({"providers": places, "models": models, "retry": {"on_partial": "continue"}})
    done = client.ask("a").succeeds("The sky is blue.")
    assert done.last["cost"]["microusd"] == 100 + 500, done.last["cost"]
    assert done.last["usage"]["total_tokens"] == 110, done.last["usage"]


@test("budgets[].model", says="holds what an attempt may have come to that nobody heard the end of")
def _():
    late, server = Server(lambda exchange: exchange.wait()), Server(streams("ok", 100))
    budget = 3 * THOUGHT
    client = alias(budget, late, server, timeouts={"first_token": 1.5})
    done = client.ask("a", body=LONG).succeeds("ok")
    assert [attempt["status"] for attempt in done.last["attempts"]] == ["LLM_ERR_TIMEOUT", "LLM_OK"], done.last
    late.answer = streams("ok", 1)
    holds(client, THOUGHT + 100, budget)


@test("budgets[].model", says="is not touched by an attempt that its target refused")
def _():
    failing, server = Server(lambda exchange: exchange.fail(500)), Server(streams("ok", 100))
    budget = 3 * THOUGHT
    client = alias(budget, failing, server)
    client.ask("a", body=LONG).succeeds("ok")
    failing.answer = streams("ok", 1)
    holds(client, 100, budget)


@test("budgets[].model", "models.A.race", says="holds what those may have come to that lost a race")
def _():
    losers = [Server(lambda exchange: exchange.wait()) for _ in range(2)]
    budget = 4 * THOUGHT
    client = alias(budget, *losers, Server(streams("won", 100)), model={"strategy": "race", "race": 3})
    client.ask("a", body=LONG).succeeds("won")
    for loser in losers:
        loser.saw_it_go()
        loser.answer = streams("ok", 1)
    # What is left is too little for one more that may come to so much.
    client.ask("a", body={"max_tokens": 2 * THOUGHT}).fails("quota", "budget of model a")


@test("budgets[].model", "models.A.race_return", says="all: as many answers are taken of it as are wanted")
def _():
    servers = [Server(streams("one", 100)), Server(streams("two", 200))]
    model = {"strategy": "race", "race": 2, "race_return": "all"}
    alias(2 * THOUGHT, *servers, model=model).ask("a", body=LONG).fails("quota", "budget of model a")
    assert not any(server.requests for server in servers)
    budget = 3 * THOUGHT
    client = alias(budget, *servers, model=model)
    done = client.ask("a", body=LONG).succeeds()
    assert done.last["cost"]["microusd"] == 300, done.last["cost"]
    client.ask("a", body={"max_tokens": (budget - 300) // 2 + 1}).fails("quota", "budget of model a")
    client.ask("a", body={"max_tokens": (budget - 300) // 2 - 200}).succeeds()


@test("guardrails[].repair", says="both answers are paid for, and it is one of the attempts that a request has")
def _():
    rules = [{"name": "g", "json_schema": SCHEMA, "repair": True}]
    server, budget = Server(turns(streams("no", 3000), streams('{"age": 2}', 100))), 10_000
    client = alias(budget, server, guardrails=rules)
    done = client.ask("a", body={"max_tokens": 1000}).succeeds('{"age": 2}')
    assert done.last["cost"]["microusd"] == 3100 and done.last["usage"]["total_tokens"] == 3100, done.last
    assert [event.attempt for event in done.of("ROUTE")] == [2], done.of("ROUTE")
    server.answer = streams('{"age": 2}', 1)
    holds(client, 3100, budget)
    # Both are under the limits of those that are asked.
    server = Server(streams("no", 10))
    client = alias(budget, server, guardrails=rules, limits={"limits": {"requests_per_minute": 1}})
    client.ask("a").fails("rate_limited", "requests_per_minute")
    assert len(server.requests) == 1
    server = Server(turns(streams("no", 10), *[lambda exchange: exchange.unavailable()] * 5))
    alias(budget, server, guardrails=rules, retry={"max_attempts": 3}).ask("a").fails("unavailable")
    assert len(server.requests) == 3, len(server.requests)


@test("providers.P.key_limits", says="holds for keys that are refused or rest, too")
def _():
    server = Server(lambda exchange: exchange.fail(401))
    provider = {"api_keys": ["one", "two"], "key_limits": {"requests_per_minute": 2}}
    client = Client(config(server, provider=provider, admission=NOW))
    for _ in range(2):
        client.ask("house/m").fails("auth")
    server.answer = lambda exchange: exchange.say("ok")
    ended = [client.ask("house/m").kind for _ in range(6)]
    by_key = [request.key for request in server.requests]
    assert max(by_key.count(key) for key in set(by_key)) == 2, by_key
    assert ended.count("rate_limited") == 6 - (len(by_key) - 2), (ended, by_key)


@test("retry.budget.ratio", "models.A.cache", says="what the cache answers is no request that others may be tried again for")
def _():
    server = Server()
    retry = {"max_attempts": 2, "budget": {"ratio": 0.5, "floor": 0}}
    client = Client(config(server, retry=retry, cache={"enabled": True}))
    for _ in range(20):
        client.ask("house/m", body={"temperature": 0}).succeeds()
    asked = len(server.requests)
    server.answer = lambda exchange: exchange.unavailable()
    for number in range(4):
        client.ask("house/m", body={"temperature": 0, "max_tokens": number + 1}).fails("unavailable")
    # Of each two requests that somebody was asked for, one is tried again.
    tried = len(server.requests) - asked - 4
    assert tried <= (asked + 4) // 2, (asked, tried)


@test("shared.redis", says="one that is killed and keeps nothing gives no process more than a limit's whole", needs="redis-server")
def _():
    redis, server, budget = Redis(), Server(spends(100)), 900
    shared = {"redis": redis.url, "timeout_ms": 2000}
    limited = {"limits": {"requests_per_minute": 9}}
    client = alias(budget, server, limits=limited, shared=shared)
    up = lambda: client.figures()["shared_links_up"] == 1
    until(up)
    body = {"stream": False, "max_tokens": 400}
    for _ in range(5):
        client.ask("a", body=body).succeeds()
    redis.kill()
    redis.start()
    until(lambda: not redis.ask("KEYS", "*usd*"))
    until(lambda: client.ask("a", body=body).status != "LLM_OK" and up())
    client.ask("a", body=body).fails("quota", "budget of model a")
    assert len(server.requests) <= 6, len(server.requests)
    free = {"stream": False, "max_tokens": 1}
    other = Client(config(server, provider=limited, admission=NOW, shared={**shared, "prefix": "other:"}))
    until(lambda: other.figures()["shared_links_up"] == 2)
    for _ in range(9):
        other.ask("house/m", body=free).succeeds()
    assert redis.ask("FLUSHALL") == "OK"
    other.ask("house/m", body=free).fails("rate_limited", "requests_per_minute")
    redis.close()


@test("shared.redis", says="what ends while it is not there is counted when it is there again", needs="redis-server")
def _():
    redis, held, queue = Redis(), Held(), Queue()
    client = alias(4 * THOUGHT, held.server, shared={"redis": redis.url, "timeout_ms": 200})
    up = lambda: client.figures()["shared_links_up"] == 1
    until(up)
    submit(client, queue, "a", json={"tenant": "t"})
    held.wait(1)
    (key,) = redis.ask("KEYS", "*usd:month*")
    lent = lambda: [field for field in redis.ask("HKEYS", key) if field.startswith("lent:")]
    assert len(lent()) == 1
    redis.pause()
    until(lambda: not up())
    held.go(1)
    assert answers(queue, 1) == ["LLM_OK"]
    redis.resume()
    until(up)
    # What it was thought to come to stays, for nobody said what it took; but it is lent no more.
    until(lambda: not lent())
    (month,) = redis.ask("HKEYS", key)
    assert int(redis.ask("HGET", key, month)) >= 1000
    redis.close()


@test("models.A.targets[].price.input", says="each attempt says its tokens and what they cost at its own target's price, void ones too")
def _():
    servers = Server(streams("half", tokens=100, cut=True)), Server(streams("whole", tokens=30))
    places = {f"p{number}": house(server) for number, server in enumerate(servers)}
    dear = {"input": 10 * PRICE["input"], "output": 10 * PRICE["output"]}
    targets = [{"model": "p0/m", "price": dear}, {"model": "p1/m", "price": PRICE}]
    client = Client({"providers": places, "models": {"a": {"targets": targets}}, "retry": {"on_partial": "restart"}})
    done = client.ask("a").succeeds("halfwhole").last
    void, last = done["attempts"]
    assert (void["reason"], last["reason"]) == ("first", "restart"), done["attempts"]
    assert [(one["tokens"]["prompt"], one["tokens"]["completion"]) for one in (void, last)] == [(99, 1), (29, 1)], done["attempts"]
    assert [one["cost"] for one in (void, last)] == [{"microusd": 1000, "source": "catalog"}, {"microusd": 30, "source": "catalog"}], done["attempts"]
    assert done["cost"]["microusd"] == void["cost"]["microusd"] + last["cost"]["microusd"], done
    # Who refuses says nothing of tokens, and that is not 0.
    servers[0].answer = lambda exchange: exchange.unavailable()
    refused = client.ask("a").succeeds("whole").last["attempts"][0]
    assert refused["status"] == "LLM_ERR_OVERLOADED" and not {"tokens", "cost"} & set(refused), refused


@test("models.A.race_return", says="all: each attempt of a race says its own tokens and cost")
def _():
    servers = [Server(streams("a", tokens=20)), Server(streams("b", tokens=50))]
    places = {f"p{number}": house(server) for number, server in enumerate(servers)}
    targets = [{"model": f"{name}/m", "price": PRICE} for name in places]
    client = Client({"providers": places, "models": {"a": {"targets": targets, "strategy": "race", "race_return": "all"}}})
    done = client.ask("a").succeeds().last
    spent = {one["provider"]: one["cost"]["microusd"] for one in done["attempts"]}
    assert spent == {"p0": 20, "p1": 50} and done["cost"]["microusd"] == 70, done


@test("cache.enabled", says="who reads on for a canceled request has what that one held: it is counted once, when the answer ends")
def _():
    budget, ends = 4 * THOUGHT, threading.Event()

    def answer(exchange):
        if not exchange.request.json.get("stream"):
            return exchange.say("other")
        exchange.head()
        exchange.delta("half")
        assert ends.wait(PATIENCE)
        exchange.delta("whole")
        exchange.event({"id": "c", "model": "m", "choices": [], "usage": {"prompt_tokens": 99, "completion_tokens": 1, "total_tokens": 100}})
        exchange.finish()
        exchange.end()

    server = Server(answer)
    client = alias(budget, server, cache={"enabled": True}, limits={"limits": {"in_flight": 1}})
    first, second = Queue(), Queue()
    begins = lambda event: event.type == EVENT["TEXT"]
    leader = client.submit(first, chat("a", LONG))
    first.until(begins)
    client.submit(second, chat("a", LONG))
    heard = second.until(begins)
    library().llm_cancel(leader)
    assert first.answer().kind == "canceled"
    # The answer still comes: its place is taken, by whoever reads it now.
    under_way = exposition.parse(client.metrics("prometheus"))["libllm_target_in_flight"]
    assert under_way.value(provider="p0", model="m") == 1, under_way
    other = {"user": "u", "stream": False}
    client.ask("a", body=other).fails("rate_limited", "in_flight")
    ends.set()
    done = second.answer(heard).succeeds("halfwhole").last
    assert done["usage"]["total_tokens"] == 100 and done["cost"] == {"microusd": 100, "source": "catalog"}, done
    holds(client, 100, budget)
    assert exposition.parse(client.metrics("prometheus"))["libllm_target_in_flight"].value(provider="p0", model="m") == 0
