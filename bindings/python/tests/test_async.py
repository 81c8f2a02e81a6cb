"""The asynchronous client: one queue for a loop, no thread for a stream."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from typing import Any

import pytest
from conftest import Mock, Run

import libllm
from libllm import _hub, _native


def threads() -> int:
    """Of this process, the library's included."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))


def test_chat_and_stream_say_the_same(run: Run) -> None:
    async def test(llm: libllm.AsyncClient) -> None:
        answer = await llm.chat("chat/tokens=5;tool=f:{}", "x")
        async with llm.stream("chat/tokens=5;tool=f:{}", "x") as stream:
            events = [event async for event in stream]
            whole = await stream.final()
        assert answer.text == whole.text == "w0 w1 w2 w3 w4"
        assert answer.tool_calls[0].name == whole.tool_calls[0].name == "f"
        assert isinstance(events[-1], libllm.Done)
        assert "".join([text async for text in llm.stream("chat/tokens=9;pace=1ms", "x").text]).endswith("w8")

    run(test)


def test_many_streams_at_once_need_no_more_threads(run: Run, mock: Mock) -> None:
    async def test(llm: libllm.AsyncClient) -> None:
        await llm.chat("chat/echo", "x")
        before, most = threads(), 0
        expected = " ".join(f"w{number}" for number in range(8))

        async def one() -> None:
            nonlocal most
            texts = []
            async for event in llm.stream("chat/tokens=8;ttft=400ms;pace=20ms", "x", coalesce=False):
                if isinstance(event, libllm.TextDelta):
                    texts.append(event.text)
                    most = max(most, threads() if len(texts) == 4 else 0)
            assert "".join(texts) == expected

        await asyncio.gather(*(one() for _ in range(500)))
        assert most == before
        assert not _hub.hub_of(asyncio.get_running_loop()).calls

    run(test)
    assert mock.stats()["requests"] == 501


def test_a_cancelled_task_closes_the_stream(run: Run, mock: Mock) -> None:
    async def test(llm: libllm.AsyncClient) -> None:
        started = asyncio.Event()
        kept: list[Any] = []

        async def read() -> None:
            # Kept alive elsewhere: it is the cancellation that closes it, not the last reference.
            stream = llm.stream("chat/tokens=2;stall=60s;at=1", "x")
            kept.append(stream)
            async for _ in stream:
                started.set()

        task = asyncio.create_task(read())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(mock.sees, "closed_by_client", 1)

    run(test)


