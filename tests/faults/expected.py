"""What each fault must come to: written from the library's promises (docs/faults.md says them), not from what it does.

`ok` is the whole answer in one attempt. Any other word is an error's kind; how often it is tried follows from the kind and from
whether an item had been delivered. Where the two columns differ, the first is a stream, the second an answer in one piece."""

# kind: (status, how often it may be tried before the first item)
KINDS = {
    "invalid_request": ("LLM_ERR_BAD_REQUEST", "never"),
    "not_found": ("LLM_ERR_BAD_REQUEST", "never"),
    "too_large": ("LLM_ERR_BAD_REQUEST", "never"),
    "conflict": ("LLM_ERR_BAD_REQUEST", "again"),
    "auth": ("LLM_ERR_AUTH", "never"),
    "quota": ("LLM_ERR_QUOTA", "never"),
    "rate_limited": ("LLM_ERR_RATE_LIMITED", "again"),
    "overloaded": ("LLM_ERR_OVERLOADED", "again"),
    "server_error": ("LLM_ERR_OVERLOADED", "again"),
    "unavailable": ("LLM_ERR_OVERLOADED", "again"),
    "provider_error": ("LLM_ERR_OVERLOADED", "again"),
    "gateway_timeout": ("LLM_ERR_OVERLOADED", "once"),
    **{f"cdn_{status}": ("LLM_ERR_OVERLOADED", "again") for status in (520, 521, 522, 523, 530)},
    "cdn_524": ("LLM_ERR_OVERLOADED", "once"),
    **{f"cdn_{status}": ("LLM_ERR_OVERLOADED", "never") for status in (525, 526)},
    "timeout": ("LLM_ERR_TIMEOUT", "again"),
    "connect": ("LLM_ERR_CONNECT", "again"),
    "connection_lost": ("LLM_ERR_TRUNCATED", "again"),
    "stream_truncated": ("LLM_ERR_TRUNCATED", "again"),
    "protocol": ("LLM_ERR_PROTOCOL", "never"),
    "bad_content_type": ("LLM_ERR_PROTOCOL", "never"),
    "redirect_refused": ("LLM_ERR_PROTOCOL", "never"),
    "limit_exceeded": ("LLM_ERR_PROTOCOL", "never"),
    "context_length": ("LLM_ERR_CONTEXT_LENGTH", "never"),
    "content_filter": ("LLM_ERR_CONTENT_FILTER", "never"),
    "empty_response": ("LLM_ERR_PROTOCOL", "once"),
    "canceled": ("LLM_ERR_CANCELED", "never"),
}
MAX_ATTEMPTS = 3

STATUSES = {
    400: "invalid_request", 401: "auth", 402: "quota", 403: "auth", 404: "not_found", 405: "invalid_request", 408: "timeout",
    409: "conflict", 410: "not_found", 413: "too_large", 415: "invalid_request", 418: "invalid_request", 422: "invalid_request",
    429: "rate_limited", 500: "server_error", 501: "invalid_request", 502: "server_error", 503: "unavailable",
    504: "gateway_timeout", 507: "server_error", 520: "cdn_520", 521: "cdn_521", 522: "cdn_522", 523: "cdn_523", 524: "cdn_524",
    525: "cdn_525", 526: "cdn_526", 529: "overloaded", 530: "cdn_530",
}

