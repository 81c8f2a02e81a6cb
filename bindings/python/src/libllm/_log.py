"""The library's log in Python's `logging`, always on a thread of the host.

Lines wait in a queue of the library. They are handed over when a blocking client has finished an answer, when an event
loop with an AsyncClient is idle, and by libllm.drain_log(). What nobody drains is dropped and counted by the library.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock

from . import _abi, _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from asyncio import AbstractEventLoop
    from ctypes import c_void_p

_LEVELS = {"off": 0, "error": 1, "warn": 2, "warning": 2, "info": 3, "debug": 4, "trace": 5}
# Python has no trace; 5 is below DEBUG.
_PYTHON = {_abi.LOG_ERROR: 40, _abi.LOG_WARN: 30, _abi.LOG_INFO: 20, _abi.LOG_DEBUG: 10, _abi.LOG_TRACE: 5}


class _Bridge:
    logger: logging.Logger

    def __init__(self) -> None:
        self.queue: c_void_p = _native.new_queue()
        self.batch = _native.Batch()
        self.lock = allocate_lock()

    def drain(self) -> None:
        """Hands over what waits. Another thread may be at it already: then it does."""
        if not self.lock.acquire(False):
            return
        try:
            self._drain()
        finally:
            self.lock.release()

    def _drain(self) -> None:
        while True:
            count = _native.queue_poll(self.queue, self.batch.address, _native.BATCH, 0)
            events = self.batch.read(max(count, 0))
            lines = [(level, _native.text_at(data, size)) for _, data, size, _, _, level in events]
            for level, line in lines:
                self.logger.log(_PYTHON.get(level, 10), "%s", line)
            if count < _native.BATCH:
                return


_bridge: _Bridge | None = None


def log_to_logging(level: str = "info", logger: logging.Logger | None = None) -> None:
    """Sends the library's log up to `level` ("off" to "trace") to `logger`, by default the one named "libllm".

    It is the process's one log: a second call replaces the first. A forked child calls it for itself.
    """
    global _bridge
    number = _LEVELS[level]
    if number == _abi.LOG_OFF:
        _native.check(_native.log_to_queue(number, None))
        return
    import logging

    if _bridge is None:
        _bridge = _Bridge()
    _bridge.logger = logger or logging.getLogger("libllm")
    _native.check(_native.log_to_queue(number, _bridge.queue))
    asyncio = sys.modules.get("asyncio")
    loop = asyncio._get_running_loop() if asyncio else None
    if loop is not None:
        watch(loop)


def drain_log() -> None:
    """Hands waiting log lines to `logging` now, on this thread."""
    drain()


def drain() -> None:
    """As drain_log(); costs nothing where no log was asked for."""
    if _bridge is not None:
        _bridge.drain()


def watch(loop: AbstractEventLoop) -> None:
    """Drains the log on this loop as lines come, also those of requests that other threads made."""
    if _bridge is not None:
        loop.add_reader(_native.check(_native.queue_fd(_bridge.queue)), _bridge.drain)


def _in_child() -> None:
    # The queue is the parent's, and a thread that is not here may hold the lock.
    global _bridge
    _bridge = None


os.register_at_fork(after_in_child=_in_child)
