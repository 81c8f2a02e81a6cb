"""An answer as it comes, and where it came from.

python stream.py [PROVIDER/MODEL]
"""

import sys

import libllm
from libllm.types import ChatRequest

request: ChatRequest = {"messages": [{"role": "user", "content": "Explain CAP in one breath."}]}
if len(sys.argv) > 1:
    request["model"] = sys.argv[1]  # else default_model of the configuration

with libllm.Client() as llm, llm.stream(request, first_token_timeout=30) as stream:
    try:
        for event in stream:  # leaving the loop closes the stream upstream
            match event:
                case libllm.TextDelta(text):
                    print(text, end="", flush=True)
                case libllm.ReasoningDelta(text):
                    print(text, end="", flush=True, file=sys.stderr)
                case libllm.Rerouted(from_, to, reason):
                    print(f"[{reason}: {from_} -> {to}]")
                case libllm.Done(reason, usage):
                    took = f"first token after {event.ttft_ms:.0f} ms, end after {event.total_ms:.0f} ms"
                    print(f"\n{reason}: {usage.completion_tokens} tokens by {event.provider}, {took}")
    except libllm.StreamInterruptedError as error:
        sys.exit(f"\ncut after {len(error.partial_text)} characters: {error.message}")
