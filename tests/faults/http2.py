"""As much of HTTP/2 (RFC 9113) as a faulty server needs, and the faults that only it has."""

from dialects import TEXT
from plan import NoSense, Plan, content_type, cut, fault, joined, parts_of, spoken

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
REFUSED_STREAM = 7
# What every client takes in one frame.
FRAME_MAX = 1 << 14


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def head(stream, kind):
    """Status 200, by its number in HPACK's table, and the content type, whose name is number 31 there."""
    block = b"\x88\x0f\x10" + bytes([len(kind)]) + kind.encode()
    return frame(HEADERS, END_HEADERS, stream, block)


def data(stream, payload, end=False):
    pieces = [payload[at:at + FRAME_MAX] for at in range(0, len(payload), FRAME_MAX)]
    frames = b"".join(frame(DATA, 0, stream, piece) for piece in pieces)
    return frames + (frame(DATA, END_STREAM, stream) if end else b"")


def goaway(last):
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + bytes(4))


async def take(connection, size):
    while len(connection.read) < size:
        connection.read += await connection.recv()
    taken, connection.read = connection.read[:size], connection.read[size:]
    return taken


async def greet(connection):
    assert await take(connection, len(PREFACE)) == PREFACE
    await connection.send(frame(SETTINGS, 0, 0))


async def request(connection):
    """Reads up to the end of a request; its stream's number."""
    while True:
        start = await take(connection, 9)
        payload = await take(connection, int.from_bytes(start[:3], "big"))
        kind, flags, stream = start[3], start[4], int.from_bytes(start[5:], "big")
        if kind in (SETTINGS, PING) and not flags & ACK:
            await connection.send(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind in (HEADERS, DATA) and flags & END_STREAM:
            return stream


def whole(d, mode):
    """An answer without fault, as steps."""
    return [("frames", lambda stream: head(stream, content_type(d, mode)) + data(stream, joined(parts_of(d, mode)), end=True)),
            ("next",)]


@fault("GOAWAY", "below ours", "ours, no answer", "ours, goes on", "ours, cut", "REFUSED_STREAM")
def going_away(d, mode, phase, variant):
    """`below ours`: the request was not looked at, as with REFUSED_STREAM."""
    if phase in ("dns", "connect", "tls"):
        raise NoSense("HTTP/2 has not begun")
    if (phase == "headers") != (variant in ("below ours", "ours, no answer", "REFUSED_STREAM")):
        raise NoSense("it is about an answer that has begun, or has not")
    if variant == "below ours":
        return Plan([("frames", lambda stream: goaway(stream - 1)), ("stall",)], http2=True, once=True)
    if variant == "REFUSED_STREAM":
        refused = REFUSED_STREAM.to_bytes(4, "big")
        return Plan([("frames", lambda stream: frame(RST_STREAM, 0, stream, refused)), ("next",)], http2=True, once=True)
    if variant == "ours, no answer":
        return Plan([("frames", goaway), ("close",)], http2=True)
    before, after = cut(parts_of(d, mode), phase)
    start = ("frames", lambda stream: head(stream, content_type(d, mode)) + data(stream, joined(before)) + goaway(stream))
    if variant == "ours, cut":
        return Plan([start, ("close",)], spoken(before, mode), http2=True)
    return Plan([start, ("frames", lambda stream: data(stream, joined(after), end=True)), ("stall",)], TEXT, http2=True)
