"""The cases: which guest, how often, and what is done to it. The long form is `make soak`, the short one a part of `make test`."""
import glob
import os
import random
import re
import signal
import subprocess
import sys
import time

from world import HERE, Case

C_EXITS = ("exit", "_exit", "quick_exit", "return", "pthread_exit", "thread exit", "thread quick_exit", "threads in it", "event exit",
           "event _exit", "event quick_exit", "wake exit", "wake _exit", "wake quick_exit", "log exit", "log _exit", "free first",
           "atexit free", "atexit shutdown", "atexit use")
PYTHON_EXITS = ("return", "_exit", "daemon thread", "thread _exit", "event _exit", "wake removed", "atexit free", "atexit shutdown")


def all_of(world):
    def short_or(short, long):
        return long if world.long else short

    def both(title, name, *arguments, **more):
        return [Case(title, language, [world.command(language, name, *arguments)], **more) for language in ("C", "Python")]

    return [
        Case(f"exit with live streams, {len(C_EXITS)} ways", "C", ways(world, "C", C_EXITS, short_or(100, 1000)), wanted=7),
        Case(f"exit with live streams, {len(PYTHON_EXITS)} ways", "Python", ways(world, "Python", PYTHON_EXITS, short_or(32, 400)), wanted=7),
        *both("fork with live streams, other threads in the library", "forks", short_or(20, 200), limit=short_or(60, 300)),
        *both("SIGPIPE at its default, plain and TLS", "pipes", short_or(10, 100), limit=short_or(60, 300)),
        Case("dlopen and dlclose with live threads", "C", [world.command("C", "loads", world.library, 100)]),
        Case("dlopen and dlclose with live threads", "Python", [world.command("Python", "loads", 100)]),
        Case("every function on a stack of 64 KiB", "C", [world.command("C", "stacks")] * short_or(1, 20)),
        every_function_is_called_there(),
        Case("a callback that throws: the documented abort", "C++", [world.command("C", "throws", where) for where in ("event", "token", "wake", "log")],
             wanted=-signal.SIGABRT),
        *both("signals at 10 kHz, without SA_RESTART", "signals", short_or(2, 30)),
        *both("64 descriptors, and none at all", "files", short_or(2, 20), limit=short_or(60, 300)),
        *both("a server killed in mid-stream", "killed", short_or(50, 1000), limit=short_or(60, 600)),
        *both("stopped and continued", "streams", short_or(3, 60), during=stop_and_continue(short_or(3, 60)), limit=90),
        *clock(world, short_or(2, 20)),
        *names(world),
        *memory(world),
    ]


def ways(world, language, names, count):
    return [world.command(language, "exits", names[i % len(names)], i) for i in range(count)]


class Check(Case):
    """Something to be seen without a process."""

    def __init__(self, title, missing, seen):
        super().__init__(title, "C", [])
        self.missing, self.seen = missing, seen

    def run(self, world):
        self.abnormal = [f"{name} is not called" for name in self.missing]


def every_function_is_called_there():
    names = open(os.path.join(HERE, "../../ffi/llm.symbols")).read().split()
    text = "".join(open(os.path.join(HERE, file)).read() for file in ("stacks.c", "host.h"))
    return Check("the small stack sees every function of the header", [n for n in names if not re.search(rf"\b{n}\(", text)], f"{len(names)} functions")


def stop_and_continue(seconds):
    def during(child):
        child.stdout.readline()
        chance, until = random.Random(1), time.monotonic() + seconds
        while time.monotonic() < until and child.poll() is None:
            child.send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0.01, 0.5))
            child.send_signal(signal.SIGCONT)
            time.sleep(chance.uniform(0.01, 0.2))

    return during


def clock(world, seconds):
    shim = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1") + glob.glob("/usr/lib*/faketime/libfaketimeMT.so.1")), None)
    if not shim:
        print("skipped: faketime not found")
        return []
    cases = []
    for language in ("C", "Python"):
        file = os.path.join(world.work, f"clock-{language}")
        with open(file, "w") as out:
            out.write("+0\n")
        env = {"LD_PRELOAD": shim, "FAKETIME_TIMESTAMP_FILE": file, "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
               "DONT_FAKE_MONOTONIC": "1"}
        cases.append(Case("the wall clock set by up to 20 years", language, [world.command(language, "streams", seconds, file)], env=env))
    return cases


def names(world):
    """In a namespace with a name server of ours where that is allowed, and everywhere by a resolver that is loaded before the C library's."""
    whats = ("answers", "exit", "shutdown")
    shim = {"LD_PRELOAD": world.guest("resolver.so")}
    found = [Case("names that resolve slowly, wrongly or never (getaddrinfo replaced)", "C", [world.command("C", "names", what) for what in whats], env=shim)]
    for own in (["unshare", "--mount", "--net"], ["unshare", "--map-root-user", "--mount", "--net"]):
        if subprocess.run([*own, "mount", "--bind", "/etc/resolv.conf", "/etc/resolv.conf"], capture_output=True).returncode == 0:
            run = [*own, sys.executable, os.path.join(HERE, "netns.py"), os.environ["LLM_BIN"]]
            found.append(Case("names that resolve slowly, wrongly or never (name server)", "C", [[*run, *world.command("C", "names", what)] for what in whats]))
            break
    return found


def memory(world):
    def case(how, provider, streams, megabytes, limit, seconds, finish):
        title = f"{streams:,} slow consumers x {megabytes} MB, {limit} MiB allowed to wait, {how}"
        return Case(title, "C", [world.command("C", "memory", streams, megabytes, limit, seconds, finish, provider)], limit=400)

    how = (1000, 100, 64, 30, 0) if world.long else (200, 1, 8, 1, 1)
    found = [case("HTTP/1.1", "m", *how)]
    if "FLOOD_H2" in world.env:
        # nginx has 1,024 connections, and each of its streams takes one to the server behind it beside its own.
        found.append(case("HTTP/2", "h", min(how[0], 500), *how[1:]))
    return found
