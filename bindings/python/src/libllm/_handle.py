"""The engine's handle, and how a request gets to it: what Client and AsyncClient share."""

from __future__ import annotations

import os
from ctypes import byref, c_size_t, c_uint64, c_void_p, sizeof

from . import _abi, _native
from ._call import Call
from ._hooks import Hooks
from ._options import Compiled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeAlias

    from .types import ChatRequest, Hook, MessageParam

    ConfigLike: TypeAlias = "Mapping[str, Any] | str | os.PathLike[str] | None"
    RequestLike: TypeAlias = "ChatRequest | Mapping[str, Any] | str"
    MessagesLike: TypeAlias = "str | Sequence[MessageParam | Mapping[str, Any]] | None"


class _Owned:
    """llm_client, freed with the last reference: a call in progress holds one, so nobody frees it under another."""

    __slots__ = ("pointer",)

    def __init__(self, config: ConfigLike) -> None:
        self.pointer = c_void_p()
        text, error = config_text(config), c_void_p()
        _native.check(_native.client_new(text, len(text), byref(self.pointer), byref(error)), error)

    def __del__(self) -> None:
        # Never blocks; cancels what is in flight. Without a pointer its making has failed.
        _native.client_free(self.pointer)


class Handle:
    """A client of the library until it is closed. Any thread may use and close it."""

    __slots__ = ("_owned", "hooks")

    def __init__(self, config: ConfigLike, hooks: Mapping[str, Hook] | None = None) -> None:
        self.hooks = Hooks(hooks)
        self._owned: _Owned | None = _Owned(config)

    def submit(self, queue: c_void_p, request: bytes, options: Compiled | None, call: Call) -> None:
        """Starts `call`, or raises what the library refused."""
        owned = self._owned or self._open()
        number, error = c_uint64(), c_void_p()
        pointer = None if options is None else options.pointer
        status = _native.submit(owned.pointer, queue, request, len(request), pointer, None, byref(number), byref(error))
        if status < 0:
            _native.check(status, error)
        call.request = number.value

    def submit_http(
        self, queue: c_void_p, http: tuple[str, str, list[tuple[str, str]], bytes], options: Compiled | None, call: Call
    ) -> None:
        """Starts `call` with a request in HTTP's words: method, URL, headers, body."""
        import json

        owned = self._owned or self._open()
        method, url, headers, body = http
        said = _native.HttpRequest(
            struct_size=sizeof(_native.HttpRequest),
            method=method.encode(),
            url=url.encode(),
            headers_json=json.dumps(headers).encode(),
            body=body,
            body_len=len(body),
        )
        number, error = c_uint64(), c_void_p()
        pointer = None if options is None else options.pointer
        status = _native.submit_http(owned.pointer, queue, byref(said), pointer, None, byref(number), byref(error))
        if status < 0:
            _native.check(status, error)
        call.request = number.value

    def reload(self, config: ConfigLike) -> None:
        """Replaces the configuration; requests in flight keep theirs."""
        owned, text, error = self._open(), config_text(config), c_void_p()
        _native.check(_native.client_reload(owned.pointer, text, len(text), byref(error)), error)

    def drain(self, timeout: float | None) -> None:
        """Waits for what is in flight, `timeout` seconds at most (None: for ever); then cancels the rest."""
        milliseconds = -1 if timeout is None else max(1, round(timeout * 1000))
        # Held: what another thread closes meanwhile is freed after the call.
        owned = self._open()
        _native.check(_native.client_drain(owned.pointer, milliseconds))

    def drained(self) -> bool:
        """Takes no new request; whether none is in flight. Never blocks."""
        owned = self._open()
        status: int = _native.client_drain(owned.pointer, 0)
        return status != _abi.ERR_BUSY and _native.check(status) >= 0

    def metrics(self, format: str) -> str:
        """Counters and histograms."""
        size = c_size_t()
        owned = self._open()
        text = _native.client_metrics(owned.pointer, {"json": 0, "prometheus": 1}[format], byref(size))
        if not text:
            # Memory is out, or this is a child.
            return ""
        try:
            return _native.bytes_at(text, size.value).decode()
        finally:
            _native.string_free(text)

    def close(self) -> None:
        """Cancels what is in flight; never blocks. Again is harmless."""
        self._owned = None

    def _open(self) -> _Owned:
        owned = self._owned
        if owned is None:
            from ._errors import from_status

            raise from_status(_abi.ERR_CLOSED)
        return owned


def config_text(config: ConfigLike) -> bytes:
    """JSON of a mapping, a text as it is, `@PATH` for a path; none, and an empty text, read the environment."""
    if config is None:
        return b""
    if isinstance(config, str):
        return config.encode()
    if isinstance(config, os.PathLike):
        return b"@" + os.fsencode(config)
    import json

    # A mapping is the configuration, also one that says nothing: to the library an empty object is the environment.
    return json.dumps(dict(config) or {"models": {}}).encode()


def request_body(request: RequestLike, messages: MessagesLike) -> dict[str, Any]:
    """The request as a dict of its own. A model's name and a prompt make one as well."""
    body: dict[str, Any] = {"model": request} if isinstance(request, str) else dict(request)
    if messages is not None:
        body["messages"] = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
    return body


def request_text(request: RequestLike, messages: MessagesLike, stream: bool) -> bytes:
    """A chat request as JSON."""
    body = request_body(request, messages)
    if not stream:
        body.setdefault("stream", False)
    return encoded(body)


def encoded(body: dict[str, Any]) -> bytes:
    """A request as JSON."""
    import json

    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half of a character has no place in UTF-8: U+FFFD stands for it, as in every language of this library.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


class Settings:
    """A client's default options, compiled once, and each request's on top."""

    __slots__ = ("_compiled", "given")

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = dict(given)
        self._compiled = Compiled(given) if given else None

    def compiled(self, more: Mapping[str, Any]) -> Compiled | None:
        """None if all is default."""
        return Compiled({**self.given, **more}) if more else self._compiled


def joins(options: Compiled | None) -> bool:
    """Whether deltas that wait together may be joined."""
    return options is None or not options.flags & _abi.OPT_NO_COALESCE
