"""docs/faults.md out of the cases: what is promised, for each fault in each place."""

from faults import PHASES

HEAD = """# What may go wrong, and what it comes to

Written by `tests/suites/faults.sh --write` (a part of `make test`, which fails if this page or an outcome is another). Every line is
played over real sockets by a faulty server, for each dialect, streamed and in one piece, through the C ABI: {cases} cases, all as
promised here. Dialects: {dialects}.

Checked in each case, with a recorder at both ends: exactly one terminal event, and it is the last; the text is what the server had
said by then, no letter more or less, none twice; an answer is finished only if its own end had come; status, kind and, for
time limits and connecting, the phase of the error; as many attempts as the line says, in the error's trail and at the server; where it is tried again,
a second run in which the second attempt meets a sound server and gives the whole answer; the next request to the same place is
answered in full; every socket is closed by the client or kept for its next request, and closed with the client.

- **Where**: `dns` the name, `connect` in place of TCP's handshake or right after it, `tls` the handshake, `headers` in place of the
  answer's head or in it, `first` after the head (and whatever precedes the first item), `middle` after half of the items, `terminal`
  after all items and before anything that proves the end.
- **Outcome**: `ok` is the whole answer; else the error's `kind`. `x3` is tried three times (the limit here), `x2` once more, without a
  number never again. After the first item of a stream nothing is tried again.
- An answer in one piece gives no item before it is whole. Its time limit is the request's own, retries included.
- Which kinds are tried again, and why, stands in `tests/faults/expected.py`.

| fault | what the server does |
|---|---|
{means}
## What is promised

| fault | | where | streamed | in one piece |
|---|---|---|---|---|
"""

MEANS = {
    "refuse": "the name does not resolve; nobody listens",
    "blackhole": "packets get no answer; the request is never read",
    "RST": "the connection is reset",
    "FIN": "the connection is closed, within a chunked body where there is one",
    "half-close": "the same in one direction, while it reads on",
    "stall": "silence, with the connection open",
    "drip": "one byte at a time (TLS: eight)",
    "slice": "writes of one to seven bytes, cut anywhere",
    "bandwidth cap": "2.4 kB a second",
    "truncate": "the body ends with the connection, within a line",
    "duplicate": "header lines, openings, an item, or the end come twice",
    "garbage": "bytes of another protocol, or none at all",
    "wrong length": "a Content-Length that is no number, or not the body's",
    "bad chunk": "a chunk whose size is none",
    "wrong type": "a page of HTML; a stream in place of one piece and the other way round",
    "redirect": "another place, where nobody may come",
    "in-band error": "an error in a 200",
    "missing terminal": "the body ends as HTTP wants it, the answer does not; `last part`: all but its last part came",
    "extra after it": "items, garbage and another answer behind the end",
    "gzip": "a compressed answer, though `identity` was asked for",
    "huge line": "a header of 256 KiB; an event beyond `memory.max_event`, an answer beyond `memory.max_answer`; a long line within them",
    "TLS abort": "a fatal alert; the end of TCP without TLS's own",
    "cancel": "nothing wrong: the client cancels when it has all that was sent, and then the rest comes",
    "status": "a refusal; `cut`, `stalls`: in the middle of its body",
    "GOAWAY": "HTTP/2: `below ours` and `REFUSED_STREAM` say that the request was not looked at (asked again for nothing, once); `ours`: it counts",
}

ABSENT = """
## Combinations that do not exist

| fault | where | why |
|---|---|---|
"""

PEERS = """
## The faults that others were measured with

The {count} responses of `tests/vectors/malformed_responses.json`, over real sockets, without retries: "right" is that the fault is raised
with its kind, or that valid content arrives whole. The figures of others are the file's, of 21 Chat Completions cases; the file holds 15 of
those and 6 of Messages, and what its notes name beyond them (HTML with status 200, JSON cut at its end, a reset) is in the tables above.

| | right |
|---|---|
| libllm, stream faults | {streams} of {streams} |
| libllm, statuses | {statuses} of {statuses} |
"""


def told(cases, mode):
    """The outcomes in one cell: one if all dialects agree."""
    by_outcome = {}
    for case in cases:
        if case.mode == mode and not case.heals:
            by_outcome.setdefault(str(case.want), []).append(case.dialect.name)
    if len(by_outcome) == 1:
        return f"`{next(iter(by_outcome))}`"
    return "; ".join(f"`{outcome}` {', '.join(names)}" for outcome, names in by_outcome.items()) or "-"


def render(made, absent, built, peers, scores):
    """The page."""
    means = "".join(f"| {name} | {text} |\n" for name, text in MEANS.items())
    page = HEAD.format(means=means, cases=f"{len(made):,}", dialects=", ".join(dialect.name for dialect in built))
    keys = list(dict.fromkeys(case.key for case in made))
    for key in keys:
        for phase in PHASES:
            these = [case for case in made if case.key == key and case.phase == phase]
            if these:
                page += f"| {key[0]} | {key[1]} | {phase} | {told(these, 'stream')} | {told(these, 'unary')} |\n"
    page += ABSENT
    present = {(case.key[0], case.phase) for case in made}
    for fault in dict.fromkeys(key[0] for key in keys):
        for phase in PHASES:
            reasons = [why for (name, _, place, *_), why in absent.items() if (name, place) == (fault, phase)]
            if (fault, phase) not in present:
                page += f"| {fault} | {phase} | {reasons[0]} |\n"
    streams = [case for case in peers if not case.key[1].startswith("st-")]
    page += PEERS.format(count=len(peers), streams=len(streams), statuses=len(peers) - len(streams))
    for name, score in scores.items():
        page += f"| {name} | {score.replace('/', ' of ')} |\n"
    return page
