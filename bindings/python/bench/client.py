"""One client under load, in a process of its own: prints one line of JSON.

python client.py libllm|openai BASE_URL burst|paced|unary STREAMS EACH
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

REQUEST: dict[str, Any] = {
    "model": "bench-model",
    "messages": [
        {"role": "system", "content": "You are a careful assistant. Answer in one short paragraph."},
        {"role": "user", "content": "Why does a stream of tokens cost more than one answer?"},
    ],
    "max_tokens": 256,
    "temperature": 0.5,
}
# What one request said: its text, and the pieces that it came in.
Ask = Callable[[], Awaitable[tuple[str, int]]]


def libllm_client(base: str, mode: str) -> Ask:
    """Our binding, reading events."""
    import libllm

    provider = {"wire": "openai_chat", "base_url": base, "auth": "none"}
    client = libllm.AsyncClient({"providers": {"bench": provider}})
    request = {**REQUEST, "model": "bench/bench-model"}

    async def unary() -> tuple[str, int]:
        return (await client.chat(request)).text, 1

    async def stream() -> tuple[str, int]:
        pieces = []
        async for event in client.stream(request):
            if type(event) is libllm.TextDelta:
                pieces.append(event.text)
        return "".join(pieces), len(pieces)

    return unary if mode == "unary" else stream


def openai_client(base: str, mode: str) -> Ask:
    """The official SDK, as its README uses it."""
    import openai

    client = openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0, timeout=600)

    async def unary() -> tuple[str, int]:
        answer = await client.chat.completions.create(**REQUEST)
        return answer.choices[0].message.content or "", 1

    async def stream() -> tuple[str, int]:
        pieces = []
        async for chunk in await client.chat.completions.create(**REQUEST, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                pieces.append(chunk.choices[0].delta.content)
        return "".join(pieces), len(pieces)

    return unary if mode == "unary" else stream


def cpu() -> float:
    """Of the whole process, in seconds: the library's threads included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def threads() -> int:
    """Of the whole process."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))


async def load(ask: Ask, streams: int, each: int, expected: str) -> dict[str, Any]:
    """`streams` workers that ask `each` times, after one warm-up."""
    wrong = pieces = most = 0

    async def worker(times: int) -> None:
        nonlocal wrong, pieces
        for _ in range(times):
            text, count = await ask()
            wrong += text != expected
            pieces += count

    await asyncio.gather(*(worker(1) for _ in range(streams)))
    wrong = pieces = 0
    before, began = cpu(), time.perf_counter()
    running = asyncio.gather(*(worker(each) for _ in range(streams)))
    await asyncio.sleep(0.05)
    most = threads()
    await running
    return {
        "cpu_us": (cpu() - before) * 1e6 / (streams * each),
        "wall_s": time.perf_counter() - began,
        "pieces": pieces / (streams * each),
        "threads": most,
        "wrong": wrong,
    }


def main() -> None:
    """Runs what the arguments say."""
    name, base, mode, streams, each = sys.argv[1:6]
    ask = {"libllm": libllm_client, "openai": openai_client}[name](base, mode)
    result = asyncio.run(load(ask, int(streams), int(each), os.environ["BENCH_TEXT"]))
    print(json.dumps({"client": name, "mode": mode, **result}), flush=True)


if __name__ == "__main__":
    main()
