"""Hooks: the user's own functions answer what the configuration has the library ask (docs/hooks.md)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from conftest import Mock

import libllm
from libllm.types import HookAnswer

CONFIG = {"hooks": {"before": True, "attempt": True, "after": True}}


def replaced(question: dict[str, Any]) -> HookAnswer:
    return {"request": {**question["request"], "messages": [{"role": "user", "content": "other words"}]}}


def test_functions_run_on_the_reading_thread_in_order() -> None:
    seen: list[tuple[str, int]] = []

    def see(question: dict[str, Any]) -> None:
        seen.append((question["kind"], threading.get_ident()))

    with libllm.Client(CONFIG, hooks={"before": see, "attempt": see, "after": see}) as client:
        assert client.chat("mock/echo", "some words").text == "some words"
    assert seen == [(kind, threading.get_ident()) for kind in ("before", "attempt", "after")]


def test_a_hook_replaces_the_request() -> None:
    with libllm.Client({"hooks": {"before": True}}, hooks={"before": replaced}) as client:
        assert client.chat("mock/echo", "some words").text == "other words"
        assert "".join(client.stream("mock/echo", "some words").text) == "other words"


def test_what_a_hook_raises_refuses_the_request() -> None:
    def refuse(question: dict[str, Any]) -> None:
        raise ValueError("not in this house")

    with (
        libllm.Client({"hooks": {"before": True}}, hooks={"before": refuse}) as client,
        pytest.raises(libllm.LLMError, match="not in this house") as caught,
    ):
        client.chat("mock/echo", "x")
    assert (caught.value.llm_status, caught.value.param) == ("LLM_ERR_CANCELED", "hooks.before")


def test_an_answer_that_does_not_fit_and_a_missing_hook_end_the_request() -> None:
    def wrong(question: dict[str, Any]) -> Any:
        return {"headers": {}}

    for hooks, words in (({"before": wrong}, "does not fit"), ({}, "has no hook 'before'")):
        with (
            libllm.Client({"hooks": {"before": True}}, hooks=hooks) as client,
            pytest.raises(libllm.LLMError, match=words),
        ):
            client.chat("mock/echo", "x")
    with pytest.raises(TypeError, match="expected some of"):
        libllm.Client(hooks={"befor": wrong})


def test_a_hook_supplies_the_key(mock: Mock) -> None:
    config = mock.config()
    config["providers"]["chat"]["api_key"] = "ask"
    asked = []

    def token(question: dict[str, Any]) -> HookAnswer:
        asked.append(question["provider"])
        return {"api_key": "k"}

    with libllm.Client(config, hooks={"token": token}) as client:
        assert client.chat("chat/text=ok", "x").text == "ok"
    assert asked == ["chat"]


def test_coroutines_are_awaited_on_the_loop_while_others_stream() -> None:
    async def main() -> None:
        loop, other = asyncio.get_running_loop(), asyncio.Event()

        async def before(question: dict[str, Any]) -> HookAnswer:
            assert asyncio.get_running_loop() is loop
            await other.wait()
            return replaced(question)

        async with (
            libllm.AsyncClient({"hooks": {"before": True}}, hooks={"before": before}) as asking,
            libllm.AsyncClient({"models": {}}) as plain,
        ):
            waits = asyncio.create_task(asking.chat("mock/echo", "some words"))
            assert (await plain.chat("mock/echo", "meanwhile")).text == "meanwhile"
            other.set()
            assert (await waits).text == "other words"

    asyncio.run(main())


def test_plain_functions_and_refusals_under_asyncio() -> None:
    async def main() -> None:
        async def refuse(question: dict[str, Any]) -> None:
            raise libllm.ContentFilterError("no")

        async with libllm.AsyncClient({"hooks": {"before": True}}, hooks={"before": replaced}) as client:
            assert (await client.chat("mock/echo", "x")).text == "other words"
        async with libllm.AsyncClient({"hooks": {"before": True}}, hooks={"before": refuse}) as client:
            with pytest.raises(libllm.LLMError, match="no"):
                await client.chat("mock/echo", "x")

    asyncio.run(main())


@pytest.mark.parametrize("answer", ["sk-1", 7, [1], {"api_key": object()}, {1: "x"}])
def test_an_answer_of_the_wrong_shape_ends_its_request_and_no_other(mock: Mock, answer: Any) -> None:
    config = mock.config()
    config["providers"]["keyed"] = {**config["providers"]["chat"], "api_key": "ask"}

    def token(question: dict[str, Any]) -> Any:
        return answer

    async def later(question: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        return answer

    async def main(hook: Any) -> None:
        async with libllm.AsyncClient(config, hooks={"token": hook}) as client:
            others = [asyncio.create_task(client.chat("chat/tokens=20;pace=2ms", "x")) for _ in range(8)]
            await asyncio.sleep(0)
            refused = [client.chat("keyed/echo", "x") for _ in range(8)]
            for outcome in await asyncio.gather(*refused, return_exceptions=True):
                assert isinstance(outcome, libllm.LLMError), outcome
                assert "does not fit" in str(outcome)
            for whole in await asyncio.gather(*others):
                assert whole.text.endswith(" w19")

    for hook in (token, later):
        asyncio.run(main(hook))
    with libllm.Client(config, hooks={"token": token}) as client, pytest.raises(libllm.LLMError, match="does not fit"):
        client.chat("keyed/echo", "x")


def test_a_hook_that_is_cancelled_refuses_at_once() -> None:
    async def give_up(question: dict[str, Any]) -> HookAnswer:
        raise asyncio.CancelledError

    async def main() -> None:
        async with libllm.AsyncClient({"hooks": {"before": True}}, hooks={"before": give_up}) as client:
            with pytest.raises(libllm.LLMError) as caught:
                await client.chat("mock/echo", "x")
            assert caught.value.param == "hooks.before"
            assert caught.value.llm_status == "LLM_ERR_CANCELED"

    asyncio.run(main())


def test_a_hook_may_poll_the_queue_that_asks_it() -> None:
    # As a function that runs the loop in itself does: what a batch lent is gone after the next poll.
    from libllm import _hub

    async def main() -> None:
        hub = _hub.hub_of(asyncio.get_running_loop())
        seen = []

        def before(question: dict[str, Any]) -> None:
            hub.drain()
            seen.append(question["request"]["messages"][0]["content"])

        async with libllm.AsyncClient({"hooks": {"before": True}}, hooks={"before": before}) as client:
            words = [f"word {number} {'x' * 200}" for number in range(40)]
            asked = [client.stream("mock/echo", word) for word in words]
            answers = [await stream.final() for stream in asked]
        assert [answer.text for answer in answers] == words
        assert sorted(seen) == sorted(words)

    asyncio.run(main())
