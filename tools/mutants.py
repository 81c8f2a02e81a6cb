#!/usr/bin/env python3
"""A seeded sample of cargo-mutants' changes to proto, and how many of them proto's tests catch: tools/mutants.py [COUNT] [SEED] [PART].

cargo-mutants says what may be changed. It would build all tests anew for each change; here all that were drawn are built once, into a
copy of the tree, each behind its number, and the tests run with one number after another in LLM_MUTANT. The copy, what was drawn and
how each one ended lie in $LLM_TARGET/mutants.
"""

import collections
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys

PARTS = {
    "readers": ["proto/src/frame/**", "proto/src/wire/**/reader*.rs", "proto/src/wire/**/walk.rs", "proto/src/wire/**/stream*.rs"],
    "wires": ["proto/src/wire/**"],
}
VERSION = "27.1.0"
# A change that allocates without end is caught by this, and no harm to whoever else is on the machine.
MEMORY_MAX = 4 << 30
# What a run may take of the processor, in runs of unchanged code: so other work on the machine does not look like a change that hangs.
PATIENCE = 2
# How often to look whether a test has failed already.
POLL_S = 0.1
# How often what does not compile may be taken out, before something else must be wrong.
ROUNDS_MAX = 12

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("LLM_TARGET") or ROOT / "target")
CARGO = os.environ.get("CARGO") or "cargo"
OUT = TARGET / "mutants"
TREE = OUT / "tree"
# Nobody reads backtraces of these builds, and a warning is about what was changed.
BUILD = os.environ | {
    "CARGO_TARGET_DIR": str(OUT / "build"),
    "CARGO_PROFILE_DEV_DEBUG": "0",
    "RUSTFLAGS": "--cap-lints=allow",
}
SWITCH = """
/// Which change is in force.
pub(crate) fn mutant() -> u32 {
    static NUMBER: std::sync::LazyLock<u32> =
        std::sync::LazyLock::new(|| std::env::var("LLM_MUTANT").map_or(0, |number| number.parse().unwrap_or(0)));
    *NUMBER
}
"""


def main():
    arguments = sys.argv[1:]
    count = int(arguments[0]) if arguments else 60
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    part = arguments[2] if len(arguments) > 2 else "readers"
    OUT.mkdir(parents=True, exist_ok=True)

    mutants = [mutant for mutant in listed(PARTS[part]) if weavable(mutant)]
    mutants.sort(key=lambda mutant: mutant["name"])
    drawn = random.Random(seed).sample(mutants, min(count, len(mutants)))
    drawn.sort(key=lambda mutant: mutant["name"])
    numbered = dict(enumerate(drawn, 1))
    print(f"{len(drawn)} of {len(mutants)} changes to {part}, seed {seed}", flush=True)

    copy_tree()
    unviable = until_it_compiles(numbered)
    programs = built()
    built_in = processor_time()
    ends = collections.defaultdict(list)
    ends["unviable"] = [numbered[number]["name"] for number in sorted(unviable)]
    if run(programs, 0, [], resource.RLIM_INFINITY)[0] != "missed":
        sys.exit("the tests fail on what was not changed")
    patience = 1 + int(PATIENCE * (processor_time() - built_in))
    with open(OUT / "outcomes", "w", encoding="utf-8") as outcomes:
        for number, mutant in numbered.items():
            end, by = ("unviable", "") if number in unviable else run(programs, number, near(mutant), patience)
            if number not in unviable:
                ends[end].append(mutant["name"])
            print(end, mutant["name"], by, sep="\t", file=outcomes, flush=True)
            if end in ("missed", "timeout"):
                print(f"{end}: {mutant['name']}", flush=True)
    caught, missed = len(ends["caught"]) + len(ends["timeout"]), len(ends["missed"])
    print(
        f"{caught} of {caught + missed} mutants caught ({100 * caught / max(1, caught + missed):.1f} %; {len(ends['timeout'])} by the time limit), "
        f"{missed} missed, {len(ends['unviable'])} did not compile"
    )


