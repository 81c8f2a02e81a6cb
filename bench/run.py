#!/usr/bin/env python3
"""Load harness: libllm through its C queue against clients that only drain, in turns, on one mock.

    bench/run.py                      all scenarios, 9 runs each, then the micro-benchmarks
    bench/run.py --quick              small counts, every byte compared, no figures to quote: for tests
    bench/run.py --clients hyper,reqwest --scenarios burst,paced --runs 15
    bench/run.py --write              also bench/results/load-DATE.md

CPU is user + system time of the whole client process over the measured phase. The mock has a core of its own. Exits with 1 when
an answer was wrong, a request failed or (with --check) a bar was missed.
"""
import argparse
import datetime
import http.client
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
ADDRESSES = 8  # 127.0.0.1 to .8, in turns: ports in TIME_WAIT do not run out.

CLIENTS = ["hyper", "reqwest", "libllm"]  # The first is what the others are compared with.
# libllm itself over what else it speaks: what is added to its provider's table, and which of the other mock's places is asked.
WAYS = {
    "libllm": ("", None),
    "libllm-h2": (',"http2":{"mode":"prior_knowledge"}', "plain"),
    "libllm-tls": (',"http2":{"mode":"off"},"tls":{"ca_file":"CA"}', "tls"),
    "libllm-tls-h2": (',"tls":{"ca_file":"CA"}', "tls"),
}


class Scenario:
    """What is asked, how often, and which ratio to hyper is allowed."""

    def __init__(self, title, mode, schedule, concurrency, each, warm, quick, bars, clients=None):
        self.clients = clients
        self.title, self.mode, self.schedule, self.concurrency = title, mode, schedule, concurrency
        self.each, self.warm, self.quick, self.bars = each, warm, quick, bars


SCENARIOS = {
    # quick: (schedule, concurrency, each); bars: of libllm, `cpu` as ratio to hyper, `rss` in KiB per stream, `threads` beside workers.
    "unary": Scenario("unary, 1 KiB of text", "unary", "0/0/64/a", 100, 200, 2, ("0/0/64/a", 20, 5), {"cpu": 2.0}),
    "burst": Scenario("burst, 64 tokens in one write", "stream", "0/0/64/a", 100, 100, 2, ("0/0/64/a", 20, 5), {"cpu": 1.5}),
    "paced": Scenario("paced, 64 tokens, one each 20 ms", "stream", "100000/20000/64/w", 100, 2, 1,
                      ("20000/5000/20/w", 50, 2), {"cpu": 1.25}),
    "slow": Scenario("slow, all live at once, 4 tokens, one each second", "stream", "4000000/1000000/4/w", 9500, 1, 0,
                     ("500000/200000/4/w", 1000, 1), {"rss": 24.0, "threads": 2}),
    "overhead": Scenario("our own part of 100 unary requests in flight, one begun each 0.5 ms, each answered after 50 ms", "unary", "50000/0/64/a", 100, 100, 2,
                         ("5000/0/64/a", 20, 5), {"own_p50": 30, "own_p99": 150}, clients=["libllm"]),
    "h2": Scenario("paced, 100 streams: HTTP/1.1, HTTP/2 on one connection, and both over TLS", "stream", "100000/20000/64/w", 100, 2, 1,
                   ("20000/5000/20/w", 50, 2), {"h2": 0.6}, clients=list(WAYS)),
}


class Mock:
    """The provider, pinned to the last core that this process may use."""

    def __init__(self, binary):
        self.core = max(os.sched_getaffinity(0))
        self.process = subprocess.Popen(
            [binary, "0", str(ADDRESSES)], stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {self.core}))
        address = self.process.stdout.readline().strip()
        if ":" not in address:
            sys.exit("the mock did not start")
        self.port = int(address.rpartition(":")[2])
        self.more = None

    def ask(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path)
        body = connection.getresponse().read().decode()
        connection.close()
        return body

    def others(self, binary, folder):
        """Starts the mock of HTTP/2 and TLS, on the same core."""
        self.folder = folder
        self.more = subprocess.Popen([binary, folder], stdout=subprocess.PIPE, text=True,
                                     preexec_fn=lambda: os.sched_setaffinity(0, {self.core}))
        plain, tls = (self.more.stdout.readline().strip() for _ in range(2))
        self.places = {"plain": f"http://{plain}", "tls": f"https://{tls}"}

    def base(self, turn, schedule):
        return f"http://127.0.0.{1 + turn % ADDRESSES}:{self.port}/c/{schedule}/v1"

    def stop(self):
        for process in [self.process] + ([self.more] if self.more else []):
            process.kill()
            process.wait()


