"""A provider of these tests: it keeps what it was asked, and answers or misbehaves as the test says. HTTP/1.1 on loopback."""

import json
import queue
import select
import socket
import threading

HOST = "127.0.0.1"
# Longer than any limit under test, shorter than a test may take: what is waited for has then failed.
PATIENCE = 15


class Request:
    def __init__(self, connection, line, headers, body):
        self.connection = connection
        self.method, self.path, _ = line.split(" ", 2)
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def key(self):
        return self.headers.get("authorization")


class Exchange:
    """One request and the way to answer it."""

    def __init__(self, server, sock, request):
        self.server, self.sock, self.request = server, sock, request
        path = request.path.split("?")[0]
        self.messages, self.cohere, self.ollama = path.endswith("/messages"), path.endswith("/v2/chat"), path.endswith("/api/chat")
        self.gemini, self.converse = path.endswith("enerateContent"), path.endswith(("/converse", "/converse-stream"))

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def whole(self, status, body, headers=()):
        text = body if isinstance(body, (bytes, str)) else json.dumps(body)
        data = text if isinstance(text, bytes) else text.encode()
        head = [f"HTTP/1.1 {status} X", "content-type: application/json", f"content-length: {len(data)}", *headers]
        self.send("\r\n".join(head).encode() + b"\r\n\r\n" + data)

    def head(self, *headers):
        """Begins a stream; it has no end but the connection's, or `end`."""
        lines = ["HTTP/1.1 200 OK", "content-type: text/event-stream", "transfer-encoding: chunked", *headers]
        self.send("\r\n".join(lines) + "\r\n\r\n")

    def piece(self, text):
        data = text.encode()
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, value):
        self.piece(f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n")

    def delta(self, text, **more):
        choice = {"index": 0, "delta": {"content": text, **more}, "finish_reason": None}
        self.event({"id": "c", "model": "m", "choices": [choice]})

    def finish(self, reason="stop"):
        self.event({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})

    def end(self):
        self.event("[DONE]")
        self.send("0\r\n\r\n")

    def say(self, text):
        """A whole answer, as it was asked for."""
        if self.messages:
            content, usage = [{"type": "text", "text": text}], {"input_tokens": 1, "output_tokens": 1}
            self.whole(200, {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": content,
                             "stop_reason": "end_turn", "usage": usage})
        elif self.cohere:
            message = {"role": "assistant", "content": [{"type": "text", "text": text}]}
            self.whole(200, {"id": "c", "finish_reason": "COMPLETE", "message": message})
        elif self.ollama:
            self.whole(200, {"model": "m", "message": {"role": "assistant", "content": text}, "done": True, "done_reason": "stop"})
        elif self.gemini:
            self.whole(200, {"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]})
        elif self.converse:
            self.whole(200, {"output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "stopReason": "end_turn"})
        elif self.request.json.get("stream"):
            self.head()
            self.delta(text)
            self.finish()
            self.end()
        else:
            message = {"role": "assistant", "content": text}
            self.whole(200, {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    def fail(self, status, *headers):
        self.whole(status, {"error": {"message": f"made up {status}", "type": "made_up"}}, headers)

    def unavailable(self):
        """A failure that asks to be tried again at once."""
        self.fail(503, "retry-after-ms: 1")

    def wait(self):
        """Until the other side goes away."""
        self.sock.settimeout(PATIENCE)
        try:
            while self.sock.recv(4096):
                pass
        except ConnectionError:
            pass
        self.server.gone.put(self.request)

    def cut(self):
        """Closes the connection, wherever the answer stands."""
        self.sock.shutdown(socket.SHUT_RDWR)

    def hold(self, seconds):
        """A pause in which the other side may go away."""
        select.select([self.sock], [], [], seconds)


class Server:
    """Runs `answer(exchange)` for each request, on a thread a connection. `requests` is what came."""

    def __init__(self, answer=lambda exchange: exchange.say("ok"), host=HOST):
        self.answer, self.requests, self.gone = answer, [], queue.Queue()
        self.listener = socket.create_server((host, 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self.connections = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            self.connections += 1
            threading.Thread(target=self.serve, args=(sock, self.connections), daemon=True).start()

    def serve(self, sock, number):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with sock, sock.makefile("rb") as reader:
            try:
                while (request := read(reader, number)) is not None:
                    self.requests.append(request)
                    self.answer(Exchange(self, sock, request))
            except (ConnectionError, TimeoutError):
                pass

    @property
    def only(self):
        assert len(self.requests) == 1, [request.path for request in self.requests]
        return self.requests[0]

    def saw_it_go(self):
        """The other side closes its connection while an answer waits."""
        return self.gone.get(timeout=PATIENCE)


def read(reader, number):
    line = reader.readline().decode().strip()
    if not line:
        return None
    headers = []
    while header := reader.readline().decode().strip():
        name, _, value = header.partition(":")
        headers.append((name, value.strip()))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Request(number, line, headers, reader.read(length))


def turns(*answers):
    """Answers one request after the other; the last for ever."""
    left = list(answers)
    lock = threading.Lock()

    def answer(exchange):
        with lock:
            this = left.pop(0) if len(left) > 1 else left[0]
        this(exchange)

    return answer


def flood(exchange):
    """Text without end, until the other side goes away."""
    try:
        while True:
            exchange.delta("x" * 1000)
    except ConnectionError:
        exchange.server.gone.put(exchange.request)


class Relay:
    """Passes bytes on to another port of loopback, after a while: a name, a route or a handshake that takes its time."""

    def __init__(self, port, delay=0.0, host=HOST):
        self.to, self.delay, self.taken = port, delay, []
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            self.taken.append(near)
            threading.Thread(target=self.begin, args=(near,), daemon=True).start()

    def begin(self, near):
        threading.Event().wait(self.delay)
        far = socket.create_connection((HOST, self.to))
        threading.Thread(target=copy, args=(far, near), daemon=True).start()
        copy(near, far)


def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def mute():
    """A port that takes connections and never says a word. Returns what must be kept, and its number."""
    listener = socket.create_server((HOST, 0))
    return listener, listener.getsockname()[1]


def full():
    """A port whose backlog is full: connections to it neither stand nor fail. Returns what must be kept, and its number."""
    listener = socket.socket()
    listener.bind((HOST, 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    kept = [listener]
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((HOST, port))
        kept.append(filler)
    return kept, port
