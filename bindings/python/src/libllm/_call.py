"""One request's events: from the queue's numbers to objects, and the fold over them. Knows no thread and no loop."""

from __future__ import annotations

from . import _abi
from ._answer import Done, Response
from ._events import (
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from typing import Any, TypeAlias

    from ._errors import LLMError
    from ._events import Event

    # type, data (text; bytes where the kind is binary), choice, index
    Item: TypeAlias = tuple[int, Any, int, int]

else:
    # `collections` imports half a dozen modules more: a tenth of this package's start.
    from _collections import deque

# Items remembered before neighbours are joined: bounds what a long answer costs beyond its text.
_SEEN_MAX = 256


class Call:
    """What has come of one request and was not taken yet, and what it said so far."""

    __slots__ = ("_seen", "_seen_max", "contents", "done", "error", "items", "joins", "over", "request")

    def __init__(self, joins: bool) -> None:
        self.request = 0
        self.joins = joins
        #: Whether the terminal event was taken.
        self.over = False
        self.items: deque[Item] = deque()
        self.done: Done | None = None
        self.error: LLMError | None = None
        # What an operation that is answered in one piece said.
        self.contents: bytes | None = None
        self._seen: list[Item] = []
        self._seen_max = _SEEN_MAX

    def take(self) -> Event | None:
        """The next event, or None when there is none now. Raises the request's error once all else is taken."""
        items = self.items
        while items:
            item = items.popleft()
            kind = item[0]
            if items and self.joins and kind in _abi.JOINED:
                item = self._joined(item)
            if kind == 1:  # TEXT, by far the most
                self.see(item)
                return TextDelta(item[1], item[2])
            event = self._event(item)
            if event is not None:
                return event
        return None

    def take_text(self, choice: int) -> str | None:
        """Like take(), but only text of this choice counts; the rest is folded and skipped."""
        items = self.items
        while items:
            item = items.popleft()
            if items and self.joins and item[0] in _abi.JOINED:
                item = self._joined(item)
            if item[0] == 1:
                self.see(item)
                if item[2] == choice:
                    return item[1]  # type: ignore[no-any-return]
            else:
                self._event(item)
        return None

    def see(self, item: Item) -> None:
        """Remembers what was taken, for the whole answer."""
        seen = self._seen
        seen.append(item)
        if len(seen) >= self._seen_max:
            self._seen = _compact(seen)
            # What cannot be joined (choices in turns) must not be tried again at each event.
            self._seen_max = max(_SEEN_MAX, 2 * len(self._seen))

    def text(self) -> str:
        """Text of the first choice that was taken."""
        return "".join(item[1] for item in self._seen if item[0] == 1 and item[2] == 0)

    def response(self) -> Response:
        """The whole answer; only after the end."""
        assert self.done is not None, "the answer is not over"
        return Response(self.done.raw_json, self._messages(), self.contents)

    def _joined(self, item: Item) -> Item:
        # A consumer that lags gets fewer, larger events.
        kind, data, choice, index = item
        items = self.items
        texts = [data]
        while items and items[0][0] == kind and items[0][2] == choice and items[0][3] == index:
            texts.append(items.popleft()[1])
        return item if len(texts) == 1 else (kind, "".join(texts), choice, index)

    def _event(self, item: Item) -> Event | None:
        kind, data, choice, index = item
        self.over = kind >= _abi.DONE
        if kind == _abi.DONE:
            self.done = Done(data)
            return self.done
        if kind == _abi.ERROR:
            from ._errors import from_json

            self.error = from_json(data, self.text())
            raise self.error
        if kind == _abi.ROUTE:
            return self._rerouted(data)
        if kind == _abi.RAW:
            return Raw(data)
        if kind == _abi.RESULT:
            self.contents = data
            return Result(data)
        self.see(item)
        if kind == _abi.REASONING:
            return ReasoningDelta(data, choice)
        if kind == _abi.TOOL_ARGS:
            return ToolArgsDelta(data, index, choice)
        if kind == _abi.TOOL_CALL:
            return _tool_call(data, index, choice)
        if kind == _abi.REFUSAL:
            return RefusalDelta(data, choice)
        if kind == _abi.PART:
            return Part(data, choice)
        return Unknown(kind, data)

    def _rerouted(self, data: str) -> Rerouted | None:
        # The first attempt is no news, and its JSON need not be parsed to see that.
        if '"reason":"first"' in data and '"tried":[]' in data:
            return None
        event = Rerouted(data)
        if event.voids:
            self._seen.clear()
            self.contents = None
        return None if event.reason == "first" else event

    def _messages(self) -> dict[int, dict[str, Any]]:
        texts: dict[tuple[int, str], list[str]] = {}
        tools: dict[int, dict[int, dict[str, Any]]] = {}
        for kind, data, choice, index in self._seen:
            if kind in _TEXTS:
                texts.setdefault((choice, _TEXTS[kind]), []).append(data)
            elif kind == _abi.TOOL_CALL:
                start = _tool_call(data, index, choice)
                function = {"name": start.name, "arguments": ""}
                tools.setdefault(choice, {})[index] = {"id": start.id, "type": "function", "function": function}
            elif kind == _abi.TOOL_ARGS:
                tools[choice][index]["function"]["arguments"] += data
        made: dict[int, dict[str, Any]] = {}
        for choice in {*tools, *(choice for choice, _ in texts)}:
            made[choice] = {"role": "assistant", "content": None}
            if choice in tools:
                made[choice]["tool_calls"] = list(tools[choice].values())
        for (choice, name), pieces in texts.items():
            made[choice][name] = "".join(pieces)
        return made


_TEXTS = {_abi.TEXT: "content", _abi.REASONING: "reasoning", _abi.REFUSAL: "refusal"}


def _tool_call(data: str, index: int, choice: int) -> ToolCallStart:
    import json

    told = json.loads(data)
    return ToolCallStart(told.get("id") or "", told.get("name") or "", index, choice)


def _compact(seen: list[Item]) -> list[Item]:
    made: list[Item] = []
    texts: list[str] = []
    for number, (kind, data, choice, index) in enumerate(seen):
        texts.append(data)
        follows = seen[number + 1] if number + 1 < len(seen) else None
        same = follows is not None and (follows[0], follows[2], follows[3]) == (kind, choice, index)
        if same and kind in _abi.JOINED:
            continue
        made.append((kind, texts[0] if len(texts) == 1 else "".join(texts), choice, index))
        texts = []
    return made
