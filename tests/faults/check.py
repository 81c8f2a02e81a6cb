"""Holds what was seen at both ends against what was promised. Returns complaints; none is right."""

from expected import MAX_ATTEMPTS

ITEMS = ("TEXT", "REASONING", "TOOL_CALL", "TOOL_ARGS", "REFUSAL", "PART")


class Seen:
    """One request's events at the client's end, by name, in order."""

    def __init__(self):
        self.events, self.text, self.last, self.status, self.items_after_cancel, self.late = [], "", None, None, 0, 0
        self.canceled = False

    def add(self, name, event, data, status):
        if self.last is not None:
            self.late += 1
        self.events.append((name, event.attempt))
        if name in ITEMS and self.canceled:
            self.items_after_cancel += 1
        if name == "TEXT":
            self.text += data.decode()
        if name in ("DONE", "ERROR"):
            self.last, self.status = data, status

    def count(self, *names):
        return sum(name in names for name, _ in self.events)


def outcome(seen, last, want, text):
    """The promises about one request: its one terminal event, its text, its attempts."""
    if seen.late or seen.count("DONE", "ERROR") != 1:
        yield f"{seen.count('DONE', 'ERROR')} terminal events, {seen.late} events after the first"
    if seen.items_after_cancel:
        yield f"{seen.items_after_cancel} items after the cancel"
    kind = last.get("kind") or "ok"
    if (seen.status, kind) != (want.status, want.kind):
        yield f"{seen.status} {kind}, not {want.status} {want.kind}: {last.get('message')}"
    elif want.phase and last.get("phase") != want.phase:
        yield f"phase {last.get('phase')}, not {want.phase}"
    if seen.text != text:
        yield f"text {seen.text[-60:]!r} ({len(seen.text)} letters), not {text[-60:]!r} ({len(text)})"
    tried = len(last["attempts"])
    if tried != want.attempts or tried > MAX_ATTEMPTS:
        yield f"{tried} attempts, not {want.attempts}"
    if seen.count("ROUTE") > 1:
        yield f"{seen.count('ROUTE')} routes"
    if {attempt for name, attempt in seen.events if name in ITEMS} - {tried}:
        yield f"items of another attempt than the last: {seen.events}"


def server_side(script, turns):
    """The promises about the wire."""
    yield from script.complaints
    if script.plan.listen == "open" and script.turns_of_first != turns:
        yield f"the server was asked {script.turns_of_first} times, not {turns}"


def sockets(script):
    """Connections that are neither closed by the client nor kept for its next request."""
    return [connection for connection in script.connections
            if not (connection.gone or connection.pooled or connection.closed_here)]
