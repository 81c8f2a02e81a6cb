#!/usr/bin/env python3
"""Drives recorded exchanges through the C ABI and has them judged. Standard library only.

The recordings are served over HTTP by the replay server beside them; driver.c, built against include/llm.h, asks for every
exchange whose wire is in the build; answers become the judge's JSON lines. Exits non-zero when an answered exchange has a wrong
field that exceptions.toml does not list, when a listed one is right, or when an exchange of a built wire was not answered.
"""
import argparse
import json
import os
import subprocess
import sys
import tomllib

import plan

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
EXCEPTIONS_MAX = 5
IN_FLIGHT = 16


def main():
    options = arguments()
    if not os.path.isdir(os.path.join(options.corpus, "exchanges")):
        sys.exit(f"conformance: no recordings in {options.corpus}; set CORPUS=dir")
    work = os.path.dirname(os.path.abspath(options.out))
    os.makedirs(work, exist_ok=True)
    driver = build(options, work)
    every = plan.exchanges(options.corpus)
    built = built_wires(driver, work, plan.REQUIRED | {x.wire for x in every if x.wire})
    lacking = plan.REQUIRED - built
    if lacking:
        sys.exit(f"conformance: the library was built without {', '.join(sorted(lacking))}")
    operations = built_operations(driver, work, {x.operation for x in every if x.wire in built})
    asked = [x for x in every if x.wire in built and x.operation in operations]
    answers = drive(driver, options, work, asked)
    unanswered = write_results(options.out, asked, answers)
    wrong = judge(options, work)
    with open(os.path.join(HERE, "exceptions.toml"), "rb") as file:
        exceptions = tomllib.load(file).get("exception", [])
    breaches, said = verdict(every, asked, unanswered, wrong, exceptions)
    for breach in breaches:
        print("wrong:", breach)
    print(f"conformance, in pieces of {options.chunk}: {said}" if options.chunk != "0" else f"conformance: {said}")
    sys.exit(1 if breaches else 0)


def arguments():
    recordings = os.path.join(os.path.dirname(ROOT), "shared", "recordings")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default=os.path.join(recordings, "train"), help="folder with exchanges/ and oracle/")
    parser.add_argument("--judge", help="default: judge.py beside the corpus")
    parser.add_argument("--replay", help="default: replay.py beside the corpus")
    parser.add_argument("--out", default=os.path.join(ROOT, "target", "conformance", "results.jsonl"))
    parser.add_argument("--chunk", default="0", help="bytes per network write, 0: as few writes as possible; or `recorded`")
    parser.add_argument("--lib-dir", default=os.path.join(ROOT, "target", "ci"), help="where libllm.so is")
    options = parser.parse_args()
    options.corpus = os.path.abspath(options.corpus)
    options.judge = options.judge or beside(options.corpus, recordings, "judge.py")
    options.replay = options.replay or beside(options.corpus, recordings, "replay.py")
    return options


def beside(corpus, recordings, name):
    near = os.path.join(os.path.dirname(corpus), name)
    return near if os.path.exists(near) else os.path.join(recordings, name)


