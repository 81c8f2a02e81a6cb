"""What the package says about llm.h is what the header says."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

import pytest

from libllm import _abi, _native


@pytest.fixture(scope="module")
def header() -> str:
    """The text of llm.h."""
    folder = os.environ.get("LLM_INCLUDE") or Path(__file__).parents[3] / "include"
    return (Path(folder) / "llm.h").read_text()


def test_numbers_are_those_of_the_header(header: str) -> None:
    found = {}
    for name, value in re.findall(r"LLM_EVENT_(\w+) = (\d+)", header):
        found[name] = int(value)
    for prefix in ("OPT", "LOG", "ERR"):
        for name, value in re.findall(rf"LLM_({prefix}_\w+)(?: =)? (-?\d+)", header):
            found[name] = int(value)
    found["ABI_VERSION"] = int(re.findall(r"define LLM_ABI_VERSION (\d+)", header)[0])
    ours = {name: value for name, value in vars(_abi).items() if name.isupper() and isinstance(value, int)}
    assert ours == {name: found[name] for name in ours}
    events = {name for name, value in re.findall(r"LLM_EVENT_(\w+) = (\d+)", header)}
    assert events <= ours.keys()


def test_options_have_the_fields_of_the_header(header: str) -> None:
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    struct = re.search(r"typedef struct llm_options \{(.*?)\}", text, re.DOTALL)
    assert struct is not None
    names = re.findall(r"(\w+);", struct[1])
    assert [field[0] for field in _native.Options._fields_] == names


def test_an_event_has_64_bytes() -> None:
    assert _native._EVENT.size == 64
    assert ctypes.sizeof(ctypes.c_void_p) == 8
