"""How one of a model's targets is chosen. Servers count what reaches them; what is compared is who was asked, never how long it took."""

import collections
import json

from llm import CONFIG, INVALID, Client, Queue, chat, refused
from server import Server, turns
from suite import house, test

WORDS = ["order", "round_robin", "weighted", "latency", "throughput", "cost", "least_busy", "headroom", "score"]


def say(exchange):
    exchange.say("ok")


def after(seconds):
    def answer(exchange):
        exchange.hold(seconds)
        exchange.say("ok")

    return answer


def fails(exchange):
    exchange.fail(500)


def stuck(exchange):
    exchange.wait()


class Field:
    """Servers a, b, .. that are the targets of the model `m`; what is said of one goes with its answer."""

    def __init__(self, *answers, alias=None, targets=(), **root):
        self.names = "abcdefgh"[: len(answers)]
        self.servers = dict(zip(self.names, [Server(answer) for answer in answers]))
        more = list(targets) + [{}] * (len(answers) - len(targets))
        listed = [{"model": f"{name}/x", **said} for name, said in zip(self.names, more)]
        models = {"m": {"targets": listed, **(alias or {})}, **root.pop("models", {})}
        places = {name: house(server) for name, server in self.servers.items()}
        self.config = {"providers": places, "models": models, **root}
        self.client = Client(self.config)

    def ask(self, times=1, model="m", **fields):
        return [self.client.ask(model, **fields) for _ in range(times)]

    def first(self, **fields):
        """Who is asked first."""
        return self.client.ask(fields.pop("model", "m"), **fields).targets[0][0]

    def firsts(self, times, **fields):
        return "".join(self.first(**fields) for _ in range(times))

    def counts(self):
        return {name: len(server.requests) for name, server in self.servers.items()}


@test("models.A.strategy", "options_json.strategy", says="order asks the first; another word of a request's own chooses otherwise")
def _():
    field = Field(say, say, alias={"strategy": "order"})
    assert field.firsts(6) == "aaaaaa"
    assert field.firsts(4, json={"strategy": "round_robin"}) == "abab"
    refused(lambda: field.ask(json={"strategy": "random"}), INVALID, "strategy", 'expected "order"')
    for word in WORDS:
        Field(say, say, alias={"strategy": word}).client.ask("m").succeeds("ok")


@test("models.A.strategy", says="round_robin takes turns, each alias its own")
def _():
    field = Field(say, say, say, alias={"strategy": "round_robin"})
    assert field.firsts(7) == "abcabca"
    field.client.reload(field.config)
    assert field.firsts(2) == "bc", "turns outlive a reload"


@test("models.A.strategy", "models.A.targets[].weight", says="weighted asks in proportion")
def _():
    field = Field(say, say, alias={"strategy": "weighted"}, targets=[{"weight": 9}, {"weight": 1}])
    found = collections.Counter(field.firsts(200))
    assert 160 <= found["a"] <= 196 and found["b"] >= 4, found
    text = {"models": {"m": {"targets": [{"model": "mock/echo", "weight": 0}]}}}
    refused(lambda: Client(text), CONFIG, "models.m.targets[0].weight", "expected a number")


@test("models.A.targets[].priority", says="a larger number waits until no smaller one can be asked")
def _():
    said = [{"priority": 2}, {"priority": 1}, {}]
    field = Field(say, say, fails, targets=said, alias={"strategy": "round_robin"})
    answers = field.ask(4)
    assert [answer.targets[:2] for answer in answers[:1]] == [["c/x", "b/x"]], answers[0].targets
    assert field.counts()["a"] == 0


@test("models.A.strategy", says="latency finds the one that answers sooner, and leaves the one that has become slow")
def _():
    slow = [0.1, 0.0]
    field = Field(lambda e: after(slow[0])(e), lambda e: after(slow[1])(e), alias={"strategy": "latency"})
    field.ask(4)
    assert field.firsts(20) == "b" * 20
    slow[0], slow[1] = 0.0, 0.3
    field.ask(1)
    found = collections.Counter(field.firsts(20))
    assert found["a"] >= 16, found