def build(args):
    """Builds what is measured with one profile; returns the folder of the binaries."""
    target = pathlib.Path(os.environ.get("LLM_TARGET") or os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
    cargo = os.environ.get("CARGO", "cargo")
    if not args.no_build:
        subprocess.run([cargo, "build", "-q", "--profile", args.profile, "-p", "libllm-bench", "--bins"],
                       cwd=ROOT, env=dict(os.environ, CARGO_TARGET_DIR=str(target)), check=True)
    bins = target / {"dev": "debug"}.get(args.profile, args.profile)
    if "libllm" in args.clients:
        build_c(pathlib.Path(args.lib_dir).resolve() if args.lib_dir else bins, bins)
    return bins


def build_c(lib_dir, bins):
    """Compiles the C client against the shared library as it ships."""
    library, header = lib_dir / "libllm.so", ROOT / "include" / "llm.h"
    for needed in (library, header):
        if not needed.exists():
            sys.exit(f"{needed} is not there: `make build` makes it; --clients hyper,reqwest measures without it")
    # The linker asks for libllm.so, the loader for the name that the library gives itself.
    links = bins / "bench-lib"
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir()
    said = subprocess.run(["readelf", "-d", library], capture_output=True, text=True).stdout
    names = {"libllm.so"} | {line.partition("[")[2].rstrip("]") for line in said.splitlines() if "SONAME" in line}
    for name in names:
        (links / name).symlink_to(library)
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", bins / "bench-libllm",
                    HERE / "clients" / "libllm.c", f"-I{header.parent}", f"-L{links}", "-lllm", f"-Wl,-rpath,{links}"],
                   check=True)


