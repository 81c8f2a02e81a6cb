"""`telemetry.otlp`: spans and metrics to a collector of OpenTelemetry, which is a real one here: it takes HTTP and reads what comes."""

import json
import os
import threading
import time

import exposition
from collector import Collector
from llm import CONFIG, EVENT, Client, Queue, check, library, refused, submit_http
from server import PATIENCE, Server, turns
from suite import config, house, test

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
USAGE = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
         "completion_tokens_details": {"reasoning_tokens": 1}}
LONG = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
TOKENS = [4 ** power for power in range(14)]


def used(exchange):
    exchange.head("x-request-id: r1")
    exchange.delta("the ")
    # Far enough apart to be read as two pieces.
    exchange.hold(0.02)
    exchange.delta("answer")
    exchange.finish()
    exchange.event({"id": "c", "model": "m", "choices": [], "usage": USAGE})
    exchange.end()


def told(collector, server, **more):
    return config(server, telemetry={"otlp": collector.url, **more})


@test("telemetry.otlp", says="a request is a span with the names of the conventions 1.41, and its attempt one below it")
def _():
    collector, server = Collector(), Server(used)
    client = Client(told(collector, server))
    body = {"temperature": 0.5, "max_tokens": 50, "seed": 7, "stop": ["x", "y"], "n": 1, "response_format": {"type": "json_object"}}
    client.ask("house/m", body=body, json={"session": "s1", "tenant": "acme", "tags": ["t"], "metadata": {"team": "x"}}).succeeds("the answer")
    client.drain()
    span, = collector.whole()
    assert (span.name, span.kind, span.parent, span.failed) == ("chat m", 3, None, False)
    says = span.says
    wanted = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "house", "gen_ai.request.model": "m", "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.5, "gen_ai.request.max_tokens": 50, "gen_ai.request.seed": 7, "gen_ai.request.stop_sequences": ["x", "y"],
        "gen_ai.output.type": "json", "gen_ai.conversation.id": "s1", "gen_ai.response.id": "c", "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ["stop"], "gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 3, "gen_ai.usage.cache_creation.input_tokens": 2, "gen_ai.usage.reasoning.output_tokens": 1,
        "server.address": "127.0.0.1", "server.port": server.port, "libllm.model": "house/m", "libllm.target": "house/m", "libllm.tenant": "acme",
        "libllm.tags": ["t"], "libllm.metadata.team": "x", "libllm.attempts": 1, "libllm.request_id": "r1",
    }
    assert wanted.items() <= says.items(), {name: (value, says.get(name)) for name, value in wanted.items() if says.get(name) != value}
    first = says["gen_ai.response.time_to_first_chunk"]
    assert 0 < first * 1e9 <= span.end - span.start and says["libllm.overhead_us"] >= 0 and says["libllm.dispatch_us"] >= 0
    assert not any(name in says for name in ("gen_ai.system", "error.type", "gen_ai.request.choice.count")), says
    attempt, = collector.below(span)
    assert (attempt.name, attempt.kind, attempt.trace, attempt.failed) == ("attempt house/m", 3, span.trace, False)
    assert span.start <= attempt.start <= attempt.end <= span.end
    assert attempt.says["libllm.attempt.reason"] == "first" and attempt.says["server.port"] == server.port
    assert not any("usage" in name for name in attempt.says), "tokens are told once"
    assert collector.schemas == {"https://opentelemetry.io/schemas/1.41.0"}


@test("telemetry.semconv", says="latest has the names of the conventions' own repository, in spans and in metrics")
def _():
    collector = Collector()
    client = Client(told(collector, Server(used), semconv="latest"))
    client.ask("house/m").succeeds()
    client.drain()
    says = collector.whole()[0].says
    assert says["gen_ai.usage.cache_write.input_tokens"] == 2 and "gen_ai.usage.cache_creation.input_tokens" not in says
    page = collector.page()
    for name in "duration", "time_to_first_chunk", "time_per_output_chunk":
        metric = page[f"gen_ai.client.inference.{name}"]
        assert (metric.unit, metric.kind, metric.points[0].bounds) == ("s", "histogram", LONG)
    sums = {"input_tokens": 11, "output_tokens": 4, "cache_read.input_tokens": 3, "cache_write.input_tokens": 2, "reasoning.output_tokens": 1}
    for name, number in sums.items():
        metric = page[f"gen_ai.client.inference.usage.{name}"]
        assert (metric.kind, metric.unit) == ("sum", "{token}")
        assert metric.at(gen_ai_provider_name="house", gen_ai_request_model="m", gen_ai_token_modality="unknown").number == number
    for name, number in ("input_tokens", 11), ("output_tokens", 4):
        point = page[f"gen_ai.client.inference.operation.{name}"].at(gen_ai_operation_name="chat")
        assert (point.count, point.sum, point.bounds) == (1, number, TOKENS)
    assert not any(name.startswith(("gen_ai.client.operation", "gen_ai.client.token")) for name in page), page.keys()
    assert collector.schemas == {None}
    refused(lambda: Client({"telemetry": {"semconv": "1.36"}}), CONFIG, 'telemetry.semconv: expected "1.41", "latest"')


