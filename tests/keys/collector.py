"""A collector of OpenTelemetry for these tests: it takes what is sent as OTLP over HTTP, as JSON, and holds it against the format."""

import json
import re
import threading
import time

from server import PATIENCE, Server

HEX = {"traceId": 32, "spanId": 16, "parentSpanId": 16}


def value(told):
    """An AnyValue."""
    (kind, content), = told.items()
    if kind == "intValue":
        assert isinstance(content, str), "64 bits are a text in JSON"
        return int(content)
    if kind == "arrayValue":
        return [value(one) for one in content["values"]]
    assert (kind, type(content)) in {("stringValue", str), ("boolValue", bool), ("doubleValue", float), ("doubleValue", int)}, told
    return content


def attributes(told):
    names = [one["key"] for one in told]
    assert len(set(names)) == len(names), f"told twice: {names}"
    return {one["key"]: value(one["value"]) for one in told}


class Span:
    def __init__(self, told):
        for name, length in HEX.items():
            assert name not in told or re.fullmatch(f"[0-9a-f]{{{length}}}", told[name]), told
        self.told, self.name, self.kind = told, told["name"], told["kind"]
        self.trace, self.id, self.parent = told["traceId"], told["spanId"], told.get("parentSpanId")
        self.state, self.flags = told.get("traceState"), told["flags"]
        self.start, self.end = int(told["startTimeUnixNano"]), int(told["endTimeUnixNano"])
        assert 0 <= self.end - self.start < 60e9 and abs(self.end / 1e9 - time.time()) < 60, told
        self.failed = told["status"].get("code") == 2
        self.message = told["status"].get("message")
        self.says = attributes(told["attributes"])

    def __repr__(self):
        return f"{self.name} {self.says}"


class Point:
    def __init__(self, metric, told):
        self.says = attributes(told["attributes"])
        assert int(told["startTimeUnixNano"]) <= int(told["timeUnixNano"])
        if "bucketCounts" in told:
            self.counts, self.bounds = [int(count) for count in told["bucketCounts"]], told["explicitBounds"]
            self.count, self.sum = int(told["count"]), told["sum"]
            assert len(self.counts) == len(self.bounds) + 1 and sum(self.counts) == self.count, metric
        else:
            self.number = int(told["asInt"]) if "asInt" in told else told["asDouble"]


class Metric:
    def __init__(self, told):
        self.name, self.unit = told["name"], told["unit"]
        (self.kind,) = {"sum", "gauge", "histogram"} & told.keys()
        data = told[self.kind]
        assert self.kind == "gauge" or data["aggregationTemporality"] == 2
        assert self.kind != "sum" or data["isMonotonic"] is True
        self.points = [Point(told, point) for point in data["dataPoints"]]
        ways = [tuple(sorted(point.says.items())) for point in self.points]
        assert len(set(ways)) == len(ways), f"{self.name} has a point twice: {ways}"

    def at(self, **labels):
        """The one point with these labels among its own; dots are underscores."""
        def fits(point):
            said = {name.replace(".", "_"): text for name, text in point.says.items()}
            return all(said.get(name) == text for name, text in labels.items())
        point, = [point for point in self.points if fits(point)]
        return point


class Collector:
    """Answers `reply(path)`, a status and a body; keeps what it took."""

    def __init__(self, reply=lambda path: (200, "{}")):
        self.reply, self.spans, self.pages, self.resources, self.schemas = reply, [], [], [], set()
        self.bodies, self.tries, self.lock = [], [], threading.Condition()
        self.server = Server(self.take)
        self.url = self.server.url

    def take(self, exchange):
        path, body = exchange.request.path, exchange.request.body.decode()
        assert exchange.request.method == "POST" and exchange.request.headers["content-type"] == "application/json"
        status, reply, *headers = self.reply(path)
        with self.lock:
            self.tries.append(path)
            if status == 200:
                self.bodies.append(body)
                (self.traces if path.endswith("/v1/traces") else self.metrics)(json.loads(body))
            self.lock.notify_all()
        exchange.whole(status, reply, headers)

    def traces(self, told):
        for group in told["resourceSpans"]:
            self.resources.append(attributes(group["resource"]["attributes"]))
            for scope in group["scopeSpans"]:
                assert scope["scope"]["name"] == "libllm"
                self.schemas.add(scope.get("schemaUrl"))
                self.spans += [Span(span) for span in scope["spans"]]

    def metrics(self, told):
        group, = told["resourceMetrics"]
        self.resources.append(attributes(group["resource"]["attributes"]))
        scope, = group["scopeMetrics"]
        metrics = [Metric(metric) for metric in scope["metrics"]]
        page = {metric.name: metric for metric in metrics}
        assert len(page) == len(metrics)
        self.pages.append(page)

    def until(self, done):
        with self.lock:
            assert self.lock.wait_for(done, timeout=PATIENCE), f"{self.spans} {self.tries}"

    def whole(self, count=1):
        """So many spans of whole requests, once they are there: in the order of their ends."""
        self.until(lambda: len(self.requests()) >= count)
        found = self.requests()
        assert len(found) == count, found
        return found

    def requests(self):
        return [span for span in self.spans if not span.name.startswith("attempt ")]

    def below(self, span):
        return [one for one in self.spans if one.parent == span.id]

    def page(self):
        """The last metrics that came."""
        self.until(lambda: self.pages)
        return self.pages[-1]
