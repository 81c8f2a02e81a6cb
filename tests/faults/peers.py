"""The responses that other clients were measured with, served byte for byte (`tests/vectors/malformed_responses.json`)."""

import base64
import json
import os
import pathlib

import dialects
import expected
from plan import LAST, Plan, chunk, send

FILE = pathlib.Path(os.environ["LLM_ROOT"], "tests/vectors/malformed_responses.json")
PIECE = 64


def vectors():
    return json.loads(FILE.read_text(encoding="utf-8"))


def response(case):
    """Steps that serve this case."""
    body = base64.b64decode(case["body_b64"])
    lines = [f"HTTP/1.1 {case['status']} X"] + [f"{name}: {value}" for name, value in case["headers"].items()]
    end = case.get("connection_end", "clean")
    if end == "close":
        return [send("\r\n".join(lines + ["connection: close", "", ""]).encode() + body), ("close",)]
    head = "\r\n".join(lines + ["transfer-encoding: chunked", "", ""]).encode()
    pieces = [chunk(body[at:at + PIECE]) for at in range(0, len(body), PIECE)]
    if end == "cut":
        return [("pace", [head, *pieces], 0), ("close",)]
    return [("pace", [head, *pieces, LAST], 0), ("next",)]


def cases(make):
    """All of them; `make(id, dialect, mode, plan, outcome, provider)` makes one."""
    for case in vectors()["cases"]:
        dialect = dialects.Anthropic() if case["dialect"] == "anthropic" else dialects.OpenAiChat()
        mode = "unary" if case["id"].startswith("st-200") else "stream"
        told = case["expected"]
        want = expected.Outcome("ok" if told["terminal"] == "done" else told["error_kind"], 1)
        # A status that only one provider means so.
        provider = "openrouter" if case["id"] == "st-403-moderation" else None
        yield make(case["id"], dialect, mode, Plan(response(case), told.get("text_delivered", "")), want, provider)