@test("telemetry.semconv", says="1.41 has the metrics of that version, with their bounds, and all of the library's own under its name")
def _():
    collector = Collector()
    server = Server(turns(used, lambda exchange: exchange.fail(400), used))
    client = Client(told(collector, server, semconv="1.41"))
    client.ask("house/m").succeeds()
    client.ask("house/m").fails("invalid_request")
    client.ask("house/m").succeeds()
    client.drain()
    page = collector.page()
    duration = page["gen_ai.client.operation.duration"]
    good, bad = [[point for point in duration.points if ("error.type" in point.says) == failed] for failed in (False, True)]
    assert (duration.unit, duration.kind) == ("s", "histogram") and [(point.count, point.bounds) for point in good + bad] == [(2, LONG), (1, LONG)]
    assert bad[0].says["error.type"] == "invalid_request"
    base = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "house", "gen_ai_request_model": "m"}
    usage = page["gen_ai.client.token.usage"]
    for kind, number in ("input", 11), ("output", 4):
        point = usage.at(gen_ai_token_type=kind, **base)
        assert (usage.unit, point.count, point.sum, point.bounds) == ("{token}", 2, 2 * number, TOKENS)
    assert page["gen_ai.client.operation.time_to_first_chunk"].at(**base).count == 2
    assert page["gen_ai.client.operation.time_per_output_chunk"].at(**base).count >= 2
    assert not any(name.startswith("gen_ai.client.inference") for name in page)
    # What Prometheus is told, as it was when this was sent.
    scraped = {name.removeprefix("libllm_") for name in exposition.parse(client.metrics("prometheus"))}
    sent = {name.removeprefix("libllm.") for name in page if name.startswith("libllm.")}
    assert {"requests", "attempts", "overhead", "target_breaker_state", "target_requests", "target_errors", "requests_live"} <= sent, sent
    ways = {name: {name, f"{name}_total", f"{name}_seconds", f"{name}_bytes"} & scraped for name in sent}
    assert all(ways.values()), ways
    assert page["libllm.requests"].points[0].number == 3 and page["libllm.overhead"].unit == "s"
    assert page["libllm.target_breaker_state"].at(provider="house", model="m").number == 0
    assert page["libllm.queue_waiting"].unit == "By"


@test("telemetry.otlp", says="time to the first chunk is of streams alone")
def _():
    collector = Collector()
    client = Client(told(collector, Server()))
    client.ask("house/m", body={"stream": False}).succeeds("ok")
    client.drain()
    span, = collector.whole()
    assert not {"gen_ai.request.stream", "gen_ai.response.time_to_first_chunk"} & span.says.keys(), span
    page = collector.page()
    assert "gen_ai.client.operation.time_to_first_chunk" not in page and page["libllm.time_to_first_token"].points[0].count == 1


@test("telemetry.otlp", says="every attempt is a child, those that failed say how, and what is asked of each names its span")
def _():
    collector = Collector()
    down, good = Server(lambda exchange: exchange.unavailable()), Server(used)
    client = Client({"providers": {"down": house(down), "house": house(good)}, "telemetry": {"otlp": collector.url},
                     "models": {"a": {"targets": [{"model": "down/m"}, {"model": "house/m"}]}}})
    client.ask("a").succeeds()
    client.drain()
    span, = collector.whole()
    assert span.says["libllm.model"] == "a" and span.says["gen_ai.provider.name"] == "house" and not span.failed
    first, second = sorted(collector.below(span), key=lambda one: one.start)
    assert (first.name, first.failed, first.says["error.type"], first.says["http.response.status_code"]) == ("attempt down/m", True, "unavailable", 503)
    assert (second.name, second.failed, second.says["libllm.attempt.reason"]) == ("attempt house/m", False, "fallback")
    assert second.says["http.request.resend_count"] == 1
    for server, attempt in (down, first), (good, second):
        assert server.only.headers["traceparent"] == f"00-{span.trace}-{attempt.id}-01"


