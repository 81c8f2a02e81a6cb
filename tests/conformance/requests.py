#!/usr/bin/env python3
"""Holds what the library sends against the schemas that vendors publish.

Every field of a chat that a wire can say (cases.py) is asked for once, through the C ABI, of a server that only listens; what it heard
is validated by the validator beside the schemas, or compared with recorded requests (recorded.py) where nobody publishes a schema.
Needs what that validator needs (python3-jsonschema, python3-yaml); exits non-zero when a request is invalid, when one is refused
before it was sent that is not in REFUSED or the other way round, and when a member of our own schema has no case.

  tests/conformance/requests.py [--specs DIR] [--corpus DIR] [--lib-dir DIR]
"""
import argparse
import importlib.util
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import cases  # noqa: E402  beside this file
import recorded  # noqa: E402

INVOKE = ("bedrock.invoke", "bedrock.invoke-stream")
CLAUDE, OLDER, NOVA = "anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-3-7-sonnet-20250219", "amazon.nova-lite-v1:0"

# Wire, model, operation, and what the validator calls them.
WIRES = [
    ("openai_responses", "m", "chat", "openai", "openai.responses"),
    ("openai_completions", "m", "completion", "openai", "openai.completions"),
    ("openai_chat", "m", "chat", "openai", "openai.chat"),
    ("azure_openai", "m", "chat", "azure", "openai.chat"),
    ("openai_chat", "m", "embeddings", "openai", "openai.embeddings"),
    ("azure_openai", "m", "embeddings", "azure", "openai.embeddings"),
    ("ollama", "m", "chat", "ollama", "ollama.chat"),
    ("ollama", "m", "completion", "ollama", "ollama.generate"),
    ("anthropic", "m", "chat", "anthropic", "anthropic.messages"),
    ("anthropic", OLDER, "chat", "anthropic", "anthropic.messages"),
    ("anthropic", "claude-opus-4-6", "chat", "anthropic", "anthropic.messages"),
    ("vertex_anthropic", "claude-sonnet-4@20250514", "chat", "anthropic", "anthropic.messages"),
    ("bedrock_invoke", CLAUDE, "chat", "anthropic", "anthropic.messages"),
    ("bedrock_invoke", "openai.gpt-oss-20b-1:0", "chat", "openai", "openai.chat"),
    ("gemini", "m", "chat", "gemini", "gemini.generateContent"),
    ("gemini", "gemini-3-pro", "chat", "gemini", "gemini.generateContent"),
    ("vertex", "m", "chat", "vertex", "gemini.generateContent"),
    ("bedrock_converse", "m", "chat", "bedrock", "bedrock.converse"),
    ("bedrock_converse", CLAUDE, "chat", "bedrock", "bedrock.converse"),
    ("bedrock_converse", NOVA, "chat", "bedrock", "bedrock.converse"),
]
# Rows whose service has a schema of its own.
ROWS = [("mistral", "m", "chat", "mistral", "openai.chat")]
# Formats without a schema: wire, model, operation, recorded endpoints, and what the paths of their recordings hold.
RECORDED = [
    ("cohere", "m", "chat", ("cohere.v2chat",), ""),
    ("cohere_v1", "m", "chat", ("cohere.v1chat",), ""),
    ("cohere", "m", "embeddings", ("cohere.v2embed", "cohere.v1embed"), ""),
    ("bedrock_invoke", NOVA, "chat", INVOKE, "nova-lite"),
    ("bedrock_invoke", "amazon.titan-text-express-v1", "chat", INVOKE, "titan-text"),
    ("bedrock_invoke", "meta.llama2-13b-chat-v1", "chat", INVOKE, "llama2"),
    ("bedrock_invoke", "amazon.nova-2-multimodal-embeddings-v1:0", "embeddings", INVOKE, "nova-2-multimodal"),
    ("vertex", "text-embedding-004", "embeddings", ("vertex.predict",), "text-embedding"),
]

# What Claude's carriers say in the body.
VERSIONS = {"vertex_anthropic": "vertex-2023-10-16", "bedrock_invoke": "bedrock-2023-05-31"}

OPENAI = ("openai_chat", "azure_openai")

# Requests that are refused before they are sent, by wire, model and operation: what their JSON holds. None else may be, and each must.
REFUSED = {
    # Its `message` is the user's.
    ("cohere_v1", "m", "chat"): ['"a prefix"'],
    # It takes one text a request.
    ("bedrock_invoke", "amazon.nova-2-multimodal-embeddings-v1:0", "embeddings"): ['["a", "b"]'],
}


