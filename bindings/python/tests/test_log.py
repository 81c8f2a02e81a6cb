"""The library's log in `logging`, on the host's threads."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest
from conftest import Mock

import libllm


class Lines(logging.Handler):
    """Keeps records, and the threads that brought them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.threads: set[int] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps one."""
        self.records.append(record)
        self.threads.add(threading.get_ident())


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The log at its finest, until the end of the test."""
    logger, handler = logging.getLogger("libllm"), Lines()
    logger.addHandler(handler)
    logger.setLevel(1)
    libllm.log_to_logging("trace")
    yield handler
    libllm.log_to_logging("off")
    libllm.drain_log()
    logger.removeHandler(handler)


def test_a_blocking_client_brings_its_log(client: libllm.Client, lines: Lines) -> None:
    client.chat("chat/status=529;times=1;retry_after=1ms;tokens=2", "x")
    libllm.drain_log()
    assert lines.records
    assert lines.threads == {threading.get_ident()}
    assert {record.levelno for record in lines.records} & {logging.INFO, logging.DEBUG, logging.WARNING}


def test_a_loop_brings_the_log_as_it_comes(mock: Mock, lines: Lines) -> None:
    async def test() -> None:
        async with libllm.AsyncClient(mock.config()) as llm:
            await llm.chat("chat/echo", "x")
            while not lines.records:
                await asyncio.sleep(0.005)

    asyncio.run(test())
    assert lines.threads == {threading.get_ident()}


def test_the_level_is_the_library_s(client: libllm.Client, lines: Lines) -> None:
    libllm.log_to_logging("error")
    libllm.drain_log()
    lines.records.clear()
    client.chat("chat/echo", "x")
    libllm.drain_log()
    assert not lines.records
    with pytest.raises(KeyError):
        libllm.log_to_logging("loud")
