#!/usr/bin/env python3
"""What all policies together add to a request: CPU of the whole process with everything on, less the same with everything off.

    make ci-build && LLM_LIB_DIR=target/ci LLM_INCLUDE=include bench/policies.py [REQUESTS]

Models of `mock/` answer within the process, so that no socket's cost is in it; the host and the answer's length are the same in both. Turns of one and the other
change places, so that what disturbs the machine disturbs both; printed are medians, and their difference against 5 us a request. Exits
with 1 if it is more."""

import os
import pathlib
import resource
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("LLM_ROOT", str(ROOT))
sys.path.insert(0, str(ROOT / "tests/keys"))

from llm import EVENT, Client, Queue, chat, status_name  # noqa: E402

MOST_US = 5
TURNS = 15
AT_ONCE = 50

# One target and nothing to decide.
OFF = {
    "models": {"m": {"targets": [{"model": "mock/text=a"}]}},
    "health": {"breaker": {"enabled": False}},
    "retry": {"budget": {"bucket": 0}},
    "telemetry": {"prometheus": False},
}
# Eight targets and everything that may have a say about a request; nothing of it refuses one.
MANY = {"requests_per_minute": 10**9, "tokens_per_minute": 10**12, "in_flight": 10**6}
ON = {
    "models": {
        "m": {
            "strategy": "score",
            "targets": [{"model": f"mock/text={letter}", "limits": MANY, "price": {"input": 1, "output": number}}
                        for number, letter in enumerate("abcdefgh", 1)],
            "affinity": "session",
            "hedge": {"enabled": True},
            "limits": MANY,
            "fallbacks": {"any": ["mock/text=i"], "context_window": ["mock/text=j"]},
        }
    },
    "rules": [{"when": {"tenant": "nobody"}, "use": {"strategy": "cost"}},
              {"when": {"tag": "all", "metadata": {"team": "*"}}, "use": {"priority": 3}}],
    "tenants": {"*": {"limits": MANY, "weight": 2, "models": ["m"]}},
    "budgets": [{"tenant": "*", "usd_per_day": 10**9}, {"model": "m", "usd_per_month": 10**9}],
}
ASKED = {"session": "s", "tenant": "t", "tags": ["all"], "metadata": {"team": "blue"}}


def cpu_us(client, queue, count):
    """CPU time of this process, a request."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    flying = 0
    for _ in range(count):
        client.submit(queue, chat("m", {}), json=ASKED)
        flying += 1
        while flying >= AT_ONCE:
            flying -= ended(queue)
    while flying:
        flying -= ended(queue)
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / count * 1e6


def ended(queue):
    terminal = [event for event in queue.poll() if event.type >= EVENT["DONE"]]
    assert all(event.type == EVENT["DONE"] for event in terminal), [status_name(event.status) for event in terminal]
    return len(terminal)


def main():
    count = int(sys.argv[1]) if sys.argv[1:] else 2000
    queue, clients = Queue(), {"off": Client(OFF), "on": Client(ON)}
    for client in clients.values():
        cpu_us(client, queue, count)
    spent = {name: [] for name in clients}
    for _ in range(TURNS):
        for name, client in clients.items():
            spent[name].append(cpu_us(client, queue, count))
    medians = {name: statistics.median(times) for name, times in spent.items()}
    for name, times in spent.items():
        print(f"all policies {name:3}: {medians[name]:7.2f} us CPU a request, host included [{min(times):.2f}-{max(times):.2f}], "
              f"{TURNS} turns of {count}")
    added = statistics.median(on - off for on, off in zip(spent["on"], spent["off"]))
    met = added <= MOST_US
    print(f"added: {added:.2f} us, at most {MOST_US}: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
