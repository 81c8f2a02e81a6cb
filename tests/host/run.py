#!/usr/bin/env python3
"""The host-safety suite: what libllm does to, and survives in, the process that it is linked into.

    run.py [--long] [--only CASE] [--soak MINUTES] [--table FILE]

Every case is processes of its own (guests, in C and in Python by ctypes), with servers of ours beside them. A case passes if every one of
its processes ended as it should: no signal, no wrong exit code, no hang. Prints `ok NAME` or `not ok NAME` for each, and with --table
writes what it saw between the markers of FILE. Environment as for tests/suites/*.sh; LLM_LIB_DIR, LLM_INCLUDE, LLM_BIN, LLM_WORK.
"""
import argparse
import concurrent.futures
import datetime
import os
import subprocess
import sys
import time

import cases
import soak
from world import HERE, World, say

BEGIN, END = "<!-- the last run -->", "<!-- end of the last run -->"


def table(results, world, form, seconds):
    rows = ["| case | host | processes | abnormal | seen |", "|---|---|---|---|---|"]
    rows += [f"| {r.title} | {r.language} | {r.processes} | {len(r.abnormal)} | {r.seen} |" for r in results]
    library = subprocess.run(["git", "-C", HERE, "log", "-1", "--format=%h"], capture_output=True, text=True).stdout.strip()
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    where = f"{os.cpu_count()} x {model}, Linux {os.uname().release.split('-')[0]}"
    head = f"`{form}`, {datetime.date.today()}, commit {library}, profile ci, {where}; {seconds / 60:.0f} minutes."
    return "\n".join([BEGIN, head, "", *rows, END])


def write(file, text):
    page = open(file).read()
    before, rest = page.split(BEGIN)
    with open(file, "w") as out:
        out.write(before + text + rest.split(END)[1])


def soak_alone(built, minutes):
    world = World(built.long, "beside", built)
    try:
        return soak.run(world, minutes)
    finally:
        world.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--long", action="store_true", help="the numbers of the long form")
    parser.add_argument("--only", help="cases whose title has this in it")
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES", help="random faults for so long, beside the cases")
    parser.add_argument("--table", metavar="FILE", help="rewrite the table of the last run in this file")
    options = parser.parse_args()
    start = time.monotonic()
    world = World(options.long)
    try:
        results = []
        if options.soak:
            # Beside the cases, with servers of its own.
            beside = concurrent.futures.ThreadPoolExecutor().submit(soak_alone, world, options.soak)
        for case in cases.all_of(world):
            if options.only and options.only not in case.title:
                continue
            before = time.monotonic()
            case.run(world)
            results.append(case)
            for line in case.abnormal[:5]:
                say(f"# {line}")
            say(f"{'not ok' if case.abnormal else 'ok'} {case.title} ({case.language})")
            say(f"# {case.processes} processes, {time.monotonic() - before:.1f} s: {case.seen}")
        if options.soak:
            results.append(beside.result())
    finally:
        world.close()
    if options.table:
        form = "make soak" if options.long else "tests/suites/host.sh"
        write(options.table, table(results, world, form, time.monotonic() - start))
    return any(case.abnormal for case in results)


if __name__ == "__main__":
    os.chdir(HERE)
    sys.exit(main())
