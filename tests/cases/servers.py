"""What a case is played against: `libllm mock`, a server that says one fixed answer, a port where nobody listens; and the runner."""

import http.client
import http.server
import json
import re
import socket
import subprocess
import threading
import time

# A runner that says nothing for so long hangs.
SILENCE_S = 60
# For the mock to hear of a closed connection.
PATIENCE_S = 10


class World:
    """Servers of one runner."""

    def __init__(self, binary):
        self.binary, self.mock = binary, None
        self.raw = Raw()
        self.closed = socket.socket()
        self.closed.bind(("127.0.0.1", 0))
        ports = {"$RAW": self.raw.server_port, "$CLOSED": self.closed.getsockname()[1]}
        self.places = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        self.raw.shutdown()
        self.raw.server_close()
        self.closed.close()

    def filled(self, text):
        for name, place in self.places.items():
            text = text.replace(name, place)
        return text

    def emptied(self, text):
        for name, place in self.places.items():
            text = text.replace(place, name).replace(place.removeprefix("http://"), name)
        return text

    def begin(self, says):
        """A mock of its own for each case: its requests count from one, and so do the ids that it makes of them."""
        self.end()
        self.raw.says = says
        self.mock = subprocess.Popen([self.binary, "mock"], stdout=subprocess.PIPE, text=True)
        self.places["$MOCK"] = self.mock.stdout.readline().strip().removeprefix("listening on ")

    def end(self):
        if self.mock:
            self.mock.kill()
            self.mock.wait()
            self.mock.stdout.close()

    def seen(self, wanted):
        """What the mock saw, once it is what is wanted: it learns of a closed connection a moment after it was closed."""
        end = time.monotonic() + PATIENCE_S
        while True:
            seen = self.stats()
            if all(seen[key] == value for key, value in wanted.items()) or time.monotonic() > end:
                return seen
            time.sleep(0.005)

    def stats(self):
        connection = http.client.HTTPConnection(self.places["$MOCK"].removeprefix("http://"))
        try:
            connection.request("GET", "/stats")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


class Raw(http.server.ThreadingHTTPServer):
    """Answers every request with what the case says, as it is written there."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.says = None
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


def said(text, asked, headers):
    """`$BODY(KEY)` is that member of the request, `$HEADER(NAME)` that header."""
    text = re.sub(r"\$BODY\((\w+)\)", lambda found: json.dumps(asked.get(found[1])), text)
    return re.sub(r"\$HEADER\(([\w-]+)\)", lambda found: headers.get(found[1], "none"), text)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = self.rfile.read(int(self.headers.get("content-length", 0)))
        says = self.server.says
        body = said(says["body"], json.loads(asked), self.headers).encode()
        self.send_response(says.get("status", 200))
        for name, value in {"content-type": "text/event-stream", **says.get("headers", {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Program:
    """A runner: a case in by a line, its result out by a line."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def ask(self, line):
        watch = threading.Timer(SILENCE_S, self.process.kill)
        watch.start()
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
            said = self.process.stdout.readline()
        finally:
            watch.cancel()
        if not said:
            name = line.split("\t", 1)[0]
            raise RuntimeError(f"the runner ended, or said nothing for {SILENCE_S} s, at case {name}")
        return said
