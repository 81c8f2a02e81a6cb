"""How much may be asked of whom and by whom: limits of providers, keys, targets, models and tenants; who waits, who is refused."""

import threading

from llm import CONFIG, EVENT, Client, Queue, chat, library, refused, status_name
from redis import until
from server import PATIENCE, Server
from suite import config, house, test

# Nobody waits: what has no room is refused.
NOW = {"wait_s": 0}


class Held:
    """A server whose answers wait until they are let go, one by one; it counts how many were asked at once."""

    def __init__(self):
        self.open, self.lock, self.now, self.peak = threading.Semaphore(0), threading.Lock(), 0, 0
        self.order, self.came = [], threading.Semaphore(0)
        self.server = Server(self.answer)

    def answer(self, exchange):
        with self.lock:
            self.now += 1
            self.peak = max(self.peak, self.now)
            self.order.append(exchange.request.json.get("user"))
        self.came.release()
        assert self.open.acquire(timeout=PATIENCE)
        with self.lock:
            self.now -= 1
        exchange.say("ok")

    def wait(self, count):
        for _ in range(count):
            assert self.came.acquire(timeout=PATIENCE), "nobody asked"

    def go(self, count):
        for _ in range(count):
            self.open.release()


def answers(queue, count):
    """The last events of so many requests."""
    ended = []
    while len(ended) < count:
        polled = queue.poll()
        assert polled, f"only {len(ended)} of {count} ended"
        ended += [event for event in polled if event.type >= EVENT["DONE"]]
    return [status_name(event.status) for event in ended]


def submit(client, queue, model="house/m", count=1, user=None, **fields):
    return [client.submit(queue, chat(model, {"user": user} if user else {}), **fields) for _ in range(count)]


def limited(server, limits, **root):
    return Client(config(server, provider={"limits": limits}, **root))


def usage(total, text="ok"):
    """Answers whole, with so many tokens."""

    def answer(exchange):
        message = {"role": "assistant", "content": text}
        exchange.whole(200, {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                             "usage": {"prompt_tokens": total - 1, "completion_tokens": 1, "total_tokens": total}})

    return answer


WHOLE = {"stream": False}


def takes(client, most, server, words, **fields):
    """So many requests pass one after the other; the next one is refused before it is sent, and told when to come again."""
    for _ in range(most):
        client.ask(**fields).succeeds()
    before = len(server.requests)
    answer = client.ask(**fields).fails("rate_limited", words)
    assert answer.status == "LLM_ERR_RATE_LIMITED" and answer.last["phase"] == "local", answer.last
    assert 30_000 < answer.last["retry_after_ms"] <= 61_000, answer.last
    assert len(server.requests) == before


@test("providers.P.limits", "providers.P.limits.requests_per_minute", says="bounds the requests of a minute")
def _():
    server = Server()
    client = limited(server, {"requests_per_minute": 5}, admission=NOW)
    takes(client, 5, server, "requests_per_minute", model="house/m")
    # What was used stays used, whatever a reload says; a higher limit has room at once.
    client.reload(config(server, provider={"limits": {"requests_per_minute": 7}}, admission=NOW))
    takes(client, 2, server, "provider house", model="house/other")


@test("providers.P.limits.tokens_per_minute", says="is taken as an estimate, and counts what was used")
def _():
    server = Server(usage(100))
    client = limited(server, {"tokens_per_minute": 1000}, admission=NOW)
    # Each may come to 500 tokens and a few for the prompt, and comes to 100: after five there is no room for one more.
    takes(client, 5, server, "tokens_per_minute", model="house/m", body={**WHOLE, "max_tokens": 500})
    answer = client.ask("house/m", body={**WHOLE, "max_tokens": 1000}).fails("rate_limited", "the request alone is more")
    assert answer.last["retry_after_ms"] is None, answer.last


@test("providers.P.limits.tokens_per_minute", says="gives back what a refused request was thought to use")
def _():
    server = Server(lambda exchange: exchange.fail(400))
    client = limited(server, {"tokens_per_minute": 1000}, admission=NOW)
    for _ in range(5):
        client.ask("house/m", body={"max_tokens": 900}).fails("invalid_request")