@test("telemetry.otlp", says="a race's losers are children, too, and no errors")
def _():
    collector = Collector()
    both = threading.Event()

    def slowly(exchange):
        both.set()
        exchange.wait()

    def well(exchange):
        # The other one was asked, too, and has heard it.
        assert both.wait(PATIENCE)
        used(exchange)

    slow, good = Server(slowly), Server(well)
    client = Client({"providers": {"slow": house(slow), "house": house(good)}, "telemetry": {"otlp": collector.url},
                     "models": {"a": {"strategy": "race", "targets": [{"model": "slow/m"}, {"model": "house/m"}]}}})
    client.ask("a").succeeds()
    client.drain()
    span, = collector.whole()
    below = {attempt.name: attempt for attempt in collector.below(span)}
    lost, won = below["attempt slow/m"], below["attempt house/m"]
    assert (lost.says["error.type"], lost.failed, won.failed) == ("canceled", False, False)
    assert slow.only.headers["traceparent"].split("-")[2] == lost.id and good.only.headers["traceparent"].split("-")[2] == won.id


@test("telemetry.otlp", says="a request that fails, or is cancelled, is a span that failed")
def _():
    collector = Collector()
    server = Server(turns(lambda exchange: exchange.fail(400), lambda exchange: exchange.wait()))
    client, queue = Client(told(collector, server)), Queue()
    client.ask("house/m").fails("invalid_request")
    number = client.submit(queue, {"model": "house/m", "messages": [{"role": "user", "content": "hi"}]})
    library().llm_cancel(number)
    queue.until(lambda event: event.type == EVENT["ERROR"])
    client.drain()
    first, second = collector.whole(2)
    assert (first.failed, first.message, first.says["error.type"]) == (True, "made up 400", "invalid_request")
    attempt, = collector.below(first)
    assert (attempt.failed, attempt.message, attempt.says["http.response.status_code"]) == (True, "made up 400", 400)
    assert (second.failed, second.says["error.type"]) == (True, "canceled")


@test("telemetry.otlp", "telemetry.capture_content", says="no word of a prompt or an answer leaves, unless it is asked for")
def _():
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    secret = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "a prompt, sk-canary-canary-canary"}]
    for capture in False, True:
        collector = Collector()
        client = Client(told(collector, Server(used), capture_content=capture))
        client.ask("house/m", body={"messages": secret, "tools": tools}).succeeds("the answer")
        client.drain()
        says, text = collector.whole()[0].says, "".join(collector.bodies)
        assert "canary" not in text
        content = {name: json.loads(said) for name, said in says.items() if name.endswith((".messages", ".definitions", ".system_instructions"))}
        if not capture:
            assert content == {} and not any(word in text for word in ("be kind", "a prompt", "the answer")), text
            continue
        assert content == {
            "gen_ai.input.messages": [{"role": "system", "parts": [{"type": "text", "content": "be kind"}]},
                                      {"role": "user", "parts": [{"type": "text", "content": "a prompt, sk-***"}]}],
            "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "the answer"}], "finish_reason": "stop"}],
            "gen_ai.tool.definitions": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        }, content


@test("telemetry.otlp", says="keys are in nothing that is sent, wherever they come back")
def _():
    def parrot(exchange):
        key = exchange.request.key.split()[-1]
        exchange.whole(401, {"error": {"message": f"bad key {key}", "type": key, "code": key}}, [f"x-request-id: {key}"])

    collector, server = Collector(), Server(parrot)
    client = Client(config(server, provider={"api_key": "canary-4711-canary"}, telemetry={"otlp": collector.url}))
    client.ask("house/m").fails("auth")
    client.drain()
    collector.whole()
    assert server.only.key == "Bearer canary-4711-canary" and "canary" not in "".join(collector.bodies), collector.bodies


def one(client, **fields):
    """A client's one request; what is told of it has left."""
    client.ask("house/m", **fields).succeeds()
    client.drain()


