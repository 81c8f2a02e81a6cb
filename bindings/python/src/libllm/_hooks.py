"""Questions that the library asks (docs/hooks.md), answered by the user's own functions: on the thread that reads the
answer, or by the event loop that reads it. None of the library's threads calls them.
"""

from __future__ import annotations

from . import _abi, _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from typing import Any

    from .types import Hook

KINDS = ("before", "token", "attempt", "after")


class Hooks:
    """Functions by the kind of question that they answer."""

    __slots__ = ("_functions",)

    def __init__(self, given: Mapping[str, Hook] | None) -> None:
        self._functions = dict(given or {})
        for kind in self._functions:
            if kind not in KINDS:
                raise TypeError(f"hooks: expected some of {', '.join(KINDS)}, got {kind}")

    def ask(self, request: int, data: str) -> Awaitable[Any] | None:
        """Answers a question. What a function returns that must be awaited comes back, for answer()."""
        import json

        question = json.loads(data)
        kind = question["kind"]
        function = self._functions.get(kind)
        if function is None:
            refuse(request, question, f"this client has no hook {kind!r}", _abi.ERR_UNSUPPORTED)
            return None
        try:
            said: Any = function(question)
            if hasattr(said, "__await__"):
                return self.answer(request, question, said)
            _say(request, question, said)
        except Exception as error:
            refused_by(request, question, error)
        return None

    async def answer(self, request: int, question: dict[str, Any], said: Awaitable[Any]) -> None:
        """Answers with what `said` comes to."""
        try:
            _say(request, question, await said)
        except BaseException as error:
            # A task that is cancelled answers nothing more: the request need not wait for its deadline to hear of it.
            refused_by(request, question, error)
            if not isinstance(error, Exception):
                raise


def refused_by(request: int, question: dict[str, Any], error: BaseException) -> None:
    """The request ends with this error's words, and with its status if it is one of the library's."""
    from ._errors import LLMError

    status = _abi.ERR_CANCELED
    if isinstance(error, LLMError):
        status = getattr(_abi, error.llm_status.removeprefix("LLM_"), status)
    refuse(request, question, str(error) or type(error).__name__, status)


def refuse(request: int, question: dict[str, Any], message: str, status: int) -> None:
    """The request ends with this status."""
    _answer(request, status, {"id": question["id"], "message": message})


def _say(request: int, question: dict[str, Any], said: Any) -> None:
    try:
        status = _answer(request, 0, {"id": question["id"], **(said or {})})
    except (TypeError, ValueError):
        # A text where a mapping is expected, or what is no JSON.
        status = _abi.ERR_INVALID_ARGUMENT
    if status == _abi.ERR_INVALID_ARGUMENT:
        refuse(request, question, "the hook's answer does not fit the question", status)


def _answer(request: int, status: int, said: dict[str, Any]) -> int:
    import json

    text = json.dumps(said).encode()
    # A request that has ended meanwhile needs no answer.
    return _native.answer(request, status, text, len(text))  # type: ignore[no-any-return]
