#!/usr/bin/env python3
"""How late a request's deadline is kept: many requests at once, each with a deadline of its own, whatever the provider does meanwhile.

    make ci-build && LLM_LIB_DIR=target/ci LLM_INCLUDE=include LLM_BIN=target/ci/libllm bench/deadline.py [REQUESTS]

Late is the time from a deadline to the moment at which the host holds the terminal event, this script's own work included. Exits with 1
if one came more than 50 ms late, or early."""

import os
import pathlib
import random
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("LLM_ROOT", str(ROOT))
sys.path.insert(0, str(ROOT / "tests/keys"))

from llm import EVENT, Client, Queue, chat, status_name  # noqa: E402
from suite import place, start  # noqa: E402

MOST_MS = 50
# What the provider does until the deadline comes.
CASES = {
    "says nothing": "ttft=60s",
    "stops after ten tokens": "tokens=1000;stall=60s;at=10",
    "goes on and on": "tokens=100000;pace=20ms",
    "refuses, to be asked again": "status=503;times=100000;retry_after=1",
}


def late(client, script, count, seed):
    """Milliseconds between each deadline and its terminal event."""
    dice, queue = random.Random(seed), Queue()
    due, found = {}, []
    for _ in range(count):
        timeout = dice.randint(100, 2000)
        begun = time.monotonic()
        number = client.submit(queue, chat(f"mocked/{script}", {}), timeout_ms=timeout, json={"max_attempts": 10})
        due[number] = begun + timeout / 1000
    while due:
        for event in queue.poll():
            if event.type >= EVENT["DONE"]:
                assert status_name(event.status) in ("LLM_ERR_TIMEOUT", "LLM_ERR_OVERLOADED"), status_name(event.status)
                at = due.pop(event.request)
                # A request that knows it could only wait beyond its deadline says so before it.
                if status_name(event.status) == "LLM_ERR_TIMEOUT":
                    found.append((time.monotonic() - at) * 1000)
    return sorted(found)


def main():
    count = int(sys.argv[1]) if sys.argv[1:] else 1000
    mock = start()
    good = True
    try:
        provider = {"wire": "openai_chat", "base_url": f"{place(mock)}/v1"}
        client = Client({"providers": {"mocked": provider}, "retry": {"budget": {"bucket": 0}}})
        print(f"{'the provider':28} {'deadlines':>9} {'p50':>7} {'p99':>7} {'max':>7}  ms late, {count} requests at once")
        for seed, (name, script) in enumerate(CASES.items()):
            found = late(client, script, count, seed)
            if not found:
                print(f"{name:28} {0:9} all said before that they could not wait so long")
                continue
            p50, p99, most = found[len(found) // 2], found[len(found) * 99 // 100], found[-1]
            print(f"{name:28} {len(found):9} {p50:7.2f} {p99:7.2f} {most:7.2f}")
            good &= most <= MOST_MS and found[0] >= 0
    finally:
        mock.kill()
        mock.wait()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
