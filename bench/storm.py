#!/usr/bin/env python3
"""A storm of retries: a provider that refuses everything with 503 while a thousand requests a second come, and then is well.

    make ci-build && LLM_LIB_DIR=target/ci LLM_INCLUDE=include LLM_BIN=target/ci/libllm bench/storm.py [SECONDS] [RPS]

Prints what reached the provider of what was offered, and how long after it was well every answer of a whole second came. Bars: at most
1.2 times what was offered and the budget's floor; less than 10 s. Exits with 1 if one is missed. The provider is a process of its own."""

import asyncio
import json
import multiprocessing
import os
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("LLM_ROOT", str(ROOT))
sys.path.insert(0, str(ROOT / "tests/keys"))

from llm import EVENT, Client, Queue, chat  # noqa: E402

MOST_SENT, MOST_S = 1.2, 10
# The budget's defaults (docs/config.md, `retry.budget`): so many a second whatever is offered, over windows of so many seconds.
FLOOR, WINDOW_S = 10, 10
ANSWER = json.dumps({"id": "c", "object": "chat.completion", "model": "m",
                     "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]})
REFUSAL = json.dumps({"error": {"message": "overloaded", "type": "server_error"}})


class Provider(asyncio.Protocol):
    """HTTP/1.1 with a body of a known length; what it is asked is counted."""

    def __init__(self, asked, well):
        self.asked, self.well, self.rest = asked, well, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.rest += data
        while (end := self.rest.find(b"\r\n\r\n")) >= 0:
            head = self.rest[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self.rest) < end + 4 + length:
                return
            self.rest = self.rest[end + 4 + length:]
            self.asked.value += 1
            status, body = ("200 OK", ANSWER) if self.well.value else ("503 Service Unavailable", REFUSAL)
            answer = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
            self.transport.write(answer.encode())


def serve(place, asked, well):
    async def run():
        server = await asyncio.get_running_loop().create_server(lambda: Provider(asked, well), "127.0.0.1", 0, backlog=4096)
        place.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class Host:
    """Offers so many requests a second, whatever becomes of them."""

    def __init__(self, client, model, rps):
        self.client, self.model, self.rps = client, model, rps
        self.queue, self.open, self.offered = Queue(), set(), 0

    def run(self, seconds, until=lambda ended: False):
        """Seconds until `until` was content with what ended: (when, whether it was answered), in order."""
        begun, ended, sent = time.monotonic(), [], 0
        while (now := time.monotonic() - begun) < seconds and not until(ended):
            while sent < now * self.rps:
                self.open.add(self.client.submit(self.queue, chat(self.model, {})))
                sent += 1
            ended += self.ended(begun, 1)
        self.offered += sent
        return time.monotonic() - begun, ended

    def ended(self, begun, patience_ms):
        over = [event for event in self.queue.poll(patience_ms) if event.type >= EVENT["DONE"]]
        self.open -= {event.request for event in over}
        return [(time.monotonic() - begun, event.type == EVENT["DONE"]) for event in over]

    def drain(self):
        while self.open:
            self.ended(0, 1000)


def all_well(ended):
    """Whether every answer of the second before the latest came."""
    if not ended or ended[-1][0] < 1:
        return False
    last = [answered for when, answered in ended if when > ended[-1][0] - 1]
    return all(last) and len(last) > 1


def storm(asked, well, name, config, model, seconds, rps):
    client = Client(config)
    well.value, asked.value = 0, 0
    host = Host(client, model, rps)
    took, _ = host.run(seconds)
    host.drain()
    # The floor holds for the whole time, and a window before it may have been full.
    offered, sent = host.offered, asked.value
    allowed = MOST_SENT * offered + FLOOR * (took + WINDOW_S)
    well.value = 1
    back, _ = host.run(30, all_well)
    host.drain()
    back = max(0, back - 1)
    print(f"{name:24} {offered:8} {sent:8} {sent / offered:6.3f} {allowed:9.0f} {back:9.2f}")
    return sent <= allowed and back < MOST_S


def house(port):
    return {"wire": "openai_chat", "base_url": f"http://127.0.0.1:{port}/v1"}


MODELS = {"m": {"strategy": "latency", "targets": [{"model": "one/m"}, {"model": "two/m"}]}}


def main():
    seconds = int(sys.argv[1]) if sys.argv[1:] else 10
    rps = int(sys.argv[2]) if sys.argv[2:] else 1000
    asked, well, place = multiprocessing.Value("q", 0), multiprocessing.Value("b", 0), multiprocessing.Queue()
    provider = multiprocessing.Process(target=serve, args=(place, asked, well), daemon=True)
    provider.start()
    port = place.get(timeout=10)
    print(f"{'targets':24} {'offered':>8} {'sent':>8} {'times':>6} {'allowed':>9} {'well in s':>9}  {rps} a second, {seconds} s of 503")
    try:
        alone = {"providers": {"house": house(port)}}
        both = {"providers": {"one": house(port), "two": house(port)}, "models": MODELS}
        good = storm(asked, well, "one", alone, "house/m", seconds, rps)
        good &= storm(asked, well, "two, at the same place", both, "m", seconds, rps)
    finally:
        provider.kill()
        provider.join()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
