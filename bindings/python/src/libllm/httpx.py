"""Transports for httpx2 and httpx: whoever talks to OpenAI's or Anthropic's API through them talks to libllm instead.

    openai.OpenAI(http_client=openai.DefaultHttpxClient(transport=libllm.httpx.Transport()))

The SDK keeps its objects, its errors and its streams; routing, retries and connections are the library's. Nothing is
sent by httpx itself, unless `other` is given: a transport for paths that libllm does not answer (files, embeddings).
"""

from __future__ import annotations

import sys
import time
from asyncio import get_running_loop

from . import _abi, _errors
from ._asyncio import AsyncClient
from ._client import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import AsyncIterator, Iterator
    from types import ModuleType
    from typing import Any

    from typing_extensions import Unpack

    from ._asyncio import AsyncStream
    from ._client import Stream
    from ._handle import ConfigLike
    from .types import RequestOptions


def _found() -> list[ModuleType]:
    found = []
    for name in ("httpx2", "httpx"):
        try:
            found.append(__import__(name))
        except ImportError:
            continue
    if not found:
        raise ImportError("libllm.httpx needs httpx2 or httpx")
    return found


_MODULES = _found()
# SDKs on httpx2 refuse what is a transport of httpx; httpx asks for nothing but the methods.
_SYNC: Any = _MODULES[0].BaseTransport
_ASYNC: Any = _MODULES[0].AsyncBaseTransport
_STREAMS: Any = tuple(module.SyncByteStream for module in _MODULES)
_ASYNC_STREAMS: Any = tuple(module.AsyncByteStream for module in _MODULES)

#: How the paths end that the library answers.
PATHS = ("/chat/completions", "/messages", "/responses", "/models")


class Transport(_SYNC):  # type: ignore[misc]
    """Answers requests of a blocking httpx2 or httpx client.

    `client` is a libllm.Client to share; without it one is made of `config`. `options` are those of every request.
    `other` gets the requests for paths that libllm does not answer; without it they are refused with 404.
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        config: ConfigLike = None,
        other: Any = None,
        **options: Unpack[RequestOptions],
    ) -> None:
        self._own = client is None
        made = Client(config) if client is None else client
        self._client = made.with_options(**options) if options else made
        self._other = other

    def handle_request(self, request: Any) -> Any:
        """Sends one request; its answer is read as it comes."""
        if self._other is not None and not _answers(request):
            return self._other.handle_request(request)
        stream = self._client._open_http(request.method, str(request.url), _headers(request), request.read())
        body = _Body(stream, request)
        try:
            head = body.head()
        except BaseException:
            stream.close()
            raise
        return _response(request, head, body)

    def close(self) -> None:
        """Closes the client, if it is this transport's own, and the other transport."""
        if self._own:
            self._client.close()
        if self._other is not None:
            self._other.close()


class AsyncTransport(_ASYNC):  # type: ignore[misc]
    """Answers requests of an asynchronous httpx2 or httpx client under asyncio; see Transport."""

    def __init__(
        self,
        client: AsyncClient | None = None,
        *,
        config: ConfigLike = None,
        other: Any = None,
        **options: Unpack[RequestOptions],
    ) -> None:
        self._own = client is None
        made = AsyncClient(config) if client is None else client
        self._client = made.with_options(**options) if options else made
        self._other = other

    async def handle_async_request(self, request: Any) -> Any:
        """Sends one request; its answer is read as it comes. A cancelled task closes the provider's stream."""
        if self._other is not None and not _answers(request):
            return await self._other.handle_async_request(request)
        content = await request.aread()
        stream = self._client._open_http(request.method, str(request.url), _headers(request), content)
        body = _AsyncBody(stream, request)
        try:
            head = await body.head()
        except BaseException:
            stream.cancel()
            raise
        return _response(request, head, body)

    async def aclose(self) -> None:
        """Closes the client, if it is this transport's own, and the other transport."""
        if self._own:
            await self._client.aclose()
        if self._other is not None:
            await self._other.aclose()


class _Body(*_STREAMS):  # type: ignore[misc]
    """An answer's bytes, for a thread that waits for them."""

    def __init__(self, stream: Stream, request: Any) -> None:
        self._stream = stream
        self._request = request
        self._patience = _patience(request)

    def head(self) -> dict[str, Any]:
        """What comes first, or the error of an answer that does not begin."""
        kind, data, _, _ = self._next()
        return _head(kind, data, self._request)

    def __iter__(self) -> Iterator[bytes]:
        while True:
            kind, data, _, _ = self._next()
            if kind == _abi.HTTP_BODY:
                yield data
            elif kind == _abi.ERROR:
                raise _raised(data, self._request)
            elif kind >= _abi.DONE:
                return

    def close(self) -> None:
        self._stream.close()

    def _next(self) -> Any:
        call = self._stream._call
        if call.over:
            return _abi.DONE, "", 0, 0
        until = None if self._patience is None else time.monotonic() + self._patience
        while not call.items:
            left = -1 if until is None else round((until - time.monotonic()) * 1000)
            if until is not None and left <= 0:
                self._stream.close()
                raise _late(self._request)
            self._stream._pull(left)
        item = call.items.popleft()
        if item[0] >= _abi.DONE:
            call.over = True
            self._stream._release()
        return item


