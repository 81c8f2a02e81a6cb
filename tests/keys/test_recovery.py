"""What comes back of its own accord: targets that were ill have their share again, and a storm of failures ends with its cause. Counts
alone: what a server was asked, of so many requests."""

import time

from llm import EVENT, Client, Queue, chat
from server import PATIENCE, Server
from suite import house, test
from test_health import breaker
from test_routes import Field, after, fails, say


def flood(client, model, count, at_once):
    """So many requests, so many of them at once; how many were answered."""
    queue, sent, answered, over = Queue(), 0, 0, 0
    while over < count:
        while sent < count and sent - over < at_once:
            client.submit(queue, chat(model, {}))
            sent += 1
        polled = queue.poll()
        assert polled, f"nothing more came after {over} of {count}"
        ended = [event for event in polled if event.type >= EVENT["DONE"]]
        over += len(ended)
        answered += sum(event.type == EVENT["DONE"] for event in ended)
    return answered


class Patient(Field):
    """A field that can be asked in rounds."""

    def share(self, requests, at_once=1):
        """The part of so many requests that `a` gets."""
        before = self.counts()["a"]
        assert flood(self.client, "m", requests, at_once) == requests
        return (self.counts()["a"] - before) / requests

    def until(self, found, requests, at_once=1):
        """Asks in rounds of so many requests until `a` gets such a part of one."""
        end, seen = time.monotonic() + PATIENCE, []
        while not (seen and found(seen[-1])):
            assert time.monotonic() < end, seen
            seen.append(self.share(requests, at_once))


@test("health.breaker.open", "models.A.strategy", says="a target that was down has its share again when it is well, and no restart is needed")
def _():
    ill = [True]
    for strategy, least in ("round_robin", 0.45), ("weighted", 0.3), ("least_busy", 0.2):
        ill[0] = True
        down = lambda exchange: (fails if ill[0] else say)(exchange)
        field = Patient(down, say, alias={"strategy": strategy}, **breaker(failures=3, open=0.3, open_max=1))
        # Nobody notices: who is refused there is answered elsewhere.
        field.until(lambda part: part == 0, 20)
        ill[0] = False
        field.until(lambda part: part > 0, 10)
        field.until(lambda part: part >= least, 60)
        assert field.client.figures()["retries_unpaid_total"] == 0


@test("models.A.strategy", says="latency: a target that was slow has its share again when it is fast, and no restart is needed")
def _():
    slow = [0.005]
    field = Patient(lambda exchange: after(slow[0])(exchange), after(0.005), alias={"strategy": "latency"})
    field.until(lambda part: part >= 0.3, 160, at_once=16)
    slow[0] = 0.15
    field.until(lambda part: part <= 0.2, 160, at_once=16)
    slow[0] = 0.005
    field.until(lambda part: part >= 0.3, 160, at_once=16)


@test("retry.budget", "retry.budget.ratio", "retry.budget.floor", says="a storm: of thousands that are refused a fifth is tried again, and all is well once the provider is")
def _():
    refuses = lambda exchange: exchange.unavailable()
    for bucket, offered in (500, 2000), (1_000_000, 2000), (0, 200):
        server = Server(refuses)
        client = Client({"providers": {"house": house(server)}, "retry": {"budget": {"bucket": bucket}}})
        began = time.monotonic()
        assert flood(client, "house/m", offered, 64) == 0
        sent, seconds = len(server.requests), time.monotonic() - began
        if bucket == 0:
            # What there would be without a budget.
            assert sent == 3 * offered, sent
            continue
        # Ten a second beside a fifth, of the last ten seconds at any time.
        assert offered < sent <= 1.2 * offered + 10 * (10 + seconds), (bucket, sent, seconds)
        server.answer = say
        assert flood(client, "house/m", 200, 64) == 200 and len(server.requests) == sent + 200
        # And what fails is tried again.
        server.answer = lambda exchange: (refuses if len(server.requests) == sent + 201 else say)(exchange)
        assert client.ask("house/m").succeeds("ok").targets == ["house/m"] * 2
