"""The client for asyncio: any number of streams, no thread of its own."""

from __future__ import annotations

from asyncio import get_running_loop, sleep

from . import _abi
from ._ask import AsyncAsks
from ._errors import from_status
from ._events import TextDelta
from ._handle import Handle, Settings, joins, request_text
from ._hub import AsyncCall, Hub, hub_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import AsyncIterator, Mapping

    from typing_extensions import Self, Unpack

    from ._answer import Response
    from ._events import Event
    from ._handle import ConfigLike, MessagesLike, RequestLike
    from .types import Hook, RequestOptions

# Seconds between two looks at what is in flight, which may be of other loops too: doubled from the first to the last.
_DRAIN_FIRST = 0.001
_DRAIN_LAST = 0.05


class AsyncClient(AsyncAsks):
    """Answers from any provider, for asyncio. One client serves every event loop of the process.

    `config` is a mapping, TOML or JSON text, or a path; None reads the environment (LLM_CONFIG, provider keys).
    Options given here are the defaults of every request. `hooks` are functions that answer what the configuration has
    the library ask: "before", "token", "attempt", "after" (docs/hooks.md).
    """

    def __init__(
        self, config: ConfigLike = None, *, hooks: Mapping[str, Hook] | None = None, **options: Unpack[RequestOptions]
    ) -> None:
        self._settings = Settings(options)
        self._handle = Handle(config, hooks)

    async def chat(
        self, request: RequestLike, messages: MessagesLike = None, /, **options: Unpack[RequestOptions]
    ) -> Response:
        """The whole answer to a chat request (OpenAI's shape), or to a model's name and a prompt."""
        return await self._ask(request_text(request, messages, False), options)

    def stream(
        self, request: RequestLike, messages: MessagesLike = None, /, **options: Unpack[RequestOptions]
    ) -> AsyncStream:
        """The answer's events as they come; call it in a coroutine. A cancelled task closes the stream upstream, and
        so does dropping it."""
        return self._open(request_text(request, messages, True), options)

    def with_options(self, **options: Unpack[RequestOptions]) -> Self:
        """The same client with other defaults."""
        other = type(self).__new__(type(self))
        other._settings = Settings({**self._settings.given, **options})
        other._handle = self._handle
        return other

    def reload(self, config: ConfigLike) -> None:
        """Replaces keys, routes and limits at once; requests in flight keep theirs."""
        self._handle.reload(config)

    def metrics(self, format: str = "json") -> str:
        """Counters and histograms as "json" or "prometheus" text."""
        return self._handle.metrics(format)

    async def drain(self, timeout: float | None = None) -> None:
        """Refuses new requests and waits for those in flight, `timeout` seconds at most; then cancels the rest. Other
        tasks go on meanwhile."""
        loop = get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        pause = _DRAIN_FIRST
        while not self._handle.drained():
            left = pause if until is None else min(pause, until - loop.time())
            if left <= 0:
                self._handle.drain(0)
                return
            await sleep(left)
            pause = min(2 * pause, _DRAIN_LAST)

    async def aclose(self) -> None:
        """Cancels what is in flight."""
        self._handle.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _ask(self, request: bytes, options: RequestOptions) -> Response:
        stream = self._open(request, options)
        try:
            return await stream.final()
        finally:
            stream.cancel()

    def _open(self, request: bytes, options: RequestOptions) -> AsyncStream:
        loop = get_running_loop()
        hub = hub_of(loop)
        compiled = self._settings.compiled(options)
        call = AsyncCall(joins(compiled), self._handle.hooks)
        self._handle.submit(hub.queue, request, compiled, call)
        hub.calls[call.request] = call
        return AsyncStream(call, hub, loop, self._handle)

    def _open_http(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> AsyncStream:
        loop = get_running_loop()
        hub = hub_of(loop)
        call = AsyncCall(False, self._handle.hooks)
        self._handle.submit_http(hub.queue, (method, url, headers, body), self._settings.compiled({}), call)
        hub.calls[call.request] = call
        return AsyncStream(call, hub, loop, self._handle)


class AsyncStream:
    """One answer's events, in order, for one task of the loop it was made in."""

    __slots__ = ("_call", "_closed", "_handle", "_hub", "_loop")

    def __init__(self, call: AsyncCall, hub: Hub, loop: AbstractEventLoop, handle: Handle) -> None:
        # A client that is dropped, and not closed, lives as long as its streams.
        self._handle = handle
        self._call = call
        self._hub = hub
        self._loop = loop
        self._closed = False

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        call = self._call
        items = call.items
        while True:
            # Nearly every turn: one piece of text, and nothing behind it. Spelled out, it costs a third less.
            if len(items) == 1 and items[0][0] == 1:
                item = items.popleft()
                call.see(item)
                if call.paused:
                    call.lag()
                return TextDelta(item[1], item[2])
            if call.over:
                raise StopAsyncIteration
            event = call.take()
            if event is not None:
                if call.paused:
                    call.lag()
                return event
            waiter = self._waiter()
            try:
                await waiter
            except BaseException:
                self._left(waiter)
                raise

    @property
    def text(self) -> AsyncIterator[str]:
        """Only the text of choice 0, piece by piece: the cheapest way to read. Others do not come between."""
        return _Texts(self, 0)

    def text_of(self, choice: int) -> AsyncIterator[str]:
        """Only the text of this choice of several (`n`, or a race all of whose answers count)."""
        return _Texts(self, choice)

    async def final(self) -> Response:
        """Reads to the end; the whole answer. Raises what the stream would have raised."""
        async for _ in self:
            pass
        if self._call.done is None:
            raise self._call.error or from_status(_abi.ERR_CANCELED)
        return self._call.response()

    def cancel(self) -> None:
        """Closes the stream upstream, so that no more is generated and paid for. Again is harmless."""
        if not self._closed:
            self._closed = True
            self._hub.forget(self._call)
            # Whoever reads in another task gets the end from here: no event of this call comes any more.
            if not self._loop.is_closed():
                self._call.wake()

    async def aclose(self) -> None:
        """As cancel()."""
        self.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cancel()

    def __del__(self) -> None:
        # Maybe on another thread, and nobody reads.
        if not self._closed:
            self._closed = True
            self._hub.forget(self._call)

    def _waiter(self) -> Future[None]:
        call = self._call
        if call.waiter is not None and not call.waiter.done():
            raise from_status(_abi.ERR_BUSY)
        if call.failed is not None:
            raise call.failed
        if self._closed:
            raise from_status(_abi.ERR_CANCELED)
        if call.paused:
            call.resume()
        call.held = 0
        waiter = call.waiter = self._loop.create_future()
        return waiter

    def _left(self, waiter: Future[None]) -> None:
        # A cancelled task: nobody will read on.
        if self._call.waiter is waiter:
            self._call.waiter = None
        self.cancel()


class _Texts:
    __slots__ = ("_choice", "_stream")

    def __init__(self, stream: AsyncStream, choice: int) -> None:
        self._stream = stream
        self._choice = choice

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        stream = self._stream
        call = stream._call
        while not call.over:
            text = call.take_text(self._choice)
            if text is not None:
                if call.paused:
                    call.lag()
                return text
            if call.over:
                break
            waiter = stream._waiter()
            try:
                await waiter
            except BaseException:
                stream._left(waiter)
                raise
        raise StopAsyncIteration