@test("providers.P.limits.in_flight", says="bounds the requests at once; the others wait")
def _():
    held, queue = Held(), Queue()
    client = limited(held.server, {"in_flight": 2})
    submit(client, queue, count=6)
    held.wait(2)
    held.go(6)
    assert answers(queue, 6) == ["LLM_OK"] * 6
    assert held.peak == 2, held.peak


@test("providers.P.limits.in_flight", says="is given back by whoever is canceled, waiting or under way")
def _():
    held, queue = Held(), Queue()
    client = limited(held.server, {"in_flight": 1})
    (running,) = submit(client, queue)
    held.wait(1)
    waiting = submit(client, queue, count=3)
    until(lambda: client.figures()["admission_waiting"] == 3)
    for number in [*waiting[:2], running]:
        library().llm_cancel(number)
    held.wait(1)
    held.go(2)
    assert sorted(answers(queue, 4)) == ["LLM_ERR_CANCELED"] * 3 + ["LLM_OK"]
    held.go(1)
    client.ask("house/m").succeeds()


@test("providers.P.limits.in_flight", says="adaptive: begins with four at once, and takes fewer of who refuses")
def _():
    held, queue = Held(), Queue()
    client = limited(held.server, {"in_flight": "adaptive"})
    submit(client, queue, count=40)
    held.wait(4)
    until(lambda: client.figures()["admission_waiting"] == 36)
    assert held.peak == 4, held.peak
    held.go(40)
    assert answers(queue, 40) == ["LLM_OK"] * 40
    refused(lambda: limited(held.server, {"in_flight": "many"}), CONFIG, "in_flight", '"adaptive"')

    refusing = Server(lambda exchange: exchange.fail(529))
    client, queue = limited(refusing, {"in_flight": "adaptive"}), Queue()
    client.ask("house/m").fails("overloaded")
    refusing.answer = held.answer
    held.peak, held.came = 0, threading.Semaphore(0)
    submit(client, queue, count=40)
    held.wait(2)
    until(lambda: client.figures()["admission_waiting"] == 38)
    assert held.peak == 2, held.peak
    held.go(40)
    assert answers(queue, 40) == ["LLM_OK"] * 40


@test("providers.P.key_limits", *(f"providers.P.key_limits.{key}" for key in ("requests_per_minute", "tokens_per_minute", "in_flight")),
      says="bounds what is asked with one key")
def _():
    server = Server(usage(100))
    takes(Client(config(server, provider={"key_limits": {"requests_per_minute": 3}}, admission=NOW)), 3, server, "key house",
          model="house/m", body=WHOLE)
    takes(Client(config(server, provider={"key_limits": {"tokens_per_minute": 700}}, admission=NOW)), 2, server, "key house",
          model="house/m", body={**WHOLE, "max_tokens": 500})
    held, queue = Held(), Queue()
    submit(Client(config(held.server, provider={"key_limits": {"in_flight": 1}})), queue, count=3)
    held.go(3)
    assert answers(queue, 3) == ["LLM_OK"] * 3 and held.peak == 1, held.peak


@test("providers.P.key_limits.requests_per_minute", "providers.P.key_limits.in_flight", says="another key takes what one has no room for")
def _():
    server = Server()
    provider = {"api_keys": ["one", "two"], "key_limits": {"requests_per_minute": 2}}
    client = Client(config(server, provider=provider, admission=NOW))
    takes(client, 4, server, "key house#", model="house/m")
    assert sorted(request.key for request in server.requests) == ["Bearer one"] * 2 + ["Bearer two"] * 2
    held, queue = Held(), Queue()
    client = Client(config(held.server, provider={"api_keys": ["one", "two", "three"], "key_limits": {"in_flight": 1}}))
    submit(client, queue, count=6)
    held.wait(3)
    assert sorted(request.key for request in held.server.requests) == ["Bearer one", "Bearer three", "Bearer two"]
    held.go(6)
    assert answers(queue, 6) == ["LLM_OK"] * 6 and held.peak == 3, held.peak


def two(first, second, limits, **root):
    """An alias of two targets, the first one with limits."""
    models = {"a": {"targets": [{"model": "first/m", "limits": limits}, {"model": "second/m"}]}}
    return Client({"providers": {"first": house(first), "second": house(second)}, "models": models, **root})


