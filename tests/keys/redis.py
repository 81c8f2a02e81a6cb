"""A real redis-server of its own for a test: started on a free loopback port, paused, killed and started again."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE = 10


class Redis:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="redis-", dir=os.environ.get("LLM_WORK"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = None
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        command = [shutil.which("redis-server", path=os.environ["PATH"] + ":/usr/sbin"), "--port", str(self.port), "--bind", "127.0.0.1",
                   "--save", "", "--appendonly", "no", "--dir", self.folder]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while self.ask("PING") != "PONG":
            assert time.monotonic() < until and self.process.poll() is None, "redis-server did not start"
            time.sleep(0.02)

    def ask(self, *words):
        """One command, and what is answered: a line, a number, a text or a list."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as sock, sock.makefile("rb") as reader:
                parts = [str(word).encode() for word in words]
                sock.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
                return answer(reader)
        except OSError:
            return None

    def kill(self):
        """As a machine that loses its power."""
        self.process.kill()
        self.process.wait()

    def pause(self):
        """It takes connections and does not answer."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def answer(reader):
    line = reader.readline().decode().rstrip("\r\n")
    kind, rest = line[:1], line[1:]
    if kind == "$":
        return None if rest == "-1" else reader.read(int(rest) + 2)[:-2].decode()
    if kind == "*":
        return [answer(reader) for _ in range(int(rest))]
    return int(rest) if kind == ":" else rest


def until(found, seconds=PATIENCE):
    """Waits for what happens behind the caller's back."""
    end = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
    return result
