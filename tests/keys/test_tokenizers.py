"""`[catalog.tokenizers]`: what a vocabulary at hand counts, and what it does not."""

import base64
import itertools
import json
import os
import pathlib

from llm import CONFIG, Client, refused
from server import Server
from suite import config, test

NUMBERS = itertools.count()
KEYS = [f"catalog.tokenizers.T.{key}" for key in ("file", "split", "models", "per_message", "per_answer")]


def vocabulary(*more, lines=()):
    """A file of all single bytes, and these."""
    tokens = [bytes([byte]) for byte in range(256)] + [token.encode() for token in more]
    path = pathlib.Path(os.environ["LLM_WORK"], f"vocabulary-{os.getpid()}-{next(NUMBERS)}.tiktoken")
    path.write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens)) + "".join(lines))
    return str(path)


def counted(client, text, model="house/m", **body):
    body = {"messages": [{"role": "user", "content": text}], **body}
    answer = client.ask(model, operation="count_tokens", body=body).succeeds("")
    [told] = [event.data for event in answer.events if event.type == 6]
    said = json.loads(told)
    return said["source"], said["prompt_tokens"]


def client_of(server, wire="anthropic", **said):
    said = {"file": vocabulary("us", "er", "user", "ab", "oB"), "split": "o200k", "models": ["house/m*"], "per_message": 0, "per_answer": 0, **said}
    said = {key: value for key, value in said.items() if value is not None}
    return Client(config(server, provider={"wire": wire}, catalog={"tokenizers": {"t": said}}))


@test(*KEYS[:3], says="counts by the model's own vocabulary, exactly; nobody is asked")
def _():
    server = Server(lambda exchange: exchange.whole(200, {"input_tokens": 17}))
    client = client_of(server)
    # The role, and four of text.
    assert counted(client, "abab!!") == ("tokenizer", 1 + 4)
    assert counted(client, [{"type": "text", "text": "ab"}, {"type": "text", "text": "ab"}]) == ("tokenizer", 1 + 2)
    assert counted(client, "fooBar", "house/mini") == ("tokenizer", 1 + 6)
    # A long text takes several turns.
    assert counted(client, "ab " * 50_000) == ("tokenizer", 1 + 100_000)
    assert not server.requests
    # What it does not know, or whose it is not, is the provider's to count.
    assert counted(client, "ab", "house/other") == ("provider", 17)
    assert counted(client, "ab", tools=[{"type": "function", "function": {"name": "f"}}]) == ("provider", 17)
    assert len(server.requests) == 2
    # The older way cuts no word where its letters grow.
    assert counted(client_of(server, split="cl100k", models=["m"]), "fooBar") == ("tokenizer", 1 + 5)


@test(*KEYS[3:], says="are what is around a message, and before the answer; OpenAI's where nothing is said")
def _():
    server = Server()
    two = [{"role": "user", "content": "ab"}, {"role": "user", "name": "ab", "content": "ab"}]
    texts = 2 + 3
    assert counted(client_of(server, per_message=4), "", messages=two) == ("tokenizer", texts + 2 * 4 + 1)
    assert counted(client_of(server, per_answer=5), "", messages=two) == ("tokenizer", texts + 1 + 5)
    assert counted(client_of(server, per_message=None, per_answer=None), "", messages=two) == ("tokenizer", texts + 2 * 3 + 1 + 3)


@test(*KEYS, says="are refused where they are wrong, with the line of the file")
def _():
    server = Server()
    key = "catalog.tokenizers.t"
    refused(lambda: client_of(server, file="/nowhere/o200k"), CONFIG, f"{key}.file: cannot read /nowhere/o200k")
    refused(lambda: client_of(server, file=vocabulary(lines=["ab\n"])), CONFIG, f"{key}.file", "line 257: expected a token in base64")
    refused(lambda: client_of(server, file=None), CONFIG, key, "file")
    refused(lambda: client_of(server, split="gpt2"), CONFIG, f"{key}.split", "o200k")
    refused(lambda: client_of(server, models=[]), CONFIG, key, "models")
    refused(lambda: client_of(server, models=3), CONFIG, f"{key}.models")
    for name in "per_message", "per_answer":
        refused(lambda name=name: client_of(server, **{name: -1}), CONFIG, f"{key}.{name}", "0 to 1000")
    refused(lambda: client_of(server, pattern="x"), CONFIG, "unknown key catalog.tokenizers.t.pattern")
