"""libllm: one engine for every LLM provider, in your process.

>>> import libllm
>>> with libllm.Client() as llm:
...     print(llm.chat("mock/text=Hello there", "hi").text)
Hello there
"""

from __future__ import annotations

from . import _native
from ._client import Client, Stream
from ._errors import (
    APIConnectionError,
    APIError,
    APIResponseValidationError,
    APITimeoutError,
    APIUserAbortError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    BusyError,
    CircuitOpenError,
    ClosedError,
    ConfigError,
    ConflictError,
    ConsumerStalledError,
    ContentFilterError,
    ContextLengthError,
    ForkedError,
    InternalError,
    InternalServerError,
    InvalidArgumentError,
    LLMError,
    NoRouteError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    StreamInterruptedError,
    UnprocessableEntityError,
    UnsupportedError,
)
from ._events import (
    Event,
    Part,
    Raw,
    ReasoningDelta,
    RefusalDelta,
    Rerouted,
    Result,
    TextDelta,
    ToolArgsDelta,
    ToolCallStart,
    Unknown,
)

from ._answer import Attempt, Choice, Done, Message, Response, ToolCall, Usage  # isort: skip
from ._log import drain_log, log_to_logging
from ._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from typing_extensions import Unpack

    from ._handle import ConfigLike
    from .types import RequestOptions

    _SDK = TypeVar("_SDK")

    from ._asyncio import AsyncClient, AsyncStream

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "APITimeoutError",
    "APIUserAbortError",
    "AsyncClient",
    "AsyncStream",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "BusyError",
    "Choice",
    "CircuitOpenError",
    "Client",
    "ClosedError",
    "ConfigError",
    "ConflictError",
    "ConsumerStalledError",
    "ContentFilterError",
    "ContextLengthError",
    "Done",
    "Event",
    "ForkedError",
    "InternalError",
    "InternalServerError",
    "InvalidArgumentError",
    "LLMError",
    "Message",
    "NoRouteError",
    "NotFoundError",
    "OverloadedError",
    "Part",
    "PermissionDeniedError",
    "QuotaExceededError",
    "RateLimitError",
    "Raw",
    "ReasoningDelta",
    "RefusalDelta",
    "Rerouted",
    "Response",
    "Result",
    "Stream",
    "StreamInterruptedError",
    "TextDelta",
    "ToolArgsDelta",
    "ToolCall",
    "ToolCallStart",
    "Unknown",
    "UnprocessableEntityError",
    "UnsupportedError",
    "Usage",
    "__version__",
    "drain_log",
    "library_version",
    "log_to_logging",
    "patch",
]


def library_version() -> str:
    """Of the loaded libllm.so, such as "0.1.0 (rustls; linux-x86_64)"."""
    text: str = _native.version().decode()
    return text


def patch(client: _SDK, llm: object = None, *, config: ConfigLike = None, **options: Unpack[RequestOptions]) -> _SDK:
    """The same client of openai or anthropic, blocking or not, over libllm: `client = libllm.patch(openai.OpenAI())`.

    Requests go through `llm` (a Client, or an AsyncClient for an asynchronous SDK client), or through one made of
    `config`, by default the environment. The SDK's own retries are off: the library's count. `client` is not changed.
    """
    from . import httpx

    made: _SDK = httpx.patch(client, llm, config=config, **options)
    return made


def __getattr__(name: str) -> object:
    # asyncio takes longer to import than all of this package; who does not use it need not wait for it.
    if name in ("AsyncClient", "AsyncStream"):
        from . import _asyncio

        return getattr(_asyncio, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
