"""The faults: what a server does wrong, where. Each is a plan of steps, made from the dialect's own bytes."""

import random
import zlib

from dialects import CLOSE, END, ITEM, JSON, OPEN, WORDS, text_of
from expected import STATUSES
from plan import LAST, NoSense, Plan, chunk, content_type, cut, fault, head, in_body, joined, no_peer, parts_of, send, spoken
from plan import whole

PHASES = ["dns", "connect", "tls", "headers", "first", "middle", "terminal"]
# The client's limits in these tests; an event and an answer may be so large.
MAX_EVENT, MAX_ANSWER = 3 << 19, 4 << 20
LONG_LINE, OVER_EVENT, OVER_ANSWER, OVER_HEAD = 1126 * 1024, 2 << 20, 5 << 20, 256 * 1024
DRIP_PAUSE, CAP_BYTES, CAP_PAUSE = 0.004, 24, 0.01

@fault("refuse")
def refuse(d, mode, phase):
    if phase == "dns":
        return Plan(listen="name")
    if phase == "connect":
        return Plan(listen="closed")
    raise NoSense("the port has been opened already")


@fault("blackhole")
def blackhole(d, mode, phase):
    if phase == "dns":
        raise NoSense("it takes a resolver of one's own")
    if phase == "connect":
        return Plan(listen="full")
    if phase == "tls":
        return Plan(handshake="mute")
    if phase == "headers":
        return Plan(greet=[("stall", "deaf")])
    raise NoSense("seen from the client it is a stall")


def broken_off(name, steps, handshake, first=()):
    """A connection that ends without a word; `first` is done before it where nothing has been read yet."""

    @fault(name)
    def make(d, mode, phase):
        no_peer(phase)
        if phase == "connect":
            return Plan(greet=[*first, *steps])
        if phase == "tls":
            return Plan(handshake=handshake)
        if phase == "headers":
            return Plan(steps)
        data, _, said = in_body(d, mode, phase, "chunked")
        return Plan([send(data), *steps], said)


# A reset that comes at once may still be one of connecting.
broken_off("RST", [("settle",), ("rst",)], "rst", [("await bytes",)])
broken_off("FIN", [("close",)], "close")
broken_off("half-close", [("half",), ("stall",)], "half")


