"""The faulty end: a listener a case, on sockets of its own, that plays the case's plan and writes down what it saw.

All of it runs on one asyncio loop in one thread. A connection's record says who asked what on it, and whether the client closed it."""

import asyncio
import json
import socket
import ssl
import struct
import threading

import http2
from faults import CAP_BYTES, CAP_PAUSE, DRIP_PAUSE, slices
from plan import whole

HOST = "127.0.0.1"
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"


class Gone(Exception):
    """The client closed the connection."""


class Over(Exception):
    """This end has closed it, or it is of no use any more."""


class Connection:
    """A socket, what came on it, and how it ended."""

    def __init__(self, sock, loop):
        self.sock, self.loop, self.read, self.tls = sock, loop, b"", None
        self.stream = 0
        self.requests, self.pooled, self.gone, self.closed_here = 0, False, False, False

    async def raw_recv(self):
        try:
            data = await self.loop.sock_recv(self.sock, 1 << 16)
        except OSError:
            data = b""
        if not data:
            self.gone = True
            raise Gone
        return data

    async def raw_send(self, data):
        try:
            await self.loop.sock_sendall(self.sock, data)
        except OSError:
            self.gone = True
            raise Gone from None

    async def recv(self):
        return await (self.tls.recv() if self.tls else self.raw_recv())

    async def send(self, data):
        await (self.tls.send(data) if self.tls else self.raw_send(data))

    async def pace(self, pieces, pause):
        for piece in pieces:
            await self.send(piece)
            await asyncio.sleep(pause)

    async def request(self):
        """The next request: its path and body."""
        while b"\r\n\r\n" not in self.read:
            self.read += await self.recv()
        head, _, rest = self.read.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        size = int(headers.get("content-length", "0"))
        while len(rest) < size:
            rest += await self.recv()
        self.read = rest[size:]
        self.requests += 1
        return lines[0].split(" ")[1], rest[:size]

    async def until_gone(self):
        """Reads whatever comes until the client closes."""
        while True:
            await self.raw_recv()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.closed_here = True
        self.sock.close()
        raise Over