TARGET = "models.A.targets[].limits"


@test(TARGET, f"{TARGET}.requests_per_minute", f"{TARGET}.tokens_per_minute", says="another target takes what this one has no room for")
def _():
    for limits, more in ({"requests_per_minute": 2}, {}), ({"tokens_per_minute": 900}, {"max_tokens": 700}):
        first, second = Server(usage(100)), Server(usage(100))
        client = two(first, second, limits)
        for _ in range(6):
            answer = client.ask("a", body={**WHOLE, **more}).succeeds()
            # Nobody was asked who had no room: that is no failed attempt.
            assert len(answer.targets) == 1, answer.targets
        assert (len(first.requests), len(second.requests)) == (2, 4), limits


@test(f"{TARGET}.in_flight", says="another target takes what this one has no room for")
def _():
    first, second, queue = Held(), Held(), Queue()
    client = two(first.server, second.server, {"in_flight": 2})
    submit(client, queue, "a", count=5)
    first.wait(2)
    second.wait(3)
    first.go(2)
    second.go(3)
    assert answers(queue, 5) == ["LLM_OK"] * 5
    assert (first.peak, second.peak) == (2, 3)


@test(TARGET, says="are one server's, whatever names lead to it")
def _():
    server = Server()
    targets = [{"model": "house/m", "limits": {"requests_per_minute": 2}}]
    models = {"a": {"targets": targets}, "b": {"targets": [{"model": "house/m"}]}}
    client = Client(config(server, models=models, admission=NOW))
    for model in "a", "house/m":
        client.ask(model).succeeds()
    client.ask("b").fails("rate_limited", "target house/m")
    models["b"]["targets"] = [{"model": "house/m", "limits": {"requests_per_minute": 3}}]
    refused(lambda: Client(config(server, models=models)), CONFIG, "models.b.targets[0].limits", "one server")


@test(*(f"models.A.limits{key}" for key in ("", ".requests_per_minute", ".tokens_per_minute", ".in_flight")),
      says="bounds what is asked under one name")
def _():
    server = Server(usage(100))

    def named(limits, place, **root):
        models = {"a": {"targets": [{"model": "house/m"}], "limits": limits}}
        return Client(config(place, models=models, **root))

    client = named({"requests_per_minute": 2}, server, default_model="a", admission=NOW)
    takes(client, 2, server, "model a", model="a", body=WHOLE)
    client.ask(body=WHOLE).fails("rate_limited", "model a")
    client.ask("house/m", body=WHOLE).succeeds()
    takes(named({"tokens_per_minute": 700}, server, admission=NOW), 2, server, "model a", model="a", body={**WHOLE, "max_tokens": 500})
    held, queue = Held(), Queue()
    submit(named({"in_flight": 1}, held.server), queue, "a", count=3)
    held.go(3)
    assert answers(queue, 3) == ["LLM_OK"] * 3 and held.peak == 1, held.peak


def tenant(name):
    return {"json": {"tenant": name}}


@test(*(f"tenants.T.limits{key}" for key in ("", ".requests_per_minute", ".tokens_per_minute", ".in_flight")),
      says="bounds one tenant; * stands for each of the others")
def _():
    server = Server(usage(100))
    tenants = {"big": {"limits": {"requests_per_minute": 4}}, "*": {"limits": {"requests_per_minute": 2, "tokens_per_minute": 700}}}
    client = Client(config(server, tenants=tenants, admission=NOW))
    more = {"model": "house/m", "body": {**WHOLE, "max_tokens": 10}}
    takes(client, 2, server, "tenant small", **more, **tenant("small"))
    takes(client, 2, server, "tenant other", **more, **tenant("other"))
    takes(client, 4, server, "tenant big", **more, **tenant("big"))
    # Those without a name are one tenant.
    takes(client, 2, server, "tenant default", **more)
    client.ask("house/m", body={**WHOLE, "max_tokens": 800}, **tenant("new")).fails("rate_limited", "the request alone is more")
    held, queue = Held(), Queue()
    client = Client(config(held.server, tenants={"*": {"limits": {"in_flight": 1}}}))
    for name in "a", "b":
        submit(client, queue, count=3, **tenant(name))
    held.wait(2)
    held.go(6)
    assert answers(queue, 6) == ["LLM_OK"] * 6 and held.peak == 2, held.peak


