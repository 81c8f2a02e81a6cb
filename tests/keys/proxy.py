"""A proxy of these tests: HTTP with CONNECT, or SOCKS 5. It finds every host at the same port of this machine, and keeps what it
was asked for."""

import base64
import select
import socket
import ssl
import struct
import threading

from server import HOST, copy


class Proxy:
    """`auth` is (user, password), which are then required; `tls` a context to speak by; `only` answers everybody with this."""

    def __init__(self, kind="http", auth=None, tls=None, only=None):
        self.kind, self.auth, self.tls, self.only = kind, auth, tls, only
        self.asked = []
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, scheme=None, user=""):
        return f"{scheme or self.kind}://{user}{HOST}:{self.port}"

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            threading.Thread(target=self.begin, args=(near,), daemon=True).start()

    def begin(self, near):
        try:
            if self.tls:
                near = self.tls.wrap_socket(near, server_side=True)
            with near:
                self.http(near) if self.kind == "http" else self.socks(near)
        except (OSError, EOFError):
            pass

    def http(self, near):
        head = until(near, b"\r\n\r\n")
        line, *headers = head.decode().strip().split("\r\n")
        method, target, _ = line.split()
        self.asked.append(f"{method} {target}")
        given = [value.split(": ", 1)[1] for value in headers if value.lower().startswith("proxy-authorization: ")]
        if self.only:
            return near.sendall(self.only)
        if self.auth and given != ["Basic " + base64.b64encode(":".join(self.auth).encode()).decode()]:
            return near.sendall(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n")
        if method == "CONNECT":
            far = socket.create_connection((HOST, int(target.rsplit(":", 1)[1])))
            near.sendall(b"HTTP/1.1 200 Go on\r\nx-proxy: yes\r\n\r\n")
        else:
            place, _, path = target.removeprefix("http://").partition("/")
            far = socket.create_connection((HOST, int(place.rsplit(":", 1)[1])))
            headers = [header for header in headers if not header.lower().startswith("proxy-")]
            far.sendall("\r\n".join([f"{method} /{path} HTTP/1.1", *headers, "\r\n"]).encode())
        join(near, far)

    def socks(self, near):
        version, count = exactly(near, 2)
        methods = exactly(near, count)
        wanted = 2 if self.auth else 0
        if version != 5 or wanted not in methods:
            return near.sendall(b"\x05\xff")
        near.sendall(bytes([5, wanted]))
        if self.auth:
            exactly(near, 1)
            words = tuple(exactly(near, exactly(near, 1)[0]).decode() for _ in range(2))
            near.sendall(b"\x01\x00" if words == self.auth else b"\x01\x01")
            if words != self.auth:
                return None
        _, _, _, kind = exactly(near, 4)
        host = {1: lambda: socket.inet_ntoa(exactly(near, 4)), 3: lambda: exactly(near, exactly(near, 1)[0]).decode(),
                4: lambda: socket.inet_ntop(socket.AF_INET6, exactly(near, 16))}[kind]()
        port, = struct.unpack(">H", exactly(near, 2))
        self.asked.append(f"SOCKS {host}:{port}")
        if self.only:
            return near.sendall(self.only)
        far = socket.create_connection((HOST, port))
        # Its own address by name, which is read over like any other.
        near.sendall(b"\x05\x00\x00\x03\x04here\x00\x00")
        join(near, far)
        return None


def exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def until(sock, end):
    data = b""
    while not data.endswith(end):
        data += exactly(sock, 1)
    return data


def join(near, far):
    threading.Thread(target=copy, args=(far, near), daemon=True).start()
    copy(near, far)
    # The other direction ends by itself; until then nothing is closed.
    select.select([far], [], [], 10)


def context(certificate, key):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made