# fault, variant, phase: outcome of a stream and of an answer in one piece. `in-band` is what the dialect's own word means.
TABLE = """
refuse             |              | dns      | connect
refuse             |              | connect  | connect
blackhole          |              | connect  | connect
blackhole          |              | tls      | connect
blackhole          |              | headers  | timeout
RST                |              | connect  | connection_lost
RST                |              | tls      | connect
RST                |              | headers  | connection_lost
RST                |              | first    | connection_lost
RST                |              | middle   | connection_lost
RST                |              | terminal | connection_lost
FIN                |              | connect  | connection_lost
FIN                |              | tls      | connect
FIN                |              | headers  | connection_lost
FIN                |              | first    | connection_lost
FIN                |              | middle   | connection_lost
FIN                |              | terminal | connection_lost
half-close         |              | connect  | connection_lost
half-close         |              | tls      | connect
half-close         |              | headers  | connection_lost
half-close         |              | first    | connection_lost
half-close         |              | middle   | connection_lost
half-close         |              | terminal | connection_lost
stall              |              | tls      | connect
stall              |              | headers  | timeout
stall              |              | first    | timeout
stall              |              | middle   | timeout
stall              |              | terminal | timeout
drip               |              | tls      | ok
drip               |              | headers  | ok
drip               |              | first    | ok
drip               |              | middle   | ok
drip               |              | terminal | ok
slice              |              | tls      | ok
slice              |              | headers  | ok
slice              |              | first    | ok
slice              |              | middle   | ok
slice              |              | terminal | ok
bandwidth cap      |              | tls      | ok
bandwidth cap      |              | headers  | ok
bandwidth cap      |              | first    | ok
bandwidth cap      |              | middle   | ok
bandwidth cap      |              | terminal | ok
truncate           |              | tls      | connect
truncate           |              | headers  | connection_lost
truncate           |              | first    | stream_truncated
truncate           |              | middle   | stream_truncated
truncate           |              | terminal | stream_truncated
duplicate          |              | headers  | ok
duplicate          |              | first    | ok
duplicate          |              | middle   | ok
duplicate          |              | terminal | ok / protocol
garbage            |              | connect  | protocol
garbage            |              | tls      | connect
garbage            |              | headers  | protocol
garbage            |              | first    | protocol
garbage            |              | middle   | protocol
garbage            |              | terminal | protocol
wrong length       | no number    | headers  | protocol
wrong length       | too short    | first    | stream_truncated
wrong length       | too short    | middle   | stream_truncated
wrong length       | too short    | terminal | stream_truncated
wrong length       | too long     | terminal | ok / connection_lost
bad chunk          |              | first    | connection_lost
bad chunk          |              | middle   | connection_lost
bad chunk          |              | terminal | connection_lost
wrong type         | HTML         | headers  | bad_content_type
wrong type         | other mode   | headers  | ok
redirect           | 302          | headers  | redirect_refused
redirect           | 307          | headers  | redirect_refused
redirect           | 308          | headers  | redirect_refused
status             | 400 cut      | middle   | invalid_request
status             | 500 cut      | middle   | server_error
status             | 500 stalls   | middle   | server_error / timeout
in-band error      |              | first    | in-band
in-band error      |              | middle   | in-band
in-band error      |              | terminal | in-band
missing terminal   |              | first    | stream_truncated
missing terminal   |              | middle   | stream_truncated
missing terminal   |              | terminal | stream_truncated
missing terminal   | last part    | terminal | in-marker
extra after it     |              | terminal | ok
gzip               | sound        | headers  | ok
gzip               | is none      | headers  | protocol
gzip               | bomb         | first    | limit_exceeded
gzip               | cut          | middle   | connection_lost
huge line          | header       | headers  | limit_exceeded
huge line          | over limit   | first    | limit_exceeded
huge line          | over limit   | middle   | limit_exceeded
huge line          | over limit   | terminal | limit_exceeded
huge line          | 1.1 MiB      | first    | ok
huge line          | 1.1 MiB      | middle   | ok
TLS abort          | alert        | tls      | connect
TLS abort          | no notify    | headers  | connection_lost
TLS abort          | no notify    | first    | connection_lost
TLS abort          | no notify    | middle   | connection_lost
TLS abort          | no notify    | terminal | connection_lost
GOAWAY             | below ours   | headers  | ok
GOAWAY             | REFUSED_STREAM | headers | ok
GOAWAY             | ours, no answer | headers | connection_lost
GOAWAY             | ours, goes on | first   | ok
GOAWAY             | ours, goes on | middle  | ok
GOAWAY             | ours, goes on | terminal | ok
GOAWAY             | ours, cut    | first    | connection_lost
GOAWAY             | ours, cut    | middle   | connection_lost
GOAWAY             | ours, cut    | terminal | connection_lost
cancel             |              | tls      | canceled
cancel             |              | headers  | canceled
cancel             |              | first    | canceled
cancel             |              | middle   | canceled
cancel             |              | terminal | canceled
"""


def rows():
    told = {}
    for line in TABLE.strip().splitlines():
        fault, variant, phase, outcomes = [cell.strip() for cell in line.split("|")]
        stream, _, unary = outcomes.partition(" / ")
        told[fault, variant, phase] = {"stream": stream, "unary": unary or stream}
    for status, kind in STATUSES.items():
        told["status", str(status), "headers"] = {"stream": kind, "unary": kind}
    return told


ROWS = rows()


class Outcome:
    """Status, kind and number of attempts that a case must come to, and the phase of its error where that is promised."""

    def __init__(self, kind, attempts, phase=None):
        self.kind, self.attempts, self.phase = kind, attempts, phase
        self.status = "LLM_OK" if kind == "ok" else KINDS[kind][0]
        self.again = kind != "ok" and KINDS[kind][1] != "never" and attempts > 1

    def __str__(self):
        return self.kind if self.attempts == 1 else f"{self.kind} x{self.attempts}"


def outcome(fault, variant, phase, mode, dialect):
    kind = ROWS[fault, variant, phase][mode]
    if kind == "in-band":
        kind = dialect.in_band_kind
    if kind == "in-marker":
        # Chat Completions are over, too, when the body ends after every choice had its finish_reason.
        kind = "ok" if dialect.wire == "openai_chat" and mode == "stream" else "stream_truncated"
    if kind == "ok":
        return Outcome("ok", 1)
    committed = mode == "stream" and phase in ("middle", "terminal") and fault != "status"
    if committed:
        return Outcome(kind, 1, "stream" if kind != "canceled" else None)
    attempts = {"never": 1, "once": 2, "again": MAX_ATTEMPTS}[KINDS[kind][1]]
    if kind == "timeout" and mode == "unary" and fault != "status":
        # The limit of an answer in one piece is the request's own, and retries are inside it.
        attempts = 1
    if kind == "timeout" and mode == "unary" and variant == "500 stalls":
        attempts = 1
    # A request is being sent until the answer's head is there.
    late = "send" if phase == "headers" else "first_item"
    where = {"timeout": late, "connect": "connect"}.get(kind) if fault != "status" else None
    return Outcome(kind, attempts, where)
