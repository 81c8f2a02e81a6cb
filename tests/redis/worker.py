"""One process of tests/redis/run.py: so many threads ask through the C interface until the time is over, and count what comes of it.

Says `ready` once its Redis is there, begins when it is told to, and ends with a line of JSON: how often each status came, how many
tokens were used and how many millionths of a dollar were spent by what passed, and the process's figures."""

import json
import sys
import threading
import time

sys.path.insert(0, sys.argv[1])

from llm import Client, Queue, chat  # noqa: E402
from redis import until  # noqa: E402


class Count:
    def __init__(self):
        self.lock, self.statuses, self.tokens, self.microusd, self.odd = threading.Lock(), {}, 0, 0, []

    def add(self, answer):
        with self.lock:
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            usage = answer.last.get("usage") or {}
            self.tokens += usage.get("total_tokens") or 0
            self.microusd += (answer.last.get("cost") or {}).get("microusd") or 0
            if answer.status not in ("LLM_OK", "LLM_ERR_RATE_LIMITED", "LLM_ERR_QUOTA"):
                self.odd.append(answer.message)


def ask(client, work, count, over):
    queue = Queue()
    while time.monotonic() < over:
        client.submit(queue, chat(work["model"], work["body"]))
        answer = queue.answer()
        count.add(answer)
        if answer.status != "LLM_OK":
            # A client that is refused does not come back at once.
            time.sleep(0.05)


def main():
    work = json.loads(sys.argv[2])
    client = Client(work["config"])
    until(lambda: client.figures()["shared_links_up"] == 1)
    print("ready", flush=True)
    sys.stdin.readline()
    count, over = Count(), time.monotonic() + work["seconds"]
    threads = [threading.Thread(target=ask, args=(client, work, count, over)) for _ in range(work["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # What is settled behind everybody's back reaches Redis.
    time.sleep(0.3)
    told = {"statuses": count.statuses, "tokens": count.tokens, "microusd": count.microusd, "odd": count.odd[:5], "figures": client.figures()}
    print(json.dumps(told), flush=True)


main()
