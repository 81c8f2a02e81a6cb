"""CPU of the asyncio client against openai-python, in turns, on one mock; and what importing costs.

    cargo build --release -p libllm-ffi -p libllm-bench
    pip install . -r bench/requirements.txt
    python bench/run.py --mock ../../target/release/bench-mock [--runs 5] [--check]

CPU is user + system time of the whole client process, the library's threads included; medians, and their ratio. The
mock has a core of its own. Exits with 1 when an answer was wrong or, with --check, a bar was missed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
STREAMS = 100
TOKENS = 64
# mode: schedule of the mock (first us / gap us / tokens / one write or many), requests of each worker, bar (of openai)
MODES = {
    "unary": (f"0/0/{TOKENS}/a", 5, None),
    "burst": (f"0/0/{TOKENS}/a", 5, 0.02),
    "paced": (f"100000/20000/{TOKENS}/w", 1, 0.12),
}
UNARY_US = 150
IMPORT_MS = 15


class Mock:
    """bench-mock, pinned to the last core that this process may use."""

    def __init__(self, binary: str) -> None:
        core = max(os.sched_getaffinity(0))
        self.process = subprocess.Popen(
            [binary, "0"],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().strip().rpartition(":")[2])

    def text(self, path: str) -> str:
        """What the mock would say."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        body = connection.getresponse().read().decode()
        connection.close()
        return body

    def run(self, client: str, mode: str) -> dict[str, float]:
        """One run of one client."""
        schedule, each, _ = MODES[mode]
        path = f"/c/{schedule}/v1"
        text = self.text(f"{path}/{'unary-text' if mode == 'unary' else 'text'}")
        base = f"http://127.0.0.1:{self.port}{path}"
        command = [sys.executable, str(HERE / "client.py"), client, base, mode, str(STREAMS), str(each)]
        done = subprocess.run(
            command, env={**os.environ, "BENCH_TEXT": text}, capture_output=True, text=True, timeout=600
        )
        if done.returncode:
            sys.exit(f"{client} {mode}: {done.stderr[-2000:]}")
        line: dict[str, float] = json.loads(done.stdout)
        if line["wrong"]:
            sys.exit(f"{client} {mode}: {line['wrong']} wrong answers")
        return line


def compare(mock: Mock, mode: str, runs: int) -> list[str]:
    """Prints a line of the table; what missed its bar."""
    lines: dict[str, list[dict[str, float]]] = {"libllm": [], "openai": []}
    for _ in range(runs):
        for client, said in lines.items():
            said.append(mock.run(client, mode))
    cost = {client: statistics.median(line["cpu_us"] for line in said) for client, said in lines.items()}
    ratio, bar = cost["libllm"] / cost["openai"], MODES[mode][2]
    most = max(line["threads"] for line in lines["libllm"])
    pieces = statistics.median(line["pieces"] for line in lines["libllm"])
    per_token = "" if mode == "unary" else f" ({cost['libllm'] / TOKENS:.1f} / {cost['openai'] / TOKENS:.1f} per token)"
    print(
        f"{mode:6} libllm {cost['libllm']:7.0f} us, openai {cost['openai']:7.0f} us{per_token},"
        f" ratio {ratio:.4f}{f' (bar {bar})' if bar else ''}; {pieces:.1f} pieces, {most:.0f} threads",
        flush=True,
    )
    missed = bar is not None and ratio > bar
    missed |= mode == "unary" and cost["libllm"] > UNARY_US
    return [mode] if missed else []


def import_cost(runs: int) -> list[str]:
    """Import and a client, beyond the bare interpreter, best of each. CPU counts: importing waits for nothing."""
    cpu = {"pass": 1e9, "import libllm; libllm.Client()": 1e9}
    wall = dict(cpu)
    for _ in range(runs):
        for code in cpu:
            began = time.perf_counter()
            _, _, used = os.wait4(subprocess.Popen([sys.executable, "-I", "-c", code]).pid, 0)
            wall[code] = min(wall[code], (time.perf_counter() - began) * 1e3)
            cpu[code] = min(cpu[code], (used.ru_utime + used.ru_stime) * 1e3)
    (bare, whole), (bare_wall, whole_wall) = cpu.values(), wall.values()
    over = f"{whole - bare:.1f} ms of CPU ({whole_wall - bare_wall:.1f} ms)"
    print(
        f"import and client: {over} over {bare:.1f} ms ({bare_wall:.1f} ms) of the bare interpreter (bar {IMPORT_MS})"
    )
    return ["import"] if whole - bare > IMPORT_MS else []


def main() -> None:
    """Runs all, prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mock", required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    missed = import_cost(args.runs * 6)
    mock = Mock(args.mock)
    try:
        for mode in args.modes.split(","):
            missed += compare(mock, mode, args.runs)
    finally:
        mock.process.kill()
        mock.process.wait()
    if missed:
        print("missed: " + ", ".join(missed))
    sys.exit(1 if missed and args.check else 0)


if __name__ == "__main__":
    main()
