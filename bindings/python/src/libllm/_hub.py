"""One queue for each event loop, closed with it. The loop watches the queue's descriptor; when it is readable, all
that waits for any number of streams is taken in batches, and each consumer that waits is woken once.
"""

from __future__ import annotations

import os
from asyncio import AbstractEventLoop, Future, InvalidStateError, ensure_future
from weakref import WeakKeyDictionary, WeakSet

from . import _abi, _log, _native
from ._call import Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._errors import LLMError
    from ._hooks import Hooks

# Bytes that one stream may hold here before its socket is left unread (llm_pause): the library's own share of a
# stream is as large (docs/config.md, memory.per_stream). It is read again when a quarter of its events is left.
HELD_MAX = 256 * 1024
# Batches taken in one turn of the loop, so that its other work goes on; the descriptor stays readable.
_TURNS = 8


class AsyncCall(Call):
    """A call whose consumer is a task of the hub's loop."""

    __slots__ = ("failed", "held", "hooks", "low", "paused", "waiter")

    def __init__(self, joins: bool, hooks: Hooks) -> None:
        super().__init__(joins)
        self.hooks = hooks
        self.waiter: Future[None] | None = None
        self.held = 0
        self.low = 0
        self.paused = False
        self.failed: LLMError | None = None

    def lag(self) -> None:
        """Something was taken while paused."""
        if len(self.items) <= self.low:
            self.resume()

    def resume(self) -> None:
        """Lets the library read on."""
        self.paused, self.held = False, 0
        _native.pause(self.request, 0)

    def pause(self) -> None:
        """Leaves the socket unread."""
        self.paused, self.low = True, len(self.items) // 4
        _native.pause(self.request, 1)

    def wake(self) -> None:
        """Lets the consumer go on, if it waits."""
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class Hub:
    """The queue of one event loop, and the calls that wait for its events."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.calls: dict[int, AsyncCall] = {}
        self.queue = _native.new_queue()
        self.batch = _native.Batch()
        # Hooks that are under way: a loop alone would let them be collected.
        self.asked: set[Future[Any]] = set()
        self.descriptor = _native.check(_native.queue_fd(self.queue))
        loop.add_reader(self.descriptor, self.drain)

    def drain(self) -> None:
        """Takes what waits. Called by the loop when the queue's bell rang."""
        text_at, bytes_at, binary = _native.text_at, _native.bytes_at, _abi.BINARY
        queue, batch, calls = self.queue, self.batch, self.calls
        asked: list[tuple[AsyncCall, str]] = []
        for _ in range(_TURNS):
            count = _native.queue_poll(queue, batch.address, _native.BATCH, 0)
            if count < 0:
                self.fail(count)
                break
            for request, data, size, kind, choice, index in batch.read(count):
                call = calls.get(request)
                if call is None:
                    # Cancelled, its last events were on their way.
                    continue
                if kind == _abi.ASK:
                    asked.append((call, text_at(data, size)))
                    continue
                call.items.append(
                    (kind, bytes_at(data, size) if kind in binary else text_at(data, size), choice, index)
                )
                waiter = call.waiter
                if waiter is not None:
                    call.waiter = None
                    try:
                        waiter.set_result(None)
                    except InvalidStateError:
                        # Its task was cancelled in this turn of the loop, and will come to know.
                        pass
                else:
                    call.held += size
                    if call.held > HELD_MAX and not call.paused:
                        call.pause()
                if kind >= _abi.DONE:
                    # Not `del`: making its objects may have collected garbage, and that stream with it.
                    calls.pop(request, None)
            if count < _native.BATCH:
                break
        # Only now: a function may run the loop, and with it this one, whose poll frees what the batch lent.
        for call, question in asked:
            self.ask(call, question)
        _log.drain()

    def ask(self, call: AsyncCall, question: str) -> None:
        """Has the user's function answer; what it must wait for is a task of the loop."""
        left = call.hooks.ask(call.request, question)
        if left is not None:
            task = ensure_future(left)
            self.asked.add(task)
            task.add_done_callback(self.asked.discard)

    def forget(self, call: AsyncCall) -> None:
        """Cancels a call: its socket is closed, its events are dropped."""
        if self.calls.pop(call.request, None) is not None:
            _native.cancel(call.request)

    def fail(self, status: int) -> None:
        """Ends every call: the queue is of no use any more."""
        from ._errors import from_status

        calls, self.calls = self.calls, {}
        for call in calls.values():
            call.failed = from_status(status)
            call.wake()

    def __del__(self) -> None:
        if getattr(self, "queue", None):
            _native.queue_free(self.queue)


_hubs: WeakKeyDictionary[AbstractEventLoop, Hub] = WeakKeyDictionary()
_all: WeakSet[Hub] = WeakSet()


def hub_of(loop: AbstractEventLoop) -> Hub:
    """The loop's hub, made at the first call."""
    hub = _hubs.get(loop)
    if hub is None:
        # A closed loop may be kept alive by who knows whom; its queue need not be.
        # Loops of other threads come and go meanwhile: the references are copied first.
        for reference in _hubs.keyrefs():
            other = reference()
            if other is not None and other.is_closed():
                _hubs.pop(other, None)
        hub = _hubs[loop] = Hub(loop)
        _all.add(hub)
        _log.watch(loop)
    return hub


def _in_child() -> None:
    # The bell does not ring in a child: whoever waits there is told, and a loop that goes on there gets a new hub
    # (the library refuses the inherited one anyway).
    for hub in list(_all):
        hub.fail(_abi.ERR_FORKED)
    _hubs.clear()


os.register_at_fork(after_in_child=_in_child)
