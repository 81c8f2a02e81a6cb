"""Limits in time: each at the client, the provider and the target, the nearest before the farther; a request's own are in
test_options and test_fields.

A short limit must end what would otherwise last for ever. A long one near by must save what a short one farther away would end.
Only outcomes are looked at, never how long they took."""

import threading
import time

import suite
from llm import EVENT, FLAG, Client, Queue, chat, check, library
from server import PATIENCE, Relay, Server, flood, full, mute
from suite import config, house, test

SHORT, LONG = 0.08, 20
# Beyond SHORT by so much that a limit of that length would have ended it.
PAUSE = 0.3
LEVELS = ("client", "provider", "target")


def configured(key, said, provider):
    """A configuration whose alias `m` goes to `provider`; `said` gives the limit at some of the levels."""
    at = {level: {"timeouts": {key: seconds}} for level, seconds in said.items()}
    target = {"model": "house/m", **at.get("target", {})}
    return {"providers": {"house": {**provider, **at.get("provider", {})}}, "models": {"m": {"targets": [target]}},
            "retry": {"max_attempts": 1}, **at.get("client", {})}


class Asked:
    """A case in which the limit counts: what never ends without it, and what only takes its time."""

    kind, words, body = "timeout", "", {}

    def never(self, config_of, **fields):
        server = Server(self.for_ever)
        Client(config_of(house(server))).ask("m", body=self.body, **fields).fails(self.kind, self.words)

    def slowly(self, config_of, **fields):
        server = Server(self.for_a_while)
        Client(config_of(house(server))).ask("m", body=self.body, **fields).succeeds("ok")


class FirstToken(Asked):
    words = "first token within"

    def for_ever(self, exchange):
        exchange.head()
        exchange.delta("", role="assistant")
        exchange.wait()

    def for_a_while(self, exchange):
        exchange.hold(PAUSE)
        exchange.say("ok")


class Idle(Asked):
    words = "no bytes for"

    def for_ever(self, exchange):
        exchange.head()
        exchange.delta("o")
        exchange.wait()

    def for_a_while(self, exchange):
        exchange.head()
        exchange.delta("o")
        exchange.hold(PAUSE)
        exchange.delta("k")
        exchange.finish()
        exchange.end()


class KeepaliveOnly(Asked):
    words = "nothing but keep-alives"

    def for_ever(self, exchange):
        exchange.head()
        exchange.delta("o")
        while True:
            exchange.piece(": keep-alive\n\n")
            exchange.hold(SHORT / 4)

    def for_a_while(self, exchange):
        exchange.head()
        exchange.delta("o")
        for _ in range(6):
            exchange.piece(": keep-alive\n\n")
            exchange.hold(PAUSE / 6)
        exchange.delta("k")
        exchange.finish()
        exchange.end()


class TotalUnary(Asked):
    words, body = "deadline", {"stream": False}

    def for_ever(self, exchange):
        exchange.wait()

    def for_a_while(self, exchange):
        exchange.hold(PAUSE)
        exchange.say("ok")


class Connect(Asked):
    """TLS counts as a part of connecting: a peer that takes the connection and says nothing is none."""

    kind, words = "connect", "no connection within"

    def never(self, config_of, **fields):
        kept, port = mute()
        provider = {"wire": "openai_chat", "base_url": f"https://127.0.0.1:{port}/v1", "tls": {"ca_file": suite.CA}}
        answer = Client(config_of(provider)).ask("m", **fields).fails(self.kind, self.words)
        assert answer.last["phase"] == "connect", answer.last
        kept.close()

    def slowly(self, config_of, **fields):
        relay = Relay(int(suite.TLS.rsplit(":", 1)[1]), PAUSE)
        provider = {"wire": "openai_chat", "base_url": f"https://127.0.0.1:{relay.port}/v1", "tls": {"ca_file": suite.CA}}
        config = config_of(provider)
        config["models"]["m"]["targets"][0]["model"] = "house/text=ok"
        Client(config).ask("m", **fields).succeeds("ok")