@test("models.A.strategy", says="latency: a target that fails at once gets nearly nothing")
def _():
    field = Field(fails, after(0.005), after(0.005), alias={"strategy": "latency"})
    for answer in field.ask(50):
        answer.succeeds("ok")
    before = field.counts()["a"]
    field.ask(150)
    assert field.counts()["a"] - before < 3, field.counts()


@test("models.A.strategy", says="latency: one that has become ten times slower loses its traffic")
def _():
    # Long beside what a busy machine adds.
    slow = [0.04]
    field = Field(lambda e: after(slow[0])(e), after(0.045), alias={"strategy": "latency"})
    queue = Queue()

    def burst():
        """Four at once, so that both are needed."""
        start = field.counts()
        for _ in range(15):
            for _ in range(4):
                field.client.submit(queue, chat("m", {}))
            left = 4
            while left:
                left -= sum(event.type >= 100 for event in queue.poll())
        end = field.counts()
        return end["a"] - start["a"]

    # A machine that stumbles makes a target look slow for a while.
    assert any(burst() >= 12 for _ in range(20))
    slow[0] = 0.4
    burst()
    assert min(burst() for _ in range(3)) <= 6, "of sixty, of which half were its share"


@test("models.A.strategy", says="throughput asks the one that makes more tokens per second")
def _():
    def paced(pause):
        def answer(exchange):
            exchange.head()
            for _ in range(10):
                exchange.delta("x")
                exchange.hold(pause)
            usage = {"prompt_tokens": 1, "completion_tokens": 10, "total_tokens": 11}
            exchange.finish()
            exchange.event({"id": "c", "model": "m", "choices": [], "usage": usage})
            exchange.end()

        return answer

    field = Field(paced(0.02), paced(0.002), alias={"strategy": "throughput"})
    field.ask(4)
    assert field.firsts(8) == "b" * 8


@test("models.A.strategy", "models.A.targets[].price.input", "models.A.targets[].price.output",
      says="cost asks the one that is cheapest for this request")
def _():
    prices = [{"price": {"input": 1, "output": 10}}, {"price": {"input": 4, "output": 1}}, {}]
    field = Field(say, say, say, alias={"strategy": "cost"}, targets=prices)
    assert field.firsts(5) == "bbbbb"
    # A long prompt, and room for a short answer.
    long = {"messages": [{"role": "user", "content": "x" * 8000}], "max_tokens": 5}
    assert field.firsts(5, body=long) == "aaaaa"
    text = {"models": {"m": {"targets": [{"model": "mock/echo", "price": {"input": 1}}]}}}
    refused(lambda: Client(text), CONFIG, "models.m.targets[0].price.output is missing")


@test("models.A.strategy", says="cost: the catalog says what a target's own price does not")
def _():
    servers = [Server(), Server()]
    provider = {"base_url": f"{servers[0].url}/v1", "api_key": "k"}
    targets = [{"model": "openai/gpt-4o"}, {"model": "openai/gpt-4o-mini"}]
    client = Client({"providers": {"openai": provider}, "models": {"m": {"strategy": "cost", "targets": targets}}})
    client.ask("m").succeeds("ok")
    assert servers[0].only.json["model"] == "gpt-4o-mini"


@test("models.A.strategy", says="least_busy asks where least is under way")
def _():
    field = Field(stuck, say, alias={"strategy": "least_busy"})
    queue = Queue()
    while not field.counts()["a"]:
        field.client.submit(queue, chat("m", {}))
        # Until it is answered, or stuck: what is under way at the other would count, too.
        while not field.counts()["a"] and not any(event.type >= 100 for event in queue.poll(timeout_ms=50)):
            pass
    assert field.firsts(10) == "b" * 10


