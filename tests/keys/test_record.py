"""`record` and `replay`: what was answered once is answered again, by nobody."""

import json
import os
import pathlib
import tempfile

from llm import CONFIG, Client, refused
from server import Server
from suite import config, test


@test("record", "replay", says="writes exchanges without secrets, and plays them without a server or a key")
def _():
    server = Server()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OPENAI_API_KEY"] = "sk-canary-canary"
        os.environ["OPENAI_BASE_URL"] = f"{server.url}/v1"
        Client({"record": folder}).ask("openai/m").succeeds("ok")
        assert server.only.key == "Bearer sk-canary-canary"
        file, = pathlib.Path(folder).iterdir()
        said = file.read_text()
        assert "canary" not in said and json.loads(said)["answer"]["status"] == 200, said
        assert file.stat().st_mode & 0o777 == 0o600
        del os.environ["OPENAI_API_KEY"]
        client = Client({"replay": folder})
        client.ask("openai/m").succeeds("ok")
        answer = client.ask("openai/m").fails("config", "replay: no more recording")
        assert answer.status == CONFIG
        assert len(server.requests) == 1


@test("record", says="begins behind what is there, and a folder that cannot be made is refused")
def _():
    with tempfile.TemporaryDirectory() as folder:
        for count in 1, 2:
            Client(config(Server(), record=f"{folder}/deep")).ask("house/m").succeeds("ok")
            names = sorted(path.name for path in pathlib.Path(folder, "deep").iterdir())
            assert names == ["000001.json", "000002.json"][:count], names
        refused(lambda: Client({"record": "/dev/null/x"}), CONFIG, "record: cannot write to /dev/null/x")
        refused(lambda: Client({"record": ""}), CONFIG, "record: expected the path of a folder")


@test("replay", says="is instead of asking, not beside it; its folder must be there")
def _():
    refused(lambda: Client({"replay": "/no/such"}), CONFIG, "replay: cannot read /no/such")
    with tempfile.TemporaryDirectory() as folder:
        refused(lambda: Client({"replay": folder, "record": folder}), CONFIG, "goes without replay")
        client = Client({"replay": folder})
        client.ask("openai/m").fails("config", "replay: no recording")
        # Models of scripts are no providers.
        client.ask("mock/text=ok").succeeds("ok")
