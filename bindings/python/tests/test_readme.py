"""The README's programs run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Mock

from libllm import _options

README = Path(__file__).parents[1] / "README.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.splitlines()[0][:40])
def test_it_runs(mock: Mock, program: str) -> None:
    environment = {**os.environ, "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{mock.origin}/v1"}
    # The scripted provider answers what a model's name says, and knows no real ones.
    code = program.replace("openai/gpt-5-mini", "openai/tokens=5")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def test_there_are_programs() -> None:
    assert len(PROGRAMS) >= 4


def test_every_option_is_listed() -> None:
    listed = README.read_text().partition("## Options")[2].partition("## ")[0]
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]*)`", listed))))
    assert words >= _options.NAMES, sorted(_options.NAMES - words)