@test("models.A.strategy", says="headroom asks where the larger share of a limit is left")
def _():
    def left(requests):
        def answer(exchange):
            exchange.head("x-ratelimit-limit-requests: 100", f"x-ratelimit-remaining-requests: {requests}")
            exchange.delta("ok")
            exchange.finish()
            exchange.end()

        return answer

    field = Field(left(5), left(90), alias={"strategy": "headroom"})
    field.ask(1)
    field.ask(1, json={"strategy": "order"})
    field.ask(2, json={"strategy": "round_robin"})
    assert field.firsts(6) == "b" * 6


@test("models.A.strategy", "models.A.targets[].limits.requests_per_minute", "providers.P.limits.requests_per_minute",
      says="headroom looks at our own limits of a target and its provider, too")
def _():
    for small, large in [({"requests_per_minute": 10}, {"requests_per_minute": 40}),
                         ({"tokens_per_minute": 100_000}, {"tokens_per_minute": 400_000})]:
        # Of five requests four find more left at the larger one.
        field = Field(say, say, alias={"strategy": "headroom"}, targets=[{"limits": small}, {"limits": large}])
        field.ask(20, body={"max_tokens": 1000})
        counts = field.counts()
        assert 3 <= counts["a"] <= 5 and counts["b"] >= 15, (small, counts)
    field = Field(say, say, alias={"strategy": "headroom"}, targets=[{"limits": {"in_flight": 4}}])
    field.config["providers"]["b"]["limits"] = {"requests_per_minute": 8}
    field.client.reload(field.config)
    # Nothing is under way at the one; each request is an eighth of the other's minute.
    assert field.firsts(8).count("b") <= 1, field.counts()


def priced(**score):
    """One fast and dear, one slow and cheap."""
    prices = [{"price": {"input": 0, "output": 2}}, {"price": {"input": 0, "output": 0.1}}]
    field = Field(say, after(0.05), alias={"strategy": "score", "score": score}, targets=prices)
    field.ask(2, json={"strategy": "round_robin"})
    return field


@test("models.A.strategy", "models.A.score.cost_weight", says="score weighs milliseconds against microdollars")
def _():
    assert priced(cost_weight=0).firsts(5) == "aaaaa"
    assert priced(cost_weight=10).firsts(5) == "bbbbb"
    text = {"models": {"m": {"targets": [{"model": "mock/echo"}], "score": {"cost_weight": -1}}}}
    refused(lambda: Client(text), CONFIG, "models.m.score.cost_weight")


@test("models.A.score.cost_goal_microusd", "models.A.score.latency_goal_ms", says="a goal turns the weight until it is met")
def _():
    def turns_to(wanted, **score):
        field = priced(**score)
        assert field.first() != wanted
        assert any(field.first() == wanted for _ in range(400)), wanted

    # The dear one is taken at first; that it costs too much turns the weight.
    turns_to("b", cost_weight=0.05, cost_goal_microusd=100)
    # The cheap one takes longer than is wished.
    turns_to("a", cost_weight=0.2, latency_goal_ms=20)
    both = {"cost_goal_microusd": 1, "latency_goal_ms": 1}
    text = {"models": {"m": {"targets": [{"model": "mock/echo"}], "score": both}}}
    refused(lambda: Client(text), CONFIG, "latency_goal_ms", "expected one goal")


@test("models.A.targets[].tenants", "options_json.tenant", says="are pools: whoever has one is asked there, all others elsewhere")
def _():
    pools = [{"tenants": ["ann", "bob"]}, {"tenants": ["cy"]}, {}]
    field = Field(say, say, say, targets=pools, alias={"strategy": "round_robin"})
    for tenant, expected in ("ann", "aaa"), ("cy", "bbb"), ("dan", "ccc"):
        assert field.firsts(3, json={"tenant": tenant}) == expected, tenant
    assert field.firsts(3) == "ccc"
    closed = Field(fails, targets=[{"tenants": ["ann"]}])
    refused(lambda: closed.ask(), "LLM_ERR_NO_ROUTE", "no target is left")
    assert closed.counts() == {"a": 0}


