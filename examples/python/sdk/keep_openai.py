"""OpenAI's SDK stays; libllm routes, retries and translates. One line changes.

python keep_openai.py [PROVIDER/MODEL]
"""

import sys
import time

import openai

import libllm

client = libllm.patch(openai.OpenAI(api_key="held-by-libllm"))  # keys and LLM_CONFIG from the environment
model = sys.argv[1] if len(sys.argv) > 1 else "demo"
began, first = time.monotonic(), 0.0
for chunk in client.chat.completions.create(
    model=model, messages=[{"role": "user", "content": "Name three oceans."}], stream=True
):
    first = first or time.monotonic() - began
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print(f"\nfirst token after {first * 1000:.0f} ms")