class ConsumerStall(Asked):
    """A consumer that takes nothing, of a request that may hold 4 KiB."""

    kind, words = "consumer_stalled", "left events unread"

    def submitted(self, config_of, answer, **fields):
        server, queue = Server(answer), Queue()
        client = Client({**config_of(house(server)), "memory": {"per_stream": 4096}})
        client.submit(queue, chat("m", {}), flags=FLAG["NO_COALESCE"], **fields)
        return server, queue

    def never(self, config_of, **fields):
        def answer(exchange):
            exchange.head()
            flood(exchange)

        server, queue = self.submitted(config_of, answer, **fields)
        server.saw_it_go()
        answer = queue.answer().fails(self.kind, self.words)
        assert answer.status == "LLM_ERR_STALLED" and answer.text, answer.last

    def slowly(self, config_of, **fields):
        sent = threading.Event()

        def answer(exchange):
            exchange.head()
            for _ in range(20):
                exchange.delta("x" * 1000)
            exchange.finish()
            exchange.end()
            sent.set()

        _, queue = self.submitted(config_of, answer, **fields)
        assert sent.wait(PATIENCE)
        threading.Event().wait(PAUSE)
        queue.answer().succeeds("x" * 20_000)


CASES = {"connect": Connect(), "first_token": FirstToken(), "idle": Idle(), "keepalive_only": KeepaliveOnly(),
         "total_unary": TotalUnary(), "consumer_stall": ConsumerStall()}


def named(key, level):
    return {"client": "", "provider": "providers.P.", "target": "models.A.targets[]."}[level] + f"timeouts.{key}"


def short_at(key, case, level):
    @test(named(key, level), says="a short one ends what would last for ever")
    def _():
        case.never(lambda provider: configured(key, {level: SHORT}, provider))


def nearest_at(key, case, near, far):
    @test(named(key, near), says=f"a long one comes before a short one of the {far}")
    def _():
        case.slowly(lambda provider: configured(key, {near: LONG, far: SHORT}, provider))


def farther_at(key, case, near, far):
    @test(named(key, near), says=f"a short one comes before a long one of the {far}")
    def _():
        case.never(lambda provider: configured(key, {near: SHORT, far: LONG}, provider))


for key, case in CASES.items():
    for level in LEVELS:
        short_at(key, case, level)
    for near, far in ("provider", "client"), ("target", "provider"):
        nearest_at(key, case, near, far)
        farther_at(key, case, near, far)


@test("timeouts.connect", says="a port that neither takes nor refuses is given up, and the next target is asked")
def _():
    kept, port = full()
    server = Server()
    far = {"wire": "openai_chat", "base_url": f"http://127.0.0.1:{port}/v1", "timeouts": {"connect": SHORT}}
    targets = [{"model": "far/m"}, {"model": "house/m"}]
    client = Client({"providers": {"far": far, "house": house(server)}, "models": {"m": {"targets": targets}}})
    answer = client.ask("m").succeeds("ok")
    assert answer.last["attempts"][0]["kind"] == "connect", answer.last
    assert kept


@test("timeouts.first_token", says="an answer without a head is late, too")
def _():
    server = Server(lambda exchange: exchange.wait())
    Client(config(server, timeouts={"first_token": SHORT})).ask("house/m").fails("timeout", "did not come within")
    server.saw_it_go()


@test("timeouts.first_token", says="what is set holds for a model that reasons, too")
def _():
    server = Server(FirstToken().for_ever)
    body = {"reasoning_effort": "high"}
    Client(config(server, timeouts={"first_token": SHORT})).ask("house/m", body=body).fails("timeout", "first token within")


@test("timeouts.first_token", says="of an answer that is not a stream it does not count")
def _():
    server = Server(FirstToken().for_a_while)
    limits = {"first_token": SHORT, "idle": SHORT, "keepalive_only": SHORT}
    Client(config(server, timeouts=limits)).ask("house/m", body={"stream": False}).succeeds("ok")