@test("models.A.split[].to", "models.A.split[].percent", says="sends each session always to the same part, in the right sizes")
def _():
    models = {"m": {"split": [{"to": "one", "percent": 75}, {"to": "b/y", "percent": 25}]},
              "one": {"targets": [{"model": "a/x"}]}}
    field = Field(say, say, models=models)
    seen = {name: field.firsts(3, json={"session": name}) for name in map(str, range(60))}
    assert all(len(set(found)) == 1 for found in seen.values()), seen
    share = sum(found[0] == "a" for found in seen.values())
    assert 33 <= share <= 56, share
    assert field.firsts(3, body={"user": "u"}) in ("aaa", "bbb")
    one = {"targets": [{"model": "mock/echo"}]}
    for split, words in [([{"to": "one", "percent": 50}], "100 in all, got 50"), ([{"to": "on", "percent": 100}], "closest: one"),
                         ([{"to": "m", "percent": 100}], "is not split itself")]:
        refused(lambda: Client({"models": {"m": {"split": split}, "one": one}}), CONFIG, "models.m.split", words)


@test("models.A.affinity", "options_json.session", says="session keeps a conversation at the target that answered, as long as it is well")
def _():
    ill = []
    field = Field(lambda e: e.unavailable() if ill else e.say("ok"), say, say, alias={"strategy": "round_robin", "affinity": "session"})
    home = {name: field.first(json={"session": name}) for name in "xyz"}
    assert set(home.values()) == {"a", "b", "c"}, home
    for name in "xyzzyx":
        assert field.first(json={"session": name}) == home[name], name
    guest = next(name for name in home if home[name] == "a")
    ill.append(True)
    moved = field.ask(json={"session": guest})[0].targets[-1][0]
    assert moved != "a"
    ill.clear()
    assert field.firsts(3, json={"session": guest}) == moved * 3, "what has moved stays there"
    off = Field(say, say, alias={"strategy": "round_robin", "affinity": "off"})
    assert off.firsts(4, json={"session": "x"}) == "abab"


@test("models.A.affinity", says="prefix keeps what begins alike, turn after turn")
def _():
    field = Field(say, say, say, alias={"strategy": "round_robin", "affinity": "prefix"})
    first = {"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "one"}]}
    home = field.first(body=first)
    turn = {"messages": first["messages"] + [{"role": "assistant", "content": "ok"}, {"role": "user", "content": "two"}]}
    assert field.firsts(4, body=turn) == home * 4
    others = [{"messages": [{"role": "user", "content": str(number)}]} for number in range(3)]
    assert {field.first(body=other) for other in others} == {"a", "b", "c"}


@test("models.A.affinity", says="reasoning that a provider sealed goes back to it, whatever the strategy")
def _():
    field = Field(say, say, say)
    part = {"kind": "encrypted", "provider": "b", "index": 0, "data": {"type": "reasoning", "encrypted_content": "canary"}}
    earlier = {"role": "assistant", "content": "so", "libllm_parts": [part]}
    body = {"messages": [{"role": "user", "content": "hi"}, earlier, {"role": "user", "content": "and?"}]}
    assert field.firsts(3, body=body) == "bbb" and field.first() == "a"


def refusal(code, status=400):
    return lambda exchange: exchange.whole(status, {"error": {"message": "made up", "type": "invalid_request_error", "code": code}})


@test("models.A.fallbacks.context_window", "models.A.fallbacks.content_policy", "models.A.fallbacks.modality",
      says="are for their own cause alone, and say so")
def _():
    image = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]}
    lists = {"any": ["b/any"], "context_window": ["c/long"], "content_policy": ["d/free"], "modality": ["e/eyes"]}
    for answer, body, expected, cause in [
        (refusal("context_length_exceeded"), {}, "c/long", "context_window"),
        (refusal("content_filter"), {}, "d/free", "content_policy"),
        (refusal("invalid_value"), image, "e/eyes", "modality"),
        (lambda exchange: exchange.unavailable(), image, "b/any", "any"),
    ]:
        field = Field(answer, say, say, say, say)
        field.config["models"]["m"] = {"targets": [{"model": "a/x"}], "fallbacks": lists}
        field.client.reload(field.config)
        done = field.client.ask("m", body=body).succeeds("ok")
        assert done.targets == ["a/x", expected], done.targets
        assert done.last["attempts"][1]["cause"] == cause and "cause" not in done.last["attempts"][0]
    plain = Field(refusal("invalid_value"), say, say, say, say)
    plain.config["models"]["m"] = {"targets": [{"model": "a/x"}], "fallbacks": lists}
    plain.client.reload(plain.config)
    assert plain.client.ask("m").fails("invalid_request").targets == ["a/x"]


