"""llm_client_reload(): keys, routes and limits change at once; requests in flight keep the configuration they began with."""

import json
import os
import shutil
import tempfile
import threading
import time

from llm import CONFIG, EVENT, Client, Queue, chat, check, library, metrics, refused
from server import PATIENCE, Server
from suite import config, house, test


def gated(exchange):
    """Half of an answer, and the rest when the test has done what it wants to in between."""
    exchange.head()
    exchange.delta("half ")
    assert exchange.server.go_on.wait(PATIENCE)
    exchange.delta("whole")
    exchange.finish()
    exchange.end()


@test("llm_client_reload", says="changes keys, places and routes for what comes, not for what is under way")
def _():
    old, new = Server(gated), Server()
    old.go_on = threading.Event()

    def said(server, key, model):
        return config(server, provider={"api_key": key}, models={"a": {"targets": [{"model": f"house/{model}"}]}})

    client, queue = Client(said(old, "k1", "m1")), Queue()
    client.submit(queue, chat("a", {}))
    earlier = queue.until(lambda event: event.type == EVENT["TEXT"])
    client.reload(said(new, "k2", "m2"))
    client.ask("a").succeeds("ok")
    old.go_on.set()
    queue.answer(earlier).succeeds("half whole")
    assert [(one.only.key, one.only.json["model"]) for one in (old, new)] == [("Bearer k1", "m1"), ("Bearer k2", "m2")]


@test("llm_client_reload", says="a request keeps its attempts, its fallbacks and their keys")
def _():
    failing, first, second = Server(), Server(), Server()
    failing.go_on = threading.Event()

    def fail_late(exchange):
        failing.gone.put(exchange.request)
        assert failing.go_on.wait(PATIENCE)
        exchange.unavailable()

    failing.answer = fail_late

    def said(server, key):
        providers = {"down": house(failing), "house": house(server, api_key=key)}
        return {"providers": providers, "models": {"a": {"targets": [{"model": "down/m"}, {"model": "house/m"}]}}}

    client, queue = Client(said(first, "k1")), Queue()
    client.submit(queue, chat("a", {}))
    failing.saw_it_go()
    client.reload({**said(second, "k2"), "retry": {"max_attempts": 1}})
    failing.go_on.set()
    queue.answer().succeeds("ok")
    assert first.only.key == "Bearer k1" and not second.requests


@test("llm_client_reload", says="what was there and is not said any more is gone")
def _():
    client = Client(config(Server(), models={"fast": {"targets": [{"model": "house/m"}]}}))
    client.ask("fast").succeeds("ok")
    client.reload({"retry": {"max_attempts": 2}})
    refused(lambda: client.ask("fast"), CONFIG, '"fast" is no alias')
    refused(lambda: client.ask("house/m"), CONFIG, "unknown provider")


@test("llm_client_reload", says="a bad configuration is refused, and changes nothing")
def _():
    server = Server()
    client = Client(config(server, provider={"api_key": "k1"}))
    refused(lambda: client.reload("[retry]\nmax_attempts = 0"), CONFIG, "line 2", "retry.max_attempts")
    client.ask("house/m").succeeds("ok")
    assert server.only.key == "Bearer k1"


@test("llm_client_reload", says="changes limits")
def _():
    server = Server(lambda exchange: exchange.wait())
    client = Client(config(server))
    client.reload(config(server, timeouts={"first_token": 0.08}))
    client.ask("house/m").fails("timeout")


