"""What is sent in formats that nobody publishes a schema of, against what others' programs sent and were recorded sending.

A member is a place in the body (a JSON pointer, `*` for every place of a list and for names that the caller chose) and the JSON type
that stands there. Each that we send must be in a recorded request of that format, or in ALLOWED with the document that has it.
"""
import glob
import json
import os

# Under these the caller's own words stand: schemas, arguments.
FREE = ("parameters", "input_schema", "json", "json_schema", "schema", "input", "arguments", "data", "parameter_definitions", "metadata")


def members(value, at="", found=None):
    """Places and types of a body."""
    found = set() if found is None else found
    kind = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}.get(type(value), "null")
    found.add((at, kind))
    if isinstance(value, dict):
        for name, inner in value.items():
            place = f"{at}/{name}"
            if name in FREE and isinstance(inner, (dict, list)):
                found.add((place, "object" if isinstance(inner, dict) else "array"))
            else:
                members(inner, place, found)
    elif isinstance(value, list):
        for inner in value:
            members(inner, f"{at}/*", found)
    return found


def known(corpus, endpoints, model):
    """Members of the recorded requests to these endpoints whose path holds `model`; none without recordings."""
    found, count = set(), 0
    for path in sorted(glob.glob(os.path.join(corpus, "exchanges", "*.json"))):
        with open(path, encoding="utf-8") as file:
            exchange = json.load(file)
        request = exchange.get("request") or {}
        if exchange["endpoint"] not in endpoints or model not in request.get("url", "") or not isinstance(request.get("body_json"), dict):
            continue
        if exchange["response"]["status"] == 400:
            continue
        count += 1
        members(request["body_json"], found=found)
    return found, count


def unknown(body, wire, model, operation, known_members):
    """Members of a body that neither a recording nor a document has, as text."""
    documents = [places for whose, part, what, _, places in ALLOWED if (whose, what) == (wire, operation) and part in model]
    said = sorted(members(body) - known_members)
    return [f"{at} ({kind})" for at, kind in said if not any(kind in places.get(at, "").split() for places in documents)]


# What no recording shows and a document of the provider's has: wire, part of the model's name, operation, document, members.
ALLOWED = [
    ("cohere", "", "chat", "docs.cohere.com, API reference, Chat (v2), read 2026-11-21", {
        "/frequency_penalty": "number", "/logprobs": "boolean", "/max_tokens": "number", "/p": "number", "/presence_penalty": "number",
        "/seed": "number", "/stop_sequences": "array", "/stop_sequences/*": "string", "/strict_tools": "boolean", "/temperature": "number",
        "/thinking": "object", "/thinking/type": "string", "/tool_choice": "string", "/messages/*/content/*/thinking": "string",
    }),
    ("cohere_v1", "", "chat", "docs.cohere.com, API reference v1, Chat, read 2026-11-21", {
        "/frequency_penalty": "number", "/max_tokens": "number", "/p": "number", "/preamble": "string", "/presence_penalty": "number",
        "/seed": "number", "/response_format": "object", "/response_format/schema": "object", "/response_format/type": "string",
        "/tools": "array", "/tools/*": "object", "/tools/*/name": "string", "/tools/*/description": "string",
        "/tools/*/parameter_definitions": "object",
        **{f"{at}{place}": kind for at in ("", "/chat_history/*") for place, kind in {
            "/tool_calls": "array", "/tool_calls/*": "object", "/tool_calls/*/name": "string", "/tool_calls/*/parameters": "object",
            "/tool_results": "array", "/tool_results/*": "object", "/tool_results/*/call": "object",
            "/tool_results/*/call/name": "string", "/tool_results/*/call/parameters": "object", "/tool_results/*/outputs": "array",
            "/tool_results/*/outputs/*": "object", "/tool_results/*/outputs/*/output": "string"}.items()},
    }),
    ("bedrock_invoke", "amazon.titan-text", "chat", "Bedrock user guide, Amazon Titan Text models", {
        "/textGenerationConfig/stopSequences": "array", "/textGenerationConfig/stopSequences/*": "string",
        "/textGenerationConfig/topP": "number",
    }),
    # Nova's body is Converse's (Nova user guide, "Using the Invoke API"), but for what belongs to the operation and not to the model, and documents.
    ("bedrock_invoke", "amazon.nova", "chat", "Nova 2 user guide, Request and response schema, read 2026-11-22; Bedrock Runtime API reference, ContentBlock", {
        "/inferenceConfig/maxTokens": "number", "/inferenceConfig/stopSequences": "array", "/inferenceConfig/stopSequences/*": "string",
        "/toolConfig": "object", "/toolConfig/tools": "array", "/toolConfig/tools/*": "object", "/toolConfig/tools/*/toolSpec": "object",
        "/toolConfig/tools/*/toolSpec/name": "string", "/toolConfig/tools/*/toolSpec/description": "string",
        "/toolConfig/tools/*/toolSpec/inputSchema": "object", "/toolConfig/tools/*/toolSpec/inputSchema/json": "object",
        "/toolConfig/tools/*/toolSpec/strict": "boolean", "/toolConfig/toolChoice": "object", "/toolConfig/toolChoice/any": "object",
        "/toolConfig/toolChoice/auto": "object", "/toolConfig/toolChoice/tool": "object", "/toolConfig/toolChoice/tool/name": "string",
        "/system/*/cachePoint": "object", "/system/*/cachePoint/type": "string", "/toolConfig/tools/*/cachePoint": "object",
        "/toolConfig/tools/*/cachePoint/type": "string",
        **{f"/messages/*/content/*/{place}": kind for place, kind in {
            "cachePoint": "object", "cachePoint/type": "string", "toolUse": "object", "toolUse/input": "object", "toolUse/name": "string",
            "toolUse/toolUseId": "string", "toolResult": "object", "toolResult/toolUseId": "string", "toolResult/status": "string",
            "toolResult/content": "array", "toolResult/content/*": "object", "toolResult/content/*/text": "string",
            "reasoningContent": "object", "reasoningContent/reasoningText": "object", "reasoningContent/reasoningText/text": "string",
            "reasoningContent/reasoningText/signature": "string"}.items()},
        **{f"/messages/*/content/*/{inside}{what}{place}": kind for inside in ("", "toolResult/content/*/")
           for what in ("image", "audio")
           for place, kind in {"": "object", "/format": "string", "/source": "object", "/source/bytes": "string"}.items()},
    }),
    ("vertex", "", "embeddings", "cloud.google.com/vertex-ai, Text embeddings API, read 2026-11-21", {
        "/instances/*/task_type": "string", "/parameters": "object",
    }),
]
