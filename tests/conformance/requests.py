#!/usr/bin/env python3
"""Holds what the library sends against the schemas that vendors publish.

Every field of a chat that a wire can say is asked for once, through the C ABI, of a server that only listens; what it heard is
validated by the validator beside the schemas. Needs what that validator needs (python3-jsonschema, python3-yaml); exits non-zero
when a request is invalid.

  tests/conformance/requests.py [--specs DIR] [--lib-dir DIR]
"""
import argparse
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

PNG = "data:image/png;base64,aGk="
PDF = "data:application/pdf;base64,JVBERi0="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":"b"}'}}
USER = {"role": "user", "content": "hi"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2Vj"}

# What is asked, each over a plain question.
MEMBERS = [
    {}, {"stream": True}, {"max_tokens": 64}, {"max_tokens": 1}, {"max_completion_tokens": 64}, {"temperature": 0.5}, {"top_p": 0.5}, {"stop": ["x"]},
    {"stop": "x"}, {"seed": 7}, {"n": 1}, {"frequency_penalty": 0.5}, {"presence_penalty": 0.5}, {"logit_bias": {"5": 1}}, {"logprobs": True, "top_logprobs": 2},
    {"user": "u"}, {"metadata": {"k": "v"}}, {"service_tier": "auto"}, {"reasoning_effort": "low"}, {"verbosity": "low"}, {"store": True},
    {"parallel_tool_calls": False, "tools": [TOOL]}, {"prompt_cache_key": "k"}, {"safety_identifier": "s"},
    {"tools": [TOOL]}, {"tools": [{"type": "function", "function": {"name": "g"}}]}, {"tools": [TOOL], "tool_choice": "auto"},
    {"tools": [TOOL], "tool_choice": "none"}, {"tools": [TOOL], "tool_choice": "required"},
    {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    {"response_format": {"type": "text"}}, {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}},
    {"web_search_options": {"search_context_size": "low"}},
    {"reasoning_effort": "high", "max_completion_tokens": 4096}, {"reasoning_effort": "none"}, {"temperature": 0.5, "top_p": 0.5, "max_tokens": 64, "stop": ["x", "y"]},
    {"modalities": ["text"]}, {"prediction": {"type": "content", "content": "p"}}, {"stream": True, "stream_options": {"include_usage": True}},
    {"tools": [TOOL], "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}},
]
MESSAGES = [
    [{"role": "system", "content": "s"}, USER], [{"role": "developer", "content": "d"}, USER], [USER, {"role": "assistant", "content": "a"}, USER],
    [{"role": "user", "content": [{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                                  {"type": "image_url", "image_url": {"url": "https://h/i.png"}}]}],
    [{"role": "user", "content": [{"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}, {"type": "text", "text": "t"}]}],
    [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}],
    [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "call_1", "content": "r"}],
    [USER, {"role": "assistant", "tool_calls": [CALL], "libllm_parts": [{"kind": "encrypted", "provider": "asked", "index": 0, "data": REASONING}]},
     {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "r"}]}],
    [USER, {"role": "assistant", "refusal": "no"}, USER],
    [{"role": "system", "content": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]}, USER],
    [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}, {"type": "text", "text": "t"}]}],
    [USER, {"role": "assistant", "content": "a prefix"}], [{"role": "user", "name": "n", "content": "hi"}],
    [USER, {"role": "assistant", "content": "both", "tool_calls": [CALL, {**CALL, "id": "call_2"}]}, {"role": "tool", "tool_call_id": "call_1", "content": "r"},
     {"role": "tool", "tool_call_id": "call_2", "content": "s"}, USER],
]

# Wire, operation, and what the validator calls them.
WIRES = [
    ("openai_responses", "chat", "openai", "openai.responses"),
    ("openai_completions", "completion", "openai", "openai.completions"),
    ("openai_chat", "chat", "openai", "openai.chat"),
    ("ollama", "chat", "ollama", "ollama.chat"),
    ("ollama", "completion", "ollama", "ollama.generate"),
    ("anthropic", "chat", "anthropic", "anthropic.messages"),
    ("gemini", "chat", "gemini", "gemini.generateContent"),
    ("bedrock_converse", "chat", "bedrock", "bedrock.converse"),
]
# Rows whose service has a schema of its own.
ROWS = [("mistral", "chat", "mistral", "openai.chat")]


def main():
    shared = os.path.join(os.path.dirname(ROOT), "shared", "recordings", "specs")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--specs", default=shared)
    parser.add_argument("--lib-dir", default=os.path.join(ROOT, "target", "ci"))
    options = parser.parse_args()
    validator = os.path.join(options.specs, "validate.py")
    if not os.path.isfile(validator):
        sys.exit(f"requests: no schemas in {options.specs}; set --specs DIR")
    os.environ.update(LLM_ROOT=ROOT, LLM_INCLUDE=os.path.join(ROOT, "include"), LLM_LIB_DIR=os.path.abspath(options.lib_dir))
    sys.path.insert(0, os.path.join(ROOT, "tests", "keys"))
    spec = importlib.util.spec_from_file_location("validate", validator)
    validate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(validate)
    wrong = sum(check(validate, {"wire": wire}, "asked", *said) for wire, *said in WIRES)
    wrong += sum(check(validate, {"api_key": "k"}, row, *said) for row, *said in ROWS)
    sys.exit(1 if wrong else 0)


def check(validate, settings, row, operation, provider, endpoint):
    """Asks everything of one wire or row; how many requests were invalid, or did not come."""
    from llm import Client, Refused
    from server import Server

    asked = [({**more}, None) for more in MEMBERS] + [({}, messages) for messages in MESSAGES]
    server = Server(lambda exchange: exchange.fail(400))
    client = Client({"providers": {row: {**settings, "base_url": server.url}}, "retry": {"max_attempts": 1}})
    name = settings.get("wire", row)
    wrong = refused = 0
    for more, messages in asked:
        body = {**more, "messages": messages or [USER]}
        before = len(server.requests)
        try:
            client.ask(f"{row}/m", operation=operation, body=body)
        except Refused:
            refused += 1
        for request in server.requests[before:]:
            complaints = validate.check(provider, endpoint, request.json)
            if complaints is None:
                sys.exit(f"requests: the validator does not know {endpoint}")
            if complaints:
                wrong += 1
                print(f"invalid: {name}: {more or messages}: {complaints}")
    print(f"{name} ({operation}): {len(server.requests)} requests, {wrong} invalid, {refused} refused before they were sent")
    return wrong + len(asked) - len(server.requests) - refused


if __name__ == "__main__":
    main()