@test("options_json.traceparent", "options_json.tracestate", says="is the parent of the request's span, and goes on to who is asked")
def _():
    collector, server = Collector(), Server()
    client = Client(told(collector, server, otlp_interval_s=0.05))
    client.ask("house/m", json={"traceparent": PARENT, "tracestate": "a=1,b=2"}).succeeds()
    span, = collector.whole()
    collector.until(lambda: collector.below(span))
    attempt, = collector.below(span)
    assert (span.trace, span.parent, span.state, span.flags) == (TRACE, SPAN, "a=1,b=2", 1)
    headers = server.only.headers
    assert (headers["traceparent"], headers["tracestate"]) == (f"00-{TRACE}-{attempt.id}-01", "a=1,b=2")
    refused(lambda: client.ask("house/m", json={"traceparent": "00-1-2-01"}), "LLM_ERR_INVALID_ARGUMENT", "traceparent: expected")
    refused(lambda: client.ask("house/m", json={"tracestate": "a=1"}), "LLM_ERR_INVALID_ARGUMENT", "tracestate: goes with traceparent")


@test("options_json.traceparent", says="among the headers means the same; what is none is left out")
def _():
    collector, server = Collector(), Server()
    for headers in {"TraceParent": PARENT, "tracestate": "a=1", "x-other": "y"}, {"traceparent": "nonsense", "tracestate": "a=1"}:
        one(Client(told(collector, server)), json={"headers": headers})
    first, second = collector.whole(2)
    assert (first.trace, first.parent, first.state) == (TRACE, SPAN, "a=1")
    assert second.trace != TRACE and second.parent is None and second.state is None
    headers = [request.headers for request in server.requests]
    assert headers[0]["x-other"] == "y" and headers[1]["traceparent"].startswith(f"00-{second.trace}-") and "tracestate" not in headers[1]


@test("options_json.traceparent", says="a caller who does not sample is not told of, and is believed by who is asked")
def _():
    collector, server = Collector(), Server()
    client = Client(told(collector, server))
    one(client, json={"traceparent": PARENT[:-2] + "00"})
    assert collector.spans == [] and server.only.headers["traceparent"] == PARENT[:-2] + "00"


@test("options_json.traceparent", says="goes on as it came where nothing is told of it; without one nothing is sent")
def _():
    server = Server()
    client = Client(config(server))
    client.ask("house/m", json={"traceparent": PARENT, "tracestate": "a=1"}).succeeds()
    client.ask("house/m").succeeds()
    said = [(request.headers.get("traceparent"), request.headers.get("tracestate")) for request in server.requests]
    assert said == [(PARENT, "a=1"), (None, None)]


@test("options_json.traceparent", says="of an HTTP request that is answered in its format is its header")
def _():
    collector, server = Collector(), Server()
    client, queue = Client(told(collector, server)), Queue()
    body = {"model": "house/m", "messages": [{"role": "user", "content": "hi"}]}
    headers = [["Traceparent", PARENT], ["tracestate", "a=1"], ["Tracestate", "b=2"]]
    submit_http(client, queue, "POST", "/v1/chat/completions", body, headers)
    queue.answer().succeeds()
    client.drain()
    span, = collector.whole()
    assert (span.name, span.trace, span.parent, span.state) == ("chat m", TRACE, SPAN, "a=1,b=2")
    assert server.only.headers["traceparent"].startswith(f"00-{TRACE}-") and server.only.headers["tracestate"] == "a=1,b=2"


@test("options_json.traceparent", says="makes no other question of a request that the cache knows")
def _():
    server = Server()
    client = Client(config(server, cache={"enabled": True}))
    client.ask("house/m", json={"traceparent": PARENT}).succeeds("ok")
    client.ask("house/m", json={"headers": {"traceparent": PARENT.replace(SPAN, SPAN[::-1])}}).succeeds("ok")
    assert len(server.requests) == 1


@test("telemetry.otlp", says="an answer from the cache is a span without an attempt, and no tokens")
def _():
    collector = Collector()
    client = Client({**told(collector, Server(used)), "cache": {"enabled": True}})
    client.ask("house/m").succeeds()
    client.ask("house/m").succeeds()
    client.drain()
    first, second = collector.whole(2)
    assert second.says["libllm.cached"] is True and collector.below(second) == []
    assert "libllm.cached" not in first.says and "gen_ai.usage.input_tokens" not in second.says


