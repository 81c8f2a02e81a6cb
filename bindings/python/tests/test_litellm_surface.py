"""libllm.litellm held against LiteLLM itself: the wheel of tests/litellm.txt, read and not installed.

LITELLM_WHEEL is the folder that it was downloaded to; tests/suites/python.sh does that.
"""

from __future__ import annotations

import ast
import inspect
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Mock

from libllm import litellm

FOLDER = os.environ.get("LITELLM_WHEEL", "")
WHEELS = sorted(Path(FOLDER).glob("litellm-*.whl")) if FOLDER else []
pytestmark = pytest.mark.skipif(not WHEELS, reason="LITELLM_WHEEL names no folder with LiteLLM's wheel")

HELLO = [{"role": "user", "content": "hi"}]


def parsed(name: str) -> ast.Module:
    """A file of LiteLLM's."""
    with zipfile.ZipFile(WHEELS[-1]) as wheel:
        return ast.parse(wheel.read(name))


def theirs(name: str) -> list[tuple[str, str | None]]:
    """Parameters in order, each with its default as it is written."""
    found = [each for each in parsed("litellm/main.py").body if getattr(each, "name", None) == name]
    assert len(found) == 1 and isinstance(found[0], (ast.FunctionDef, ast.AsyncFunctionDef))
    said = found[0].args
    assert said.kwarg and not (said.posonlyargs or said.kwonlyargs or said.vararg)
    defaults = [None] * (len(said.args) - len(said.defaults)) + [ast.unparse(each) for each in said.defaults]
    return list(zip([each.arg for each in said.args], defaults, strict=True))


def ours(name: str) -> list[tuple[str, str | None]]:
    """The same of the function here; an empty tuple is an empty list that nobody can change."""
    parameters = list(inspect.signature(getattr(litellm, name)).parameters.values())
    assert parameters.pop().kind is inspect.Parameter.VAR_KEYWORD
    assert all(each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for each in parameters)
    none = inspect.Parameter.empty
    return [
        (each.name, None if each.default is none else "[]" if each.default == () else repr(each.default))
        for each in parameters
    ]


@pytest.mark.parametrize("name", ["completion", "acompletion"])
def test_signatures_are_litellm_s(name: str) -> None:
    """Names, their order and their defaults."""
    assert ours(name) == theirs(name)
    assert inspect.iscoroutinefunction(getattr(litellm, name)) is (name == "acompletion")


def fields(name: str) -> Iterator[str]:
    """What a class of LiteLLM's, and those that it is made of there, has for fields; some set them in __init__."""
    classes = {each.name: each for each in parsed("litellm/types/utils.py").body if isinstance(each, ast.ClassDef)}
    for line in classes[name].body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            yield line.target.id
        if isinstance(line, ast.FunctionDef) and line.name == "__init__" and name in ("Delta", "StreamingChoices"):
            yield from (each.arg for each in line.args.args if each.arg != "self")
    for base in classes[name].bases:
        if isinstance(base, ast.Name) and base.id in classes:
            yield from fields(base.id)


def test_answers_have_litellm_s_fields(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that LiteLLM's classes declare may be asked for; what was not said is None."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{mock.origin}/v1")
    litellm._clients.clear()
    model = "openai/tokens=2;tool=f:{}"
    whole: Any = litellm.completion(model, HELLO)
    chunks: Any = list(litellm.completion(model, HELLO, stream=True, stream_options={"include_usage": True}))
    call = whole.choices[0].message.tool_calls[0]
    delta = next(chunk.choices[0].delta for chunk in chunks if chunk.choices and chunk.choices[0].delta.tool_calls)
    shown = {
        "ModelResponse": whole,
        "Choices": whole.choices[0],
        "Message": whole.choices[0].message,
        "Function": call.function,
        "Usage": whole.usage,
        "ModelResponseStream": chunks[0],
        "StreamingChoices": chunks[0].choices[0],
        "Delta": chunks[0].choices[0].delta,
        "ChatCompletionDeltaToolCall": delta.tool_calls[0],
    }
    for name, one in shown.items():
        declared = set(fields(name))
        assert len(declared) > 1, name
        missing = [field for field in declared if not hasattr(one, field)]
        # What LiteLLM notes for itself in a Usage.
        private = {"_cache_creation_input_tokens", "_cache_read_input_tokens", "_dropped_non_finite_cost"}
        assert set(missing) <= private, f"{name} lacks {missing}"
        assert not hasattr(one, "no_such_field")
    for usage in (whole.usage, chunks[-1].usage):
        assert usage.completion_tokens_details.reasoning_tokens == 0
        assert usage.prompt_tokens_details.cached_tokens == 0