def listed(globs):
    """What cargo-mutants would change there."""
    tool = shutil.which("cargo-mutants") or str(TARGET / "tools/bin/cargo-mutants")
    if not pathlib.Path(tool).exists():
        # Kept with the build: it takes minutes, once. What it does here takes no time, so it is not optimised.
        install = [CARGO, "install", "cargo-mutants", "--version", VERSION, "--locked", "--debug", "--root", str(TARGET / "tools")]
        subprocess.run([*install, "--target-dir", str(TARGET / "tools/build")], check=True)
    files = [word for glob in globs for word in ("-f", glob)]
    listing = subprocess.run([tool, "mutants", "--list", "--json", "-p", "libllm-proto", *files], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return json.loads(listing.stdout)


def weavable(mutant):
    """Whether the change can stand beside what it changes: in a function that runs, and whose type may be said by two bodies."""
    function = mutant["function"]
    if not function or "impl " in function["return_type"]:
        return False
    lines = (ROOT / mutant["file"]).read_text(encoding="utf-8").splitlines()
    return "const fn" not in lines[function["span"]["start"]["line"] - 1]


def copy_tree():
    """What git knows of, as it is now. What did not change is not written, so that it need not be built again."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    for name in filter(None, names):
        source = ROOT / name
        if source.is_file():
            write(TREE / name, source.read_bytes())
    for path in (TREE / "proto").rglob("*.rs"):
        if not (ROOT / path.relative_to(TREE)).exists() and path.name != "every.rs":
            path.unlink()
    # One program of all test files: linking thirty would take longer than running them.
    tests = sorted([*(ROOT / "proto/tests").glob("*.rs"), *(ROOT / "proto/tests").glob("*/main.rs")])
    modules = ["#![allow(missing_docs)]\n"]
    for path in tests:
        name = path.stem if path.stem != "main" else path.parent.name
        modules.append(f'#[path = "{path.relative_to(ROOT / "proto/tests")}"]\nmod {name};\n')
    write(TREE / "proto/tests/every.rs", "".join(modules).encode())


def write(path, data):
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def until_it_compiles(numbered):
    """Weaves all changes in, and takes out those that the compiler refuses: their numbers."""
    unviable = set()
    for _ in range(ROUNDS_MAX):
        arms = weave({number: mutant for number, mutant in numbered.items() if number not in unviable})
        refused = set()
        check = [CARGO, "check", "-q", "-p", "libllm-proto", "--lib", "--message-format=json"]
        told = subprocess.run(check, cwd=TREE, env=BUILD, stdout=subprocess.PIPE)
        for line in told.stdout.splitlines():
            message = json.loads(line).get("message")
            if message and message["level"] == "error":
                spans = [span for span in message["spans"] if span["is_primary"]]
                refused |= {arms.get((span["file_name"], line)) for span in spans for line in range(span["line_start"], span["line_end"] + 1)}
        refused.discard(None)
        if told.returncode == 0:
            return unviable
        if not refused:
            sys.exit("what was not changed does not compile")
        unviable |= refused
    sys.exit(f"something does not compile yet after {ROUNDS_MAX} rounds")


def weave(numbered):
    """Writes the files with these changes in them, and says which lines belong to which."""
    by_file = collections.defaultdict(list)
    for number, mutant in numbered.items():
        by_file[mutant["file"]].append((number, mutant))
    arms = {}
    for path in sorted((ROOT / "proto/src").rglob("*.rs")):
        name = str(path.relative_to(ROOT))
        text = path.read_text(encoding="utf-8")
        woven = text if name not in by_file else woven_file(text, by_file[name])
        if name == "proto/src/lib.rs":
            woven += SWITCH
        write(TREE / name, woven.encode())
        inside = None
        for at, line in enumerate(woven.splitlines(), 1):
            if mark := re.fullmatch(r"/\*mutant (\d+)\*/.*", line):
                inside = int(mark[1])
            if inside:
                arms[name, at] = inside
            if line.endswith("/*end*/"):
                inside = None
    return arms


def woven_file(text, changes):
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def place(point):
        return starts[point["line"] - 1] + point["column"] - 1

    def span(of):
        return place(of["span"]["start"]), place(of["span"]["end"])

    # A change within a function within a function belongs to the outer one.
    functions = sorted({span(mutant["function"]) for _, mutant in changes})
    outer = [one for one in functions if not any(other != one and other[0] <= one[0] and one[1] <= other[1] for other in functions)]
    pieces, done = [], 0
    for start, end in outer:
        body = start + body_of(text[start:end])
        arms = []
        for number, mutant in changes:
            first, last = span(mutant)
            if start <= first and last <= end:
                changed = text[body:first] + mutant["replacement"] + text[last:end]
                arms.append(f"\n/*mutant {number}*/ if crate::mutant() == {number} {{ return\n{changed}\n; }} /*end*/\n")
        pieces += [text[done : body + 1], *arms]
        done = body + 1
    return "".join(pieces) + text[done:]


def body_of(function):
    """Where the brace stands that opens the body."""
    depth = 0
    for token in re.finditer(r"//[^\n]*|[(){}\[\]]", function):
        if token[0] == "{" and depth == 0:
            return token.start()
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token[0], 0)
    raise ValueError(f"no body: {function[:80]}")


def built():
    command = [CARGO, "test", "-q", "-p", "libllm-proto", "--lib", "--test", "every", "--no-run", "--message-format=json"]
    told = subprocess.run(command, cwd=TREE, env=BUILD, check=True, stdout=subprocess.PIPE)
    messages = [json.loads(line) for line in told.stdout.splitlines()]
    return [message["executable"] for message in messages if message.get("executable")]


def near(mutant):
    """Words in the names of those tests that are the likeliest to fail: of the wire or framer, and of the file."""
    parts = pathlib.Path(mutant["file"]).with_suffix("").parts[2:]
    wire = parts[1] if len(parts) > 1 else parts[0]
    return sorted({*wire.split("_"), parts[-1]})


def run(programs, number, words, patience):
    """How the tests end with this change, and the first of them that fails. Nothing runs on after that one."""
    others = [option for word in words for option in ("--skip", word)]
    for choice in [words, others] if words else [[]]:
        for program in sorted(programs):
            end = run_program([program, *choice], number, patience)
            if end[0] != "missed":
                return end
    return "missed", ""


def processor_time():
    """What all programs that were run have taken, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_program(command, number, patience):
    def bounded():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
        resource.setrlimit(resource.RLIMIT_CPU, (patience, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    environment = os.environ | {"LLM_MUTANT": str(number)}
    path = OUT / "said"
    with open(path, "wb") as said:
        child = subprocess.Popen(command, cwd=TREE / "proto", env=environment, stdout=said, stderr=subprocess.STDOUT, preexec_fn=bounded)
        while True:
            try:
                code = child.wait(POLL_S)
            except subprocess.TimeoutExpired:
                code = None
            failed = re.search(rb"^test (\S+) .*\.\.\. FAILED$", path.read_bytes(), re.MULTILINE)
            if code is None and failed:
                child.kill()
                child.wait()
            if failed:
                return "caught", failed[1].decode()
            if code == -signal.SIGXCPU:
                return "timeout", ""
            if code is not None:
                return ("caught", f"exit code {code}") if code else ("missed", "")


if __name__ == "__main__":
    main()
