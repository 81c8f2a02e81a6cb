"""The variables: LLM_CONFIG, LLM_LOG, keys, places and organizations of the built-in providers. They are read when a client is
made."""

import ctypes
import json
import os
import pathlib
import tempfile
import tomllib

from llm import AUTH, CONFIG, INVALID, Client, check, library, refused, status_name
from server import Server
from suite import config, test

# Who is asked with a key, in a format that the server of these tests speaks.
ROWS = tomllib.loads(pathlib.Path(os.environ["LLM_ROOT"], "proto/data/providers.toml").read_text())["provider"]
BUILT = [row for row in ROWS if row["wire"] in ("openai_chat", "azure_openai", "anthropic", "cohere", "ollama", "gemini")
         and row["auth"] not in ("sigv4", "google", "entra")]


def asked(provider):
    """The one request that a built-in provider gets, moved to this machine by its table."""
    server = Server()
    client = Client({"providers": {provider: {"base_url": server.url}}})
    client.ask(f"{provider}/m", body={"max_tokens": 5}).succeeds("ok")
    return server.only


def key_of(row):
    """Variables of one built-in provider, in the order in which they count."""

    @test(*row["key_env"], says=f"is the key of {row['id']}")
    def _():
        header = row["auth"].removeprefix("header:") if row["auth"] != "bearer" else "authorization"
        for name in reversed(row["key_env"]):
            os.environ[name] = f" key-of-{name}\n"
            assert asked(row["id"]).headers[header].split()[-1] == f"key-of-{name}", name
        for name in row["key_env"]:
            del os.environ[name]
        if row.get("key_optional"):
            assert header not in asked(row["id"]).headers
        else:
            words = [f"provider {row['id']} has no key", *row["key_env"], f"[providers.{row['id']}]"]
            refused(lambda: asked(row["id"]), AUTH, *words)


def place_of(row):
    @test(row["base_url_env"], says=f"is the place of {row['id']}, before the built-in one and behind the configuration")
    def _():
        server, other = Server(), Server()
        os.environ[row["base_url_env"]] = f"{server.url}/from/variable/"
        os.environ[row["key_env"][0]] = "k"
        Client({}).ask(f"{row['id']}/m", body={"max_tokens": 5}).succeeds("ok")
        assert server.only.path.startswith("/from/variable/"), server.only.path
        Client({"providers": {row["id"]: {"base_url": other.url}}}).ask(f"{row['id']}/m", body={"max_tokens": 5}).succeeds("ok")
        assert len(server.requests) == 1 and other.only

    @test(row["base_url_env"], says=f"that is no URL takes {row['id']} away, and says so to who asks for it")
    def _():
        os.environ[row["base_url_env"]] = "no url"
        client = Client({})
        client.ask("mock/text=ok").succeeds("ok")
        refused(lambda: client.ask(f"{row['id']}/m"), CONFIG, row["base_url_env"])


for row in BUILT:
    key_of(row)
    if "base_url_env" in row:
        place_of(row)


@test("OLLAMA_HOST", says="is a host, a host and port, or an origin")
def _():
    server = Server()
    for host in f"127.0.0.1:{server.port}", server.url, f"0.0.0.0:{server.port}":
        os.environ["OLLAMA_HOST"] = host
        Client({}).ask("ollama/m").succeeds("ok")
        assert server.requests.pop().path == "/v1/chat/completions", host


def origin_of(row):
    @test(row["host_env"], says=f"is the origin of {row['id']}, whose path stays")
    def _():
        server = Server()
        os.environ.update({row["host_env"]: f"http://127.0.0.1:{server.port}", row["key_env"][0]: "k"})
        Client({}).ask(f"{row['id']}/m").succeeds("ok")
        assert (server.only.path, server.only.key) == ("/v1/chat/completions", "Bearer k"), server.only.path


for row in BUILT:
    if row.get("host_env") in ("GRADIENT_INFERENCE_ENDPOINT", "INFERENCE_URL", "XINFERENCE_ENDPOINT"):
        origin_of(row)


@test("AZURE_OPENAI_ENDPOINT", says="is the resource of both of Azure's rows; the key goes nowhere without it")
def _():
    server = Server()
    os.environ.update(AZURE_OPENAI_API_KEY="k", AZURE_OPENAI_ENDPOINT=f"{server.url.removesuffix('/v1')}/")
    client = Client({})
    client.ask("azure/m").succeeds("ok")
    client.ask("azure_deployments/m").succeeds("ok")
    v1, deployed = server.requests
    assert v1.path == "/openai/v1/chat/completions" and v1.headers["api-key"] == "k", v1.path
    assert deployed.path.startswith("/openai/deployments/m/chat/completions?api-version="), deployed.path
    del os.environ["AZURE_OPENAI_ENDPOINT"]
    nowhere = Client({"retry": {"max_attempts": 1}}).ask("azure/m")
    assert nowhere.kind == "connect" and "set-azure-openai-endpoint" in nowhere.message, nowhere.message


