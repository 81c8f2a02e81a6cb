"""The list of tests, and what they share. A test belongs to the keys it is named after, and runs in a process of its own."""

import os
import subprocess

TESTS = []
# Set by `servers`: the scripted provider, plain and with TLS, and the certificate of the latter's authority.
MOCK = TLS = CA = None


class Test:
    def __init__(self, keys, sentence, run, needs):
        self.keys, self.run, self.needs = keys, run, needs
        self.name = f"{', '.join(keys)}: {sentence}"


def test(*keys, says, needs=None):
    """Registers a test of these keys; `says` is what the library is held to, `needs` a command that it runs."""

    def register(run):
        TESTS.append(Test(keys, says, run, needs))
        return run

    return register


def house(server, **more):
    """A provider of one's own at this server."""
    return {"wire": "openai_chat", "base_url": f"{server.url}/v1", **more}


def config(server, *, provider=None, **root):
    """One provider, `house`, asked once, and whatever else the test is about."""
    return {"providers": {"house": house(server, **(provider or {}))}, "retry": {"max_attempts": 1}, **root}


def servers(work):
    """Starts both scripted providers; returns their processes."""
    global MOCK, TLS, CA
    folder = os.path.join(work, "ca")
    os.makedirs(folder, exist_ok=True)
    plain, secure = start(), start("--tls-test-ca", folder)
    MOCK, TLS, CA = place(plain), place(secure), os.path.join(folder, "ca.pem")
    return [plain, secure]


def start(*arguments):
    return subprocess.Popen([os.environ["LLM_BIN"], "mock", *arguments], stdout=subprocess.PIPE, text=True)


def place(process):
    line = process.stdout.readline()
    assert line.startswith("listening on "), line
    return line.split()[-1]