def test_a_cancelled_chat_closes_the_request(run: Run, mock: Mock) -> None:
    async def test(llm: libllm.AsyncClient) -> None:
        task = asyncio.create_task(llm.chat("chat/tokens=2;ttft=60s", "x"))
        await asyncio.to_thread(mock.sees, "live", 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(mock.sees, "closed_by_client", 1)

    run(test)


@pytest.mark.parametrize("how", ["events", "text", "final"])
def test_another_task_may_cancel_a_stream(run: Run, mock: Mock, how: str) -> None:
    async def test(llm: libllm.AsyncClient) -> None:
        stream = llm.stream("chat/tokens=2;stall=60s;at=1", "x")
        await stream.__anext__()
        read = {"events": stream.__anext__, "text": stream.text.__aiter__().__anext__, "final": stream.final}[how]
        reader: asyncio.Future[Any] = asyncio.ensure_future(read())
        while stream._call.waiter is None:
            await asyncio.sleep(0)
        await stream.aclose()
        with pytest.raises(libllm.APIUserAbortError):
            await asyncio.wait_for(reader, 10)
        await asyncio.to_thread(mock.sees, "closed_by_client", 1)

    run(test)


@pytest.mark.parametrize("how", ["events", "text"])
def test_two_tasks_do_not_read_one_stream(run: Run, how: str) -> None:
    async def test(llm: libllm.AsyncClient) -> None:
        stream = llm.stream("chat/tokens=3;ttft=300ms", "x")
        first = asyncio.create_task(stream.final())
        while stream._call.waiter is None:
            await asyncio.sleep(0)
        with pytest.raises(libllm.BusyError):
            await (stream if how == "events" else stream.text).__aiter__().__anext__()
        # It is not the first reader's fault.
        assert (await asyncio.wait_for(first, 10)).text == "w0 w1 w2"

    run(test)


def test_a_stream_that_is_collected_at_its_last_event_harms_no_other(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    faults: list[Any] = []
    text_at = _native.text_at

    def collected(data: int, size: int) -> str:
        text = text_at(data, size)
        if '"status":"LLM_ERR_BAD_REQUEST"' in text:
            kept.clear()
        return text

    async def test(llm: libllm.AsyncClient) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        monkeypatch.setattr(_native, "text_at", collected)
        kept.append(llm.stream("chat/status=400", "x", max_retries=0))
        while kept:
            await asyncio.sleep(0.001)
        assert (await llm.chat("chat/echo", "after")).text == "after"

    run(test)
    assert faults == []


@pytest.mark.parametrize("how", ["break", "text", "aclose", "with", "drop"])
def test_leaving_early_closes_the_stream(run: Run, mock: Mock, how: str) -> None:
    async def test(llm: libllm.AsyncClient) -> None:
        stream = llm.stream("chat/tokens=1000;pace=50ms", "x")
        if how == "break":
            async for _ in stream:
                break
            del stream
        elif how == "text":
            async for _ in stream.text:
                break
            del stream
        elif how == "aclose":
            await stream.__anext__()
            await stream.aclose()
            with pytest.raises(libllm.APIUserAbortError):
                await stream.__anext__()
        elif how == "with":
            async with stream:
                await stream.__anext__()
        else:
            await asyncio.to_thread(mock.sees, "live", 1)
            del stream
        gc.collect()
        await asyncio.to_thread(mock.sees, "closed_by_client", 1)
        assert not _hub.hub_of(asyncio.get_running_loop()).calls
        assert (await llm.chat("chat/echo", "after")).text == "after"

    run(test)


def test_a_consumer_that_lags_gets_fewer_events_and_all_text(run: Run) -> None:
    async def test(llm: libllm.AsyncClient) -> None:
        events = []
        async for event in llm.stream("chat/tokens=50;pace=2ms", "x"):
            events.append(event)
            await asyncio.sleep(0.03)
        texts = [event.text for event in events if isinstance(event, libllm.TextDelta)]
        assert "".join(texts) == " ".join(f"w{number}" for number in range(50))
        assert len(texts) < 50

    run(test)


@pytest.mark.parametrize("coalesce", [True, False])
def test_a_stream_that_is_not_read_is_paused(run: Run, mock: Mock, coalesce: bool) -> None:
    words = 150_000  # 1 MB of text: four times what is held for one stream

    async def test(llm: libllm.AsyncClient) -> None:
        stream = llm.stream(f"chat/tokens={words}", "x", coalesce=coalesce)
        call = stream._call
        while not call.paused:
            await asyncio.sleep(0.01)
        # What was under way still comes; then nothing more.
        assert (await llm.chat("chat/echo", "meanwhile")).text == "meanwhile"
        await asyncio.sleep(0.1)
        held = sum(len(item[1]) for item in call.items)
        assert held < 2 * _hub.HELD_MAX + 64 * 1024
        assert mock.stats()["live"] == 1
        size = 0
        async for text in stream.text:
            size += len(text)
        assert size == len(" ".join(f"w{number}" for number in range(words)))

    run(test)


def test_each_loop_has_a_queue_of_its_own(mock: Mock) -> None:
    client = libllm.AsyncClient(mock.config())

    async def ask() -> str:
        return (await client.chat("chat/echo", "x")).text

    for _ in range(3):
        assert asyncio.run(ask()) == "x"
    gc.collect()
    assert len(_hub._hubs) <= 1

    async def in_threads() -> list[str]:
        return await asyncio.gather(*(asyncio.to_thread(lambda: asyncio.run(ask())) for _ in range(8)))

    assert asyncio.run(in_threads()) == ["x"] * 8


def test_loops_of_many_threads_come_and_go() -> None:
    faults: list[BaseException] = []

    def come_and_go() -> None:
        try:
            for _ in range(150):
                loop = asyncio.new_event_loop()
                _hub.hub_of(loop)
                loop.close()
        except Exception as error:
            faults.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        running = [threading.Thread(target=come_and_go) for _ in range(8)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert faults == []


def test_closing_the_client_ends_its_streams(mock: Mock) -> None:
    async def test() -> None:
        llm = libllm.AsyncClient(mock.config())
        stream = llm.stream("chat/tokens=2;stall=60s;at=1", "x")
        await stream.__anext__()
        waiting = asyncio.create_task(stream.final())
        await asyncio.sleep(0)
        await llm.aclose()
        with pytest.raises(libllm.APIUserAbortError):
            await waiting
        with pytest.raises(libllm.ClosedError):
            llm.stream("chat/echo", "x")

    asyncio.run(test())
    mock.sees("closed_by_client", 1)


def test_an_error_reaches_the_one_who_waits(run: Run) -> None:
    async def test(llm: libllm.AsyncClient) -> None:
        with pytest.raises(libllm.StreamInterruptedError) as caught:
            async for _ in llm.stream("chat/tokens=9;cut=rst;at=4;pace=5ms", "x"):
                pass
        assert caught.value.partial_text == "w0 w1 w2 w3"
        stream = llm.stream("chat/tokens=9;cut=fin;at=4", "x")
        with pytest.raises(libllm.StreamInterruptedError):
            await stream.final()
        with pytest.raises(libllm.StreamInterruptedError):
            await stream.final()
        with pytest.raises(libllm.ConfigError):
            llm.stream("nobody/x", "x")

    run(test)


def test_drain_waits_for_what_is_in_flight_and_refuses_what_comes_later(mock: Mock) -> None:
    async def main() -> None:
        async with libllm.AsyncClient(mock.config()) as client:
            answer = asyncio.create_task(client.chat("chat/tokens=5;ttft=100ms", "x"))
            await asyncio.sleep(0)
            await client.drain()
            with pytest.raises(libllm.ClosedError):
                await client.chat("chat/echo", "x")
            assert (await answer).text == "w0 w1 w2 w3 w4"
        async with libllm.AsyncClient(mock.config()) as client:
            answer = asyncio.create_task(client.chat("chat/tokens=2;stall=60s;at=1", "x"))
            await asyncio.sleep(0)
            await client.drain(0.05)
            with pytest.raises(libllm.APIUserAbortError):
                await answer

    asyncio.run(main())
