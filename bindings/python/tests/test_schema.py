"""The generated types and tables: they read what the library says, and whatever a newer one may say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import libllm
from libllm import _errors, _options, _tables, schema

NEWER = {
    "id": "c1",
    "provider": "mock",
    "finish_reason": "a word of tomorrow",
    "novelty": {"a": [1]},
    "usage": {"total_tokens": 3, "source": "hearsay", "moods": 7},
    "attempts": [{"provider": "mock", "ms": 1.5, "mood": "good"}],
    "message": {"role": "assistant", "tool_calls": [{"id": "1", "type": "dance", "function": {"name": "f"}, "x": 1}]},
}


def test_words_and_fields_of_a_newer_library_are_no_errors() -> None:
    done = schema.Done.from_dict(NEWER)
    assert (done.finish_reason, done.usage.total_tokens, done.usage.source) == ("a word of tomorrow", 3, "hearsay")
    assert done.message is not None
    assert (done.message.tool_calls[0].type, done.attempts[0].ms) == ("dance", 1.5)
    assert schema.Failure.from_dict({"kind": "weather", "phase": "dreaming", "x": 1}).phase == "dreaming"
    part = schema.Part.from_dict({"kind": "smell", "data": {"x": 1}})
    assert (part.kind, part.data) == ("smell", {"x": 1})


def test_what_is_missing_has_its_default() -> None:
    done = schema.Done.from_dict({})
    assert (done.id, done.provider, done.choices, done.usage.prompt_tokens) == (None, "", [], None)
    assert schema.ChatCompletion.from_dict({}).libllm == done


def test_a_real_answer_is_read_whole() -> None:
    with libllm.Client() as llm:
        answer = llm.chat("mock/reasoning=1;tokens=3;tool=f:{}", "hi")
    told = json.loads(answer.raw_json)
    done = schema.Done.from_dict(told)
    assert told.keys() <= set(schema.Done.__slots__)
    assert done.usage.total_tokens == answer.usage.total_tokens
    assert done.attempts[0].status == "LLM_OK"


def test_an_error_of_a_kind_that_is_not_known_is_an_error() -> None:
    error = _errors.from_json(json.dumps({"status": "LLM_ERR_TOMORROW", "kind": "weather", "message": "rain"}))
    assert type(error) is libllm.InternalError
    assert (error.kind, error.message) == ("weather", "rain")


def test_the_variables_are_those_of_the_reference() -> None:
    page = Path(__file__).parents[3].joinpath("docs", "reference.md").read_text()
    rows = re.findall(
        r"^\| `([A-Za-z_0-9]+)` \|", page.partition("## Variables")[2].partition("\n## ")[0], re.MULTILINE
    )
    assert rows == list(schema.VARIABLES)
    assert schema.VARIABLES["OPENAI_API_KEY"] == "key of OpenAI"


def test_every_class_of_the_table_is_there() -> None:
    names = {*_tables.BY_HTTP.values(), *_tables.BY_KIND.values(), *_tables.BY_STATUS.values()}
    assert all(issubclass(getattr(libllm, name), libllm.LLMError) for name in names)


def test_every_option_of_the_library_has_a_keyword() -> None:
    ours = {*_options._PLAIN.values(), "timeout_ms", "first_token_timeout_ms", "idle_timeout_ms"}
    assert ours == _tables.OPTION_KEYS
