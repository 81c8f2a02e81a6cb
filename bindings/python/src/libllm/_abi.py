"""The numbers of llm.h. A test compares them with the header."""

from __future__ import annotations

ABI_VERSION = 1

TEXT = 1
REASONING = 2
TOOL_CALL = 3
TOOL_ARGS = 4
ROUTE = 5
RESULT = 6
HTTP_HEAD = 7
HTTP_BODY = 8
RAW = 9
LOG = 10
ASK = 11
REFUSAL = 12
PART = 13
DONE = 100
ERROR = 101

# Deltas that may be joined with what follows them, and kinds whose data need not be text.
JOINED = frozenset((TEXT, REASONING, TOOL_ARGS, REFUSAL))
BINARY = frozenset((RAW, RESULT, HTTP_BODY))

OPT_RAW = 1
OPT_NO_COALESCE = 2
OPT_NO_CACHE = 4
OPT_MESSAGE = 8

ERR_BUSY = -6
ERR_CLOSED = -8
ERR_FORKED = -9
ERR_CANCELED = -10

LOG_OFF = 0
LOG_ERROR = 1
LOG_WARN = 2
LOG_INFO = 3
LOG_DEBUG = 4
LOG_TRACE = 5
