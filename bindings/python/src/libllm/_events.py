"""What a stream gives: small objects to match on. `type` names the kind for those who prefer a string."""

from __future__ import annotations

from ._answer import Done

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Literal, TypeAlias


class _Item:
    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields by their names, `type` first."""
        return {"type": getattr(self, "type"), **{name: getattr(self, name) for name in self.__match_args__}}  # noqa: B009

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(
            getattr(self, name) == getattr(other, name) for name in self.__match_args__
        )

    __hash__ = None  # type: ignore[assignment]


class TextDelta(_Item):
    """A piece of the answer."""

    __slots__ = ("choice", "text")
    __match_args__ = ("text", "choice")
    type: ClassVar[Literal["text"]] = "text"

    def __init__(self, text: str, choice: int = 0) -> None:
        self.text = text
        self.choice = choice


class ReasoningDelta(_Item):
    """A piece of the model's reasoning."""

    __slots__ = ("choice", "text")
    __match_args__ = ("text", "choice")
    type: ClassVar[Literal["reasoning"]] = "reasoning"

    def __init__(self, text: str, choice: int = 0) -> None:
        self.text = text
        self.choice = choice


class RefusalDelta(_Item):
    """A piece of a refusal; never part of the text."""

    __slots__ = ("choice", "text")
    __match_args__ = ("text", "choice")
    type: ClassVar[Literal["refusal"]] = "refusal"

    def __init__(self, text: str, choice: int = 0) -> None:
        self.text = text
        self.choice = choice


class ToolCallStart(_Item):
    """Tool call number `index` begins."""

    __slots__ = ("choice", "id", "index", "name")
    __match_args__ = ("id", "name", "index", "choice")
    type: ClassVar[Literal["tool_call"]] = "tool_call"

    def __init__(self, id: str, name: str, index: int = 0, choice: int = 0) -> None:
        self.id = id
        self.name = name
        self.index = index
        self.choice = choice


class ToolArgsDelta(_Item):
    """A piece of the arguments of tool call number `index`, as JSON text."""

    __slots__ = ("arguments", "choice", "index")
    __match_args__ = ("arguments", "index", "choice")
    type: ClassVar[Literal["tool_args"]] = "tool_args"

    def __init__(self, arguments: str, index: int = 0, choice: int = 0) -> None:
        self.arguments = arguments
        self.index = index
        self.choice = choice


class Part(_Item):
    """What must be sent back as it came but is no text: signatures, citations, images, audio."""

    __slots__ = ("choice", "raw_json")
    __match_args__ = ("raw_json", "choice")
    type: ClassVar[Literal["part"]] = "part"

    def __init__(self, raw_json: str, choice: int = 0) -> None:
        self.raw_json = raw_json
        self.choice = choice

    @property
    def data(self) -> dict[str, Any]:
        """The parsed JSON: kind, provider, index, data."""
        import json

        parsed: dict[str, Any] = json.loads(self.raw_json)
        return parsed


class Raw(_Item):
    """The provider's own chunk; only with `raw=True`."""

    __slots__ = ("data",)
    __match_args__ = ("data",)
    type: ClassVar[Literal["raw"]] = "raw"

    def __init__(self, data: bytes) -> None:
        self.data = data


class Result(_Item):
    """The whole answer of an operation that is no conversation: JSON, or bytes of the response's `media_type`."""

    __slots__ = ("data",)
    __match_args__ = ("data",)
    type: ClassVar[Literal["result"]] = "result"

    def __init__(self, data: bytes) -> None:
        self.data = data


class Rerouted(_Item):
    """The answer comes from another attempt than the first: a retry, or another provider."""

    __slots__ = ("attempt", "from_", "raw_json", "reason", "to", "voids")
    __match_args__ = ("from_", "to", "reason", "attempt", "voids")
    type: ClassVar[Literal["rerouted"]] = "rerouted"

    def __init__(self, raw_json: str) -> None:
        import json

        told = json.loads(raw_json)
        tried = told.get("tried") or []
        self.raw_json = raw_json
        #: PROVIDER/MODEL that failed last, and the one that answers now.
        self.from_: str | None = _target(tried[-1]) if tried else None
        self.to: str = _target(told)
        #: "retry", "fallback" or another word. What is not told is empty: no event fails for want of a field.
        self.reason: str = told.get("reason") or ""
        self.attempt: int = told.get("attempt") or 0
        #: Whether what was delivered before is void.
        self.voids: bool = bool(told.get("voids"))


def _target(told: dict[str, Any]) -> str:
    return f"{told.get('provider', '')}/{told.get('model', '')}"


class Unknown(_Item):
    """An event of a newer library; safe to ignore."""

    __slots__ = ("data", "number")
    __match_args__ = ("number", "data")
    type: ClassVar[Literal["unknown"]] = "unknown"

    def __init__(self, number: int, data: str | bytes) -> None:
        self.number = number
        self.data = data


Event: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallStart
    | ToolArgsDelta
    | Part
    | Raw
    | Result
    | Rerouted
    | Done
    | Unknown
)