def ruled(*rules, answers=(say, say, say), **more):
    said = [{"tags": ["eu"]}, {"tags": ["eu", "batch"]}, {}]
    return Field(*answers, targets=said, rules=list(rules), **more)


@test("rules[].when.tenant", "rules[].when.tag", "rules[].when.metadata", "rules[].when.operation", "rules[].when.model",
      "options_json.tags", "options_json.metadata", says="choose requests; every word must fit, the first rule counts")
def _():
    for when, fitting, other in [
        ({"tenant": "free"}, {"tenant": "free"}, {"tenant": "paid"}),
        ({"tenant": ["fr*", "x"]}, {"tenant": "fred"}, {}),
        ({"tag": "batch"}, {"tags": ["day", "batch"]}, {"tags": ["day"]}),
        ({"metadata": {"team": "blue"}}, {"metadata": {"team": "blue"}}, {"metadata": {"team": "red"}}),
        ({"tenant": "t", "tag": "u"}, {"tenant": "t", "tags": ["u"]}, {"tenant": "t"}),
    ]:
        field = ruled({"when": when, "use": {"model": "b/y"}}, {"use": {"model": "c/z"}})
        assert (field.first(json=fitting), field.first(json=other)) == ("b", "c"), when
    field = ruled({"when": {"model": "m*"}, "use": {"model": "b/y"}})
    assert (field.first(), field.first(model="a/x")) == ("b", "a")
    for operation, expected in ("chat", "b"), ("embeddings", "a"):
        field = ruled({"when": {"operation": operation}, "use": {"model": "b/y"}})
        assert field.first() == expected
    refused(lambda: Client({"rules": [{"when": {"tenants": "x"}, "use": {}}]}), CONFIG, "rules[0].when.tenants", "closest: tenant")


@test("rules[].when.region", "LLM_REGION", says="is where the request comes from, or else this process")
def _():
    import os

    rule = {"when": {"region": "eu-*"}, "use": {"model": "b/y"}}
    os.environ["LLM_REGION"] = "us-east"
    field = ruled(rule)
    assert (field.first(), field.first(json={"metadata": {"region": "eu-west"}})) == ("a", "b")
    os.environ["LLM_REGION"] = "eu-north"
    assert ruled(rule).first() == "b"


@test("rules[].use.model", "rules[].use.targets", "rules[].use.strategy", "rules[].use.tags", "models.A.targets[].tags",
      says="stand in the place of what the alias says")
def _():
    assert ruled({"use": {"model": "c/y"}}).firsts(2) == "cc"
    assert ruled({"use": {"targets": ["c/y", "b/y"], "strategy": "round_robin"}}).firsts(4) == "cbcb"
    assert ruled({"use": {"strategy": "round_robin"}}).firsts(3) == "abc"
    assert ruled({"use": {"tags": ["eu"], "strategy": "round_robin"}}).firsts(4) == "abab"
    assert ruled({"use": {"tags": ["eu", "batch"]}}).firsts(2) == "bb"
    refused(lambda: ruled({"use": {"tags": ["moon"]}}).ask(), "LLM_ERR_NO_ROUTE", "after the rule")
    for use, words in [({"model": "nowhere"}, "rules[0].use.model"), ({"targets": ["x"]}, "rules[0].use.targets[0]"),
                       ({"priorities": 1}, "closest: priority")]:
        refused(lambda: Client({"rules": [{"use": use}]}), CONFIG, words)


