"""The blocking client. Each open answer has a queue to itself, taken from the client's spare ones and given back:
no thread is made, nobody pumps for others, and a stream that is not read is held back by the library's own bound."""

from __future__ import annotations

from _thread import allocate_lock

from . import _abi, _log, _native
from ._ask import Asks
from ._call import Call
from ._errors import from_status
from ._handle import Handle, Settings, joins, request_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Awaitable, Iterator, Mapping
    from ctypes import c_void_p
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._answer import Response
    from ._errors import LLMError
    from ._events import Event
    from ._handle import ConfigLike, MessagesLike, RequestLike
    from ._hooks import Hooks
    from .types import Hook, RequestOptions

else:
    # `collections` imports half a dozen modules more: a tenth of this package's start.
    from _collections import deque

# Queues kept for the next answer; more are made when more answers are open at once.
_SPARE_MAX = 64


class Client(Asks):
    """Answers from any provider; blocks the calling thread only. Safe to share between threads.

    `config` is a mapping, TOML or JSON text, or a path; None reads the environment (LLM_CONFIG, provider keys).
    Options given here are the defaults of every request. `hooks` are functions that answer what the configuration has
    the library ask: "before", "token", "attempt", "after" (docs/hooks.md).
    """

    def __init__(
        self, config: ConfigLike = None, *, hooks: Mapping[str, Hook] | None = None, **options: Unpack[RequestOptions]
    ) -> None:
        self._settings = Settings(options)
        self._handle = Handle(config, hooks)
        self._spare: deque[_Reader] = deque(maxlen=_SPARE_MAX)

    def chat(
        self, request: RequestLike, messages: MessagesLike = None, /, **options: Unpack[RequestOptions]
    ) -> Response:
        """The whole answer to a chat request (OpenAI's shape), or to a model's name and a prompt."""
        return self._ask(request_text(request, messages, False), options)

    def stream(
        self, request: RequestLike, messages: MessagesLike = None, /, **options: Unpack[RequestOptions]
    ) -> Stream:
        """The answer's events as they come. Leaving the loop early and dropping the stream closes it upstream."""
        return self._open(request_text(request, messages, True), options)

    def with_options(self, **options: Unpack[RequestOptions]) -> Self:
        """The same client with other defaults."""
        other = type(self).__new__(type(self))
        other._settings = Settings({**self._settings.given, **options})
        other._handle, other._spare = self._handle, self._spare
        return other

    def reload(self, config: ConfigLike) -> None:
        """Replaces keys, routes and limits at once; requests in flight keep theirs."""
        self._handle.reload(config)

    def metrics(self, format: str = "json") -> str:
        """Counters and histograms as "json" or "prometheus" text."""
        return self._handle.metrics(format)

    def drain(self, timeout: float | None = None) -> None:
        """Refuses new requests and waits for those in flight, `timeout` seconds at most; then cancels the rest."""
        self._handle.drain(timeout)

    def close(self) -> None:
        """Cancels what is in flight. Never blocks."""
        self._handle.close()
        self._spare.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: bytes, options: RequestOptions) -> Response:
        with self._open(request, options) as stream:
            return stream.final()

    def _open(self, request: bytes, options: RequestOptions) -> Stream:
        compiled = self._settings.compiled(options)
        try:
            reader = self._spare.pop()
        except IndexError:
            reader = _Reader()
        call = Call(joins(compiled))
        self._handle.submit(reader.queue, request, compiled, call)
        return Stream(call, reader, self)

    def _open_http(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> Stream:
        compiled = self._settings.compiled({})
        try:
            reader = self._spare.pop()
        except IndexError:
            reader = _Reader()
        call = Call(False)
        self._handle.submit_http(reader.queue, (method, url, headers, body), compiled, call)
        return Stream(call, reader, self)


class _Reader:
    """A queue and the memory to read it with."""

    __slots__ = ("batch", "lock", "queue")

    def __init__(self) -> None:
        self.queue: c_void_p = _native.new_queue()
        self.batch = _native.Batch()
        # Held from the poll to the last byte read of it: the next poll frees what this one lent.
        self.lock = allocate_lock()

    def pull(self, call: Call, milliseconds: int, hooks: Hooks) -> None:
        """Waits for events (-1: for ever); takes those of `call`. None may come: it is late, or a signal came."""
        count = _native.queue_wait(self.queue, self.batch.address, _native.BATCH, milliseconds)
        if count < 0:
            _native.check(count)
        text_at, items, request = _native.text_at, call.items, call.request
        asked: list[str] = []
        for owner, data, size, kind, choice, index in self.batch.read(count):
            # The last events of a cancelled request may still come to the queue's next user.
            if owner != request:
                continue
            if kind == _abi.ASK:
                asked.append(text_at(data, size))
            else:
                read = _native.bytes_at if kind in _abi.BINARY else text_at
                items.append((kind, read(data, size), choice, index))
        for question in asked:
            _hooks_wait(hooks.ask(request, question))

    def __del__(self) -> None:
        if getattr(self, "queue", None):
            _native.queue_free(self.queue)


class Stream:
    """One answer's events, in order. One thread at a time reads it; any thread may close it."""

    __slots__ = ("_call", "_closed", "_handle", "_reader", "_spare")

    def __init__(self, call: Call, reader: _Reader, client: Client) -> None:
        self._call = call
        self._reader: _Reader | None = reader
        self._spare = client._spare
        # A client that is dropped, and not closed, lives as long as its streams.
        self._handle = client._handle
        self._closed = False

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        call = self._call
        while not call.over:
            try:
                event = call.take()
            except BaseException:
                self._release()
                raise
            if event is not None:
                if call.over:
                    self._release()
                return event
            self._pull()
        raise StopIteration

    @property
    def text(self) -> Iterator[str]:
        """Only the text of choice 0, piece by piece: the cheapest way to read. Others do not come between."""
        return _Texts(self, 0)

    def text_of(self, choice: int) -> Iterator[str]:
        """Only the text of this choice of several (`n`, or a race all of whose answers count)."""
        return _Texts(self, choice)

    def final(self) -> Response:
        """Reads to the end; the whole answer. Raises what the stream would have raised."""
        for _ in self:
            pass
        if self._call.done is None:
            raise self._call.error or _aborted()
        return self._call.response()

    def close(self) -> None:
        """Closes the stream upstream, so that no more is generated and paid for. Again is harmless."""
        if not self._call.over and not self._closed:
            self._closed = True
            _native.cancel(self._call.request)
            reader = self._reader
            # Whoever reads in another thread still needs the queue, and gets the end from it. It does not become a
            # spare one: a reader may be on its way to it, and would take the next answer's events.
            if reader is not None and reader.lock.acquire(False):
                self._reader = None
                reader.lock.release()
                _log.drain()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _pull(self, milliseconds: int = -1) -> None:
        reader = self._reader
        if reader is None:
            raise _aborted()
        if not reader.lock.acquire(False):
            raise from_status(_abi.ERR_BUSY)
        try:
            if self._reader is not reader:
                raise _aborted()
            reader.pull(self._call, milliseconds, self._handle.hooks)
        except BaseException:
            # An interrupt may have lost events, the last one among them: nothing more can be waited for.
            self._closed, self._reader = True, None
            _native.cancel(self._call.request)
            raise
        finally:
            reader.lock.release()

    def _release(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            self._spare.append(reader)
            _log.drain()


class _Texts:
    __slots__ = ("_choice", "_stream")

    def __init__(self, stream: Stream, choice: int) -> None:
        self._stream = stream
        self._choice = choice

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        stream = self._stream
        call = stream._call
        while not call.over:
            try:
                text = call.take_text(self._choice)
            except BaseException:
                stream._release()
                raise
            if text is not None:
                return text
            if not call.over:
                stream._pull()
        stream._release()
        raise StopIteration


def _hooks_wait(left: Awaitable[object] | None) -> None:
    if left is not None:
        # A function of a blocking client may be a coroutine all the same; it has no loop to share.
        import asyncio

        asyncio.run(_awaited(left))


async def _awaited(left: Awaitable[object]) -> None:
    await left


def _aborted() -> LLMError:
    return from_status(_abi.ERR_CANCELED)
