"""Servers of the host-safety suite: the scripted provider, a proxy that cuts connections, and a provider that floods."""
import asyncio
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading


class Mock:
    """`libllm mock`, which can be killed and come back at its address."""

    def __init__(self, command, *arguments):
        self.command, self.arguments, self.listen = command, arguments, "127.0.0.1:0"
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.command, "mock", "--listen", self.listen, *self.arguments], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        match = re.match(r"listening on (https?://(\S+:\d+))", line)
        if not match:
            raise RuntimeError(f"the scripted provider does not listen: {line!r}")
        self.origin, self.listen = match.groups()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


class Cutter:
    """Passes connections on to a server and cuts each with a reset after some bytes, in whichever direction they went."""

    def __init__(self, origin, cut):
        self.to, self.cut = origin.split("//")[1].rsplit(":", 1), cut
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait()
        self.origin = f"{origin.split('//')[0]}//127.0.0.1:{self.port}"

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 14))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection(self.to[0], int(self.to[1]))
        except OSError:
            writer.transport.abort()
            return
        left = [self.cut()]
        ways = [asyncio.ensure_future(self._pass(reader, there_writer, left)), asyncio.ensure_future(self._pass(there_reader, writer, left))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        # Lingering for no time makes the close a reset.
        if not writer.transport.is_closing():
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        there_writer.transport.abort()

    async def _pass(self, reader, writer, left):
        try:
            while left[0] > 0:
                data = await reader.read(1 << 14)
                if not data:
                    return
                writer.write(data[: left[0]])
                left[0] -= len(data)
                await writer.drain()
        except OSError:
            pass


def in_writing(seed=1):
    """A cutter for a server that closes while it is written to: after 100 to 400 KB of a request of 4 MB."""
    chance = random.Random(seed)
    return lambda: chance.randrange(100_000, 400_000)


def anywhere(seed=1):
    """A cutter for anything: half of the connections are cut, within the handshake, the head or the body."""
    chance = random.Random(seed)
    return lambda: int(10 ** chance.uniform(0, 5)) if chance.random() < 0.5 else 1 << 40


FLOOD_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
FLOOD_EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"x" * 4096 + b'"}}]}\n\n'
FLOOD_TAIL = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


async def flood(reader, writer):
    """Answers with as many megabytes of text as the model's name says, as fast as they are taken."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))
        megabytes = int(re.search(rb'"model":"(\d+)"', await reader.readexactly(length)).group(1))
        writer.transport.set_write_buffer_limits(high=1 << 16)
        writer.write(FLOOD_HEAD)
        batch = FLOOD_EVENT * 64  # a quarter of a megabyte of text
        for _ in range(megabytes * 4):
            writer.write(batch)
            await writer.drain()
        writer.write(FLOOD_TAIL)
        await writer.drain()
        writer.close()
    except (OSError, asyncio.IncompleteReadError):
        writer.transport.abort()


async def serve_flood():
    server = await asyncio.start_server(flood, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


class Flood:
    """The flooding provider, in a process of its own."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__)], stdout=subprocess.PIPE, text=True)
        self.origin = self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


if __name__ == "__main__":
    asyncio.run(serve_flood())
