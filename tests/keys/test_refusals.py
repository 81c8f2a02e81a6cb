"""What is wrong in a configuration is refused whole, with its place and the nearest name; nothing is ignored."""

from llm import AUTH, CONFIG, Client, refused
from server import Server
from suite import config, test

@test("unknown keys", says="are refused with their place and the nearest known one")
def _():
    for text, *words in [
        ("defualt_model = 'x'", "line 1, column 1: unknown key defualt_model", "closest: default_model"),
        ("\n[timeouts]\nconect = 5", "line 3, column 1: unknown key timeouts.conect", "closest: connect"),
        ("[retry]\nmax_atempts = 3", "line 2, column 1", "retry.max_atempts", "closest: max_attempts"),
        ("[memory]\nper_strem = 9999", "memory.per_strem", "closest: per_stream"),
        ("[runtime]\nthread = 1", "runtime.thread", "closest: threads"),
        ("[params]\nunsuported = 'drop'", "params.unsuported", "closest: unsupported"),
        ("[models.a]\ntarget = []", "line 2, column 1", "models.a.target", "closest: targets"),
        ("[models.a]\ntargets = [{ modle = 'mock/x' }]", "models.a.targets[0].modle", "closest: model"),
        ("[providers.openai]\napi_kye = 'sk-canary'", "line 2, column 1", "providers.openai.api_kye", "closest: api_key"),
        ("[providers.openai.tls]\nca = 'f'", "providers.openai.tls.ca", "closest: ca_file"),
        ("[providers.openai.timeouts]\nfirst_item = 1", "providers.openai.timeouts.first_item", "closest: first_token"),
    ]:
        error = refused(lambda: Client(text), CONFIG, "expected one of", *words)
        assert "canary" not in error.message


@test("wrong types", says="are refused with their place, and what was expected")
def _():
    for text, *words in [
        ("[timeouts]\n\nconnect = 'soon'", "line 3, column 11: timeouts.connect: expected seconds above 0, got a string"),
        ("[timeouts]\nidle = 0", "timeouts.idle: expected seconds above 0 (from 0.001 to 86400), got 0"),
        ("[timeouts]\nidle = 86401", "timeouts.idle", "got 86401"),
        ("[timeouts]\nidle = nan", "timeouts.idle", "got NaN"),
        ("timeouts = 5", "line 1, column 12: timeouts: expected a table, got a number"),
        ("default_model = 1", "default_model: expected a string, got a number"),
        ("[models.a]\ntargets = 'mock/x'", "models.a.targets: expected a list, got a string"),
        ("[models.a]\ntargets = []", "models.a.targets: expected at least one target"),
        ("[models.a]\ntargets = ['mock/x']", "models.a.targets[0]: expected a table, got a string"),
        ("[models.a]\ntargets = [{ model = 'gpt' }]", "models.a.targets[0].model", 'expected "provider/model"'),
        ("[models.a]\nstrategy = 'order'", "line 1, column", "models.a.targets is missing"),
        ("[models.a]\ntargets = [{ timeouts = {} }]", "models.a.targets[0].model is missing"),
        ("[providers.openai]\napi_key = 5", "line 2, column 11: providers.openai.api_key: expected a string, got a number"),
        ("[providers.openai]\nheaders = []", "providers.openai.headers: expected a table, got a list"),
        ("[params]\nunsupported = 'ignore'", "params.unsupported", '"drop"', '"error"', '"pass"'),
        ("[retry\n", "line 1"),
        ("a = 1\na = 2", "line 2"),
        ('{"retry": {"max_attempts": 3', "line 1", "ends early"),
        ('{\n  "retry": {"max_attempts": "3"}}', "line 2, column 29: retry.max_attempts", "got a string"),
        ('{"retry": {}, "retry": {}}', "comes twice"),
    ]:
        refused(lambda: Client(text), CONFIG, *words)


def three_names(message):
    names = message.rsplit("closest: ", 1)[1].split(", ")
    assert len(names) == len(set(names)) == 3, message
    return names


@test("unknown providers and models", says="are refused with three near names")
def _():
    client = Client(config(Server(), models={"fast": {"targets": [{"model": "house/m"}]}}))
    for model, words, near in [
        ("opena/m", 'unknown provider "opena"', "openai"),
        ("hous/m", 'unknown provider "hous"', "house"),
        ("fats", 'model "fats" is no alias', "fast"),
        ("groq", 'model "groq"', "groq"),
        ("gpt-4o-mini", "names no provider", None),
    ]:
        error = refused(lambda: client.ask(model), CONFIG, words)
        names = three_names(error.message)
        assert near is None or names[0] == near, names
    text = "[models.a]\ntargets = [{ model = 'opena/m' }]"
    error = refused(lambda: Client(text), CONFIG, "line 2", "models.a.targets[0].model")
    assert three_names(error.message)[0] == "openai"


@test("missing keys", says="name the variable to set, of fallbacks too, before anything is sent")
def _():
    server = Server()
    models = {"a": {"targets": [{"model": "house/m"}, {"model": "anthropic/m"}]},
              "b": {"targets": [{"model": "house/m"}], "fallbacks": {"any": ["xai/m"]}}}
    client = Client(config(server, models=models))
    for model, variable in [
        ("openai/m", "OPENAI_API_KEY"),
        ("perplexity/m", "PERPLEXITY_API_KEY or PPLX_API_KEY"),
        ("a", "ANTHROPIC_API_KEY"),
        ("b", "XAI_API_KEY"),
    ]:
        refused(lambda: client.ask(model), AUTH, f"set {variable}, or api_key in [providers.")
    assert not server.requests