@test("timeouts.idle", says="keep-alives are bytes")
def _():
    def answer(exchange):
        exchange.head()
        exchange.delta("o")
        for _ in range(20):
            exchange.piece(": keep-alive\n\n")
            exchange.hold(0.04)
        exchange.delta("k")
        exchange.finish()
        exchange.end()

    Client(config(Server(answer), timeouts={"idle": 0.6})).ask("house/m").succeeds("ok")


@test("timeouts.keepalive_only", says="a ping of the format is a keep-alive, too")
def _():
    def answer(exchange):
        exchange.head()
        start = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 1}}
        exchange.event({"type": "message_start", "message": start})
        while True:
            exchange.event({"type": "ping"})
            exchange.hold(SHORT / 4)

    limits = {"keepalive_only": SHORT}
    client = Client(config(Server(answer), provider={"wire": "anthropic"}, timeouts=limits))
    client.ask("house/m").fails("timeout", "nothing but keep-alives")


@test("timeouts.total_unary", says="streams have no total")
def _():
    server = Server(TotalUnary().for_a_while)
    Client(config(server, timeouts={"total_unary": SHORT})).ask("house/m").succeeds("ok")


@test("timeouts.total_unary", says="retries are inside it")
def _():
    server = Server(lambda exchange: exchange.fail(503, "retry-after-ms: 30"))
    client = Client(config(server, timeouts={"total_unary": SHORT}, retry={"max_attempts": 10}))
    client.ask("house/m", body={"stream": False})
    assert 1 <= len(server.requests) < 10, len(server.requests)


@test("timeouts.total_unary", says="of several targets the first one's counts")
def _():
    down, slow = Server(lambda exchange: exchange.unavailable()), Server(TotalUnary().for_a_while)
    for first, second, outcome in (LONG, SHORT, "LLM_OK"), (SHORT, LONG, "LLM_ERR_TIMEOUT"):
        providers = {"down": house(down, timeouts={"total_unary": first}), "slow": house(slow, timeouts={"total_unary": second})}
        client = Client({"providers": providers, "models": {"m": {"targets": [{"model": "down/m"}, {"model": "slow/m"}]}}})
        answer = client.ask("m", body={"stream": False})
        assert answer.status == outcome, answer.last


@test("timeouts.consumer_stall", says="a paused request stalls as well")
def _():
    begun = threading.Event()

    def answer(exchange):
        exchange.head()
        exchange.delta("a")
        assert begun.wait(PATIENCE)
        flood(exchange)

    server, queue = Server(answer), Queue()
    number = Client(config(server, timeouts={"consumer_stall": SHORT})).submit(queue, chat("house/m", {}))
    earlier = queue.until(lambda event: event.type == EVENT["TEXT"])
    check(library().llm_pause(number, 1))
    begun.set()
    server.saw_it_go()
    queue.answer(earlier).fails("consumer_stalled", "left events unread")


@test("timeouts.consumer_stall", says="is for a consumer that reads nothing: one that reads others' events is slow, not stalled")
def _():
    stall, streams, queue = 2, 8, Queue(512 << 10)
    client = Client({"timeouts": {"consumer_stall": stall}})
    numbers = {client.submit(queue, chat("mock/tokens=6000", {})) for _ in range(streams)}
    events = []
    # An event each quarter of the limit, for three limits: some requests have none of it for longer than the limit.
    for _ in range(3 * 4):
        events += queue.poll(at_most=1)
        time.sleep(stall / 4)
    while sum(event.type >= EVENT["DONE"] for event in events) < streams:
        events += queue.poll()
    ends = {event.request: event.type for event in events if event.type >= EVENT["DONE"]}
    assert ends == dict.fromkeys(numbers, EVENT["DONE"]), ends
