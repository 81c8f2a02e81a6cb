"""Every fault in every place, for every dialect, streamed and not, through the C ABI: all requests in one process, many at once.

    tests/suites/faults.sh [PART..]     the cases whose names hold all parts; without any, the whole matrix and docs/faults.md
    tests/suites/faults.sh --write      writes docs/faults.md

What must come out stands in expected.py, what goes wrong in faults.py, who says it in dialects.py."""

import ctypes
import json
import os
import pathlib
import subprocess
import sys
import time

# Neither keys nor proxies of whoever runs this.
KEPT = ("PATH", "HOME", "TMPDIR", "LLM_ROOT", "LLM_LIB_DIR", "LLM_INCLUDE", "LLM_WORK")
for name in set(os.environ) - set(KEPT):
    del os.environ[name]
ROOT = pathlib.Path(os.environ["LLM_ROOT"])
sys.path.insert(1, str(ROOT / "tests/keys"))

import check
import dialects
import expected
import faults
import peers
import table
from check import Seen
from llm import EVENT, CEvent, Client, Queue, Refused, library, status_name
from llm import check as checked
from plan import FAULTS, NoSense, Plan
from server import HOST, Servers

AT_ONCE = 400
# Longer than any limit below; whoever needs so long never ends.
PATIENCE = 180
# The limits that end a stall, and the one that ends a connect. What they must not end is far below.
STALL_MS, CONNECT_S = 3000, 2
NAMES = {number: name for name, number in EVENT.items()}
MODES = ("stream", "unary")


class Case:
    """One fault in one place, of one dialect and mode. `heals`: the second attempt meets a sound server."""

    def __init__(self, key, phase, dialect, mode, plan, want, heals=False):
        self.key, self.phase, self.dialect, self.mode, self.plan, self.heals = key, phase, dialect, mode, plan, heals
        self.want = expected.Outcome("ok", 2) if heals else want
        # How often the server is asked: what was not looked at is asked again for nothing.
        self.turns = self.want.attempts + plan.once
        self.committed = want.attempts == 1 and mode == "stream" and phase in ("middle", "terminal")
        self.stalls = want.kind == "timeout" and key[0] != "status" or key == ("status", "500 stalls")
        self.cancels = key[0] == "cancel"
        self.wrong, self.seen, self.script, self.second = [], Seen(), None, False
        self.peer = None

    @property
    def name(self):
        fault = " ".join(part for part in self.key if part)
        return f"{fault}, {self.phase}, {self.dialect.name}, {self.mode}{', heals' if self.heals else ''}"

    @classmethod
    def of_peer(cls, name, dialect, mode, plan, want, provider):
        """One of the responses that others were measured with; `provider`: a built-in one."""
        case = cls(("peers", name), "", dialect, mode, plan, want)
        case.peer, case.cancels, case.stalls = provider or "", False, False
        return case

    def text(self):
        """What must have been delivered by the end."""
        if self.peer is not None:
            return self.plan.said
        if self.heals:
            return dialects.TEXT
        if self.want.kind == "ok":
            return self.plan.said or dialects.TEXT
        return self.plan.said if self.committed else ""

    def options(self):
        plan, scheme = self.plan, "https" if self.plan.tls else "http"
        host = "no-such-host.invalid" if plan.listen == "name" else HOST
        # Others were measured without retries.
        more = {} if self.peer is None else {"max_attempts": 1}
        told = {**more, "base_url": f"{scheme}://{host}:{self.script.port}{self.dialect.base}", "api_key": "k"}
        if self.stalls:
            limits = ["first_token_timeout_ms", "idle_timeout_ms"] if self.mode == "stream" else ["timeout_ms"]
            told.update(dict.fromkeys(limits, STALL_MS))
        return told

    def provider(self):
        """Its provider's name: one with a short patience for connecting where the peer never answers."""
        if self.peer:
            return self.peer
        short = self.plan.listen == "full" or self.plan.handshake in ("mute", "stall") and not self.cancels
        return self.dialect.name.replace(" ", "-") + ("-short" if short else "-http2" if self.plan.http2 else "")


