"""A finished answer: what was said, and what it took. Parsed when asked for."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Literal


class _View:
    """A dict seen through attributes; keys that a newer library adds are in to_dict()."""

    __slots__ = ("_told",)

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told

    def to_dict(self) -> dict[str, Any]:
        """Everything known, as it was told."""
        return self._told

    def _text(self, key: str) -> str:
        text: str = self._told.get(key) or ""
        return text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._told!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _View) and type(other) is type(self) and other._told == self._told

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._told,)


class Usage(_View):
    """Tokens; None is unknown."""

    __slots__ = ()

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of what was asked."""
        return self._told.get("prompt_tokens")

    @property
    def completion_tokens(self) -> int | None:
        """Tokens of the answer, reasoning included."""
        return self._told.get("completion_tokens")

    @property
    def total_tokens(self) -> int | None:
        """Both together."""
        return self._told.get("total_tokens")

    @property
    def cached_tokens(self) -> int | None:
        """Of the prompt, read from the provider's cache."""
        return self._told.get("cached_tokens")

    @property
    def cache_write_tokens(self) -> int | None:
        """Of the prompt, written to the provider's cache."""
        return self._told.get("cache_write_tokens")

    @property
    def reasoning_tokens(self) -> int | None:
        """Of the answer, reasoning."""
        return self._told.get("reasoning_tokens")

    @property
    def source(self) -> str:
        """Who says so: reported, estimated or unknown."""
        return self._text("source") or "unknown"


class Attempt(_View):
    """One try at one target."""

    __slots__ = ()

    @property
    def provider(self) -> str:
        """Whom it asked."""
        return self._text("provider")

    @property
    def model(self) -> str:
        """For which model."""
        return self._text("model")

    @property
    def llm_status(self) -> str:
        """How it ended: LLM_OK or a constant such as LLM_ERR_TIMEOUT."""
        return self._text("status")

    @property
    def kind(self) -> str | None:
        """The kind of its error."""
        return self._told.get("kind")

    @property
    def status(self) -> int | None:
        """Its HTTP status."""
        return self._told.get("http_status")

    @property
    def ms(self) -> float:
        """How long it took."""
        took: float = self._told.get("ms", 0.0)
        return took

    @property
    def message(self) -> str | None:
        """Its error in words."""
        return self._told.get("message")


class ToolCall(_View):
    """A function that the model wants called."""

    __slots__ = ()

    @property
    def id(self) -> str:
        """Goes back in the tool message's `tool_call_id`."""
        return self._text("id")

    @property
    def name(self) -> str:
        """The function's name."""
        text: str = self._told["function"].get("name", "")
        return text

    @property
    def arguments(self) -> str:
        """JSON text, as the model wrote it."""
        text: str = self._told["function"].get("arguments", "")
        return text

    def parse(self) -> Any:
        """The arguments, parsed; ValueError if the model wrote no JSON."""
        import json

        return json.loads(self.arguments or "{}")


class Message(_View):
    """What one choice said. `to_dict()` is the turn to append to `messages`."""

    __slots__ = ()

    @property
    def role(self) -> str:
        """Always "assistant"."""
        return self._text("role") or "assistant"

    @property
    def content(self) -> str | None:
        """The text."""
        return self._told.get("content")

    @property
    def reasoning(self) -> str | None:
        """The reasoning, where the provider shows it."""
        return self._told.get("reasoning")

    @property
    def refusal(self) -> str | None:
        """The refusal, if it was one."""
        return self._told.get("refusal")

    @property
    def tool_calls(self) -> list[ToolCall]:
        """Empty if there are none."""
        return [ToolCall(each) for each in self._told.get("tool_calls") or ()]


class Choice(_View):
    """One of n answers."""

    __slots__ = ()

    @property
    def index(self) -> int:
        """Which."""
        index: int = self._told.get("index", 0)
        return index

    @property
    def message(self) -> Message:
        """What it said."""
        return Message(self._told["message"])

    @property
    def finish_reason(self) -> str | None:
        """stop, length, tool_calls, content_filter, or None for a word with no equal."""
        return self._told.get("finish_reason")


