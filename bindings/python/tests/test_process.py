"""What ends or copies the process: fork, exit, interrupts. Each in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time

import pytest
from conftest import Mock

# The short form; LLM_EXITS=1000 is the long one.
EXITS = int(os.environ.get("LLM_EXITS", "50"))


def python(code: str, mock: Mock, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `code` to its end; a hang is a failure."""
    body = f"CONFIG = {mock.config()!r}\n" + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", body, *arguments], capture_output=True, text=True, timeout=30)


def good(done: subprocess.CompletedProcess[str], said: str = "") -> None:
    """It ended well, without a word on standard error."""
    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", said)


def test_a_fork_gives_errors_and_no_hang(mock: Mock) -> None:
    code = """
    import os, libllm
    llm = libllm.Client(CONFIG)
    stream = llm.stream("chat/tokens=2;stall=60s;at=1", "x")
    next(stream)
    child = os.fork()
    for call in (lambda: next(stream), lambda: llm.chat("chat/echo", "x"), lambda: llm.stream("chat/echo", "x")):
        try:
            if child == 0:
                call()
                os._exit(1)
        except libllm.ForkedError:
            pass
    if child == 0:
        # What was inherited is dropped without touching the parent's; a new client works.
        stream.close()
        llm.close()
        del stream
        os._exit(0 if libllm.Client(CONFIG).chat("chat/echo", "child").text == "child" else 2)
    assert os.waitpid(child, 0)[1] == 0
    assert llm.chat("chat/echo", "parent").text == "parent"
    stream.close()
    """
    good(python(code, mock))


def test_a_loop_of_the_child_is_told_that_the_client_is_not_its_own(mock: Mock) -> None:
    code = """
    import asyncio, os, libllm
    llm = libllm.AsyncClient(CONFIG)

    async def ask(llm):
        return (await llm.chat("chat/echo", "x")).text

    assert asyncio.run(ask(llm)) == "x"
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(ask(llm))
        except libllm.ForkedError:
            os._exit(0 if asyncio.run(ask(libllm.AsyncClient(CONFIG))) == "x" else 1)
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    """
    good(python(code, mock))


def test_a_fork_of_a_running_loop_tells_its_waiters(mock: Mock) -> None:
    code = """
    import asyncio, os, libllm

    async def main():
        llm = libllm.AsyncClient(CONFIG)
        stream = llm.stream("chat/tokens=2;stall=60s;at=1", "x")
        await stream.__anext__()
        waiting = asyncio.create_task(stream.__anext__())
        await asyncio.sleep(0)
        child = os.fork()
        if child == 0:
            try:
                await waiting
            except libllm.ForkedError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert not waiting.done()
        assert (await llm.chat("chat/echo", "parent")).text == "parent"
        await llm.aclose()
        try:
            await waiting
        except libllm.APIUserAbortError:
            print("over")

    asyncio.run(main())
    """
    good(python(code, mock), "over")


def test_a_child_s_log_is_its_own(mock: Mock) -> None:
    code = """
    import asyncio, logging, os, libllm
    lines = []

    class Lines(logging.Handler):
        def emit(self, record):
            lines.append(record)

    logging.getLogger("libllm").addHandler(Lines())
    logging.getLogger("libllm").setLevel(1)

    async def ask():
        async with libllm.AsyncClient(CONFIG) as llm:
            return (await llm.chat("chat/echo", "x")).text

    libllm.log_to_logging("trace")
    assert asyncio.run(ask()) == "x"
    child = os.fork()
    if child == 0:
        # Nothing was asked for here: no line, and no error for want of the parent's queue.
        lines.clear()
        assert asyncio.run(ask()) == "x"
        libllm.drain_log()
        assert not lines
        libllm.log_to_logging("trace")
        assert asyncio.run(ask()) == "x"
        libllm.drain_log()
        os._exit(0 if lines else 1)
    assert os.waitpid(child, 0)[1] == 0
    lines.clear()
    assert asyncio.run(ask()) == "x"
    libllm.drain_log()
    assert lines
    """
    good(python(code, mock))


def test_a_pool_of_forked_processes_works(mock: Mock) -> None:
    code = """
    import multiprocessing, libllm
    libllm.Client(CONFIG).chat("chat/echo", "warm")

    def ask(word):
        with libllm.Client(CONFIG) as llm:
            return llm.chat("chat/echo", word).text

    with multiprocessing.get_context("fork").Pool(4) as pool:
        print(*pool.map(ask, "abcdefgh"))
    """
    good(python(code, mock), "a b c d e f g h")


