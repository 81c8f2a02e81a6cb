"""One question, one answer, and what went wrong if there is none.

python chat.py [PROVIDER/MODEL]
"""

import sys

import libllm
from libllm.types import ChatRequest

request: ChatRequest = {"messages": [{"role": "user", "content": "Name three oceans."}]}
if len(sys.argv) > 1:
    request["model"] = sys.argv[1]  # else default_model of the configuration

with libllm.Client() as llm:  # keys and LLM_CONFIG from the environment
    try:
        answer = llm.chat(request, timeout=60)
    except libllm.RateLimitError as error:
        sys.exit(f"slow down: {error.message}; again in {error.retry_after} s (request {error.request_id})")
    except libllm.LLMError as error:
        for attempt in error.attempts:
            print(f"  {attempt.provider}/{attempt.model}: {attempt.message}", file=sys.stderr)
        sys.exit(f"{type(error).__name__}: {error.message}")

print(answer.text)
tried = " -> ".join(f"{attempt.provider} {attempt.status or 'ok'}" for attempt in answer.attempts)
print(f"{answer.usage.total_tokens} tokens, first token after {answer.ttft_ms:.0f} ms, {tried}")