@test("models.A.strategy", says="what fails is followed by one of the others that were not asked")
def _():
    field = Field(turns(fails, say), turns(fails, say), turns(fails, say), alias={"strategy": "weighted"})
    answer = field.client.ask("m", json={"max_attempts": 3})
    assert sorted(target[0] for target in answer.targets) == ["a", "b", "c"], answer.targets


def explained(field, model="m", **more):
    """The route that a request would take, by `explain`; nothing else comes of asking for it."""
    answer = field.client.ask(model, operation="explain", **more).succeeds("")
    events = answer.of("RESULT")
    assert len(events) == 1 and answer.targets == [] and not answer.of("ROUTE"), answer.events
    return json.loads(events[0].data)


def ranks(route):
    return [(it["target"], it["because"], it["after"]) for it in route["candidates"]]


@test("llm_options.operation", "models.A.strategy", says="explain: who would be asked, and why; nothing is sent or counted")
def _():
    price = {"input": 2, "output": 8}
    field = Field(say, say, say, alias={"strategy": "round_robin", "fallbacks": {"any": ["c/x"], "context_window": ["b/long"]}},
                  targets=[{"weight": 2, "price": price}, {}])
    field.config["models"]["m"]["targets"].pop()
    field.client.reload(field.config)
    for _ in range(3):
        route = explained(field)
        assert (route["object"], route["model"], route["rule"], route["branch"]) == ("route", "m", None, None), route
        assert ranks(route) == [("a/x", "strategy", None), ("b/x", "strategy", None), ("c/x", "fallback", "any"),
                                ("b/long", "fallback", "context_window")], route
    first, second = route["candidates"][:2]
    assert (first["provider"], first["model"], first["strategy"], first["weight"]) == ("a", "x", "round_robin", 2), first
    assert first["price"] == price and first["cost_microusd"] > 0, first
    assert (second["price"], second["cost_microusd"]) == (None, None), second
    assert (first["well"], first["breaker"], first["in_flight"], first["ttft_ms"], first["answers"]) == (True, "closed", 0, None, 0)
    whole = field.client.complete("m", operation="explain")
    assert whole["candidates"][0]["target"] == "a/x" and whole["libllm"]["attempts"] == [], whole
    assert field.counts() == {"a": 0, "b": 0, "c": 0}
    assert field.firsts(2) == "ab", "no turn was taken"
    first = explained(field)["candidates"][0]
    assert first["target"] == "a/x" and first["answers"] == 1 and first["ttft_ms"] > 0, first
    assert field.client.figures()["attempts_total"] == 2, field.client.figures()


@test("llm_options.operation", "rules[].use.model", "models.A.split", says="explain: the rule, the branch, and who is not well")
def _():
    field = Field(lambda exchange: exchange.fail(429, "retry-after: 60"), say, rules=[{"when": {"tenant": "t"}, "use": {"model": "s"}}],
                  models={"s": {"split": [{"to": "m", "percent": 100}]}, "one": {"targets": [{"model": "a/x"}], "fallbacks": {"any": ["b/y"]}}})
    assert explained(field, json={"tenant": "t"}).items() >= {"rule": 0, "branch": "m"}.items()
    assert ranks(explained(field)) == [("a/x", "strategy", None), ("b/x", "strategy", None)]
    field.ask(1)
    route = explained(field)
    assert ranks(route) == [("b/x", "strategy", None), ("a/x", "strategy", None)], route
    away = route["candidates"][1]
    assert ranks(explained(field, "one")) == [("b/y", "instead", "any"), ("a/x", "passed_by", None)]
    assert not away["well"] and 0 < away["unavailable_ms"] <= 60_000, away