def build(options, work):
    driver = os.path.join(work, "driver")
    lib = os.path.abspath(options.lib_dir)
    command = [os.environ.get("CC", "cc"), "-std=c99", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    command += [f"-I{ROOT}/include", os.path.join(HERE, "driver.c"), "-o", driver, f"-L{lib}", "-lllm", f"-Wl,-rpath,{lib}"]
    subprocess.run(command, check=True)
    return driver


def save(path, value):
    with open(path, "w", encoding="utf8") as file:
        json.dump(value, file)
    return path


def built_wires(driver, work, wires):
    """Asks the library, wire by wire: a configuration that names one it lacks is refused."""
    return {wire for wire in sorted(wires) if has(driver, work, wire, f"wire {wire}")}


def built_operations(driver, work, operations):
    """The same for what can be asked beside chat."""
    return {name for name in sorted(operations) if has(driver, work, "openai_chat", f"operation {name}", name)}


def has(driver, work, wire, what, *operation):
    path = save(os.path.join(work, "probe.json"), plan.probe(wire))
    said = subprocess.run([driver, "probe", path, *operation], check=True, capture_output=True, text=True, timeout=60).stdout
    status, _, message = said.rstrip("\n").partition("\t")
    lacks = status == "LLM_ERR_UNSUPPORTED" or status == "LLM_ERR_CONFIG" and not operation
    if lacks:
        print(f"not in this build: {what} ({message})")
    elif status != "LLM_OK" and operation in ((), ("chat",)):
        sys.exit(f"conformance: {what}: {status} {message}")
    return not lacks


def drive(driver, options, work, asked):
    """The driver's answers, by line of the plan."""
    pieces = ["--recorded-chunks"] if options.chunk == "recorded" else ["--chunk", options.chunk]
    replay = [sys.executable, options.replay, "--dir", options.corpus, "--port", "0", *pieces]
    with subprocess.Popen(replay, stdout=subprocess.PIPE, text=True) as server:
        try:
            origin = server.stdout.readline().split()[-1]
            config = save(os.path.join(work, "config.json"), plan.config(asked, origin))
            lines = os.path.join(work, "plan.tsv")
            with open(lines, "w", encoding="utf8") as file:
                file.writelines(x.line(origin) + "\n" for x in asked)
            out = os.path.join(work, "answers.jsonl")
            environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
            subprocess.run([driver, "run", config, lines, out, str(IN_FLIGHT)], check=True, env=environment)
        finally:
            server.terminate()
    with open(out, encoding="utf8") as file:
        return {answer["line"]: answer for answer in map(json.loads, file)}


def write_results(path, asked, answers):
    """Writes the judge's lines; returns what has none, with the reason."""
    unanswered = {}
    with open(path, "w", encoding="utf8") as file:
        for number, exchange in enumerate(asked):
            answer = answers.get(number)
            if answer is None or answer["end"] == "refused":
                unanswered[exchange] = answer
            else:
                file.write(json.dumps(result(exchange.id, answer), ensure_ascii=False) + "\n")
    return unanswered


def result(identity, answer):
    """What the judge wants, out of the events of one request."""
    end = answer["data"]
    told = end if answer["end"] == "done" else end.get("partial") or {}
    usage = dict(told.get("usage") or {})
    usage["estimated"] = usage.get("source") == "estimated"
    fields = {
        "id": identity,
        "text": answer["text"],
        "reasoning_text": answer["reasoning"],
        "tool_calls": [call(tool) for tool in sorted(answer["tools"], key=lambda tool: tool["index"])],
        "finish_reason": told.get("finish_reason"),
        "usage": usage,
        "incomplete": bool(end.get("incomplete")),
        "model": told.get("model"),
        "response_id": told.get("id"),
        "error": None,
    }
    if answer["end"] == "error":
        fields["error"] = {"status": end.get("http_status"), "type": end.get("type"), "message": end.get("message")}
    if answer["result"]:
        vectors = [item["embedding"] for item in json.loads(answer["result"]).get("data", [])]
        first3 = [vector[:3] for vector in vectors[:3]]
        fields["embeddings"] = {"count": len(vectors), "dims": len(vectors[0]) if vectors else 0, "first3": first3}
    return fields


def call(tool):
    head = tool["head"] or {}
    return {"id": head.get("id"), "name": head.get("name"), "arguments_json": tool["arguments"]}


def judge(options, work):
    """Runs the judge, shows what it says; what is wrong by exchange id."""
    verdicts = os.path.join(work, "judge.json")
    subprocess.run([sys.executable, options.judge, "--dir", options.corpus, "--json", verdicts, options.out], check=True)
    with open(verdicts, encoding="utf8") as file:
        return {identity: dict(fields) for identity, fields in json.load(file)["wrong"]}


def verdict(every, asked, unanswered, wrong, exceptions):
    """Every breach of the rules, and a line that sums up."""
    listed = {(e["id"], e["field"]) for e in exceptions if e.get("why", "").strip()}
    known = {x.id for x in every}
    answered = {x.id for x in asked} - {x.id for x in unanswered}
    failed = {(i, f) for i, fields in wrong.items() if i in answered for f in fields}
    breaches = []
    if len(exceptions) > EXCEPTIONS_MAX:
        breaches.append(f"{len(exceptions)} exceptions, more than {EXCEPTIONS_MAX}")
    for exchange, answer in unanswered.items():
        breaches.append(f"{exchange.id} ({exchange.wire}): not answered: {answer and (answer['status'], answer['data'])}")
    for identity, field in sorted(failed - listed):
        breaches.append(f"{identity}: {field}: {wrong[identity][field]}")
    for identity, field in sorted(listed - failed):
        # Another corpus than the one that the list was written for does not hold it.
        if identity in known:
            breaches.append(f"{identity}: {field}: listed in exceptions.toml, and right: delete it there")
    said = f"{len(answered)} of {len(every)} answered; {len(failed & listed)} excused; {len(breaches)} wrong"
    return breaches, said


if __name__ == "__main__":
    main()
