#!/usr/bin/env python3
"""Runs the shared cases in every language and demands the same of each.

    run.py NAME=COMMAND ...      a runner for each language; LLM_BIN is the command libllm
    CASES=tool,cut run.py ..     only cases whose name begins so
    UPDATE=1 run.py ..           writes `expect` anew from what the first runner says: review the difference

A case is a file: `doc`, `config`, `options`, `request`, `call` (stream, chat for the whole answer at once, text for one choice's text
alone, or ask for an operation's), `choice` (whose text), `cancel_after_items`,
`times` (how often one client is asked; the last answer counts), `hooks` (what the host answers to questions of each kind: an object,
or a text, which refuses), `says` (what the server answers instead of a script) and `expect`, of which only the keys that are there are
compared. What `expect` leaves out must still be the same in every language. `$MOCK` is the origin of `libllm mock`, `$RAW` that of the
server that plays `says`, `$CLOSED` a place where nobody listens.
"""

import json
import os
import pathlib
import re
import shlex
import sys
import threading

import canonical
import servers

HERE = pathlib.Path(__file__).parent
FLAGS = {"raw": 1, "no_coalesce": 2, "no_cache": 4, "message": 8}
HOOKS = ("before", "token", "attempt", "after")
HOT = ("provider", "operation", "timeout_ms", "first_token_timeout_ms", "flags")


def load():
    wanted = tuple(filter(None, os.environ.get("CASES", "").split(",")))
    files = sorted(HERE.glob("*.json"))
    return {file.stem: json.loads(file.read_text()) for file in files if not wanted or file.stem.startswith(wanted)}


def compact(value):
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half a character is no UTF-8: it goes as an escape.
        text = json.dumps(value, separators=(",", ":"))
    return text


def columns(name, case):
    """One line for a runner. JSON has neither tabs nor line ends of its own."""
    options = case.get("options", {})
    cold = {key: value for key, value in options.items() if key not in HOT}
    flags = sum(FLAGS[flag] for flag in options.get("flags", ()))
    fields = [name, compact(case.get("config") or {"models": {}}), compact(case["request"]), compact(options),
              options.get("provider", ""), options.get("operation", ""), options.get("timeout_ms", 0),
              options.get("first_token_timeout_ms", 0), flags, compact(cold) if cold else "",
              case.get("cancel_after_items", -1), case.get("call", "stream"), case.get("times", 1)]
    fields.append(case.get("choice", 0))
    fields += [hooked(case["hooks"][kind]) if kind in case.get("hooks", {}) else "" for kind in HOOKS]
    return "\t".join(map(str, fields)) + "\n"


def hooked(said):
    """What a host answers: JSON, or `!` and the words of a refusal."""
    return f"!{said}" if isinstance(said, str) else compact(said)


class Runner(threading.Thread):
    """One language: its program, and servers of its own, so that nobody counts another's requests."""

    def __init__(self, name, command, cases):
        super().__init__()
        self.name, self.command, self.cases = name, shlex.split(command), cases
        self.results, self.failure = {}, None

    def run(self):
        try:
            with servers.World(os.environ["LLM_BIN"]) as world, servers.Program(self.command) as program:
                for name, case in self.cases.items():
                    self.results[name] = self.one(world, program, name, case)
        except Exception as error:  # noqa: BLE001  a runner that dies is one failed test, not the end of all
            self.failure = f"{type(error).__name__}: {error}"

    def one(self, world, program, name, case):
        world.begin(case.get("says"))
        said = program.ask(world.filled(columns(name, case)))
        try:
            result = canonical.result(json.loads(world.emptied(said)))
        except AssertionError as error:
            result = {"items": [], "returned": None, "contradicts": str(error)}
        result["server"] = world.seen(case["expect"].get("server", {}))
        return result


def wrong(case, result):
    """What differs from `expect`."""
    return list(canonical.differences(case["expect"], canonical.shown(result), "", partial=True))


def disagree(case, first, other):
    """What two languages say differently. When a request is cancelled is no language's own will, so nor is what came before."""
    if "cancel_after_items" in case:
        return []
    drop = ("server", "returned", "class")
    ours, theirs = ({key: value for key, value in one.items() if key not in drop} for one in (first, other))
    return list(canonical.differences(ours, theirs, "", partial=False))


def update(name, case, result):
    case["expect"] = canonical.expectation(case, result)
    lines = ",\n".join(f"  {compact(key)}: {canonical.laid_out(value)}" for key, value in case.items())
    # Half a character is no UTF-8: it is written as its escape.
    lines = re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", lines)
    (HERE / f"{name}.json").write_text("{\n" + lines + "\n}\n")


def main():
    cases = load()
    runners = [Runner(*argument.split("=", 1), cases) for argument in sys.argv[1:]]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    failed = 0
    for runner in runners:
        if runner.failure:
            failed += 1
            print(f"not ok cases of {runner.name}: {runner.failure}")
    first = runners[0]
    for name, case in cases.items():
        if name not in first.results:
            continue
        if os.environ.get("UPDATE"):
            update(name, case, first.results[name])
        found = []
        for runner in runners:
            if name in runner.results:
                result = runner.results[name]
                if "contradicts" in result:
                    found.append(f"{runner.name} contradicts itself: {result['contradicts']}")
                    continue
                found += [f"{runner.name}: {what}" for what in wrong(case, result)]
                found += [f"{runner.name}: {what}" for what in canonical.classes(runner.name, result)]
                found += [f"{runner.name} is not as {first.name}: {what}" for what in disagree(case, first.results[name], result)]
        print(f"{'not ok' if found else 'ok'} case {name}")
        for what in found[:12]:
            print(f"# {what}")
        failed += bool(found)
    print(f"# {len(cases)} cases in {', '.join(runner.name for runner in runners)}")
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main()
