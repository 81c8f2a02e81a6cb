"""`catalog.tokenizers` held against tiktoken itself, with the real vocabularies that LiteLLM's wheel has in it.

LITELLM_WHEEL is the folder that it was downloaded to; tests/suites/python.sh does that.
"""

from __future__ import annotations

import os
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from tiktoken.load import load_tiktoken_bpe
from tiktoken_ext import openai_public  # type: ignore[import-untyped]

import libllm

FOLDER = os.environ.get("LITELLM_WHEEL", "")
WHEELS = sorted(Path(FOLDER).glob("litellm-*.whl")) if FOLDER else []
pytestmark = pytest.mark.skipif(not WHEELS, reason="LITELLM_WHEEL names no folder with LiteLLM's wheel")

# Each name is the digest of the address that tiktoken fetches the vocabulary from.
VOCABULARIES = {
    "cl100k": "litellm/litellm_core_utils/tokenizers/9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "o200k": "litellm/litellm_core_utils/tokenizers/fb374d419588a4632f3f557e76b4b70aebbca790",
}
# Pieces that the patterns treat differently, many of them at each other's edges.
SAID = [
    " ", "  ", "\n", "\r\n", "\n\n", "\t", "\u00a0", "\u3000", "/", "//", "'", "'s", "'S", "'re", "'LL", "'\u017f",
    "\u2019s",
    "a", "A", "the", " the", "The", "HTTPServer", "camelCase", "snake_case", "1", "12", "1234567",
    "\u0663\u0664", "\u00bd", "\u2167", "!", "?!", "...", "{}", "();", "\u00e9", "e\u0301", "\u0301", "\u00df",
    "\u01c5",
    "\u02b0",
    "\u65e5\u672c\u8a9e", "\u0939\u093f\u0928\u094d\u0926\u0940",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "\U0001f600", "\U0001f468\u200d\U0001f469", "\ufeff", "\u0000", "<|endoftext|>", "\U00020000",
]  # fmt: skip


def texts() -> list[str]:
    chance = random.Random(7)
    mixed = ["".join(chance.choices(SAID, k=chance.randint(1, 40))) for _ in range(1000)]
    # Any characters at all, but for halves of pairs.
    whole = [*range(0xD800), *range(0xE000, 0x11000)]
    wild = ["".join(map(chr, chance.choices(whole, k=60))) for _ in range(100)]
    sources = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))]
    return [*mixed, *wild, *sources]


@pytest.mark.parametrize("split", VOCABULARIES)
def test_counts_are_tiktoken_s(split: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any text has as many tokens as tiktoken says."""
    vocabulary = tmp_path / f"{split}_base.tiktoken"
    with zipfile.ZipFile(WHEELS[-1]) as wheel:
        vocabulary.write_bytes(wheel.read(VOCABULARIES[split]))
    ranks = load_tiktoken_bpe(str(vocabulary))
    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", lambda *_, **__: ranks)
    said = getattr(openai_public, f"{split}_base")()
    encoding = tiktoken.Encoding(**{**said, "special_tokens": {}})
    tokenizer: dict[str, Any] = {"file": str(vocabulary), "split": split, "models": ["mock/*"]}
    tokenizer |= {"per_message": 0, "per_answer": 0}
    with libllm.Client(config={"catalog": {"tokenizers": {"it": tokenizer}}}) as client:
        for text in texts():
            counted = client.count_tokens({"model": "mock/echo", "messages": [{"role": "user", "content": text}]})
            expected = len(encoding.encode_ordinary(text)) + len(encoding.encode_ordinary("user"))
            assert (counted["source"], counted["prompt_tokens"]) == ("tokenizer", expected), text