class _AsyncBody(*_ASYNC_STREAMS):  # type: ignore[misc]
    """An answer's bytes, for a task that waits for them."""

    def __init__(self, stream: AsyncStream, request: Any) -> None:
        self._stream = stream
        self._request = request
        self._patience = _patience(request)

    async def head(self) -> dict[str, Any]:
        """What comes first, or the error of an answer that does not begin."""
        kind, data, _, _ = await self._next()
        return _head(kind, data, self._request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            kind, data, _, _ = await self._next()
            if kind == _abi.HTTP_BODY:
                yield data
            elif kind == _abi.ERROR:
                raise _raised(data, self._request)
            elif kind >= _abi.DONE:
                return

    async def aclose(self) -> None:
        self._stream.cancel()

    async def _next(self) -> Any:
        stream, call = self._stream, self._stream._call
        if call.over:
            return _abi.DONE, "", 0, 0
        while not call.items:
            waiter = stream._waiter()
            # Not wait_for(): before Python 3.12 it may swallow a cancellation that comes with a result.
            alarm = None
            if self._patience is not None:
                alarm = get_running_loop().call_later(self._patience, _expire, waiter, self._request)
            try:
                await waiter
            except BaseException:
                stream._left(waiter)
                raise
            finally:
                if alarm is not None:
                    alarm.cancel()
        item = call.items.popleft()
        if call.paused:
            call.lag()
        if item[0] >= _abi.DONE:
            call.over = True
        return item


def _answers(request: Any) -> bool:
    path = str(request.url.path).rstrip("/")
    return path.endswith(PATHS) or "/models/" in path


def _headers(request: Any) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]


def _patience(request: Any) -> float | None:
    """Seconds without anything read, after which httpx gives up."""
    read = request.extensions.get("timeout", {}).get("read")
    return None if read is None else float(read)


def _module(request: Any) -> Any:
    """The one of the two whose request this is."""
    for kind in type(request).__mro__:
        for module in _MODULES:
            if kind is module.Request:
                return module
    return _MODULES[0]


def _response(request: Any, head: dict[str, Any], body: Any) -> Any:
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in head["headers"]]
    return _module(request).Response(head["status"], headers=headers, stream=body, request=request)


def _head(kind: int, data: str, request: Any) -> dict[str, Any]:
    if kind == _abi.HTTP_HEAD:
        import json

        head: dict[str, Any] = json.loads(data)
        return head
    raise _raised(data, request)


def _raised(data: str, request: Any) -> Exception:
    """What httpx would have raised, because of what libllm says."""
    cause = _errors.from_json(data)
    httpx = _module(request)
    if isinstance(cause, _errors.APITimeoutError):
        kind = httpx.ReadTimeout
    elif isinstance(cause, _errors.StreamInterruptedError):
        kind = httpx.RemoteProtocolError
    elif isinstance(cause, _errors.APIConnectionError):
        kind = httpx.ConnectError
    elif isinstance(cause, (_errors.APIUserAbortError, _errors.ClosedError, _errors.ForkedError)):
        kind = httpx.ReadError
    else:
        kind = httpx.RemoteProtocolError
    error: Exception = kind(str(cause), request=request)
    error.__cause__ = cause
    return error


def _expire(waiter: Future[None], request: Any) -> None:
    if not waiter.done():
        waiter.set_exception(_late(request))


def _late(request: Any) -> Exception:
    error: Exception = _module(request).ReadTimeout("nothing was read in time", request=request)
    return error


def patch(client: Any, llm: Any = None, **options: Any) -> Any:
    """The same SDK client over libllm, with the SDK's own retries off; see libllm.patch."""
    names = [kind.__name__ for module in _MODULES for kind in (module.Client, module.AsyncClient)]
    own = getattr(client, "_client", None)
    sdk = sys.modules[type(client).__module__.partition(".")[0]]
    if own is None or not hasattr(client, "with_options"):
        raise TypeError(f"expected a client of openai or anthropic, got {type(client).__name__}")
    for module in _MODULES:
        if isinstance(own, module.AsyncClient):
            kind = getattr(sdk, "DefaultAsyncHttpxClient", module.AsyncClient)
            made = kind(transport=AsyncTransport(llm, **options))
            return client.with_options(http_client=made, max_retries=0)
        if isinstance(own, module.Client):
            kind = getattr(sdk, "DefaultHttpxClient", module.Client)
            made = kind(transport=Transport(llm, **options))
            return client.with_options(http_client=made, max_retries=0)
    raise TypeError(f"expected its HTTP client to be one of {', '.join(names)}, got {type(own).__name__}")