@test("telemetry.otlp", says="other operations have the conventions' names, and those that ask no model have no span")
def _():
    collector = Collector()
    reply = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "e", "usage": {"prompt_tokens": 2, "total_tokens": 2}}
    client = Client(told(collector, Server(lambda exchange: exchange.whole(200, reply))))
    client.ask("house/e", operation="embeddings", body={"input": "x"}).succeeds()
    client.ask("house/e", operation="explain").succeeds()
    client.drain()
    span, = collector.whole()
    assert (span.name, span.says["gen_ai.operation.name"], span.says["gen_ai.usage.input_tokens"]) == ("embeddings e", "embeddings", 2)


@test("telemetry.otlp_headers", says="are sent along, and kept in variables if they are secret")
def _():
    os.environ["COLLECTORS_KEY"] = "canary-key"
    collector = Collector()
    one(Client(told(collector, Server(), otlp_headers={"X-Key": "env:COLLECTORS_KEY", "authorization": "Basic eDp5"})))
    headers = collector.server.requests[0].headers
    assert (headers["x-key"], headers["authorization"]) == ("canary-key", "Basic eDp5")
    refused(lambda: Client({"telemetry": {"otlp_headers": {"x": "env:NO_SUCH"}}}), CONFIG, "telemetry.otlp_headers.x: environment variable NO_SUCH")
    refused(lambda: Client({"telemetry": {"otlp_headers": {"a b": "x"}}}), CONFIG, "expected a header name")


@test("telemetry.otlp_interval_s", says="is how often metrics are sent, and spans at the latest, without a word")
def _():
    collector = Collector()
    client = Client(told(collector, Server(), otlp_interval_s=0.05))
    client.ask("house/m").succeeds()
    collector.whole()
    collector.until(lambda: any("gen_ai.client.operation.duration" in page for page in collector.pages))
    pages = len(collector.pages)
    collector.until(lambda: len(collector.pages) >= pages + 2)
    refused(lambda: Client({"telemetry": {"otlp_interval_s": 0}}), CONFIG, "telemetry.otlp_interval_s: expected")


@test("telemetry.otlp_sample", says="is the share of the traces that begin here; whoever has a parent is told of as that says")
def _():
    collector, server = Collector(), Server()
    one(Client(told(collector, server, otlp_sample=0)))
    one(Client(told(collector, server, otlp_sample=0)), json={"traceparent": PARENT})
    span, = collector.whole()
    assert span.trace == TRACE and server.requests[0].headers["traceparent"].endswith("-00")
    assert collector.page()["libllm.requests"].points[0].number == 2, "metrics are of all"
    refused(lambda: Client({"telemetry": {"otlp_sample": 2}}), CONFIG, "telemetry.otlp_sample: expected a number in 0 to 1")


@test("telemetry.service", says="is who it is told to come from; each process is an instance of its own")
def _():
    collector = Collector()
    one(Client(told(collector, Server(), service="shop")))
    resource = collector.resources[0]
    assert (resource["service.name"], resource["process.pid"], resource["telemetry.sdk.name"]) == ("shop", os.getpid(), "libllm")
    assert len(resource["service.instance.id"]) == 32 and all(other == resource for other in collector.resources)


@test("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "telemetry.otlp",
      says="say the same without a configuration, which has the last word")
def _():
    collector, other = Collector(), Collector()
    os.environ.update(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url + "/", OTEL_EXPORTER_OTLP_HEADERS="x-key=a%20b,x-more=c",
                      OTEL_SERVICE_NAME="shop", OTEL_RESOURCE_ATTRIBUTES="service.name=no,deployment.environment.name=test%21")
    one(Client(config(Server())))
    headers, resource = collector.server.requests[0].headers, collector.resources[0]
    assert (headers["x-key"], headers["x-more"]) == ("a b", "c")
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("shop", "test!")
    one(Client(told(other, Server(), service="mine", otlp_headers={"x-key": "own"})))
    assert other.resources[0]["service.name"] == "mine" and other.server.requests[0].headers["x-key"] == "own"
    assert "x-more" not in other.server.requests[0].headers
    one(Client(config(Server(), telemetry={"otlp": "off"})))
    one(Client(config(Server(), telemetry={"otlp": "env:NO_SUCH_VARIABLE"})))
    assert len(collector.requests()) == 1 and len(other.requests()) == 1
    one(Client(config(Server(), telemetry={"otlp": "env:OTEL_EXPORTER_OTLP_ENDPOINT"})))
    assert len(collector.requests()) == 2


