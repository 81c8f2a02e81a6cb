"""`llm_client_metrics()`: what it tells of requests, as JSON and as Prometheus text, and that it tells what docs/observability.md says."""

import json
import os
import pathlib
import re
import time

import exposition
from llm import CONFIG, Client, Queue, chat, refused
from server import Server, turns
from suite import config, house, test
from test_hooks import Host

USAGE = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 3}}


def answered(exchange):
    """A stream in two pieces, with what it used."""
    exchange.head()
    exchange.delta("o")
    exchange.hold(0.03)
    exchange.delta("k")
    exchange.finish()
    exchange.event({"id": "c", "model": "m", "choices": [], "usage": USAGE})
    exchange.end()


def failing():
    """A client whose first target is out of order, once, and whose second answers."""
    first, second = Server(lambda exchange: exchange.unavailable()), Server(answered)
    providers = {"down": house(first), "house": house(second)}
    return {"providers": providers, "models": {"a": {"targets": [{"model": "down/m"}, {"model": "house/m"}]}}}


@test("telemetry.prometheus", says="requests, errors, attempts, tokens and times are told by provider, model and operation")
def _():
    client = Client(failing())
    client.ask("a").succeeds("ok")
    told = exposition.parse(client.metrics("prometheus"))
    house_m = {"provider": "house", "model": "m", "operation": "chat"}
    down_m = {**house_m, "provider": "down"}
    value = lambda name, suffix="", **labels: told[f"libllm_{name}"].value(suffix, **labels)
    assert value("requests_total") == 1 and value("attempts_total") == 2 and value("requests_live") == 0
    assert value("ended_total", status="LLM_OK") == 1
    assert value("target_requests_total", **house_m, status="LLM_OK") == 1
    assert told["libllm_target_requests_total"].sum(**down_m) == 0, "the call ended at the other"
    assert value("target_attempts_total", **down_m, reason="first") == 1
    assert value("target_attempts_total", **house_m, reason="fallback") == 1
    assert value("target_errors_total", **down_m, kind="unavailable") == 1
    tokens = {kind: value("tokens_total", **house_m, kind=kind) for kind in ("prompt", "completion", "cached")}
    assert tokens == {"prompt": 11, "completion": 4, "cached": 3}, tokens
    for name in ("request_duration_seconds", "time_to_first_token_seconds", "inter_token_seconds", "overhead_seconds", "dispatch_seconds"):
        assert value(name, "_count", **house_m) == 1, name
    first, whole = (value(name, "_sum", **house_m) for name in ("time_to_first_token_seconds", "request_duration_seconds"))
    gap, own = (value(name, "_sum", **house_m) for name in ("inter_token_seconds", "overhead_seconds"))
    assert 0 < own and 0 < first <= whole and 0.02 < gap <= whole, (own, first, gap, whole)


@test("telemetry.prometheus", says="retries are told apart, and what ends in an error by its status and kind")
def _():
    server = Server(turns(lambda exchange: exchange.unavailable(), lambda exchange: exchange.fail(400)))
    client = Client(config(server, retry={"max_attempts": 2}))
    client.ask("house/m").fails("invalid_request")
    told = exposition.parse(client.metrics("prometheus"))
    assert told["libllm_target_attempts_total"].value(provider="house", reason="retry") == 1
    assert told["libllm_target_requests_total"].value(provider="house", status="LLM_ERR_BAD_REQUEST") == 1
    kinds = {labels["kind"]: value for _, labels, value in told["libllm_target_errors_total"].samples}
    assert kinds == {"unavailable": 1, "invalid_request": 1}, kinds


HOLD = 0.2


def slow(exchange):
    """An answer that comes in pieces, each of them late."""
    exchange.hold(HOLD)
    exchange.head()
    for piece in "ok":
        exchange.hold(HOLD)
        exchange.delta(piece)
    exchange.hold(HOLD)
    exchange.finish()
    exchange.end()


@test("telemetry.prometheus", says="our own time is that of our code: no provider and no host that takes its time is in it")
def _():
    late = lambda _: time.sleep(HOLD) or {}
    hooks = {"before": late, "attempt": late, "after": late}
    client = Client(config(Server(slow), hooks={name: True for name in hooks}))
    # The least of three: a machine may be so busy that our code is stopped in its midst.
    own = []
    for model in ("m1", "m2", "m3"):
        host = Host(client, hooks)
        host.ask(f"house/{model}").succeeds("ok")
        assert host.kinds == list(hooks)
        told = exposition.parse(client.metrics("prometheus"))
        value = lambda name, suffix: told[f"libllm_{name}_seconds"].value(suffix, provider="house", model=model)
        assert value("overhead", "_count") == value("dispatch", "_count") == 1
        assert value("request_duration", "_sum") >= 7 * HOLD * 0.99
        own.append(value("overhead", "_sum"))
    assert 0 < min(own) < HOLD, own


