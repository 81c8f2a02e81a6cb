"""llm.h by ctypes: where the library is, what its functions take, and how a batch of events is read.

Nothing here is called by the library: it hands over events when asked, so none of its threads ever
takes the interpreter's lock.
"""

from __future__ import annotations

import ctypes
import os
import struct
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

from . import _abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeAlias

    # request, data, len, type, choice, index
    Event: TypeAlias = tuple[int, int, int, int, int, int]

# llm_event: 64 bytes on 64-bit targets, for ever (llm.h). Skipped: user_data, status, attempt, at_us, flags, which
# nobody here needs: a number less is a number not made for each event.
_EVENT = struct.Struct("=Q8xQQi4xI4x8xI4x")

#: Events taken at once; 16 KiB of memory for each queue.
BATCH = 256


class Options(ctypes.Structure):
    """llm_options."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("flags", c_uint32),
        ("provider", c_char_p),
        ("timeout_ms", c_int64),
        ("first_token_timeout_ms", c_int64),
        ("operation", c_char_p),
        ("options_json", c_char_p),
    )


class HttpRequest(ctypes.Structure):
    """llm_http_request."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("method", c_char_p),
        ("url", c_char_p),
        ("headers_json", c_char_p),
        ("body", c_char_p),
        ("body_len", c_size_t),
    )


def _path() -> str:
    named = os.environ.get("LIBLLM_PATH")
    if named:
        return os.path.join(named, "libllm.so") if os.path.isdir(named) else named
    bundled = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libllm.so")
    # The system's: its name has the number of the binary interface.
    return bundled if os.path.exists(bundled) else f"libllm.so.{_abi.ABI_VERSION}"


def _load() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    path = _path()
    try:
        waiting = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"libllm.so could not be loaded ({error}); install a wheel that has it, or name it in LIBLLM_PATH"
        ) from error
    found = waiting.llm_abi_version()
    if found != _abi.ABI_VERSION:
        raise ImportError(f"{path} has binary interface {found}, this package wants {_abi.ABI_VERSION}")
    # What returns at once is called without giving up the interpreter's lock: cheaper by half.
    return waiting, getattr(ctypes, "PyDLL", ctypes.CDLL)(path)


_waiting, _brief = _load()
_out = POINTER(c_void_p)


def _function(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    # A fresh object: one name may be declared for both kinds of call.
    function = library[name]
    function.restype, function.argtypes = result, arguments
    return function


_text = (c_char_p, c_size_t)

client_new = _function(_waiting, "llm_client_new", c_int32, *_text, _out, _out)
client_reload = _function(_waiting, "llm_client_reload", c_int32, c_void_p, *_text, _out)
client_drain = _function(_waiting, "llm_client_drain", c_int32, c_void_p, c_int32)
client_free = _function(_brief, "llm_client_free", None, c_void_p)
client_metrics = _function(_brief, "llm_client_metrics", c_void_p, c_void_p, c_int32, c_void_p)
queue_new = _function(_brief, "llm_queue_new", c_int32, c_size_t, _out)
queue_fd = _function(_brief, "llm_queue_fd", c_int32, c_void_p)
queue_free = _function(_brief, "llm_queue_free", None, c_void_p)
queue_wait = _function(_waiting, "llm_queue_poll", c_int32, c_void_p, c_void_p, c_size_t, c_int32)
queue_poll = _function(_brief, "llm_queue_poll", c_int32, c_void_p, c_void_p, c_size_t, c_int32)
submit = _function(
    _brief, "llm_submit", c_int32, c_void_p, c_void_p, *_text, c_void_p, c_void_p, POINTER(c_uint64), _out
)
submit_http = _function(
    _brief, "llm_submit_http", c_int32, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, POINTER(c_uint64), _out
)
cancel = _function(_brief, "llm_cancel", c_int32, c_uint64)
pause = _function(_brief, "llm_pause", c_int32, c_uint64, c_int32)
answer = _function(_brief, "llm_answer", c_int32, c_uint64, c_int32, *_text)
log_to_queue = _function(_waiting, "llm_log_to_queue", c_int32, c_int32, c_void_p)
string_free = _function(_brief, "llm_string_free", None, c_void_p)
error_json = _function(_brief, "llm_error_json", c_char_p, c_void_p, c_void_p)
error_free = _function(_brief, "llm_error_free", None, c_void_p)
status_name = _function(_brief, "llm_status_name", c_char_p, c_int32)
version = _function(_brief, "llm_version", c_char_p)

text_at: Callable[[int, int], str]
bytes_at = ctypes.string_at

_python = getattr(ctypes, "pythonapi", None)
if _python is not None:
    # One call makes the string, without a bytes object between.
    text_at = _function(_python, "PyUnicode_FromStringAndSize", ctypes.py_object, c_void_p, ctypes.c_ssize_t)
else:

    def text_at(data: int, size: int) -> str:
        """Text of the library, copied."""
        return bytes_at(data, size).decode()


def new_queue() -> c_void_p:
    """A queue of its own; the caller frees it."""
    queue = c_void_p()
    check(queue_new(0, byref(queue)))
    return queue


def check(status: int, error: c_void_p | None = None) -> int:
    """`status` if it is none of an error, else the error's class."""
    if status >= 0:
        return status
    from ._errors import from_json, from_status

    if not error:
        raise from_status(status)
    try:
        told = error_json(error, None)
    finally:
        error_free(error)
    raise from_json(told.decode())


class Batch:
    """Memory for the events of one poll, read all at once."""

    __slots__ = ("_view", "address")

    def __init__(self) -> None:
        memory = ctypes.create_string_buffer(_EVENT.size * BATCH)
        # The view keeps the memory alive.
        self._view = memoryview(memory)
        self.address = ctypes.addressof(memory)

    def read(self, count: int) -> Iterator[Event]:
        """The first `count` events; their data are valid until the queue's next poll."""
        return _EVENT.iter_unpack(self._view[: count * _EVENT.size])
