"""`telemetry.call_log`: a line for each request, on its own thread, redacted; and what is said only when asked for."""

import json
import os
import pathlib
import re
import tempfile
import time

import exposition
from llm import CONFIG, EVENT, Client, Queue, chat, library, refused
from server import PATIENCE, Server, turns
from suite import config, house, test


def lines(path, count):
    """So many lines, once they are there."""
    end = time.monotonic() + PATIENCE
    while True:
        text = pathlib.Path(path).read_text() if os.path.exists(path) else ""
        if text.count("\n") >= count:
            found = [json.loads(line) for line in text.splitlines()]
            assert len(found) == count, found
            return found
        assert time.monotonic() < end, f"{count} lines did not come: {text}"
        time.sleep(0.005)


def folder():
    return tempfile.mkdtemp(dir=os.environ["LLM_WORK"])


def logged(path, **more):
    return {"call_log": path, **more}


USAGE = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15, "cost": 0.000002}


def used(exchange):
    exchange.head()
    exchange.delta("the answer")
    exchange.finish()
    exchange.event({"id": "c1", "model": "m-2026", "choices": [], "usage": USAGE})
    exchange.end()


@test("telemetry.call_log", says="a line says who asked what of whom, when, with which outcome, tokens and cost")
def _():
    path = f"{folder()}/calls.jsonl"
    down, good = Server(lambda exchange: exchange.unavailable()), Server(used)
    client = Client({"providers": {"down": house(down), "house": house(good, api_key="sk-canary-canary")},
                     "models": {"a": {"targets": [{"model": "down/m"}, {"model": "house/m"}]}}, "telemetry": logged(path)})
    said = {"tenant": "acme", "session": "s1", "tags": ["batch"], "metadata": {'te"am': "x"}}
    client.ask("a", json=said, body={"user": "u7"}).succeeds("the answer")
    line, = lines(path, 1)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), line
    assert abs(time.time() - time.mktime(time.strptime(line["time"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 60
    who = line["who"]
    assert (who["tenant"], who["session"], who["user"]) == ("acme", "s1", "u7") and re.fullmatch("sha256:[0-9a-f]{16}", who["key"])
    assert (line["model"], line["operation"], line["stream"]) == ("a", "chat", True)
    assert line["tags"] == ["batch"] and line["metadata"] == {'te"am': "x"}
    assert (line["target"], line["provider"], line["answered_by"], line["response"]) == ("house/m", "house", "m", "c")
    assert (line["status"], line["kind"], line["finish_reason"]) == ("LLM_OK", None, "stop")
    assert (line["tokens"]["prompt"], line["tokens"]["completion"]) == (11, 4) and line["cost"]["source"] in ("provider", "unknown")
    first, last = line["attempts"]
    assert (last["tokens"], last["cost"]) == (line["tokens"], line["cost"]) and not {"tokens", "cost"} & set(first), line
    tried = [(one["target"], one["reason"], one["status"], one["http_status"]) for one in line["attempts"]]
    assert tried == [("down/m", "first", "LLM_ERR_OVERLOADED", 503), ("house/m", "fallback", "LLM_OK", None)], tried
    assert line["timing"]["total_ms"] >= line["timing"]["ttft_ms"] > 0 and line["timing"]["overhead_ms"] > 0
    assert line["timing"]["dispatch_ms"] >= 0
    text = pathlib.Path(path).read_text()
    assert "canary" not in text and "the answer" not in text and '"hi"' not in text, text
    assert os.stat(path).st_mode & 0o777 == 0o600


@test("telemetry.call_log", says="a line says whether the answer was kept, and where")
def _():
    path = f"{folder()}/calls.jsonl"
    client = Client(config(Server(used), cache={"enabled": True}, telemetry=logged(path)))
    for _ in range(2):
        client.ask("house/m").succeeds("the answer")
    assert [line["cache"] for line in lines(path, 2)] == [None, {"source": "memory"}]


@test("telemetry.call_log", says="off is off; a path that cannot be written is refused; reload changes it")
def _():
    place = folder()
    client = Client(config(Server(), telemetry=logged("off")))
    client.ask("house/m").succeeds("ok")
    assert os.listdir(place) == []
    refused(lambda: Client({"telemetry": logged("/no/such/file")}), CONFIG, "telemetry.call_log: cannot write to /no/such/file")
    refused(lambda: Client({"telemetry": logged("")}), CONFIG, "telemetry.call_log: expected")
    client.reload(config(Server(), telemetry=logged(f"{place}/a")))
    client.ask("house/m").succeeds("ok")
    assert lines(f"{place}/a", 1)[0]["model"] == "house/m"


@test("telemetry.call_log", says="a file that was renamed or removed is made anew; what is there is kept")
def _():
    path = f"{folder()}/calls"
    pathlib.Path(path).write_text('{"earlier":true}\n')
    client = Client(config(Server(), telemetry=logged(path)))
    client.ask("house/m").succeeds("ok")
    assert lines(path, 2)[0] == {"earlier": True}
    os.rename(path, f"{path}.1")
    client.ask("house/m").succeeds("ok")
    lines(path, 1)
    os.remove(path)
    client.ask("house/m").succeeds("ok")
    lines(path, 1)
    lines(f"{path}.1", 2)


@test("telemetry.call_log", says="errors, cancelled requests and those that a shutdown ends have a line, too")
def _():
    path = f"{folder()}/calls"
    server = Server(turns(lambda exchange: exchange.fail(400), lambda exchange: exchange.wait()))
    client, queue = Client(config(server, telemetry=logged(path))), Queue()
    client.ask("house/m").fails("invalid_request")
    number = client.submit(queue, chat("house/m", {}))
    library().llm_cancel(number)
    queue.until(lambda event: event.type == EVENT["ERROR"])
    first, second = lines(path, 2)
    assert (first["status"], first["kind"], first["message"]) == ("LLM_ERR_BAD_REQUEST", "invalid_request", "made up 400")
    assert (second["request"], second["status"]) == (number, "LLM_ERR_CANCELED")


@test("telemetry.call_log", says="lines that cannot be written are counted, and requests go on")
def _():
    client = Client(config(Server(), telemetry=logged("/dev/full")))
    client.ask("house/m").succeeds("ok")
    end = time.monotonic() + PATIENCE
    while exposition.parse(client.metrics("prometheus"))["libllm_call_log_lost_total"].value() != 1:
        assert time.monotonic() < end
        time.sleep(0.005)


@test("telemetry.capture_content", says="prompt and answer are told if asked for, bounded, and without what looks like a key")
def _():
    path = f"{folder()}/calls"
    client = Client(config(Server(used), telemetry=logged(path, capture_content=True)))
    client.ask("house/m", body={"messages": [{"role": "user", "content": "my key is sk-canary-canary-canary"}]}).succeeds("the answer")
    client.ask("house/m", body={"messages": [{"role": "user", "content": "x" * 100_000}]}).succeeds("the answer")
    first, second = lines(path, 2)
    assert first["prompt"] == [{"role": "user", "content": "my key is sk-***"}], first["prompt"]
    assert first["answer"] == {"role": "assistant", "content": "the answer"}
    assert len(second["prompt"]) == 16384 and second["prompt"].startswith('[{"role"')
    refused(lambda: Client({"telemetry": {"capture_content": 1}}), CONFIG, "telemetry.capture_content: expected true or false")


@test("telemetry.call_log", says="secrets are in no line, no metric and no log, wherever they come back")
def _():
    path = f"{folder()}/calls"

    def parrot(exchange):
        """Refuses, and says the key again, in words and in names."""
        key = exchange.request.key.split()[-1]
        error = {"error": {"message": f"bad key {key}", "type": key, "code": key}}
        exchange.whole(401, error, [f"x-request-id: {key}"])

    server = Server(parrot)
    client = Client(config(server, provider={"api_key": "canary-4711-canary"}, telemetry=logged(path, capture_content=True)))
    client.ask("house/m", json={"metadata": {"a": "Bearer sk-canary-4711"}}).fails("auth")
    client.ask("house/m", json={"headers": {"x-secret": "canary-header"}}).fails("auth")
    lines(path, 2)
    told = pathlib.Path(path).read_text() + client.metrics("prometheus") + client.metrics("json")
    assert server.requests[0].key == "Bearer canary-4711-canary"
    assert "canary" not in told, told
