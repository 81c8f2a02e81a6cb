"""Every key has a test. The lists are not written here: the library itself says which keys it takes, and so do
docs/config.md, the header and the rows of the built-in providers."""

import os
import pathlib
import re

import suite
from llm import FLAG, Client, Refused, fields_of
from suite import test
from test_environment import BUILT

ROOT = pathlib.Path(os.environ["LLM_ROOT"])


def tested():
    return {key for one in suite.TESTS for key in one.keys}


def names_in(message):
    """`expected one of a, b; closest: a`, in the words of the library or, of quirks, in those of its parser."""
    found = re.search(r"expected one of (.*?)(; closest|$)", message)
    return re.findall(r"\w+", found.group(1)) if found else []


def around(path, value):
    """The least configuration that says `path` = `value` and nothing else that is wrong."""
    if not path:
        return value
    head, _, rest = path.partition(".")
    inner = around(rest, value) if rest else value
    if head == "guardrails[]":
        return {"guardrails": [inner]}
    if head == "P":
        return {"P": {"wire": "openai_chat", "base_url": "http://127.0.0.1:1", **inner}}
    if head == "A":
        return {"A": inner if "split" in inner else {"targets": [{"model": "mock/echo"}], **inner}}
    if head == "targets[]":
        return {"targets": [{"model": "mock/echo", **inner}]}
    if head.endswith("[]"):
        return {head[:-2]: [inner]}
    return {head: inner}


# Tables whose keys are the user's own.
USERS = {"providers": "P", "models": "A", "tenants": "T", "catalog.tokenizers": "T"}


def walk(path=""):
    """Every key below this table: whoever has keys of its own names them when it is given one that is unknown."""
    for name in names_in(complaint_of(path)):
        key = f"{path}.{name}" if path else name
        if key == "guardrails":
            yield from walk("guardrails[]")
            continue
        if key in USERS:
            yield from walk(f"{key}.{USERS[key]}")
        elif "expected a list" in complaint_of(key) and re.search("unknown key", complaint_of(f"{key}[]")):
            yield from walk(f"{key}[]")
        elif re.search("unknown (key|field)", complaint_of(key)):
            yield from walk(key)
        else:
            yield key


def complaint_of(key):
    """What the library says of an unknown key in this table, or of a table in the place of this value."""
    try:
        Client(around(key, {"zz_unknown": 0}))
    except Refused as error:
        return error.message
    return ""


def documented():
    """The keys of the tables in docs/config.md, by the heading that they stand under."""
    text = (ROOT / "docs/config.md").read_text()
    sections = re.split(r"^#+ +", text, flags=re.MULTILINE)
    found = {section.split("\n", 1)[0]: re.findall(r"^\| (`.*?`.*?) \|", section, re.MULTILINE) for section in sections}
    return {head: [name for cell in cells for name in re.findall(r"`(.*?)`", cell)] for head, cells in found.items() if cells}


def section(start):
    return next(names for head, names in documented().items() if head.startswith(start))


@test("coverage", says="every key that the library takes has a test")
def _():
    keys = list(walk())
    for known in ("default_model", "timeouts.idle", "providers.P.tls.ca_file", "providers.P.quirks.tool_ids",
                  "models.A.targets[].model", "runtime.threads"):
        assert known in keys, (known, keys)
    missing = [key for key in keys if key not in tested()]
    assert not missing, f"keys without a test: {missing}"


@test("coverage", says="docs/config.md names the keys that the library takes, and no others")
def _():
    timeouts = section("`timeouts`")
    keys = {key for key in section("Keys of the text") if "." in key or key in ("default_model", "record", "replay")} - {"providers.P"}
    keys |= {f"{place}timeouts.{key}" for place in ("", "providers.P.", "models.A.targets[].") for key in timeouts}
    limits = "providers.P.limits", "providers.P.key_limits", "models.A.limits", "models.A.targets[].limits", "tenants.T.limits"
    keys |= {f"{place}.{key}" for place in limits for key in section("`limits`")}
    keys |= {f"memory.{key}" for key in section("`memory`")}
    keys |= {f"guardrails[].{key}" for key in section("`guardrails[]`")}
    keys |= {f"providers.P.{key}" for key in section("`providers.P`")}
    quirks = re.search(r"^Quirks .*?\n\n", (ROOT / "docs/config.md").read_text(), re.MULTILINE | re.DOTALL).group(0)
    keys |= {f"providers.P.quirks.{name}" for name in re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", quirks, flags=re.DOTALL))}
    # Tables, which have no value of their own.
    keys -= {"models.A.targets[].timeouts", "providers.P.timeouts", "providers.P.quirks", "models.A.targets", *limits}
    taken = set(walk())
    assert keys == taken, f"only in the document: {sorted(keys - taken)}; only in the library: {sorted(taken - keys)}"


@test("coverage", says="every key of options_json has a test and is in docs/config.md")
def _():
    try:
        Client({}).ask("mock/echo", json={"zz_unknown": 0})
        raise AssertionError("an unknown option was accepted")
    except Refused as error:
        keys = names_in(error.message)
    assert "extra_body" in keys, keys
    missing = [key for key in keys if f"options_json.{key}" not in tested()]
    assert not missing, f"options without a test: {missing}"
    assert sorted(keys) == sorted(section("Options of one request")), section("Options of one request")


@test("coverage", says="every field of llm_options and every flag has a test")
def _():
    wanted = [f"llm_options.{name}" for name in fields_of("llm_options")] + [f"LLM_OPT_{name}" for name in FLAG]
    missing = [key for key in wanted if key not in tested()]
    assert len(wanted) >= 11 and not missing, f"without a test: {missing}"


def variables(row):
    places = [row[key] for key in ("base_url_env", "host_env") if key in row]
    return row["key_env"] + places + [row[key]["env"] for key in ("organization",) if key in row]


@test("coverage", says="every variable has a test, those of built-in providers by their rows")
def _():
    documented_names = [name for name in section("Variables") if re.fullmatch(r"[A-Z_]+", name)]
    of_rows = [name for row in BUILT for name in variables(row)]
    assert "LLM_CONFIG" in documented_names and "OPENAI_API_KEY" in of_rows
    missing = [name for name in documented_names + of_rows if name not in tested()]
    assert not missing, f"variables without a test: {missing}"