def cases(built):
    """All cases, and the combinations that do not exist with their reasons."""
    made, absent = [], {}
    for (fault, variant), make in FAULTS.items():
        for phase in faults.PHASES:
            for dialect in built:
                for mode in MODES:
                    try:
                        plan = make(dialect, mode, phase)
                    except NoSense as reason:
                        absent[fault, variant, phase, dialect.name, mode] = str(reason)
                        continue
                    want = expected.outcome(fault, variant, phase, mode, dialect)
                    made.append(Case((fault, variant), phase, dialect, mode, plan, want))
                    if want.again and plan.listen == "open":
                        made.append(Case((fault, variant), phase, dialect, mode, plan, want, heals=True))
    return made, absent


def certificate(folder):
    """A certificate for this machine, and its key."""
    names = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "basicConstraints=CA:FALSE", "-addext", f"subjectAltName=IP:{HOST}",
                    "-out", names[0], "-keyout", names[1]], check=True, capture_output=True)
    return names


def configuration(built, authority):
    providers = {}
    for dialect in built:
        name = dialect.name.replace(" ", "-")
        place = {"wire": dialect.wire, "base_url": f"http://{HOST}:1{dialect.base}", "tls": {"ca_file": authority},
                 "timeouts": {"connect": PATIENCE}}
        providers[name] = place
        providers[f"{name}-short"] = {**place, "timeouts": {"connect": CONNECT_S}}
        providers[f"{name}-http2"] = {**place, "http2": {"mode": "prior_knowledge"}}
    return {"providers": providers, "memory": {"max_event": faults.MAX_EVENT, "max_answer": faults.MAX_ANSWER},
            # A matrix of failures is what budgets and breakers are there to stop.
            "retry": {"max_attempts": expected.MAX_ATTEMPTS, "budget": {"bucket": 0, "ratio": 1, "floor": 1_000_000}},
            "health": {"breaker": {"enabled": False}}}


def in_this_build(dialect, authority):
    try:
        Client(configuration([dialect], authority)).free()
        return True
    except Refused:
        return False


class Driver:
    """Submits cases, sorts what comes, and has each checked at its end."""

    def __init__(self, client, servers, waiting):
        self.client, self.servers, self.queue = client, servers, Queue()
        self.waiting, self.running, self.over = list(waiting), {}, []
        self.events = (CEvent * 256)()

    def start(self, case):
        faulty = 1 if case.heals or case.plan.once else 1 << 30
        case.script = self.servers.add(case.dialect, case.mode, case.plan, faulty, case.cancels)
        self.submit(case)
        self.heard(case)

    def submit(self, case):
        fields = {"provider": case.provider(), "json": case.options()}
        if case.dialect.operation:
            fields["operation"] = case.dialect.operation
        request = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": case.mode == "stream"}
        self.running[self.client.submit(self.queue, request, **fields)] = case

    def heard(self, case):
        """The client has all that had been said when it went wrong."""
        if case.seen.text == case.plan.said or not case.plan.said or case.mode == "unary":
            self.servers.tell(case.script.known)

    def run(self):
        until = time.monotonic() + PATIENCE
        while self.running or self.waiting:
            while self.waiting and len(self.running) < AT_ONCE:
                self.start(self.waiting.pop(0))
            self.poll(50)
            self.cancel()
            if time.monotonic() > until:
                for case in set(self.running.values()):
                    case.wrong.append(f"no end; so far {case.seen.events}, text {case.seen.text!r}")
                return

    def poll(self, timeout_ms):
        count = checked(library().llm_queue_poll(self.queue.handle, self.events, 256, timeout_ms))
        ended = []
        for event in self.events[:count]:
            case = self.running[event.request]
            name = NAMES.get(event.type, str(event.type))
            case.seen.add(name, event, ctypes.string_at(event.data, event.len), status_name(event.status))
            self.heard(case)
            if event.type >= EVENT["DONE"]:
                ended.append(event.request)
        for request in ended:
            self.end(self.running[request], request)
        return count

    def cancel(self):
        for request, case in list(self.running.items()):
            if case.cancels and not case.seen.canceled and case.script.may_cancel.is_set() and case.seen.text == case.plan.said:
                case.seen.canceled = True
                library().llm_cancel(request)
                self.servers.tell(case.script.canceled)

    def end(self, case, request):
        last = json.loads(case.seen.last)
        script, want = case.script, case.want
        if not case.second:
            script.turns_of_first = self.servers.call(lambda: script.turns)
            case.wrong += check.outcome(case.seen, last, want, case.text())
            case.wrong += check.server_side(script, case.turns)
            self.servers.tell(script.over)
            if case.plan.steps[-1:] == [("next",)]:
                # What was left on the connection must not meet the next request.
                del self.running[request]
                case.second, case.seen = True, Seen()
                self.servers.call(lambda: setattr(script, "plan", Plan(tls=case.plan.tls, http2=case.plan.http2)))
                self.submit(case)
                return
        else:
            case.wrong += [f"the next request: {words}"
                           for words in check.outcome(case.seen, last, expected.Outcome("ok", 1), dialects.TEXT)]
        del self.running[request]
        self.over.append(case)
        self.servers.call(script.close)


