"""Runs a guest where its names are ours to answer: in a network and mount namespace of its own, with a small name server.

    netns.py MOCK_COMMAND GUEST ARGUMENT..      (inside `unshare --mount --net`)
"""
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import servers

GOOD = "127.0.0.1"
ADDRESSES = {"good.test": [GOOD], "slow.test": [GOOD], "second.test": ["127.0.0.9", GOOD], "empty.test": []}
SLOW_S = 1
OK, SERVER_FAILED, NO_SUCH_NAME = 0, 2, 3
A, CLASS_IN = 1, 1


def loopback_up():
    """What `ip link set lo up` does: SIOCSIFFLAGS with IFF_UP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 1))


def use_name_server():
    with tempfile.NamedTemporaryFile("w", suffix=".resolv") as file:
        # Long patience: a library that waits for a hanging look-up is seen to hang.
        file.write(f"nameserver {GOOD}\noptions timeout:15 attempts:2\n")
        file.flush()
        os.chmod(file.name, 0o644)
        subprocess.run(["mount", "--bind", file.name, "/etc/resolv.conf"], check=True)


def question(packet):
    """Name, type and where the question ends (RFC 1035, 4.1.2)."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += packet[at] + 1
    return ".".join(labels).lower(), struct.unpack(">H", packet[at + 1 : at + 3])[0], at + 5


def answer(packet):
    """The answer of the name server; None is no answer at all (RFC 1035, 4.1)."""
    name, kind, end = question(packet)
    if name == "never.test":
        return None
    if name == "slow.test":
        time.sleep(SLOW_S)
    code = SERVER_FAILED if name == "broken.test" else OK if name in ADDRESSES else NO_SUCH_NAME
    records = ADDRESSES.get(name, []) if kind == A else []
    head = packet[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(records), 0, 0)
    # 0xC00C points at the name in the question.
    return head + packet[12:end] + b"".join(struct.pack(">HHHIH", 0xC00C, A, CLASS_IN, 0, 4) + socket.inet_aton(r) for r in records)


def serve(s):
    while True:
        packet, peer = s.recvfrom(1024)
        threading.Thread(target=lambda p=packet, to=peer: (reply := answer(p)) and s.sendto(reply, to), daemon=True).start()


def main():
    loopback_up()
    use_name_server()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((GOOD, 53))
    threading.Thread(target=serve, args=(s,), daemon=True).start()
    mock = servers.Mock(sys.argv[1])
    try:
        return subprocess.run(sys.argv[2:], env=os.environ | {"MOCK": mock.origin}).returncode
    finally:
        mock.kill()


if __name__ == "__main__":
    sys.exit(main())
