"""Anthropic's SDK stays, whoever answers: OpenAI, a local server, Anthropic itself. One line changes.

python keep_anthropic.py [PROVIDER/MODEL]
"""

import sys
import time

import anthropic

import libllm

client = libllm.patch(anthropic.Anthropic(api_key="held-by-libllm"))  # keys and LLM_CONFIG from the environment
model = sys.argv[1] if len(sys.argv) > 1 else "demo"
began, first = time.monotonic(), 0.0
with client.messages.stream(
    model=model, max_tokens=1024, messages=[{"role": "user", "content": "Name three oceans."}]
) as stream:
    for text in stream.text_stream:
        first = first or time.monotonic() - began
        print(text, end="", flush=True)
print(f"\nfirst token after {first * 1000:.0f} ms")