@test("telemetry.prometheus", says="off: requests are counted as a whole, and not by target")
def _():
    client = Client(config(Server(), telemetry={"prometheus": False}))
    client.ask("house/m").succeeds("ok")
    told = exposition.parse(client.metrics("prometheus"))
    assert told["libllm_requests_total"].value() == 1
    assert not any(family.samples for name, family in told.items() if family.kind != "gauge" and ("target_" in name or name.endswith("_seconds")))
    refused(lambda: Client({"telemetry": {"prometheus": "yes"}}), CONFIG, "telemetry.prometheus: expected true or false")


@test("telemetry.prometheus", says="models without number are told as other; the text stays valid whatever they are called")
def _():
    client = Client(config(Server()))
    client.ask('house/a"b\\c\nd').succeeds("ok")
    for number in range(600):
        client.complete(f"mock/text={number}")
    told = exposition.parse(client.metrics("prometheus"))["libllm_target_requests_total"]
    assert told.value(provider="house", model='a"b\\c\nd') == 1
    assert told.value(provider="mock", model="other") == 601 - 512
    assert len(told.samples) == 513


@test("llm_client_metrics", says="JSON and Prometheus text tell the same")
def _():
    client = Client(failing())
    client.ask("a").succeeds("ok")
    told, text = json.loads(client.metrics("json")), exposition.parse(client.metrics("prometheus"))
    assert {f"libllm_{name}" for name in told} == set(text)
    for name, value in told.items():
        family = text[f"libllm_{name}"]
        if isinstance(value, (int, float)):
            assert family.value() == value
        elif isinstance(value, dict):
            assert {labels["status"]: number for _, labels, number in family.samples} == value
        else:
            assert len(value) == len([one for one in family.samples if not one[0].endswith(("_bucket", "_sum"))]), name
            for one in value:
                labels = {key: text for key, text in one.items() if isinstance(text, str)}
                suffix, number = ("_count", one["count"]) if "count" in one else ("", one["value"])
                assert family.value(suffix, **labels) == number, (name, one)
                for bound, count in one.get("buckets", {}).items():
                    assert family.value("_bucket", **labels, le=bound) == count


@test("llm_client_metrics", says="tells what docs/observability.md says: names, kinds and labels")
def _():
    client = Client(failing())
    client.ask("a").succeeds("ok")
    text = (pathlib.Path(os.environ["LLM_ROOT"]) / "docs/observability.md").read_text()
    rows = re.findall(r"^\| `libllm_(\w+)` \| (counter|gauge|histogram) \| ?([^|]*?) ?\| ([^|]*) \|", text, re.MULTILINE)
    documented = {f"libllm_{name}": (kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels, _ in rows}
    told = exposition.parse(client.metrics("prometheus"))
    assert {name: kind for name, (kind, _) in documented.items()} == {name: family.kind for name, family in told.items()}
    for name, family in told.items():
        for _, labels, _ in family.samples:
            assert [label for label in labels if label != "le"] == documented[name][1], (name, labels)


@test("llm_client_metrics", says="a request that is under way is among the live ones")
def _():
    server = Server(lambda exchange: exchange.wait())
    client, queue = Client(config(server)), Queue()
    client.submit(queue, chat("house/m", {}))
    assert exposition.parse(client.metrics("prometheus"))["libllm_requests_live"].value() == 1


@test("llm_client_metrics", says="a breaker that opens is told, and for how long a target is away")
def _():
    server = Server(lambda exchange: exchange.fail(500))
    limited = Server(lambda exchange: exchange.fail(429, "retry-after: 30"))
    client = Client({"providers": {"down": house(server), "busy": house(limited)}, "retry": {"max_attempts": 1}})
    for _ in range(5):
        client.ask("down/m").fails("server_error")
    client.ask("busy/m").fails("rate_limited")
    told = exposition.parse(client.metrics("prometheus"))
    state, away = told["libllm_target_breaker_state"], told["libllm_target_unavailable_seconds"]
    assert (state.value(provider="down", model="m"), state.value(provider="busy", model="m")) == (2, 0)
    assert 20 < away.value(provider="busy") <= 33 and away.value(provider="down") == 0
    assert told["libllm_target_in_flight"].value(provider="down") == 0
