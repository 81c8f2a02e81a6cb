"""A request's deadline, wherever it waits before anybody is asked: nothing is sent after it, and nothing is held."""

from llm import Client, Queue
from server import Server
from suite import config, test
from test_limits import Held, answers, submit

# Far less than any of what is waited for here may take.
SOON = {"timeout_ms": 200}
KEY = "llm_options.timeout_ms"


def late(client, **fields):
    """One request that is out of time, and says so."""
    failed = client.ask("house/m", **SOON, **fields).fails("timeout", "deadline")
    assert failed.status == "LLM_ERR_TIMEOUT", failed.status
    return failed


@test("admission.wait_s", KEY, says="the deadline ends a wait for room")
def _():
    held, queue = Held(), Queue()
    client = Client(config(held.server, provider={"limits": {"in_flight": 1}}, admission={"wait_s": 60}))
    submit(client, queue)
    held.wait(1)
    failed = client.ask("house/m", **SOON)
    assert failed.kind in ("timeout", "rate_limited"), failed.last
    assert client.figures()["admission_waiting"] == 0
    held.go(2)
    assert answers(queue, 1) == ["LLM_OK"]
    client.ask("house/m").succeeds()
    assert len(held.server.requests) == 2


@test("hooks.before", "hooks.attempt", "hooks.timeout_s", KEY, says="the deadline ends a wait for the host's word")
def _():
    for kind in "before", "attempt":
        server = Server()
        late(Client(config(server, hooks={kind: True, "timeout_s": 60})))
        assert not server.requests, kind


@test("providers.P.api_key", KEY, says="the deadline ends a wait for a key that the host gives")
def _():
    server = Server()
    late(Client(config(server, provider={"api_key": "ask"}, hooks={"timeout_s": 60})))
    assert not server.requests


@test("cache.enabled", KEY, says="the deadline ends a wait for the answer to another request; that one goes on")
def _():
    held, queue = Held(), Queue()
    client = Client(config(held.server, cache={"enabled": True}))
    submit(client, queue)
    held.wait(1)
    late(client)
    held.go(1)
    assert answers(queue, 1) == ["LLM_OK"] and len(held.server.requests) == 1
    client.ask("house/m").succeeds()
    assert len(held.server.requests) == 1
