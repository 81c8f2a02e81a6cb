"""The blocking client."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Mock
from prometheus_client.parser import text_string_to_metric_families

import libllm

HELLO: Any = [{"role": "user", "content": "hello there"}]


@pytest.mark.parametrize("provider", ["chat", "claude", "mock"])
def test_chat_gives_the_whole_answer(client: libllm.Client, provider: str) -> None:
    answer = client.chat({"model": f"{provider}/echo", "messages": HELLO, "max_tokens": 9})
    assert answer.text == "hello there"
    assert answer.finish_reason == "stop"
    assert answer.provider == provider
    assert answer.usage.completion_tokens == 2
    assert answer.usage.source == "reported"
    assert answer.request_id
    assert [attempt.llm_status for attempt in answer.attempts] == ["LLM_OK"]
    assert answer.to_dict()["choices"][0]["message"] == {"role": "assistant", "content": "hello there"}
    assert answer.to_dict()["usage"]["completion_tokens"] == 2
    assert answer.raw_json.startswith("{")


def test_a_model_and_a_prompt_make_a_request(client: libllm.Client) -> None:
    assert client.chat("chat/echo", "what a day").text == "what a day"
    assert client.chat("chat/echo", HELLO).text == "hello there"


def test_text_is_what_was_said_in_any_script(client: libllm.Client) -> None:
    words = 'Grüße, 世界 🌍 \u0000 \\ " end'
    answer = client.chat("chat/echo", words)
    assert answer.text == words


@pytest.mark.parametrize("provider", ["chat", "claude"])
def test_tools_and_reasoning_come_as_events_and_as_a_turn_to_append(client: libllm.Client, provider: str) -> None:
    model = f'{provider}/text=ok;reasoning=3;tool=weather:{{"city":"Oslo"}};tool=time'
    with client.stream({"model": model, "messages": HELLO, "max_tokens": 99}) as stream:
        events = list(stream)
        answer = stream.final()
    assert "".join(e.text for e in events if isinstance(e, libllm.ReasoningDelta)) == "r0 r1 r2"
    starts = [event for event in events if isinstance(event, libllm.ToolCallStart)]
    assert [(start.name, start.index) for start in starts] == [("weather", 0), ("time", 1)]
    assert isinstance(events[-1], libllm.Done)
    assert events[-1].finish_reason == answer.finish_reason == "tool_calls"
    assert answer.text == "ok"
    assert answer.message.reasoning == "r0 r1 r2"
    assert [call.name for call in answer.tool_calls] == ["weather", "time"]
    assert answer.tool_calls[0].parse() == {"city": "Oslo"}
    assert answer.tool_calls[0].id == starts[0].id
    # The turn goes back as it came.
    turn = answer.message.to_dict()
    results = [{"role": "tool", "tool_call_id": call.id, "content": "4 degrees"} for call in answer.tool_calls]
    again = client.chat({"model": f"{provider}/text=cold", "messages": [*HELLO, turn, *results], "max_tokens": 9})
    assert again.text == "cold"


def test_n_answers_are_kept_apart(client: libllm.Client) -> None:
    answer = client.chat({"model": "chat/tokens=3;n=2", "messages": HELLO})
    assert [choice.message.content for choice in answer.choices] == ["w0 w1 w2", "w0 w1 w2"]
    assert [choice.finish_reason for choice in answer.choices] == ["stop", "stop"]
    assert len(answer.to_dict()["choices"]) == 2


def test_a_refusal_is_no_text(client: libllm.Client) -> None:
    answer = client.chat("chat/refusal=I can not", "x")
    assert answer.text == ""
    assert answer.message.refusal == "I can not"


def test_text_iterates_over_the_first_choice(client: libllm.Client) -> None:
    with client.stream("chat/tokens=20;reasoning=2;n=2;pace=1ms", "x") as stream:
        assert "".join(stream.text) == " ".join(f"w{number}" for number in range(20))
        assert stream.final().usage.total_tokens


def test_every_delta_comes_alone_without_coalescing(client: libllm.Client) -> None:
    events = client.stream("chat/tokens=300", "x", coalesce=False)
    texts = [event.text for event in events if isinstance(event, libllm.TextDelta)]
    assert len(texts) == 300
    assert "".join(texts) == " ".join(f"w{number}" for number in range(300))


def test_raw_chunks_are_given_when_asked_for(client: libllm.Client) -> None:
    raw = [event.data for event in client.stream("chat/tokens=3", "x", raw=True) if isinstance(event, libllm.Raw)]
    assert b"chat.completion.chunk" in raw[0]


def test_a_long_answer_is_whole(client: libllm.Client) -> None:
    answer = client.stream("chat/tokens=20000;n=2", "x", coalesce=False).final()
    expected = " ".join(f"w{number}" for number in range(20000))
    assert [choice.message.content for choice in answer.choices] == [expected, expected]


def test_a_fallback_is_told(client: libllm.Client) -> None:
    stream = client.stream("chat/status=529", "x", fallbacks=["chat/tokens=2"], max_attempts=2)
    events = list(stream)
    assert isinstance(events[0], libllm.Rerouted)
    assert (events[0].from_, events[0].to, events[0].reason) == ("chat/status=529", "chat/tokens=2", "fallback")
    assert stream.final().text == "w0 w1"
    assert [attempt.status for attempt in stream.final().attempts] == [529, None]


def test_closing_a_stream_closes_it_upstream(client: libllm.Client, mock: Mock) -> None:
    with client.stream("chat/tokens=1000;pace=50ms", "x") as stream:
        assert isinstance(next(stream), libllm.TextDelta)
    mock.sees("closed_by_client", 1)
    with pytest.raises(libllm.APIUserAbortError):
        next(stream)


def test_leaving_the_loop_closes_it_upstream(client: libllm.Client, mock: Mock) -> None:
    for _ in client.stream("chat/tokens=1000;pace=50ms", "x"):
        break
    for _ in client.stream("chat/tokens=1000;pace=50ms", "x").text:
        break
    mock.sees("closed_by_client", 2)


def test_another_thread_may_close_a_stream(client: libllm.Client, mock: Mock) -> None:
    stream = client.stream("chat/tokens=2;stall=60s;at=1", "x")
    next(stream)
    closer = threading.Timer(0.05, stream.close)
    closer.start()
    with pytest.raises(libllm.APIUserAbortError):
        next(stream)
    closer.join()
    mock.sees("closed_by_client", 1)
    # The queue is free for the next answer.
    assert client.chat("chat/echo", "again").text == "again"


class _Gate:
    """A lock that does something before it is first asked for."""

    def __init__(self, first: Callable[[], None]) -> None:
        self.lock = threading.Lock()
        self.first: Callable[[], None] | None = first

    def acquire(self, blocking: bool = True) -> bool:
        first, self.first = self.first, None
        if first is not None:
            first()
        return self.lock.acquire(blocking)

    def release(self) -> None:
        self.lock.release()


def test_a_reader_that_comes_as_its_stream_is_closed_takes_no_other_s_events(client: libllm.Client, mock: Mock) -> None:
    stream = client.stream("chat/tokens=2;stall=60s;at=1", "x")
    next(stream)
    opened: list[libllm.Stream] = []
    raised: list[BaseException] = []
    said: list[str] = []

    def meanwhile() -> None:
        stream.close()
        opened.append(client.stream("chat/tokens=3", "x"))
        # All of it is here by then, or nearly always.
        mock.sees("requests", 2)
        mock.sees("live", 0)
        assert client.chat("chat/echo", "x").text == "x"

    def read() -> None:
        try:
            next(stream)
        except libllm.LLMError as error:
            raised.append(error)
        said.append(opened[0].final().text)

    stream._reader.lock = _Gate(meanwhile)  # type: ignore[union-attr]
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(10)
    assert [type(error) for error in raised] == [libllm.APIUserAbortError]
    assert said == ["w0 w1 w2"]


def test_closing_the_client_ends_its_streams(mock: Mock) -> None:
    client = libllm.Client(mock.config())
    stream = client.stream("chat/tokens=1000;pace=20ms", "x")
    next(stream)
    client.close()
    with pytest.raises(libllm.APIUserAbortError):
        list(stream)
    with pytest.raises(libllm.ClosedError):
        client.chat("chat/echo", "x")
    mock.sees("closed_by_client", 1)


def test_a_client_is_closed_under_threads_that_use_it(mock: Mock) -> None:
    ended: list[type[BaseException]] = []

    def ask(client: libllm.Client) -> None:
        try:
            while True:
                client.chat("mock/echo", "x")
        except libllm.LLMError as error:
            ended.append(type(error))

    for _ in range(20):
        client = libllm.Client(mock.config())
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        client.chat("mock/echo", "x")
        client.close()
        for thread in threads:
            thread.join()
    assert len(ended) == 80
    assert set(ended) <= {libllm.ClosedError, libllm.APIUserAbortError}


def test_threads_share_a_client(client: libllm.Client) -> None:
    said: list[str] = []

    def ask(number: int) -> None:
        for turn in range(5):
            said.append(client.stream("chat/echo", f"{number} {turn}").final().text)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == sorted(f"{number} {turn}" for number in range(16) for turn in range(5))


def test_two_threads_do_not_read_one_stream(client: libllm.Client) -> None:
    stream = client.stream("chat/tokens=2;stall=60s;at=1", "x")
    next(stream)

    def read() -> None:
        with contextlib.suppress(libllm.APIUserAbortError):
            next(stream)

    reader = threading.Thread(target=read)
    reader.start()
    lock = stream._reader.lock  # type: ignore[union-attr]
    while not lock.locked():
        reader.join(0.001)
    with pytest.raises(libllm.BusyError):
        next(stream)
    stream.close()
    reader.join(10)
    assert not reader.is_alive()


def test_a_stream_that_is_not_read_is_held_back(mock: Mock) -> None:
    config = {**mock.config(), "memory": {"per_stream": 16384}}
    with libllm.Client(config) as client:
        stream = client.stream("chat/tokens=400000", "x")
        next(stream)
        other = client.chat("chat/echo", "meanwhile")
        assert other.text == "meanwhile"
        mock.sees("live", 1)
        assert stream.final().text.endswith(" w399999")
    mock.sees("live", 0)


def test_a_configuration_may_be_text_or_a_file(mock: Mock, tmp_path: Path) -> None:
    toml = f'default_model = "house/tokens=2"\n[providers.house]\nwire = "openai_chat"\nbase_url = "{mock.origin}/v1"\n'
    file = tmp_path / "llm.toml"
    file.write_text(toml)
    for config in (toml, file):
        with libllm.Client(config) as client:
            assert client.chat({"messages": HELLO}).text == "w0 w1"
            client.reload(toml.replace("tokens=2", "tokens=1"))
            assert client.chat({"messages": HELLO}).text == "w0"


def test_the_environment_is_read_without_a_configuration(
    mock: Mock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{mock.origin}/v1")
    with libllm.Client() as client:
        assert client.chat("openai/echo", "from the environment").text == "from the environment"


def test_metrics_count(client: libllm.Client) -> None:
    client.chat("chat/echo", "x")
    assert client.metrics().startswith("{")
    families = {family.name: family for family in text_string_to_metric_families(client.metrics("prometheus"))}
    calls = {sample.labels["model"]: sample.value for sample in families["libllm_target_requests"].samples}
    assert calls["echo"] >= 1
    assert families["libllm_overhead_seconds"].type == "histogram"
    assert any(sample.name.endswith("_bucket") for sample in families["libllm_overhead_seconds"].samples)


def test_drain_waits_and_then_refuses(client: libllm.Client) -> None:
    client.drain(1)
    with pytest.raises(libllm.ClosedError):
        client.chat("chat/echo", "x")


def test_an_empty_configuration_is_not_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "llm.toml"
    file.write_text('[models.fast]\ntargets = [{ model = "mock/text=ours" }]\n')
    monkeypatch.setenv("LLM_CONFIG", str(file))
    with libllm.Client() as llm:
        assert llm.chat("fast", "x").text == "ours"
        llm.reload({})
        with pytest.raises(libllm.LLMError, match="fast"):
            llm.chat("fast", "x")
    with libllm.Client({}) as llm, pytest.raises(libllm.LLMError, match="fast"):
        llm.chat("fast", "x")


def test_half_a_character_is_said_as_a_replacement(client: libllm.Client) -> None:
    assert client.chat("mock/echo", "a\ud83d b\udc00\ud83d\ude00").text == "a\ufffd b\ufffd\U0001f600"


def test_the_first_choice_is_the_lowest_there_is(mock: Mock) -> None:
    for first, texts in (("status=500", ["two", "three"]), ("text=one", ["one", "two", "three"])):
        targets = [{"model": f"mock/{script}"} for script in (first, "text=two", "text=three")]
        config = {"models": {"all": {"targets": targets, "strategy": "race", "race": 3, "race_return": "all"}}}
        with libllm.Client(config) as llm:
            answer = llm.chat("all", "x")
        assert [choice.message.content for choice in answer.choices] == texts
        assert (answer.text, answer.message.content, answer.message.role) == (texts[0], texts[0], "assistant")
        assert [choice.index for choice in answer.choices] == list(range(3 - len(texts), 3))
    targets = [{"model": f"mock/{script}"} for script in ("status=500", "text=kept")]
    with libllm.Client({"models": {"all": {"targets": targets, "strategy": "race", "race_return": "all"}}}) as llm:
        answer = llm.chat("all", "x")
    assert (answer.text, [choice.index for choice in answer.choices]) == ("kept", [1])


def test_a_rerouted_event_needs_no_field_that_it_has_today() -> None:
    event = libllm.Rerouted("{}")
    assert (event.from_, event.reason, event.attempt, event.voids) == (None, "", 0, False)
