"""`[memory]` and `[runtime]`: what may wait, how large a piece may be, how many threads the process has, and their turns."""

import contextlib
import os
import pathlib
import time

from llm import CONFIG, EVENT, FLAG, Client, Queue, chat, refused
from server import Server, flood
from suite import config, test

# One delta of the flood, as an event holds it.
DELTA = 1000
# Long enough to fill whatever may be held, far shorter than the test may last.
STALL = {"consumer_stall": 0.3}


def endless(exchange):
    exchange.head()
    flood(exchange)


def held(requests, queues=1, max_bytes=0, **memory):
    """How many bytes of text wait in all queues when nobody has taken anything and every request has stalled."""
    server = Server(endless)
    client = Client(config(server, timeouts=STALL, memory=memory))
    waiting = [Queue(max_bytes) for _ in range(queues)]
    for queue in waiting:
        for _ in range(requests):
            client.submit(queue, chat("house/m", {}), flags=FLAG["NO_COALESCE"])
    for _ in range(queues * requests):
        server.saw_it_go()
    return sum(held_in(queue, requests) for queue in waiting)


def held_in(queue, requests):
    bytes_held, over = 0, 0
    while over < requests:
        events = queue.poll()
        assert events, "the last events are missing"
        bytes_held += sum(len(event.data) for event in events if event.type == EVENT["TEXT"])
        over += sum(event.type >= EVENT["DONE"] for event in events)
    return bytes_held


def fills(bytes_held, bound, requests):
    """What is held comes near the bound, an event's own cost aside; a request that holds nothing may add one event beyond it."""
    assert bound * 0.75 - DELTA < bytes_held <= bound + requests * DELTA, (bound, bytes_held)


@test("memory.per_stream", says="bounds what waits of one request")
def _():
    for said in 8192, 40_000:
        fills(held(1, per_stream=said), said, 0)


@test("memory.per_queue", says="bounds what waits in a queue without a bound of its own")
def _():
    fills(held(4, per_stream=20_000, per_queue=40_000), 40_000, 4)
    fills(held(4, per_stream=20_000, per_queue=40_000, max_bytes=60_000), 60_000, 4)


@test("memory.per_process", says="bounds what waits in all queues")
def _():
    fills(held(2, queues=3, per_stream=20_000, per_process=60_000), 60_000, 6)


@test("memory.per_process", "memory.per_queue", says="is set by the process's first client that says it")
def _():
    for key in "per_process", "per_queue":
        client = Client({"memory": {key: 60_000}})
        Client({"memory": {key: 60_000}})
        Client({"memory": {"per_stream": 5000}})
        for ask in lambda: Client({"memory": {key: 70_000}}), lambda: client.reload({"memory": {key: 70_000}}):
            refused(ask, CONFIG, f"memory.{key} = 70000", "first client", "60000")


@test("memory.max_event", says="bounds one event of a provider")
def _():
    def answer(exchange):
        exchange.head()
        exchange.delta("x" * 10_000)
        exchange.finish()
        exchange.end()

    server = Server(answer)
    answer = Client(config(server, memory={"max_event": 8192})).ask("house/m").fails("limit_exceeded", "8192")
    assert answer.status == "LLM_ERR_PROTOCOL", answer.last
    Client(config(server, memory={"max_event": 16384})).ask("house/m").succeeds("x" * 10_000)


@test("memory.max_answer", says="bounds one answer, a stream or not")
def _():
    def answer(exchange):
        if not exchange.request.json.get("stream"):
            return exchange.say("x" * 10_000)
        exchange.head()
        for _ in range(10):
            exchange.delta("x" * 1000)
        exchange.finish()
        exchange.end()

    server = Server(answer)
    for stream in True, False:
        body = {"stream": stream}
        Client(config(server, memory={"max_answer": 8192})).ask("house/m", body=body).fails("limit_exceeded", "8192")
        Client(config(server, memory={"max_answer": 16384})).ask("house/m", body=body).succeeds("x" * 10_000)


KEYS = ("per_stream", "per_queue", "per_process", "max_event", "max_answer")


@test(*(f"memory.{key}" for key in KEYS), says="is a number of bytes")
def _():
    for key in KEYS:
        for said in 4095, 1 << 41, -1, 1.5:
            refused(lambda: Client({"memory": {key: said}}), CONFIG, f"memory.{key}: expected a whole number in 4096 to")


def library_threads():
    names = [path.read_text().strip() for path in pathlib.Path("/proc/self/task").glob("*/comm")]
    return sorted(name for name in names if name.startswith("llm-rt-"))


@test("runtime.threads", says="is how many threads the engine has; one by default")
def _():
    Client({}).ask("mock/text=ok").succeeds("ok")
    assert library_threads() == ["llm-rt-0"], library_threads()


@test("runtime.threads", says="is set by the process's first client, and does not grow with its requests")
def _():
    server = Server(endless)
    client = Client(config(server, runtime={"threads": 3}))
    queue = Queue()
    for _ in range(20):
        client.submit(queue, chat("house/m", {}))
    queue.until(lambda event: event.type == EVENT["TEXT"])
    assert library_threads() == ["llm-rt-0", "llm-rt-1", "llm-rt-2"], library_threads()
    Client({"runtime": {"threads": 3}})
    Client({})
    refused(lambda: Client({"runtime": {"threads": 2}}), CONFIG, "runtime.threads = 2", "first client, to 3")
    refused(lambda: client.reload({"runtime": {"threads": 1}}), CONFIG, "runtime.threads = 1")
    refused(lambda: Client({"runtime": {"threads": 0}}), CONFIG, "runtime.threads: expected a whole number in 1 to 1024")


def woken(turn_us, streams=12, tokens=60, pace_ms=4):
    """How often a queue's consumer gets something while many streams flow, each to a beat of its own, and for how long they do."""
    client, queue = Client({"runtime": {"turn_us": turn_us}}), Queue()
    start = time.monotonic()
    for i in range(streams):
        client.submit(queue, chat(f"mock/tokens={tokens};pace={pace_ms * 1000 + 90 * i}us", {}))
    count = ended = 0
    while ended < streams:
        events = queue.poll()
        count += 1
        ended += sum(event.type == EVENT["DONE"] for event in events)
    return count, time.monotonic() - start


def bound(took):
    # Twice a turn: while it lasts, and when it rings. And what is not paced: beginnings, and the last seven streams.
    return 2 * took / 0.010 + 12 + 7 * 5


@test("runtime.turn_us", says="bounds how often a thread that many streams flow through turns and wakes their consumer")
def _():
    count, took = woken(10_000)
    assert count <= bound(took), (count, took)


@test("runtime.turn_us", says="as 0 lets each token wake the consumer; set by the process's first client")
def _():
    # A machine that is busy elsewhere wakes nobody so often: once is enough, and who may go before others does.
    with contextlib.suppress(PermissionError):
        os.nice(-10)
    tries = []
    while not any(count > bound(took) for count, took in tries):
        assert len(tries) < 40, tries
        tries.append(woken(0))
    refused(lambda: Client({"runtime": {"turn_us": 500}}), CONFIG, "runtime.turn_us = 500", "first client, to 0")
    refused(lambda: Client({"runtime": {"turn_us": 10001}}), CONFIG, "runtime.turn_us: expected a whole number in 0 to 10000")