@fault("stall")
def stall(d, mode, phase):
    no_peer(phase)
    if phase == "connect":
        raise NoSense("it is the blackhole")
    if phase == "tls":
        return Plan(handshake="stall")
    if phase == "headers":
        full = head(content_type(d, mode), "chunked")
        return Plan([send(full[:len(full) // 2]), ("stall",)])
    data, after, said = in_body(d, mode, phase, "chunked")
    return Plan([send(data), ("stall",)], said)


def slowed(name, pieces, handshake):
    """An answer whose bytes come in an odd way from some place on, and all come."""

    @fault(name)
    def make(d, mode, phase):
        no_peer(phase)
        if phase == "connect":
            raise NoSense("nothing is sent")
        answer = whole(d, mode)
        if phase == "tls":
            return Plan([send(answer), ("next",)], handshake=handshake)
        if phase == "headers":
            end = answer.index(b"\r\n\r\n") + 4
            return Plan([*pieces(answer[:end]), send(answer[end:]), ("next",)])
        data, after, _ = in_body(d, mode, phase, "chunked")
        odd = chunk(after[0][1])
        rest = b"".join(chunk(part) for _, part in after[1:]) + LAST
        return Plan([send(data), *pieces(odd), send(rest), ("next",)])


def drops(data):
    return [("pace", [data[at:at + 1] for at in range(len(data))], DRIP_PAUSE)]


def slices(data):
    """Cut anywhere, in letters, in lines, in chunk sizes."""
    dice, pieces, at = random.Random(data), [], 0
    while at < len(data):
        size = dice.randint(1, 7)
        pieces.append(data[at:at + size])
        at += size
    return [("pace", pieces, 0)]


def capped(data):
    return [("pace", [data[at:at + CAP_BYTES] for at in range(0, len(data), CAP_BYTES)], CAP_PAUSE)]


slowed("drip", drops, "drip")
slowed("slice", slices, "slice")
slowed("bandwidth cap", capped, "cap")


@fault("truncate")
def truncate(d, mode, phase):
    """The end of the connection is the end of the body, and it comes within a line."""
    no_peer(phase)
    if phase == "connect":
        raise NoSense("nothing is sent")
    if phase == "tls":
        return Plan(handshake="truncate")
    if phase == "headers":
        full = head(content_type(d, mode), "eof")
        return Plan([send(full[:-9]), ("close",)])
    data, after, said = in_body(d, mode, phase, "eof")
    part = after[0][1]
    return Plan([send(data + part[:len(part) // 2]), ("close",)], said)


@fault("duplicate")
def duplicate(d, mode, phase):
    """A part comes twice. An item that the provider sends twice is delivered twice."""
    if phase in ("dns", "connect", "tls"):
        raise NoSense("TCP and TLS have no such thing")
    answer = whole(d, mode)
    if phase == "headers":
        kind = f"Content-Type: {content_type(d, mode)}"
        return Plan([send(answer.replace(kind.encode(), f"{kind}\r\nX-Twice: 1\r\nX-Twice: 1\r\n{kind}".encode(), 1)), ("next",)])
    parts = parts_of(d, mode)
    if mode == "unary":
        if phase != "terminal":
            raise NoSense("within one JSON text it is garbage")
        body = joined(parts) * 2
        return Plan([send(head(JSON, len(body)) + body), ("next",)])
    before, after = cut(parts, phase)
    twice = {"first": [part for part in before if part[0] == OPEN], "middle": after[:1], "terminal": after}[phase]
    if not twice:
        raise NoSense("nothing stands before the first item")
    tail = after if phase != "terminal" else []
    body = before + twice + tail + (twice if phase == "terminal" else [])
    data = head(d.stream_type, "chunked") + b"".join(chunk(part) for _, part in body) + LAST
    at = len([1 for where, _ in before if where == ITEM])
    said = "".join(WORDS[:at] + WORDS[at:at + 1] + WORDS[at:]) if phase == "middle" else "".join(WORDS)
    return Plan([send(data), ("next",)], said)


@fault("garbage")
def garbage(d, mode, phase):
    no_peer(phase)
    noise = b"SSH-2.0-OpenSSH_9.2p1\r\n"
    if phase == "connect":
        return Plan(greet=[send(noise), ("stall",)])
    if phase == "tls":
        return Plan(handshake="garbage")
    if phase == "headers":
        return Plan([send(noise), ("stall",)])
    data, after, said = in_body(d, mode, phase, "chunked")
    odd = d.garbage() if mode == "stream" else b"\x00\xfe]:::"
    return Plan([send(data + chunk(odd) + b"".join(chunk(part) for _, part in after) + LAST), ("next",)], said)


@fault("wrong length", "no number", "too short", "too long")
def wrong_length(d, mode, phase, variant):
    if phase in ("dns", "connect", "tls"):
        raise NoSense("there is no length yet")
    parts = parts_of(d, mode)
    body = joined(parts)
    if variant == "no number":
        if phase != "headers":
            raise NoSense("the length stands in the head")
        return Plan([send(head(content_type(d, mode), "12x") + body), ("stall",)])
    if phase == "headers" or (variant == "too long" and phase != "terminal"):
        raise NoSense("the length is missed at the end" if variant == "too long" else "there is no body yet")
    if variant == "too long":
        return Plan([send(head(content_type(d, mode), len(body) + 10) + body), ("close",)], "".join(WORDS) if mode == "stream" else "")
    before, _ = cut(parts, phase)
    return Plan([send(head(content_type(d, mode), len(joined(before))) + body), ("next",)], spoken(before, mode))


@fault("bad chunk")
def bad_chunk(d, mode, phase):
    data, after, said = in_body(d, mode, phase, "chunked")
    return Plan([send(data + b"XYZ\r\n" + b"".join(chunk(part) for _, part in after) + LAST), ("stall",)], said)


@fault("wrong type", "HTML", "other mode")
def wrong_type(d, mode, phase, variant):
    if phase != "headers":
        raise NoSense("the type is told in the head")
    if variant == "HTML":
        body = b"<!DOCTYPE html><title>Welcome</title>"
        return Plan([send(head("text/html; charset=utf-8", len(body)) + body), ("next",)])
    return Plan([send(whole(d, "unary" if mode == "stream" else "stream")), ("next",)])


@fault("redirect", "302", "307", "308")
def redirect(d, mode, phase, variant):
    if phase != "headers":
        raise NoSense("a redirect is a head")
    return Plan([("redirect", int(variant)), ("next",)])


def refused(d, status, more=()):
    body = text_of(d.refusal())
    return head(JSON, len(body), *more, status=status), body


@fault("in-band error")
def in_band(d, mode, phase):
    if mode == "unary":
        if phase != "first":
            raise NoSense("an answer in one piece is an error or is none")
        body = text_of(d.error())
        return Plan([send(head(JSON, len(body)) + body), ("next",)])
    data, _, said = in_body(d, mode, phase, "chunked")
    return Plan([send(data + chunk(d.in_band()) + LAST), ("next",)], said)


@fault("missing terminal", "", "last part")
def missing_terminal(d, mode, phase, variant):
    """The body ends as HTTP wants it, and too early; `last part`: only the last part is missing."""
    data, after, said = in_body(d, mode, phase, "chunked")
    if variant:
        if phase != "terminal":
            raise NoSense("the last part stands at the end")
        if not any(where == CLOSE for where, _ in after):
            raise NoSense("the dialect ends with one part")
        data += b"".join(chunk(part) for where, part in after if where != END)
    return Plan([send(data + LAST), ("next",)], said)


@fault("extra after it")
def extra(d, mode, phase):
    if phase != "terminal":
        raise NoSense("it is about what follows the end")
    answer = whole(d, mode)
    if mode == "stream":
        answer = answer[:-len(LAST)] + chunk(d.item(" more")) + chunk(d.garbage()) + LAST
    return Plan([send(answer + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore"), ("next",)])


@fault("gzip", "sound", "is none", "bomb", "cut")
def gzip(d, mode, phase, variant):
    """The answer is compressed although that was not asked for."""
    if {"sound": "headers", "is none": "headers", "bomb": "first", "cut": "middle"}[variant] != phase:
        raise NoSense("gzip is told in the head, and lasts to the end")
    kind, more = content_type(d, mode), "Content-Encoding: gzip"
    body = joined(parts_of(d, mode))
    if variant == "is none":
        return Plan([send(head(kind, len(body), more) + body), ("next",)])
    if variant == "bomb":
        body = packed(b" " * (1 << 22))
        return Plan([send(head(kind, len(body), more) + body), ("next",)])
    if variant == "sound":
        body = packed(body)
        return Plan([send(head(kind, len(body), more) + body), ("next",)])
    before, _ = cut(parts_of(d, mode), phase)
    body = packed(joined(before), end=False)
    return Plan([send(head(kind, "chunked", more) + chunk(body)), ("settle",), ("close",)], spoken(before, mode))


def packed(data, end=True):
    press = zlib.compressobj(wbits=31)
    return press.compress(data) + press.flush(zlib.Z_FINISH if end else zlib.Z_SYNC_FLUSH)


@fault("huge line", "header", "over limit", "1.1 MiB")
def huge(d, mode, phase, variant):
    if variant == "header":
        if phase != "headers":
            raise NoSense("a header stands in the head")
        return Plan([send(head(content_type(d, mode), "chunked", "X-Huge: " + "x" * OVER_HEAD)), ("stall",)])
    if mode == "unary":
        if phase != "first":
            raise NoSense("an answer in one piece is one line")
        size = OVER_ANSWER if variant == "over limit" else LONG_LINE
        body = text_of(d.whole("x" * size))
        return Plan([send(head(JSON, len(body)) + body), ("next",)], "x" * size)
    if variant == "1.1 MiB" and phase == "terminal":
        raise NoSense("no item stands there")
    data, after, said = in_body(d, mode, phase, "chunked")
    line = d.item("x" * (OVER_EVENT if variant == "over limit" else LONG_LINE))
    rest = b"".join(chunk(part) for _, part in after) + LAST
    if variant == "1.1 MiB":
        said += "x" * LONG_LINE + "".join(WORDS)[len(said):]
    return Plan([send(data + chunk(line) + rest), ("next",)], said)


@fault("TLS abort", "alert", "no notify")
def tls_abort(d, mode, phase, variant):
    if phase in ("dns", "connect"):
        raise NoSense("TLS has not begun")
    if (variant == "alert") != (phase == "tls"):
        raise NoSense("an alert is for the handshake" if variant == "alert" else "there is nothing to notify of")
    if phase == "tls":
        return Plan(handshake="alert")
    if phase == "headers":
        return Plan([("cut TLS",)], tls=True)
    data, _, said = in_body(d, mode, phase, "eof")
    return Plan([send(data), ("cut TLS",)], said, tls=True)


@fault("cancel")
def cancel(d, mode, phase):
    """The client's own doing: it cancels when it has all that was sent, and then the rest comes."""
    no_peer(phase)
    if phase == "connect":
        raise NoSense("it is the TLS handshake's case")
    if phase == "tls":
        return Plan(handshake="stall")
    if phase == "headers":
        return Plan([("canceled",), send(whole(d, mode)), ("stall",)])
    data, after, said = in_body(d, mode, phase, "chunked")
    rest = b"".join(chunk(part) for _, part in after) + LAST
    return Plan([send(data), ("canceled",), send(rest), ("stall",)], said)


def status(code):
    @fault("status", str(code))
    def make(d, mode, phase, _):
        if phase != "headers":
            raise NoSense("a status stands in the head")
        start, body = refused(d, code)
        return Plan([send(start + body), ("next",)])


for code in STATUSES:
    status(code)


@fault("status", "400 cut", "500 cut", "500 stalls")
def status_cut(d, mode, phase, variant):
    """The body of a refusal breaks off; the status has been told."""
    if phase != "middle":
        raise NoSense("it is about the body of a refusal")
    code, _, how = variant.partition(" ")
    start, body = refused(d, int(code))
    return Plan([send(start + body[:10]), ("close",) if how == "cut" else ("stall",)])
