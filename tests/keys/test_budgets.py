"""How much may be spent, by whom and on whom."""

from llm import CONFIG, Client, Queue, refused
from redis import Redis, until
from server import Server
from suite import config, test
from test_limits import NOW, Held, answers, submit, tenant

# A dollar for a million tokens of either kind: a token is a millionth of a dollar.
PRICE = {"input": 1, "output": 1}
PERIODS = ("usd_per_hour", "usd_per_day", "usd_per_month")
WHOLE = {"stream": False, "max_tokens": 400}


def spends(tokens):
    def answer(exchange):
        message = {"role": "assistant", "content": "ok"}
        exchange.whole(200, {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                             "usage": {"prompt_tokens": tokens - 1, "completion_tokens": 1, "total_tokens": tokens}})

    return answer


def client(server, *budgets, **root):
    models = {name: {"targets": [{"model": "house/m", "price": PRICE}]} for name in ("a", "b")}
    return Client(config(server, models=models, budgets=list(budgets), admission=NOW, **root))


def spent(client, model, most, words, **fields):
    """So many requests pass; the next is refused until the period ends."""
    for _ in range(most):
        client.ask(model, body=WHOLE, **fields).succeeds()
    answer = client.ask(model, body=WHOLE, **fields).fails("quota", words)
    assert answer.status == "LLM_ERR_QUOTA" and answer.last["phase"] == "local", answer.last
    return answer.last["retry_after_ms"] / 3_600_000


@test("budgets[].model", *(f"budgets[].{period}" for period in PERIODS), says="bounds what is spent in a period of the calendar")
def _():
    # A request may come to 400 millionths and a few, and comes to 100: five pass under 900, and leave room for no more.
    for period, hours in zip(PERIODS, (1, 24, 31 * 24)):
        server = Server(spends(100))
        left = spent(client(server, {"model": "a", period: 0.0009}), "a", 5, f"budget of model a: {period}")
        assert 0 < left <= hours, (period, left)
        assert len(server.requests) == 5
    for said in 0, -1, "much", 1e10:
        refused(lambda: client(server, {"model": "a", "usd_per_day": said}), CONFIG, "budgets[0].usd_per_day")


@test("budgets[].model", "budgets[].tenant", says="is one budget for each name that * stands for")
def _():
    server = Server(spends(100))
    all_models = client(server, {"model": "*", "usd_per_day": 0.0009})
    for model in "a", "b":
        spent(all_models, model, 5, f"budget of model {model}")
    tenants = client(server, {"tenant": "*", "usd_per_day": 0.0009}, {"tenant": "rich", "usd_per_day": 0.0014})
    spent(tenants, "a", 5, "budget of tenant poor", **tenant("poor"))
    spent(tenants, "a", 10, "budget of tenant rich", **tenant("rich"))
    spent(tenants, "b", 5, "budget of tenant default")


@test("budgets[].provider", "budgets[].key", says="bounds what is spent there")
def _():
    for scope in "provider", "key":
        server = Server(spends(100))
        one = client(server, {scope: "house", "usd_per_hour": 0.0009})
        spent(one, "a", 5, f"budget of {scope} house")
        one.ask("b", body=WHOLE).fails("quota")


@test("budgets[].provider", says="is taken as an estimate, so that none of many at once goes beyond it")
def _():
    held, queue = Held(), Queue()
    one = client(held.server, {"provider": "house", "usd_per_day": 0.0025})
    submit(one, queue, "a", count=20)
    # A thousand tokens and a few are what each may come to.
    held.wait(2)
    held.go(20)
    ended = answers(queue, 20)
    assert held.peak == 2 and ended.count("LLM_ERR_QUOTA") == 18, (held.peak, ended)


@test("budgets[].usd_per_month", says="what a killed process took in Redis is given up after a quarter of an hour", needs="redis-server")
def _():
    redis, held, queue = Redis(), Held(), Queue()
    shared = {"redis": redis.url, "timeout_ms": 2000}
    first, second, third = (client(held.server, {"model": "a", "usd_per_month": 0.0015}, shared=shared) for _ in range(3))
    until(lambda: first.figures()["shared_links_up"] == 3)
    # Whoever is asked says nothing of tokens: the thousand and a few of the estimate stay.
    submit(first, queue, "a")
    held.wait(1)
    (key,) = redis.ask("KEYS", "*usd:month*")
    lent = lambda: [field for field in redis.ask("HKEYS", key) if field.startswith("lent:")]
    (field,) = lent()
    month, thought = field.split(":")[1], int(redis.ask("HGET", key, field))
    assert int(redis.ask("HGET", key, month)) == thought
    second.ask("a").fails("quota", "budget of model a")
    # The same as if that minute had come.
    redis.ask("HDEL", key, field)
    redis.ask("HSET", key, f"lent:{month}:1", thought)
    submit(third, queue, "a")
    held.wait(1)
    assert lent() and int(redis.ask("HGET", key, month)) == thought
    # Who was alive after all is counted when it ends, and what has ended is lent no more.
    held.go(2)
    assert answers(queue, 2) == ["LLM_OK", "LLM_OK"]
    until(lambda: not lent())
    until(lambda: int(redis.ask("HGET", key, month)) == 2 * thought)
    redis.close()


@test("budgets[].tenant", says="goes with a period and alone")
def _():
    for budget, words in [
        ({"tenant": "a"}, "expected one of usd_per_hour"),
        ({"usd_per_day": 1}, "expected whose it is"),
        ({"tenant": "a", "model": "b", "usd_per_day": 1}, "expected one of them"),
    ]:
        refused(lambda: client(Server(), budget), CONFIG, "budgets[0]", words)
    twice = {"tenant": "a", "usd_per_day": 1}
    refused(lambda: client(Server(), twice, twice), CONFIG, "budgets[1]", "already")