def measure(args, mock, bins, scenario, client, turn):
    """One run of one client; its line of figures, and what the mock saw of it."""
    schedule, concurrency, each, warm = scenario.schedule, scenario.concurrency, scenario.each, scenario.warm
    if args.quick:
        (schedule, concurrency, each), warm = scenario.quick, 1
    base = mock.base(turn, schedule)
    path = base.partition(str(mock.port))[2]
    text = mock.ask("GET", f"{path}/{'text' if scenario.mode == 'stream' else 'unary-text'}")
    env = dict(os.environ, BENCH_TEXT=text, BENCH_THREADS=str(args.threads))
    if args.quick:
        env["BENCH_VERIFY"] = "1"
    mock.ask("DELETE", "/stats")
    more, place = WAYS.get(client, ("", None))
    if place:
        base = mock.places[place] + path
    if scenario.mode == "unary" and "own_p50" in scenario.bars:
        # As requests come, not all at one moment: then each would be told how long it stood behind the others.
        env["BENCH_GAP_US"] = str(int(schedule.partition("/")[0]) // concurrency)
    env["BENCH_PROVIDER"] = more.replace("CA", str(mock.folder / "ca.pem")) if more else ""
    done = subprocess.run([bins / f"bench-{client.partition('-')[0]}", base, scenario.mode, str(concurrency), str(each), str(warm)],
                          env=env, capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or not done.stdout.startswith("{"):
        return {"client": client, "crashed": (done.stderr or f"exit {done.returncode}").strip()[-500:]}
    line = json.loads(done.stdout)
    stats = json.loads(mock.ask("GET", "/stats"))
    line["asked"] = concurrency * each
    line["mock"] = {key: stats[key] for key in ("live_peak", "late_us_max", "closed_by_client")}
    line["said"] = done.stderr.strip()[-500:]
    return line


def wrong(line, slow):
    """What disqualifies a run, in words; empty when it counts."""
    if "crashed" in line:
        return line["crashed"]
    reasons = [f"{line[key]} {key}" for key in ("failed", "inexact") if line[key]]
    if line["requests"] != line["asked"]:
        reasons.append(f"{line['requests']} of {line['asked']} answered")
    if slow and line["mock"]["live_peak"] < line["concurrency"]:
        reasons.append(f"only {line['mock']['live_peak']} streams live at once")
    return ", ".join(reasons + ([line["said"]] if reasons and line["said"] else []))


def spread(values, digits):
    middle = statistics.median(values)
    return f"{middle:.{digits}f} [{min(values):.{digits}f}-{max(values):.{digits}f}]"


def table(name, scenario, runs, args):
    """The scenario's Markdown, and the bars that were missed."""
    def column(client, pick):
        return [pick(line) for line in runs[client]]

    first = next(iter(runs))
    some = runs[first][0]
    out = [f"### {name}: {scenario.title}", "",
           f"{some['concurrency']} in flight, {some['asked']} requests a run, {len(runs[first])} interleaved runs; "
           f"the mock was late by at most {max(line['mock']['late_us_max'] for lines in runs.values() for line in lines) / 1000:.1f} ms",
           "", "| client | CPU us/request | us/token | ratio | first token + p50/p99 ms | end + p50/p99 ms | KiB/stream | threads |",
           "|---|---|---|---|---|---|---|---|"]
    cpu = {client: statistics.median(column(client, lambda line: line["cpu_us_per_request"])) for client in runs}
    verdicts, missed = [], []
    for client in runs:
        def added(key, client=client):
            return "/".join(f"{statistics.median(column(client, lambda line: line[key][p])) / 1000:.2f}" for p in ("p50", "p99"))
        tokens = column(client, lambda line: line.get("cpu_us_per_token"))
        base = "hyper" if scenario.clients is None else first
        ratio = cpu[client] / cpu[base] if cpu.get(base) else None
        rss = column(client, lambda line: line["rss_kb_per_stream"])
        threads = max(column(client, lambda line: line["threads"]))
        out.append("| " + " | ".join([
            client, spread(column(client, lambda line: line["cpu_us_per_request"]), 2),
            "-" if None in tokens else spread(tokens, 3), "-" if ratio is None else f"{ratio:.2f}",
            added("added_first_us"), added("added_total_us"), spread(rss, 1), str(threads)]) + " |")
        if client == ("libllm" if scenario.clients is None else "libllm-h2"):
            found = {"h2": ratio, "cpu": ratio, "rss": statistics.median(rss), "threads": threads - args.threads}
            for key, bar in scenario.bars.items():
                if found[key] is None or args.quick:
                    continue
                verdict = "met" if found[key] <= bar else "MISSED"
                verdicts.append(f"{BARS[key]}: {found[key]:.2f}, at most {bar}: {verdict}  ")
                if verdict == "MISSED":
                    missed.append(f"{name}: {BARS[key]} {found[key]:.2f} > {bar}")
    return "\n".join(out + ([""] + verdicts if verdicts else [])) + "\n", missed


BARS = {"own_p50": "overhead, median, us", "own_p99": "overhead, 99th percentile, us", "h2": "CPU per request over that of HTTP/1.1", "cpu": "CPU per request over hyper's", "rss": "KiB per stream", "threads": "threads beside the workers"}


def spread_of(lines, key):
    """One of the library's own histograms: requests by bound, in us; all runs together, those that warmed it up included."""
    buckets = {}
    for line in lines:
        below = 0
        for bound, count in sorted(((float(bound), count) for one in line[key] for bound, count in one["buckets"].items())):
            buckets[bound] = buckets.get(bound, 0) + count - below
            below = count
    return {bound * 1e6: count for bound, count in sorted(buckets.items())}


def overhead(name, scenario, runs, args):
    """The library's own histograms of its part of each request and of what that waited for the engine's thread."""
    lines, out, found = runs["libllm"], [f"### {name}: {scenario.title}", ""], {}
    for key, says in (("overhead", "time in our own code, from the call until the request is handed to its connection, and from the answer's last byte until its last event"),
                      ("dispatch", "from the host's thread to the engine's, which sleeps or serves other requests")):
        buckets, so_far = spread_of(lines, key), 0
        total = sum(buckets.values())
        out += [f"{key}: {total} requests of {len(lines)} runs; {says}", "", "| up to us | requests | share | |", "|---|---|---|---|"]
        for bound, count in buckets.items():
            so_far += count
            for at_most, share in (("p50", 0.5), ("p99", 0.99)):
                if so_far >= share * total:
                    found.setdefault((key, at_most), bound)
            if count:
                out.append(f"| {bound:.0f} | {count} | {count / total:.2%} | {'#' * round(40 * count / total)} |")
        out.append("")
    verdicts, missed = [], []
    for key, bar in scenario.bars.items():
        it = found["overhead", key.removeprefix("own_")]
        verdicts.append(f"{BARS[key]}: at most {it:.0f}, bar {bar}: {'met' if it <= bar else 'MISSED'}  ")
        if it > bar and not args.quick:
            missed.append(f"{name}: {BARS[key]} {it:.0f} > {bar}")
    return "\n".join(out + verdicts) + "\n", missed


def about(args, mock):
    """Where the figures come from; no number without it."""
    model = next((line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return (f"{datetime.date.today()}, {model}, {os.cpu_count()} cores, Linux {platform.release()}, commit {commit or 'unknown'}; "
            f"profile {args.profile}, loopback, plain HTTP/1.1 but in h2; mock: one thread on core {mock.core}; clients: "
            f"{'core ' + str(args.pin_clients) if args.pin_clients is not None else 'any core'}, hyper and reqwest one thread, "
            f"libllm {args.threads} worker(s) + the consumer.\n\nCommand: `bench/run.py {' '.join(sys.argv[1:])}`".rstrip() + "\n")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = lambda known: lambda text: [n for n in text.split(",") if n in known or sys.exit(f"{n} is none of {', '.join(known)}")]
    parser.add_argument("--clients", type=names(CLIENTS), default=CLIENTS)
    parser.add_argument("--scenarios", type=names(list(SCENARIOS)), default=list(SCENARIOS))
    parser.add_argument("--runs", type=int, help="default 9; 1 with --quick")
    parser.add_argument("--threads", type=int, default=1, help="libllm's runtime threads")
    parser.add_argument("--profile", default="release")
    parser.add_argument("--lib-dir", help="folder of libllm.so; default: the profile's")
    parser.add_argument("--pin-clients", type=int, metavar="CORE")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true", help="a missed bar is a failure")
    parser.add_argument("--write", action="store_true", help="keep the tables in bench/results")
    parser.add_argument("--no-build", action="store_true")
    parser.add_argument("--no-micro", action="store_true", help="without the criterion benchmarks")
    args = parser.parse_args()
    args.runs = args.runs or (1 if args.quick else 9)
    return args


def main():
    args = parse()
    bins = build(args)
    mock = Mock(bins / "bench-mock")
    try:
        if "h2" in args.scenarios:
            mock.others(bins / "bench-mock-h2", bins)
        if args.pin_clients is not None:
            os.sched_setaffinity(0, {args.pin_clients})
        said, failures, missed = [about(args, mock)], [], []
        print(said[0], flush=True)
        raw = open(bins / "bench-load.jsonl", "w")
        for name in args.scenarios:
            scenario = SCENARIOS[name]
            clients = scenario.clients or args.clients
            if scenario.clients and "libllm" not in args.clients:
                continue
            runs, turn = {client: [] for client in clients}, 0
            for run in range(args.runs):
                for client in clients:
                    line = measure(args, mock, bins, scenario, client, turn)
                    turn += 1
                    raw.write(json.dumps({"scenario": name, "run": run} | line) + "\n")
                    reason = wrong(line, name == "slow")
                    if reason:
                        failures.append(f"{name}, run {run + 1}, {client}: {reason}")
                        print(failures[-1], flush=True)
                    else:
                        runs[client].append(line)
            runs = {client: lines for client, lines in runs.items() if lines}
            if clients[0] in runs:
                text, late = (overhead if name == "overhead" else table)(name, scenario, runs, args)
                missed += late
                said.append(text)
                print(text, flush=True)
        raw.close()
    finally:
        mock.stop()
    if args.write:
        folder = HERE / "results"
        folder.mkdir(exist_ok=True)
        (folder / f"load-{datetime.date.today()}.md").write_text("## Load\n\n" + "\n".join(said))
    for line in missed:
        print(f"bar missed: {line}")
    for line in failures:
        print(f"failed: {line}")
    if not failures and not args.quick and not args.no_micro:
        # The same profile again: what the load harness built is not built anew.
        subprocess.run([os.environ.get("CARGO", "cargo"), "bench", "-q", "--profile", args.profile, "-p", "libllm-bench"],
                       cwd=ROOT, env=dict(os.environ, CARGO_TARGET_DIR=str(bins.parent)) | ({"BENCH_CHECK": "1"} if args.check else {}), check=True)
    if args.quick and not failures:
        print("every answer exact")
    sys.exit(1 if failures or (args.check and missed) else 0)


if __name__ == "__main__":
    main()