class _Account:
    """How a request ended: the DONE event, parsed at the first question."""

    __slots__ = ("_parsed", "raw_json")

    def __init__(self, raw_json: str) -> None:
        #: The library's own words.
        self.raw_json = raw_json
        self._parsed: dict[str, Any] | None = None

    def _of(self, key: str) -> Any:
        if self._parsed is None:
            import json

            self._parsed = json.loads(self.raw_json)
        return self._parsed.get(key)

    def _took(self, key: str) -> float | None:
        timing: dict[str, float | None] = self._of("timing") or {}
        return timing.get(key)

    @property
    def id(self) -> str | None:
        """The provider's name for the answer."""
        return self._of("id")  # type: ignore[no-any-return]

    @property
    def model(self) -> str | None:
        """The model as the provider named it."""
        return self._of("model")  # type: ignore[no-any-return]

    @property
    def provider(self) -> str:
        """Who answered."""
        return self._of("provider")  # type: ignore[no-any-return]

    @property
    def target(self) -> str:
        """PROVIDER/MODEL that was asked."""
        return self._of("target")  # type: ignore[no-any-return]

    @property
    def finish_reason(self) -> str | None:
        """Of the first choice."""
        return self._of("finish_reason")  # type: ignore[no-any-return]

    @property
    def finish_reason_raw(self) -> str | None:
        """The provider's own word for it."""
        return self._of("finish_reason_raw")  # type: ignore[no-any-return]

    @property
    def incomplete(self) -> bool:
        """Whether the provider sends no sign of the end, so that a cut would not show."""
        return bool(self._of("incomplete"))

    @property
    def cached(self) -> bool:
        """Whether it comes from the cache."""
        return bool(self._of("cached"))

    @property
    def usage(self) -> Usage:
        """Tokens."""
        return Usage(self._of("usage") or {})

    @property
    def cost_usd(self) -> float | None:
        """None where nobody knows it."""
        microusd = (self._of("cost") or {}).get("microusd")
        return None if microusd is None else microusd / 1e6

    @property
    def request_id(self) -> str | None:
        """The provider's, from its headers."""
        return self._of("request_id")  # type: ignore[no-any-return]

    @property
    def attempts(self) -> list[Attempt]:
        """Every try, in order; the last one succeeded."""
        return [Attempt(each) for each in self._of("attempts") or ()]

    @property
    def ttft_ms(self) -> float | None:
        """Milliseconds to the first token."""
        return self._took("ttft_ms")

    @property
    def total_ms(self) -> float | None:
        """Milliseconds to the end."""
        return self._took("total_ms")

    @property
    def dropped(self) -> list[dict[str, Any]]:
        """Parameters that the provider could not take: param, action, why."""
        return self._of("dropped") or []


class Done(_Account):
    """The last event of a stream that ended well."""

    __slots__ = ()
    __match_args__ = ("finish_reason", "usage", "cost_usd", "provider")
    type: ClassVar[Literal["done"]] = "done"

    def to_dict(self) -> dict[str, Any]:
        """Everything that the library told."""
        self._of("id")
        return {"type": "done", **(self._parsed or {})}

    def __repr__(self) -> str:
        return f"Done({self.raw_json})"


class Response(_Account):
    """A whole answer."""

    __slots__ = ("_messages", "contents")

    def __init__(self, raw_json: str, messages: dict[int, dict[str, Any]], contents: bytes | None = None) -> None:
        super().__init__(raw_json)
        self._messages = messages
        #: Of an operation that is no conversation: its JSON, or bytes of `media_type`; else None.
        self.contents = contents

    @property
    def media_type(self) -> str | None:
        """What `contents` are if they are no JSON, such as "audio/mpeg"."""
        return self._of("media_type")  # type: ignore[no-any-return]

    @property
    def result(self) -> dict[str, Any] | None:
        """`contents`, parsed; None if they are no JSON."""
        if self.contents is None or self.media_type is not None:
            return None
        import json

        told: dict[str, Any] = json.loads(self.contents)
        return told

    @property
    def text(self) -> str:
        """Text of the first choice."""
        return self.message.content or ""

    @property
    def message(self) -> Message:
        """The first choice's message."""
        return Message(self._message(self._ends()[0]["index"]))

    @property
    def tool_calls(self) -> list[ToolCall]:
        """Of the first choice."""
        return self.message.tool_calls

    @property
    def choices(self) -> list[Choice]:
        """All n answers."""
        return [Choice(each) for each in self._choices()]

    def to_dict(self) -> dict[str, Any]:
        """A chat.completion object, as OpenAI's API would have answered, or an operation's own; our own words are in
        "libllm"."""
        if self.contents is not None:
            told = self._bytes(self.contents) if self.result is None else self.result
            return {**told, "libllm": self._parsed}
        usage = self._of("usage") or {}
        return {
            "id": self.id,
            "object": "chat.completion",
            "model": self.model,
            "choices": self._choices(),
            "usage": {
                **{key: usage.get(key) for key in ("prompt_tokens", "completion_tokens", "total_tokens")},
                "prompt_tokens_details": {"cached_tokens": usage.get("cached_tokens")},
                "completion_tokens_details": {"reasoning_tokens": usage.get("reasoning_tokens")},
            },
            "libllm": self._parsed,
        }

    def __repr__(self) -> str:
        return f"Response({self.to_dict()!r})"

    def _bytes(self, contents: bytes) -> dict[str, Any]:
        from base64 import b64encode

        return {"object": "bytes", "media_type": self.media_type, "data": b64encode(contents).decode()}

    def _ends(self) -> list[dict[str, Any]]:
        # How each choice ended, by their numbers: told if they are others than 0 alone. A race's first may have failed.
        return self._of("choices") or [{"index": 0, "finish_reason": self.finish_reason}]

    def _choices(self) -> list[dict[str, Any]]:
        return [
            {
                "index": end["index"],
                "message": self._message(end["index"]),
                "finish_reason": end.get("finish_reason"),
            }
            for end in self._ends()
        ]

    def _message(self, choice: int) -> dict[str, Any]:
        said = self._messages.get(choice)
        if choice != self._ends()[0]["index"]:
            return said or {"role": "assistant", "content": None}
        # The library's own has what no delta shows: signatures, which calls are complete.
        told = self._of("message") or {}
        return {**(said or {"role": "assistant"}), **{key: value for key, value in told.items() if value is not None}}