def main():
    shared = os.path.join(os.path.dirname(ROOT), "shared", "recordings")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--specs", default=os.path.join(shared, "specs"))
    parser.add_argument("--corpus", default=os.path.join(shared, "train"))
    parser.add_argument("--lib-dir", default=os.path.join(ROOT, "target", "ci"))
    options = parser.parse_args()
    validator = os.path.join(options.specs, "validate.py")
    if not os.path.isfile(validator):
        sys.exit(f"requests: no schemas in {options.specs}; set --specs DIR")
    unsaid = cases.unsaid(ROOT)
    if unsaid:
        sys.exit(f"requests: no case says {', '.join(unsaid)}")
    os.environ.update(LLM_ROOT=ROOT, LLM_INCLUDE=os.path.join(ROOT, "include"), LLM_LIB_DIR=os.path.abspath(options.lib_dir))
    sys.path.insert(0, os.path.join(ROOT, "tests", "keys"))
    spec = importlib.util.spec_from_file_location("validate", validator)
    validate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(validate)
    wrong = 0
    for row, settings, (model, operation, provider, endpoint) in (
            [("asked", {"wire": wire}, said) for wire, *said in WIRES] + [(row, {"api_key": "k"}, said) for row, *said in ROWS]):
        wrong += check(settings, row, model, operation, lambda body: against_schema(validate, settings, provider, endpoint, body))
    for wire, model, operation, endpoints, path in RECORDED:
        known, count = recorded.known(options.corpus, endpoints, path)
        if not count:
            # Another corpus need not have all; ours has.
            wrong += options.corpus == parser.get_default("corpus")
            print(f"{wire} {model} ({operation}): no recording in {options.corpus}, nothing is compared")
            continue
        wrong += check({"wire": wire}, "asked", model, operation, lambda body: recorded.unknown(body, wire, model, operation, known))
    sys.exit(1 if wrong else 0)


def against_schema(validate, settings, provider, endpoint, body):
    """What a schema finds wrong with a body."""
    wrong = []
    if settings.get("wire") in VERSIONS:
        # Another vendor carries the format: the path names the model, and Claude's body says the version.
        version = body.pop("anthropic_version", None)
        expected = VERSIONS[settings["wire"]] if endpoint.startswith("anthropic") else None
        if version != expected or "model" in body:
            wrong = [f"anthropic_version is {version}, model is {body.get('model')}"]
        body["model"] = "m"
    complaints = validate.check(provider, endpoint, body)
    if complaints is None:
        sys.exit(f"requests: the validator does not know {endpoint}")
    return wrong + complaints


def check(settings, row, model, operation, complain):
    """Asks everything of one wire or row; how many requests were invalid, did not come, or were refused and should not have been."""
    from llm import Client, Refused
    from server import Server

    name = settings.get("wire", row)
    bodies = cases.conversations(name)
    if operation == "embeddings":
        bodies = cases.VECTORS + (cases.OTHERS_VECTORS if name not in OPENAI else [])
    server = Server(lambda exchange: exchange.fail(400))
    client = Client({"providers": {row: {**settings, "base_url": server.url}}, "retry": {"max_attempts": 1}})
    wrong, refused = 0, []
    for body in bodies:
        before = len(server.requests)
        try:
            told = client.ask(f"{row}/{model}", operation=operation, body=body)
        except Refused as error:
            refused.append((body, str(error)))
            continue
        if len(server.requests) == before:
            refused.append((body, told.message))
        for request in server.requests[before:]:
            complaints = complain(request.json)
            if complaints:
                wrong += 1
                print(f"invalid: {name} {model}: {short(body)}: {complaints}")
    expected = REFUSED.get((name, model, operation), [])
    for body, error in refused:
        if not any(one in json.dumps(body) for one in expected):
            wrong += 1
            print(f"refused: {name} {model}: {short(body)}: {error}")
    for one in expected:
        if not any(one in json.dumps(body) for body, _ in refused):
            wrong += 1
            print(f"not refused: {name} {model}: {one}")
    print(f"{name} {model} ({operation}): {len(server.requests)} requests, {wrong} wrong, {len(refused)} refused before they were sent")
    return wrong


def short(body):
    return json.dumps({name: value for name, value in body.items() if value != [cases.USER]})[:200]


if __name__ == "__main__":
    main()