def wait_for(condition, seconds=20):
    """Whether it came true; nobody says how soon."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def sockets_left():
    """This process's sockets: both ends of everything."""
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    return sum(os.path.islink(link) and os.readlink(link).startswith("socket:") for link in links)


def play(chosen, client, servers):
    """Runs the cases; afterwards every socket is closed or pooled, and with the client closed."""
    driver = Driver(client, servers, sorted(chosen, key=lambda case: not case.stalls))
    driver.run()
    wait_for(lambda: not any(check.sockets(case.script) for case in driver.over))
    for case in driver.over:
        left = check.sockets(case.script)
        if left:
            case.wrong.append(f"{len(left)} sockets left open")
    client.free()
    open_still = lambda: [case for case in driver.over
                          if any(not (one.gone or one.closed_here) for one in case.script.connections)]
    wait_for(lambda: not open_still())
    for case in open_still():
        case.wrong.append("a pooled socket outlived the client")
    if servers.trap.connections:
        chosen[0].wrong.append("somebody followed a redirect")
    return driver


def report(chosen, seconds):
    """Says what went wrong, and counts by fault."""
    for case in chosen:
        if case.wrong:
            print(f"# {case.name}")
            for line in case.wrong:
                print(f"#   {line}")
    for fault in dict.fromkeys(case.key[0] for case in chosen):
        these = [case for case in chosen if case.key[0] == fault]
        good = sum(not case.wrong for case in these)
        print(f"{'ok' if good == len(these) else 'not ok'} {fault}: {good} of {len(these)} as promised")
    bad = sum(bool(case.wrong) for case in chosen)
    print(f"# {len(chosen)} cases, {len(chosen) - bad} as promised, {seconds:.1f} s")
    return bad == 0


def page_is(page):
    """Whether docs/faults.md is this page, once it has been written if that was asked."""
    path = ROOT / "docs/faults.md"
    if "--write" in sys.argv:
        path.write_text(page, encoding="utf-8")
    same = path.exists() and path.read_text(encoding="utf-8") == page
    print(f"{'ok' if same else 'not ok'} docs/faults.md is what was played (else: tests/suites/faults.sh --write)")
    return same


def main():
    library().llm_cancel.argtypes = [ctypes.c_uint64]
    parts = [part for part in sys.argv[1:] if not part.startswith("--")]
    names = certificate(os.environ["LLM_WORK"])
    built = [dialect for dialect in dialects.ALL if in_this_build(dialect, names[0])]
    made, absent = cases(built)
    measured = list(peers.cases(Case.of_peer))
    chosen = [case for case in made + measured if all(part in case.name for part in parts)]
    before = sockets_left()
    servers = Servers(*names)
    begun = time.monotonic()
    play(chosen, Client(configuration(built, names[0])), servers)
    good = report(chosen, time.monotonic() - begun)
    servers.stop()
    closed = wait_for(lambda: sockets_left() == before)
    print(f"{'ok' if closed else 'not ok'} sockets: {sockets_left() - before} left of both ends")
    good &= closed
    if not parts:
        scores = peers.vectors()["peer_score_openai_chat_cases"]
        good &= page_is(table.render(made, absent, built, measured, scores))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
