"""What a plan of a faulty server is made of: steps, and the dialect's own bytes, whole or up to some place."""

from dialects import ITEM, JSON, WORDS

FAULTS = {}


class Plan:
    """`listen` is open, closed, full or name; `greet` are steps in place of reading a request, `handshake` what happens to TLS;
    `said` is the text that had been sent when it went wrong. `once`: it is for the first request only, which was not looked at,
    so that another try is free."""

    def __init__(self, steps=(), said="", *, listen="open", tls=False, handshake=None, greet=None, http2=False, once=False):
        self.steps, self.said, self.listen, self.greet, self.handshake = list(steps), said, listen, greet, handshake
        self.tls, self.http2, self.once = tls or handshake is not None, http2, once


class NoSense(Exception):
    """A combination that does not exist, and why."""


def fault(name, *variants):
    """Registers `make(dialect, mode, phase)`, or `make(.., variant)`, which returns a plan."""

    def register(make):
        for variant in variants or [""]:
            FAULTS[name, variant] = (lambda *place, v=variant: make(*place, v)) if variants else make
        return make

    return register


def send(data):
    return ("send", data)


def content_type(d, mode):
    return d.stream_type if mode == "stream" else JSON


def head(kind, framing, *more, status=200):
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", *more]
    if framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    elif framing == "eof":
        lines.append("Connection: close")
    else:
        lines.append(f"Content-Length: {framing}")
    return "\r\n".join(lines + ["", ""]).encode()


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


LAST = b"0\r\n\r\n"


def parts_of(d, mode):
    return d.stream() if mode == "stream" else d.unary()


def cut(parts, phase):
    """The parts before the place that the phase names, and those from there on."""
    items = [at for at, (where, _) in enumerate(parts) if where == ITEM]
    at = {"first": items[0], "middle": items[len(items) // 2], "terminal": items[-1] + 1}[phase]
    return parts[:at], parts[at:]


def joined(parts):
    return b"".join(data for _, data in parts)


def spoken(parts, mode):
    """The text of a stream's items; of an answer in one piece nothing is known before its end."""
    return "".join(WORDS[:sum(where == ITEM for where, _ in parts)]) if mode == "stream" else ""


def whole(d, mode, kind=None):
    """Head and body of an answer without fault."""
    parts = parts_of(d, mode)
    return head(kind or content_type(d, mode), "chunked") + b"".join(chunk(data) for _, data in parts) + LAST


def in_body(d, mode, phase, framing, *more):
    """Head and parts up to the phase, as bytes; the parts after it; the text said by then."""
    if phase not in ("first", "middle", "terminal"):
        raise NoSense({"dns": "there is no peer yet"}.get(phase, "there is no body yet"))
    before, after = cut(parts_of(d, mode), phase)
    wrap = chunk if framing == "chunked" else bytes
    data = head(content_type(d, mode), framing, *more) + b"".join(wrap(part) for _, part in before)
    return data, after, spoken(before, mode)


def no_peer(phase):
    if phase == "dns":
        raise NoSense("there is no peer yet")
