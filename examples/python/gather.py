"""Three answers at once with asyncio; a cancelled task closes its stream upstream.

python gather.py [PROVIDER/MODEL]
"""

import asyncio
import sys

import libllm
from libllm.types import ChatRequest

CITIES = ("Oslo", "Lima", "Accra")


async def ask(llm: libllm.AsyncClient, city: str) -> libllm.Response:
    request: ChatRequest = {"messages": [{"role": "user", "content": f"One fact about {city}."}]}
    if len(sys.argv) > 1:
        request["model"] = sys.argv[1]  # else default_model of the configuration
    async with llm.stream(request) as stream:
        async for _ in stream.text:
            print(".", end="", flush=True)
        return await stream.final()


async def main() -> None:
    async with libllm.AsyncClient() as llm:
        try:
            answers = await asyncio.wait_for(asyncio.gather(*(ask(llm, city) for city in CITIES)), 120)
        except libllm.APIError as error:
            sys.exit(f"\n{type(error).__name__}: {error.message}")
    print()
    for city, answer in zip(CITIES, answers, strict=True):
        print(f"{city}: {answer.text} ({answer.provider}, first token after {answer.ttft_ms:.0f} ms)")


asyncio.run(main())
