"""What requests.py asks: requests that together say every member that the request of a chat has (schema/llm.schema.json).

A member that no request says is an error, so a new one needs a case here.
"""
import json
import os

PNG = "data:image/png;base64,aGk="
PDF = "data:application/pdf;base64,JVBERi0="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
STRICT = {"type": "function", "function": {**TOOL["function"], "strict": True}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":"b"}'}}
USER = {"role": "user", "content": "hi"}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "r"}
CACHE = {"cache_control": {"type": "ephemeral"}}
SCHEMA_FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}

# What formats sign, each in its own words. It goes back to its own wires; any other is one of another provider's.
SIGNED = {
    "encrypted": {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2Vj"},
    "thinking": {"type": "thinking", "thinking": "t", "signature": "c2ln"},
    "functionCall": {"functionCall": {"name": "f", "args": {"a": "b"}}, "thoughtSignature": "c2ln"},
    "reasoningContent": {"reasoningContent": {"reasoningText": {"text": "t", "signature": "c2ln"}}},
}

SIGNERS = {
    "encrypted": ("openai_responses",), "thinking": ("anthropic", "vertex_anthropic", "bedrock_invoke"), "functionCall": ("gemini", "vertex"),
    "reasoningContent": ("bedrock_converse", "bedrock_invoke"),
}

# Each over a plain question.
MEMBERS = [
    {}, {"stream": True}, {"max_tokens": 64}, {"max_tokens": 1}, {"max_completion_tokens": 64}, {"temperature": 0.5}, {"top_p": 0.5}, {"stop": ["x"]},
    {"stop": "x"}, {"seed": 7}, {"n": 1}, {"n": 2}, {"frequency_penalty": 0.5}, {"presence_penalty": 0.5}, {"logit_bias": {"5": 1}},
    {"logprobs": True, "top_logprobs": 2}, {"user": "u"}, {"metadata": {"k": "v"}}, {"service_tier": "auto"}, {"reasoning_effort": "low"},
    {"verbosity": "low"}, {"store": True}, {"extra_body": {}}, {"parallel_tool_calls": False, "tools": [TOOL]}, {"prompt_cache_key": "k"},
    {"safety_identifier": "s"}, {"tools": [TOOL]}, {"tools": [STRICT]}, {"tools": [{**TOOL, **CACHE}]},
    {"tools": [{"type": "function", "function": {"name": "g"}}]}, {"tools": [TOOL], "tool_choice": "auto"}, {"tools": [TOOL], "tool_choice": "none"},
    {"tools": [TOOL], "tool_choice": "required"}, {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    {"response_format": {"type": "text"}}, {"response_format": {"type": "json_object"}}, {"response_format": SCHEMA_FORMAT},
    {"web_search_options": {"search_context_size": "low"}}, {"reasoning_effort": "high", "max_completion_tokens": 4096}, {"reasoning_effort": "none"},
    {"temperature": 0.5, "top_p": 0.5, "max_tokens": 64, "stop": ["x", "y"]}, {"modalities": ["text"]},
    {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3"}}, {"prediction": {"type": "content", "content": "p"}},
    {"stream": True, "stream_options": {"include_usage": True}}, {"tools": [TOOL], "response_format": SCHEMA_FORMAT},
]


def called(*results, **more):
    """A conversation in which the assistant called and was answered."""
    return [USER, {"role": "assistant", "content": None, "tool_calls": [CALL], **more}, *(results or [RESULT])]


def picture(url):
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


MESSAGES = [
    [{"role": "system", "content": "s"}, USER], [{"role": "developer", "content": "d"}, USER], [USER, {"role": "assistant", "content": "a"}, USER],
    [{"role": "user", "content": [{"type": "text", "text": "t"}, picture(PNG), {"type": "image_url", "image_url": {"url": "https://h/i.png"}}]}],
    [{"role": "user", "content": [{"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}, {"type": "text", "text": "t"}]}],
    [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}],
    called(), called({**RESULT, "content": [{"type": "text", "text": "r"}]}),
    # A result with a picture, a marked one, and one that says that the tool failed.
    called({**RESULT, "content": [{"type": "text", "text": "r"}, picture(PNG)]}), called({**RESULT, **CACHE}), called({**RESULT, "is_error": True}),
    called(reasoning="r"), [USER, {"role": "assistant", "refusal": "no"}, USER],
    [{"role": "system", "content": [{"type": "text", "text": "s", **CACHE}]}, USER], [{**USER, **CACHE}],
    [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}, {"type": "text", "text": "t"}]}],
    [USER, {"role": "assistant", "content": "a prefix"}], [{"role": "user", "name": "n", "content": "hi"}],
    [USER, {"role": "assistant", "content": "both", "tool_calls": [CALL, {**CALL, "id": "call_2"}]}, RESULT, {**RESULT, "tool_call_id": "call_2"}, USER],
]


def signed(wire):
    """Conversations with what each format signs."""
    def part(name, data):
        kind = "encrypted" if name == "encrypted" else "signature"
        return {"kind": kind, "provider": "asked" if wire in SIGNERS[name] else "elsewhere", "index": 0, "data": data}

    return [called(libllm_parts=[part(name, data)]) for name, data in SIGNED.items()]


def conversations(wire):
    """Every request of a chat, without its model."""
    return [{"messages": [USER], **more} for more in MEMBERS] + [{"messages": messages} for messages in MESSAGES + signed(wire)]


# Vectors: what is asked over one text.
VECTORS = [{"input": "a"}, {"input": ["a", "b"]}, {"input": "a", "dimensions": 256}, {"input": "a", "encoding_format": "base64"},
           {"input": "a", "encoding_format": "float"}, {"input": "a", "user": "u"}]
# What OpenAI's format does not know, and would be sent as it is.
OTHERS_VECTORS = [{"input": "a", "input_type": "query"}, {"input": "a", "input_type": "document"}]


def unsaid(root):
    """Members of the schema's request that no conversation says, as `Type.member`."""
    with open(os.path.join(root, "schema", "llm.schema.json"), encoding="utf-8") as file:
        types = json.load(file)["$defs"]
    known, said = set(), set()
    walk(types, {"$ref": "#/$defs/ChatRequest"}, None, known, everything=True)
    for request in conversations("openai_chat"):
        walk(types, {"$ref": "#/$defs/ChatRequest"}, {"model": "m", **request}, said)
    return sorted(known - said)


def walk(types, node, value, found, everything=False, name=""):
    """Adds the members that `value` says, or with `everything` all that there are."""
    if not isinstance(node, dict):
        return
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        node = types[name]
    for branch in node.get("anyOf", []):
        walk(types, branch, value, found, everything, name)
    for tag, branch in node.get("x-variants", {}).items():
        if everything or isinstance(value, dict) and value.get(node["x-tag"]) == tag:
            found.add(f"{name}.{tag}")
            walk(types, branch, value, found, everything)
    for member, inner in node.get("properties", {}).items():
        if everything or isinstance(value, dict) and value.get(member) is not None:
            found.add(f"{name}.{member}")
            walk(types, inner, None if everything else value[member], found, everything)
    if "items" in node and (everything or isinstance(value, list)):
        for item in [None] if everything else value:
            walk(types, node["items"], item, found, everything)