@test("OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_ENDPOINT",
      says="an endpoint that is meant for others, or is unusable, is left alone, and no client fails for it")
def _():
    collector = Collector()
    for more in ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4317"},
                 {"OTEL_EXPORTER_OTLP_HEADERS": "no pair"}):
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        os.environ.update(more)
        one(Client(config(Server())))
        for name in more:
            del os.environ[name]
    assert collector.tries == []
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
    one(Client(config(Server())))
    assert len(collector.requests()) == 1


@test("telemetry.otlp", says="what is no place is refused, with the key")
def _():
    for place in "", "localhost:4318", "ftp://h", "http://user@h", "http://h?x=1", 1:
        refused(lambda: Client({"telemetry": {"otlp": place}}), CONFIG, "telemetry.otlp: expected")


@test("telemetry.otlp", says="a collector that may take it later is asked again, one that refuses is not; both are counted, and no request fails")
def _():
    later = Collector(turns_of((503, "{}", "retry-after: 0"), (200, "{}")))
    client = Client(told(later, Server(), otlp_interval_s=0.05))
    client.ask("house/m").succeeds("ok")
    later.whole()
    counts(client, sent=2, lost=0)
    never = Collector(lambda path: (400, "{}"))
    client = Client(told(never, Server()))
    one(client)
    assert never.tries.count("/v1/traces") == 1
    counts(client, sent=2, lost=2)
    part = Collector(lambda path: (200, '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}' if path.endswith("traces") else "{}"))
    one(Client(told(part, Server())))
    counts(client, sent=3, lost=3)


def turns_of(*replies):
    left = list(replies)

    def reply(path):
        if not path.endswith("/v1/traces"):
            return 200, "{}"
        return left.pop(0) if len(left) > 1 else left[0]

    return reply


def counted(client):
    figures = client.figures()
    return {"sent": figures["otlp_spans_total"], "lost": figures["otlp_spans_lost_total"]}


def counts(client, **wanted):
    """It is counted when the answer has come, which is after the collector gave it."""
    end = time.monotonic() + PATIENCE
    while counted(client) != wanted:
        assert time.monotonic() < end, counted(client)
        time.sleep(0.005)


@test("telemetry.otlp", says="where nobody answers, requests and a drain go on, and the collector gets what waited when it is back")
def _():
    lives = []
    collector = Collector(lambda path: (200, "{}") if lives else (503, "{}"))
    client = Client(told(collector, Server(), otlp_interval_s=0.05))
    for _ in range(3):
        client.ask("house/m").succeeds("ok")
    client.ask("house/m").succeeds("ok")
    collector.until(lambda: "/v1/traces" in collector.tries)
    assert collector.spans == []
    lives.append(True)
    collector.whole(4)


@test("telemetry.otlp", says="whoever frees the last client has told all: at once what is waiting, and before a shutdown ends")
def _():
    collector = Collector()
    client = Client(told(collector, Server()))
    client.ask("house/m").succeeds("ok")
    client.free()
    check(library().llm_shutdown(10_000))
    assert len(collector.requests()) == 1 and collector.pages, "it was waited for"


@test("telemetry.otlp", says="clients with the same collector share the way to it; a reload changes it")
def _():
    first, second = Collector(), Collector()
    client, other = Client(told(first, Server())), Client(told(first, Server()))
    client.ask("house/m").succeeds()
    one(other)
    first.whole(2)
    health = first.page()["libllm.target_breaker_state"]
    assert sorted(point.says["client"] for point in health.points) == ["0", "1"], "targets are each client's own"
    client.ask("house/m").succeeds()
    client.reload(told(second, Server()))
    # Nobody else tells the first any more: what waited there has left.
    other.free()
    first.whole(3)
    client.ask("house/m").succeeds()
    client.reload(config(Server()))
    second.whole()
    one(client)
    assert len(first.requests()) == 3 and len(second.requests()) == 1


@test("telemetry.otlp", says="and a call log tell of the same requests")
def _():
    collector, path = Collector(), os.path.join(os.environ["LLM_WORK"], f"calls-{os.getpid()}")
    one(Client(told(collector, Server(), call_log=path)))
    line, = [json.loads(line) for line in open(path)]
    assert (line["target"], line["status"]) == ("house/m", "LLM_OK") and collector.whole()