@test("DATABRICKS_HOST", says="is the workspace; the key goes nowhere without it")
def _():
    server = Server()
    os.environ.update(DATABRICKS_TOKEN="k", DATABRICKS_HOST=server.url)
    Client({}).ask("databricks/m").succeeds("ok")
    assert (server.only.path, server.only.key) == ("/serving-endpoints/chat/completions", "Bearer k"), server.only.path
    del os.environ["DATABRICKS_HOST"]
    nowhere = Client({"retry": {"max_attempts": 1}}).ask("databricks/m")
    assert nowhere.kind == "connect" and "set-databricks-host" in nowhere.message, nowhere.message


@test("CLOUDFLARE_ACCOUNT_ID", "SNOWFLAKE_ACCOUNT", says="are part of the address, and asked for where they are missing")
def _():
    for provider, key, account in ("cloudflare", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID"), ("snowflake", "SNOWFLAKE_PAT", "SNOWFLAKE_ACCOUNT"):
        os.environ[key] = "k"
        client = Client({"retry": {"max_attempts": 1}})
        refused(lambda: client.ask(f"{provider}/m"), CONFIG, account)


@test("OPENAI_ORG_ID", says="is OpenAI's organization, behind the configuration's")
def _():
    os.environ.update(OPENAI_ORG_ID="org-variable", OPENAI_API_KEY="k")
    assert asked("openai").headers["openai-organization"] == "org-variable"
    server = Server()
    Client({"providers": {"openai": {"base_url": server.url, "organization": "org-text"}}}).ask("openai/m").succeeds("ok")
    assert server.only.headers["openai-organization"] == "org-text"


@test("LLM_CONFIG", says="names the file that an empty configuration means")
def _():
    server = Server()
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(f'default_model = "house/m"\n[providers.house]\nwire = "openai_chat"\nbase_url = "{server.url}"\n')
        file.flush()
        os.environ["LLM_CONFIG"] = file.name
        for text in "", " \n", "{}", "{ }":
            Client(text).ask(None).succeeds("ok")
        handle, error = ctypes.c_void_p(), ctypes.c_void_p()
        check(library().llm_client_new(None, 0, ctypes.byref(handle), ctypes.byref(error)), error)
        refused(lambda: Client({"retry": {}}).ask(None), INVALID, "no default_model")
        assert len(server.requests) == 4
        # The simple call has no other configuration.
        status = library().llm_invoke(None, b'{"messages":[{"role":"user","content":"hi"}]}', None, None)
        assert status_name(status) == "LLM_OK" and len(server.requests) == 5


@test("LLM_CONFIG", says="that cannot be read, or is wrong, is told with its name and line")
def _():
    os.environ["LLM_CONFIG"] = "/no/such/llm.toml"
    refused(lambda: Client(""), CONFIG, "LLM_CONFIG", "cannot read config file /no/such/llm.toml")
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write("[retry]\n\nmax_attemps = 3\n")
        file.flush()
        os.environ["LLM_CONFIG"] = file.name
        refused(lambda: Client("{}"), CONFIG, f"config file {file.name} line 3, column 1", "unknown key retry.max_attemps")


@test("@PATH", says="reads a file, JSON or TOML")
def _():
    server = Server()
    toml = f'default_model = "h/m"\n[providers.h]\nwire = "openai_chat"\nbase_url = "{server.url}"'
    for text in json.dumps(config(server, default_model="house/m")), toml:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            Client(f"@{file.name}").ask(None).succeeds("ok")
    refused(lambda: Client("@/no/such"), CONFIG, "cannot read config file /no/such")


def logged(level):
    """What one failing request writes to standard error."""
    kept = os.dup(2)
    with tempfile.TemporaryFile("w+") as file:
        os.dup2(file.fileno(), 2)
        os.environ["LLM_LOG"] = level
        Client({}).ask("mock/status=400").fails("invalid_request")
        os.dup2(kept, 2)
        file.seek(0)
        return file.read()


@test("LLM_LOG", says="logs to standard error from this level on")
def _():
    text = logged("hyper=trace,libllm=warn")
    assert "WARN libllm" in text and "kind=invalid_request" in text, text


@test("LLM_LOG", says="is quiet below its level, and when it is off or says nothing of this library")
def _():
    for level in "error", "off", "hyper=trace", "nonsense":
        assert logged(level) == "", level


@test("environment", says="is read when a client is made or reloaded, and never again")
def _():
    server = Server()
    os.environ["HOUSE_KEY"] = "first"
    said = config(server, provider={"api_key": "env:HOUSE_KEY"})
    client = Client(said)
    os.environ["HOUSE_KEY"] = "second"
    client.ask("house/m").succeeds("ok")
    client.reload(said)
    client.ask("house/m").succeeds("ok")
    assert [request.key for request in server.requests] == ["Bearer first", "Bearer second"]


@test("AWS_BEARER_TOKEN_BEDROCK", says="is the key of bedrock, and goes before keys that sign")
def _():
    os.environ.update(AWS_BEARER_TOKEN_BEDROCK="k", AWS_ACCESS_KEY_ID="i", AWS_SECRET_ACCESS_KEY="s")
    request = asked("bedrock")
    assert (request.key, request.path) == ("Bearer k", "/model/m/converse-stream")