class Tls:
    """TLS over a connection, by hand, so that its bytes can be sent in any way."""

    def __init__(self, connection, context, how):
        self.connection, self.how = connection, how
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    async def flush(self):
        data = self.outgoing.read()
        if not data:
            return
        if self.how == "truncate":
            await self.connection.raw_send(data[:len(data) // 2])
            self.connection.close()
        size, pause = {"drip": (8, DRIP_PAUSE), "cap": (CAP_BYTES, CAP_PAUSE)}.get(self.how, (len(data), 0))
        pieces = slices(data)[0][1] if self.how == "slice" else [data[at:at + size] for at in range(0, len(data), size)]
        for piece in pieces:
            await self.connection.raw_send(piece)
            await asyncio.sleep(pause)

    async def step(self, call, *arguments):
        """Feeds the engine until the call gets through."""
        while True:
            try:
                result = call(*arguments)
                await self.flush()
                return result
            except ssl.SSLWantReadError:
                await self.flush()
                self.incoming.write(await self.connection.raw_recv())

    async def handshake(self):
        await self.step(self.ssl.do_handshake)
        self.how = None

    async def recv(self):
        try:
            data = await self.step(self.ssl.read, 1 << 16)
        except ssl.SSLError:
            data = b""
        if not data:
            await self.connection.until_gone()
        return data

    async def send(self, data):
        await self.step(self.ssl.write, data)


class Script:
    """One case's server: faulty for the first `faulty` requests, then sound; `said` in `plan` is what the client may know by then."""

    def __init__(self, servers, dialect, mode, plan, faulty):
        self.servers, self.dialect, self.mode, self.plan, self.faulty = servers, dialect, mode, plan, faulty
        self.connections, self.complaints, self.turns, self.tasks = [], [], 0, []
        self.known, self.canceled, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.may_cancel = threading.Event()
        self.listener = self.port = None
        self.kept = []

    def listen(self):
        """In the loop's thread. A closed port is one that nobody listens on; a full one has a backlog without room."""
        how = self.plan.listen
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.setblocking(False)
        self.listener.bind((HOST, 0))
        self.port = self.listener.getsockname()[1]
        if how == "open":
            self.listener.listen(64)
            self.tasks.append(self.servers.loop.create_task(self.accept()))
        elif how == "full":
            self.listener.listen(0)
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex((HOST, self.port))
                self.kept.append(filler)

    async def accept(self):
        loop = self.servers.loop
        while True:
            sock, _ = await loop.sock_accept(self.listener)
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, loop)
            self.connections.append(connection)
            self.tasks.append(loop.create_task(self.serve(connection)))

    async def serve(self, connection):
        try:
            await self.talk(connection)
        except (Gone, Over):
            pass
        except Exception as error:
            self.complaints.append(f"the server failed: {error!r}")
        finally:
            connection.sock.close()

    def turn(self):
        """Whether this turn is a faulty one."""
        self.turns += 1
        return self.turns <= self.faulty

    async def talk(self, connection):
        plan = self.plan
        if plan.greet is not None and self.turn():
            await self.play(connection, plan.greet)
        if plan.tls:
            await self.secure(connection, plan.handshake if plan.handshake and self.turn() else None)
        if plan.http2:
            await http2.greet(connection)
            await self.talk_http2(connection)
        while True:
            connection.pooled = connection.requests > 0
            path, body = await connection.request()
            connection.pooled = False
            self.look(path, body)
            plan = self.plan
            at_start = plan.greet is not None or plan.handshake is not None
            steps = plan.steps if plan.steps and (at_start or self.turn()) else [("send", whole(self.dialect, self.mode)), ("next",)]
            await self.play(connection, steps)

    async def talk_http2(self, connection):
        while True:
            connection.pooled = connection.requests > 0
            connection.stream = await http2.request(connection)
            connection.pooled, connection.requests = False, connection.requests + 1
            steps = self.plan.steps if self.plan.steps and self.turn() else http2.whole(self.dialect, self.mode)
            await self.play(connection, steps)

    async def do_frames(self, connection, make):
        """Frames of HTTP/2, made for the request's stream."""
        await connection.send(make(connection.stream))

    def look(self, path, body):
        """The request is what it should be."""
        asked = json.loads(body).get("stream", self.dialect.stream_unsaid)
        if not path.endswith(self.dialect.path) or bool(asked) != (self.mode == "stream"):
            self.complaints.append(f"asked {path} with stream {asked}")

    async def secure(self, connection, how):
        if how == "mute":
            await self.over.wait()
            await connection.until_gone()
        secure = Tls(connection, self.servers.context, how)
        if how not in (None, "drip", "slice", "cap", "truncate"):
            await connection.raw_recv()
            await self.play(connection, {
                "rst": [("rst",)], "close": [("close",)], "half": [("half",), ("stall",)],
                "stall": [("canceled",), ("stall",)] if self.servers.cancels(self) else [("stall",)],
                "garbage": [("send", b"HTTP/1.1 400 Bad Request\r\n\r\n"), ("stall",)],
                "alert": [("send", ALERT), ("stall",)]}[how])
        await secure.handshake()
        connection.tls = secure

    async def play(self, connection, steps):
        for name, *arguments in steps:
            await getattr(self, "do_" + name.replace(" ", "_"))(connection, *arguments)

    async def do_send(self, connection, data):
        await connection.send(data)

    async def do_pace(self, connection, pieces, pause):
        await connection.pace(pieces, pause)

    async def do_settle(self, _):
        """Until the client has what was said: a reset takes away what was not read."""
        await self.known.wait()

    async def do_await_bytes(self, connection):
        """Until a request has come, and is left unread."""
        connection.read += await connection.recv()

    async def do_rst(self, connection):
        connection.reset()

    async def do_close(self, connection):
        connection.close()

    async def do_half(self, connection):
        connection.sock.shutdown(socket.SHUT_WR)

    async def do_stall(self, connection, how=None):
        if how == "deaf":
            await self.over.wait()
        await connection.until_gone()

    async def do_next(self, _):
        """The next request of this connection, if there comes one."""

    async def do_redirect(self, connection, status):
        place = f"http://{HOST}:{self.servers.trap.port}{self.dialect.path}"
        await connection.send(f"HTTP/1.1 {status} X\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())

    async def do_canceled(self, _):
        """The client may cancel now; goes on once it has."""
        self.may_cancel.set()
        await self.canceled.wait()

    async def do_cut_TLS(self, connection):
        connection.close()

    def close(self):
        """Nobody else comes; the connections stay."""
        for task in self.tasks[:1]:
            task.cancel()
        for sock in [self.listener, *self.kept]:
            sock.close()

    def end(self):
        self.close()
        for task in self.tasks:
            task.cancel()


class Servers:
    """All cases' servers. Methods are called from the driver's thread."""

    def __init__(self, certificate, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.loop = asyncio.new_event_loop()
        self.scripts, self.canceling = [], set()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.trap = self.add(None, None, Trap(), 0)

    def call(self, function, *arguments):
        """Runs it in the loop's thread, and waits."""

        async def run():
            return function(*arguments)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result()

    def add(self, dialect, mode, plan, faulty, cancels=False):
        def make():
            script = Script(self, dialect, mode, plan, faulty)
            if cancels:
                self.canceling.add(script)
            script.listen()
            self.scripts.append(script)
            return script

        return self.call(make)

    def cancels(self, script):
        return script in self.canceling

    def tell(self, event):
        self.loop.call_soon_threadsafe(event.set)

    def stop(self):
        self.call(lambda: [script.end() for script in self.scripts])
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Trap:
    """A place where nobody may ever come."""

    listen, greet, tls, handshake, steps, said, http2 = "open", [("stall",)], False, None, [], "", False