def line(tenants, first, second, each=8):
    """Has each of two tenants wait behind a request that is under way; says whose turn came in which order."""
    held, queue = Held(), Queue()
    client = limited(held.server, {"in_flight": 1}, tenants=tenants)
    submit(client, queue, user="begin")
    held.wait(1)
    for name in first, second:
        submit(client, queue, count=each, user=name, **tenant(name))
    until(lambda: client.figures()["admission_waiting"] == 2 * each)
    held.go(2 * each + 1)
    assert answers(queue, 2 * each + 1) == ["LLM_OK"] * (2 * each + 1)
    return held.order[1:]


@test("tenants.T.weight", says="shares the turns of those who wait by weight, not by who came first")
def _():
    order = line({}, "a", "b")
    assert order[:8].count("a") == 4, order
    order = line({"b": {"weight": 3}}, "a", "b")
    assert order[:8].count("b") == 6, order


@test("tenants.T.priority", says="the lower number goes first")
def _():
    assert line({"b": {"priority": 1}}, "a", "b") == ["b"] * 8 + ["a"] * 8
    assert line({"*": {"priority": 2}, "b": {"priority": 9}}, "b", "a") == ["a"] * 8 + ["b"] * 8
    refused(lambda: Client({"tenants": {"a": {"priority": 10}}}), CONFIG, "tenants.a.priority")


@test("rules[].use.priority", says="stands in the place of what the tenant says, for the requests that the rule is for")
def _():
    held, queue = Held(), Queue()
    rules = [{"when": {"tag": "batch"}, "use": {"priority": 9}}, {"when": {"tag": "now"}, "use": {"priority": 0}}]
    client = limited(held.server, {"in_flight": 1}, tenants={"b": {"priority": 1}}, rules=rules)
    submit(client, queue, user="begin")
    held.wait(1)
    for user, json in [("batch", {"tenant": "b", "tags": ["batch"]}), ("plain", {"tenant": "a"}),
                       ("boss", {"tenant": "b"}), ("now", {"tenant": "a", "tags": ["now"]})]:
        submit(client, queue, user=user, json=json)
    until(lambda: client.figures()["admission_waiting"] == 4)
    held.go(5)
    assert answers(queue, 5) == ["LLM_OK"] * 5
    assert held.order[1:] == ["now", "boss", "plain", "batch"], held.order
    refused(lambda: Client({"rules": [{"use": {"priority": 10}}]}), CONFIG, "rules[0].use.priority: expected a whole number in 0 to 9")


@test("tenants.T.models", says="are those that a tenant may ask for, by whatever way; others are refused before anything is sent")
def _():
    server = Server()
    targets = [{"model": "house/small"}]
    models = {"fast": {"targets": targets, "fallbacks": {"any": ["house/large"]}}, "good": {"targets": [{"model": "house/large"}]}}
    tenants = {"ann": {"models": ["fast", "house/mini*"]}, "bob": {}, "*": {"models": ["good"]}}
    client = Client(config(server, models=models, tenants=tenants, default_model="good"))
    ask = lambda name, model, **more: client.ask(model, json={"tenant": name, **more.pop("json", {})}, **more)
    refusal = lambda *words, **more: refused(lambda: ask(**more), "LLM_ERR_NO_ROUTE", *words)
    for name, model in ("ann", "fast"), ("ann", "house/mini-2"), ("cy", "good"), ("bob", "good"):
        ask(name, model).succeeds("ok")
    sent = len(server.requests)
    refusal("tenant ann may not ask for model good", name="ann", model="good")
    refusal("model house/small", name="ann", model="house/small")
    refusal("model house/large", name="ann", model="fast", json={"fallbacks": ["house/large"]})
    refusal("model good", name="ann", model="fast", body={"models": ["fast", "good"]})
    refusal("model good", name="ann", model=None)
    refusal("model house/large", name="ann", model="large", provider="house")
    refusal("tenant cy may not ask for model fast", name="cy", model="fast")
    refused(lambda: client.ask("fast"), "LLM_ERR_NO_ROUTE", "tenant default")
    assert len(server.requests) == sent
    Client(config(server, models=models, tenants={"ann": {"models": ["fast"]}})).ask("good", json={"tenant": "bob"}).succeeds("ok")
    refused(lambda: Client({"tenants": {"a": {"models": ["nowhere"]}}}), CONFIG, "tenants.a.models[0]")


