#!/usr/bin/env python3
"""Go against the C queue client, in turns, on one mock: CPU per token, threads. The harness is bench/run.py.

    bindings/go/bench/run.py [--runs 9] [--scenarios thousand,slow] [--profile release] [--lib-dir DIR] [--no-build] [--check]

Wants `go`, and builds what bench/run.py builds. Prints a table for each scenario; with --check a missed bar is a failure.
"""
import argparse
import importlib.util
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
spec = importlib.util.spec_from_file_location("load", ROOT / "bench" / "run.py")
load = importlib.util.module_from_spec(spec)
spec.loader.exec_module(load)

# Above the C queue's, in the same run; threads of the whole process.
CPU_US_PER_TOKEN_MORE, THREADS_MAX = 1.0, 12


def scenario(title, schedule, concurrency, each, warm):
    return load.Scenario(title, "stream", schedule, concurrency, each, warm, None, {})


SCENARIOS = {
    "burst": scenario("64 tokens in one write, 100 in flight", "0/0/64/a", 100, 100, 2),
    "paced": scenario("64 tokens, one each 20 ms, 100 in flight", "100000/20000/64/w", 100, 2, 1),
    "thousand": scenario("64 tokens, one each 50 ms, 1,000 in flight", "500000/50000/64/w", 1000, 1, 1),
    "slow": scenario("10,000 live at once, 10 tokens, one each second", "5000000/1000000/10/w", 10000, 1, 0),
}


def build_go(bins, lib_dir):
    links = bins / "bench-lib"
    env = dict(os.environ, CGO_CFLAGS=f"-O2 -g -I{ROOT / 'include'}", CGO_LDFLAGS=f"-L{links} -lllm -Wl,-rpath,{links}")
    subprocess.run(["go", "build", "-tags", "libllm_env", "-o", bins / "bench-go", "./bench"], cwd=HERE.parent, env=env, check=True)


def middle(lines, key):
    return statistics.median(line[key] for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", default=",".join(SCENARIOS))
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1, help="libllm's runtime threads")
    parser.add_argument("--profile", default="release")
    parser.add_argument("--lib-dir")
    parser.add_argument("--no-build", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    args.clients, args.quick, args.pin_clients = ["libllm", "go"], False, None
    bins = load.build(args)
    build_go(bins, args.lib_dir)
    mock, missed, failed, turn = load.Mock(bins / "bench-mock"), [], [], 0
    try:
        print(load.about(args, mock).replace("bench/run.py", "bindings/go/bench/run.py", 1))
        print("| scenario | client | CPU us/token | more than C | end + p99 ms | KiB/stream | threads |\n|---|---|---|---|---|---|---|")
        for name in args.scenarios.split(","):
            scenario, runs = SCENARIOS[name], {client: [] for client in args.clients}
            for _ in range(args.runs):
                for client in args.clients:
                    line = load.measure(args, mock, bins, scenario, client, turn)
                    turn += 1
                    reason = load.wrong(line, name == "slow")
                    if reason:
                        failed.append(f"{name}, {client}: {reason}")
                    else:
                        runs[client].append(line)
            if not all(runs.values()):
                continue
            base = middle(runs["libllm"], "cpu_us_per_token")
            for client, lines in runs.items():
                more, threads = middle(lines, "cpu_us_per_token") - base, max(line["threads"] for line in lines)
                late = statistics.median(line["added_total_us"]["p99"] for line in lines) / 1000
                print(f"| {name}: {scenario.title} | {client} | {load.spread([line['cpu_us_per_token'] for line in lines], 3)} | "
                      f"{more:+.3f} | {late:.1f} | {load.spread([line['rss_kb_per_stream'] for line in lines], 1)} | {threads} |", flush=True)
                if client == "go" and more > CPU_US_PER_TOKEN_MORE:
                    missed.append(f"{name}: {more:.2f} us of CPU per token above C's")
                if client == "go" and threads > THREADS_MAX:
                    missed.append(f"{name}: {threads} threads")
    finally:
        mock.stop()
    for line in missed:
        print(f"bar missed: {line}")
    for line in failed:
        print(f"failed: {line}")
    sys.exit(1 if failed or (args.check and missed) else 0)


if __name__ == "__main__":
    main()
