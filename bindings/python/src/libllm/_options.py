"""What one request wishes, from keyword arguments to llm_options."""

from __future__ import annotations

import ctypes

from . import _abi, _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Keyword argument -> key of options_json, for those that cross as they are.
_PLAIN = {
    "fallbacks": "fallbacks",
    "max_attempts": "max_attempts",
    "on_partial": "on_partial",
    "unsupported": "unsupported",
    "check_limits": "check_limits",
    "headers": "headers",
    "extra_headers": "headers",
    "base_url": "base_url",
    "api_key": "api_key",
    "idempotency_key": "idempotency_key",
    "extra_body": "extra_body",
    "cache": "cache",
    "strategy": "strategy",
    "tags": "tags",
    "session": "session",
    "tenant": "tenant",
    "metadata": "metadata",
    "traceparent": "traceparent",
    "tracestate": "tracestate",
}

NAMES = frozenset(
    (
        *_PLAIN, "provider", "operation", "timeout", "first_token_timeout", "idle_timeout",
        "max_retries", "raw", "coalesce", "message", "options",
    )
)  # fmt: skip


class Compiled:
    """Options as the library takes them; made once, used by any number of requests."""

    __slots__ = ("flags", "pointer", "struct")

    def __init__(self, given: Mapping[str, Any]) -> None:
        unknown = given.keys() - NAMES
        if unknown:
            known = ", ".join(sorted(NAMES))
            raise TypeError(f"unknown option {sorted(unknown)[0]!r}, expected one of {known}")
        self.flags = _flags(given)
        cold = _cold(given)
        made = _native.Options(struct_size=ctypes.sizeof(_native.Options), flags=self.flags)
        made.provider = _encoded(given.get("provider"))
        made.operation = _encoded(given.get("operation"))
        made.timeout_ms = milliseconds(given.get("timeout"))
        made.first_token_timeout_ms = milliseconds(given.get("first_token_timeout"))
        if cold:
            import json

            made.options_json = json.dumps(cold).encode()
        self.struct = made
        self.pointer = ctypes.addressof(made)


def milliseconds(seconds: float | None) -> int:
    """0 is the default, -1 is none at all (infinity or below zero); no timeout is rounded to either."""
    if seconds is None:
        return 0
    if seconds < 0 or seconds == float("inf"):
        return -1
    return max(1, round(seconds * 1000))


def _flags(given: Mapping[str, Any]) -> int:
    flags = _abi.OPT_RAW if given.get("raw") else 0
    if given.get("coalesce") is False:
        flags |= _abi.OPT_NO_COALESCE
    if given.get("cache") is False:
        # A flag, so that no JSON is made and read for the commonest form.
        flags |= _abi.OPT_NO_CACHE
    if given.get("message"):
        flags |= _abi.OPT_MESSAGE
    return flags


def _cold(given: Mapping[str, Any]) -> dict[str, Any]:
    cold = dict(given.get("options") or {})
    for name, key in _PLAIN.items():
        value = given.get(name)
        if value is not None and not (key == "cache" and value is False):
            cold[key] = list(value) if name == "fallbacks" else value
    if given.get("max_retries") is not None:
        # The library counts attempts, SDKs count what comes after the first.
        cold["max_attempts"] = given["max_retries"] + 1
    if given.get("idle_timeout") is not None:
        cold["idle_timeout_ms"] = milliseconds(given["idle_timeout"])
    return cold


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