def put(path, text):
    """Writes in place, in one step: who looks meanwhile sees the old text or the new one, however busy the machine is."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(file, text.ljust(4096).encode())
    os.close(file)


class Watched:
    """A client of a file that is watched, in a folder of its own."""

    def __init__(self, server, name="llm.json", **more):
        self.folder = tempfile.mkdtemp(dir=os.environ["LLM_WORK"])
        self.path = os.path.join(self.folder, name)
        self.write(self.path, server, **more)

    def start(self):
        self.client = Client(f"@{self.path}")
        return self.client

    def said(self, server, **more):
        return json.dumps(config(server, reload={"watch": True, "every_s": 0.02}, **more))

    def write(self, path, server, **more):
        put(path, self.said(server, **more))

    def counted(self):
        counts = json.loads(metrics(self.client))
        return counts["reloads_total"], counts["reloads_refused_total"]

    def becomes(self, *counts):
        until(lambda: self.counted() == counts)


def until(found):
    end = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


@test("reload.watch", "reload.every_s", says="a file that changes is read again, in place, by rename, and behind a link that is swapped")
def _():
    first, second, third, fourth = (Server() for _ in range(4))
    watched = Watched(first)
    client = watched.start()
    client.ask("house/m").succeeds("ok")
    watched.write(watched.path, second)
    watched.becomes(1, 0)
    client.ask("house/m").succeeds("ok")
    watched.write(f"{watched.path}.new", third)
    os.rename(f"{watched.path}.new", watched.path)
    watched.becomes(2, 0)
    client.ask("house/m").succeeds("ok")
    # As Kubernetes mounts a ConfigMap: the file is a link into a folder that is a link, and that one is swapped.
    os.makedirs(f"{watched.folder}/v1")
    os.makedirs(f"{watched.folder}/v2")
    watched.write(f"{watched.folder}/v1/map.json", third)
    watched.write(f"{watched.folder}/v2/map.json", fourth)
    os.symlink("v1", f"{watched.folder}/data")
    os.symlink("data/map.json", f"{watched.folder}/map.json")
    client.reload(f"@{watched.folder}/map.json")
    watched.becomes(3, 0)
    os.symlink("v2", f"{watched.folder}/next")
    os.rename(f"{watched.folder}/next", f"{watched.folder}/data")
    watched.becomes(4, 0)
    client.ask("house/m").succeeds("ok")
    assert [len(server.requests) for server in (first, second, third, fourth)] == [1, 1, 1, 1]
    # The first file is watched no more.
    watched.write(watched.path, first)
    time.sleep(0.2)
    assert watched.counted() == (4, 0)


@test("reload.watch", says="a bad file, a bad value and a missing file change nothing, and the log says why")
def _():
    server, other = Server(), Server()
    watched, queue = Watched(server), Queue()
    client = watched.start()
    check(library().llm_log_to_queue(2, queue.handle))
    for refused_so_far, text in enumerate(["{", '{"timeouts": {"idel": 1}}', None], 1):
        if text is None:
            os.remove(watched.path)
        else:
            put(watched.path, text)
        watched.becomes(0, refused_so_far)
        client.ask("house/m").succeeds("ok")
    lines = [event.data.decode() for event in queue.until(lambda event: b"cannot read config file" in event.data)]
    assert any("idel" in line and "stays as it was" in line for line in lines), lines
    watched.write(watched.path, other)
    watched.becomes(1, 3)
    client.ask("house/m").succeeds("ok")
    assert (len(server.requests), len(other.requests)) == (3, 1)
    shutil.rmtree(watched.folder)
    client.free()


@test("reload.watch", says="requests in flight keep the configuration they began with, and file: keys are read again")
def _():
    old, new = Server(gated), Server()
    old.go_on = threading.Event()
    watched = Watched(old)
    key = os.path.join(watched.folder, "key")

    def turn(text):
        with open(f"{key}.new", "w") as file:
            file.write(text)
        os.rename(f"{key}.new", key)

    turn("k1")
    watched.write(watched.path, old, provider={"api_key": f"file:{key}"})
    client, queue = watched.start(), Queue()
    client.submit(queue, chat("house/m", {}))
    earlier = queue.until(lambda event: event.type == EVENT["TEXT"])
    watched.write(watched.path, new, provider={"api_key": f"file:{key}"})
    watched.becomes(1, 0)
    client.ask("house/m").succeeds("ok")
    turn("k2")
    watched.becomes(2, 0)
    client.ask("house/m").succeeds("ok")
    old.go_on.set()
    queue.answer(earlier).succeeds("half whole")
    assert old.only.key == "Bearer k1" and [request.key for request in new.requests] == ["Bearer k1", "Bearer k2"]


@test("reload.watch", says="nothing is watched unless the text says so; LLM_CONFIG's file is, when it does")
def _():
    first, second = Server(), Server()
    watched = Watched(first)
    os.environ["LLM_CONFIG"] = watched.path
    watched.client = Client("{}")
    watched.write(watched.path, second)
    watched.becomes(1, 0)
    put(watched.path, json.dumps(config(second)))
    watched.becomes(2, 0)
    watched.write(watched.path, first)
    time.sleep(0.2)
    assert watched.counted() == (2, 0)
    watched.client.ask("house/m").succeeds("ok")
    assert not first.requests and len(second.requests) == 1
    refused(lambda: Client({"reload": {"watch": "yes"}}), CONFIG, "reload.watch: expected true or false")
    refused(lambda: Client({"reload": {"every_s": 0}}), CONFIG, "reload.every_s", "seconds above 0")


@test("reload.watch", says="a file that takes long to read holds up no request, and what it says counts once it is read")
def _():
    first, second = Server(), Server()
    watched = Watched(first)
    client = watched.start()
    os.mkfifo(f"{watched.path}.slow")
    os.rename(f"{watched.path}.slow", watched.path)
    # It opens when somebody begins to read, who then waits for what is written.
    end = os.open(watched.path, os.O_WRONLY)
    for _ in range(5):
        client.ask("house/m").succeeds("ok")
    assert len(first.requests) == 5 and watched.counted() == (0, 0)
    os.write(end, watched.said(second).encode())
    os.close(end)
    watched.becomes(1, 0)
    client.ask("house/m").succeeds("ok")
    assert len(second.requests) == 1


@test("reload.watch", says="what was read for too long is not put in the place of what came meanwhile")
def _():
    first, second, third = Server(), Server(), Server()
    watched = Watched(first)
    client = watched.start()
    os.mkfifo(f"{watched.path}.slow")
    os.rename(f"{watched.path}.slow", watched.path)
    end = os.open(watched.path, os.O_WRONLY)
    client.reload(config(third))
    os.write(end, watched.said(second).encode())
    os.close(end)
    # A reader who has all of it is gone.
    until(lambda: not reading())
    client.ask("house/m").succeeds("ok")
    assert len(third.requests) == 1 and watched.counted() == (1, 0)


def reading():
    """Whether a thread of the library reads a configuration."""
    names = []
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/comm") as file:
                names.append(file.read().strip())
        except OSError:
            pass
    return "llm-reload" in names


@test("llm_client_reload", says="each request is made with one configuration, whole: none goes where one says and is told of as another does")
def _():
    folder, over, failed = tempfile.mkdtemp(dir=os.environ["LLM_WORK"]), threading.Event(), []

    def said(name):
        return {"models": {"m": {"targets": [{"model": f"mock/text={name}"}]}}, "telemetry": {"call_log": f"{folder}/{name}"}}

    client = Client(said("a"))

    def asks():
        try:
            while not over.is_set():
                client.ask("m").succeeds()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=asks) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(300):
        client.reload(said("ba"[turn % 2]))
    over.set()
    for thread in threads:
        thread.join()
    client.drain()
    assert not failed, failed
    for name in "ab":
        with open(f"{folder}/{name}") as file:
            targets = {json.loads(line)["target"] for line in file}
        assert targets == {f"mock/text={name}"}, (name, targets)