@test("admission.queue", says="so many wait; the next is refused at once, or who goes last gives way")
def _():
    held, queue = Held(), Queue()
    client = limited(held.server, {"in_flight": 1}, admission={"queue": 2}, tenants={"boss": {"priority": 0}})
    submit(client, queue)
    held.wait(1)
    submit(client, queue, count=2, user="waits")
    until(lambda: client.figures()["admission_waiting"] == 2)
    answer = client.ask("house/m").fails("rate_limited", "in_flight")
    assert answer.last["retry_after_ms"] > 0, answer.last
    submit(client, queue, user="boss", **tenant("boss"))
    assert answers(queue, 1) == ["LLM_ERR_RATE_LIMITED"]
    held.go(3)
    assert answers(queue, 3) == ["LLM_OK"] * 3
    assert held.order[1:] == ["boss", "waits"], held.order


@test("admission.wait_s", says="nobody waits longer for room, nor at all for what comes too late")
def _():
    held, queue = Held(), Queue()
    client = limited(held.server, {"in_flight": 1}, admission={"wait_s": 0.2})
    submit(client, queue)
    held.wait(1)
    client.ask("house/m").fails("rate_limited", "within 0.2 s")
    held.go(1)
    assert answers(queue, 1) == ["LLM_OK"]
    server = Server()
    client = limited(server, {"requests_per_minute": 1})
    client.ask("house/m").succeeds()
    client.ask("house/m").fails("rate_limited", "requests_per_minute")


def crowd(clients, each, model, **fields):
    """64 threads ask at the same time, each so often; how many requests ended how."""
    ended, lock = {}, threading.Lock()

    def ask(client):
        for _ in range(each):
            answer = client.ask(model, **fields)
            with lock:
                ended[answer.status] = ended.get(answer.status, 0) + 1

    threads = [threading.Thread(target=ask, args=(clients[number % len(clients)],)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


def mocked(limits, **root):
    models = {"a": {"targets": [{"model": "mock/tokens=10;pace=0"}], "limits": limits}}
    return Client({"models": models, "retry": {"max_attempts": 1}, **root})


@test("models.A.limits.requests_per_minute", "models.A.limits.tokens_per_minute", says="hold for 64 threads at once, to the last one")
def _():
    passed = {"LLM_OK": 100, "LLM_ERR_RATE_LIMITED": 64 * 4 - 100}
    assert crowd([mocked({"requests_per_minute": 100}, admission=NOW)], 4, "a") == passed
    # Two clients without a Redis each have their own.
    pair = [mocked({"requests_per_minute": 50}, admission=NOW) for _ in range(2)]
    assert crowd(pair, 4, "a") == passed
    client = mocked({"tokens_per_minute": 1000}, admission=NOW)
    ended = crowd([client], 4, "a", body={"max_tokens": 20})
    # Those before used ten tokens each.
    used = client.figures()["completion_tokens_total"] - 2000
    assert sum(ended.values()) == 64 * 4 and 0 < used <= 1000, (ended, used)


@test("models.A.limits.in_flight", says="lets 64 threads through in their turns, and nobody is left behind")
def _():
    client = mocked({"in_flight": 5})
    assert crowd([client], 4, "a") == {"LLM_OK": 64 * 4}
    told = client.figures()
    assert told["admission_waiting"] == 0 and told["requests_live"] == 0, told
    # All of it was given back.
    held, queue = Held(), Queue()
    models = {"a": {"targets": [{"model": "house/m"}], "limits": {"in_flight": 5}}}
    client.reload({"providers": {"house": house(held.server)}, "models": models})
    submit(client, queue, "a", count=9)
    held.wait(5)
    until(lambda: client.figures()["admission_waiting"] == 4)
    assert held.peak == 5, held.peak
    held.go(9)
    assert answers(queue, 9) == ["LLM_OK"] * 9