ENDS = {
    "stream": """
    stream = libllm.Client(CONFIG).stream("chat/tokens=1000;pace=1ms", "x")
    next(stream)
    """,
    "idle": """
    libllm.Client(CONFIG).chat("chat/echo", "x")
    """,
    "thread": """
    import threading
    began = threading.Event()
    def read():
        for _ in libllm.Client(CONFIG).stream("chat/tokens=1000;pace=1ms", "x"):
            began.set()
    threading.Thread(target=read, daemon=True).start()
    began.wait()
    """,
    "loop": """
    import asyncio
    async def main():
        streams = [libllm.AsyncClient(CONFIG).stream("chat/tokens=1000;pace=1ms", "x") for _ in range(3)]
        await streams[0].__anext__()
        sys.exit(0)
    asyncio.run(main())
    """,
    "log": """
    import logging
    logging.getLogger("libllm").addHandler(logging.NullHandler())
    libllm.log_to_logging("trace")
    stream = libllm.Client(CONFIG).stream("chat/tokens=1000;pace=1ms", "x")
    next(stream)
    """,
}


@pytest.mark.parametrize("end", ENDS)
def test_exits_are_clean(mock: Mock, end: str) -> None:
    body = f"import sys, libllm\nCONFIG = {mock.config()!r}\n" + textwrap.dedent(ENDS[end])
    left = max(1, EXITS // len(ENDS))
    running: list[subprocess.Popen[str]] = []
    while left or running:
        while left and len(running) < 4:
            left -= 1
            running.append(subprocess.Popen([sys.executable, "-c", body], stderr=subprocess.PIPE, text=True))
        process = running.pop(0)
        _, said = process.communicate(timeout=30)
        assert (process.returncode, said) == (0, "")


def test_an_interrupt_ends_a_wait(mock: Mock) -> None:
    code = """
    import os, signal, threading, libllm
    llm = libllm.Client(CONFIG)
    stream = llm.stream("chat/tokens=2;stall=60s;at=1", "x")
    next(stream)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        next(stream)
    except KeyboardInterrupt:
        print("interrupted", llm.chat("chat/echo", "still here").text)
    """
    began = time.monotonic()
    good(python(code, mock), "interrupted still here")
    assert time.monotonic() - began < 30
    mock.sees("closed_by_client", 1)


def test_an_interrupt_that_loses_the_last_event_leaves_no_wait_for_it(mock: Mock) -> None:
    code = """
    import libllm
    from libllm import _native
    llm, text_at = libllm.Client(CONFIG), _native.text_at

    def interrupted(data, size):
        if "LLM_ERR_BAD_REQUEST" in text_at(data, size):
            raise KeyboardInterrupt
        return text_at(data, size)

    stream = llm.stream("chat/status=400", "x", max_retries=0)
    _native.text_at = interrupted
    try:
        next(stream)
    except KeyboardInterrupt:
        _native.text_at = text_at
    for read in (lambda: next(stream), lambda: list(stream), lambda: list(stream.text), stream.final):
        try:
            read()
        except libllm.APIUserAbortError:
            print("aborted")
    """
    good(python(code, mock), "\n".join(["aborted"] * 4))


def test_importing_does_not_import_asyncio(mock: Mock) -> None:
    code = """
    import sys, libllm
    with libllm.Client():
        heavy = ("asyncio", "logging", "json", "typing", "collections", "threading")
        print([name for name in heavy if name in sys.modules])
    """
    good(python(code, mock), "[]")


def test_no_thread_is_made_by_the_package(mock: Mock) -> None:
    code = """
    import threading, libllm
    llm = libllm.Client(CONFIG)
    streams = [llm.stream("chat/tokens=50;pace=5ms", "x") for _ in range(100)]
    threads = next(line for line in open("/proc/self/status") if line.startswith("Threads"))
    assert all(stream.final().text.endswith("w49") for stream in streams)
    print(threading.active_count(), threads.split()[1])
    """
    good(python(code, mock), "1 2")


def test_a_client_may_be_closed_while_it_drains(mock: Mock) -> None:
    code = """
    import threading, time, libllm
    for _ in range(20):
        llm = libllm.Client(CONFIG)
        stream = llm.stream("chat/tokens=2;stall=60s;at=1", "x")
        next(stream)
        drained = threading.Thread(target=llm.drain, args=(0.05,))
        drained.start()
        time.sleep(0.01)
        # The last reference but the one of the call that waits.
        stream._handle = None
        llm.close()
        drained.join()
        stream.close()
    """
    good(python(code, mock))
