"""Runs shared cases with the Python package: `runner.py sync` or `runner.py async`. One case a line in, its result a line out."""

import asyncio
import json
import sys

import libllm

# Options that have a keyword argument of their own, in its own unit.
SECONDS = {"timeout_ms": "timeout", "first_token_timeout_ms": "first_token_timeout", "idle_timeout_ms": "idle_timeout"}
NAMED = {"provider", "operation", "max_attempts", "fallbacks", "on_partial", "unsupported", "headers", "base_url", "api_key",
         "idempotency_key", "extra_body"}
KINDS = ("before", "token", "attempt", "after")
FLAGS = {"raw": {"raw": True}, "no_coalesce": {"coalesce": False}, "no_cache": {"cache": False}, "message": {"message": True}}


def wishes(options):
    made, rest = {}, {}
    for key, value in options.items():
        if key in SECONDS:
            made[SECONDS[key]] = value / 1000
        elif key in NAMED:
            made[key] = value
        elif key == "flags":
            for flag in value:
                made.update(FLAGS[flag])
        else:
            rest[key] = value
    return {**made, **({"options": rest} if rest else {})}


def item(event):
    match event:
        case libllm.TextDelta() | libllm.ReasoningDelta() | libllm.RefusalDelta():
            return [event.type, event.choice, 0, event.text]
        case libllm.ToolCallStart():
            return [event.type, event.choice, event.index, {"id": event.id, "name": event.name}]
        case libllm.ToolArgsDelta():
            return [event.type, event.choice, event.index, event.arguments]
        case libllm.Part():
            return [event.type, event.choice, event.data["index"], event.data]
        case libllm.Rerouted():
            return ["route", 0, 0, {"to": event.to, "reason": event.reason}]
        case libllm.Result():
            return [event.type, 0, 0, event.data.decode()]
        case libllm.Raw():
            return [event.type, 0, 0, event.data.decode()]
    return ["unknown", 0, 0, repr(event)]


def tries(attempts):
    return [{"provider": one.provider, "model": one.model, "status": one.llm_status, "kind": one.kind, "http_status": one.status,
             "message": one.message} for one in attempts]


def account(done):
    usage = done.usage
    return {
        "id": done.id, "model": done.model, "provider": done.provider, "target": done.target, "finish_reason": done.finish_reason,
        "finish_reason_raw": done.finish_reason_raw, "incomplete": done.incomplete, "request_id": done.request_id,
        "dropped": done.dropped, "cached": done.cached,
        "usage": {name: getattr(usage, name) for name in (
            "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "source")},
        "cost_microusd": None if done.cost_usd is None else round(done.cost_usd * 1e6),
        "attempts": tries(done.attempts), "ttft_known": done.ttft_ms is not None,
    }


def failure(error):
    return {
        "class": type(error).__name__, "status": error.llm_status, "kind": error.kind, "message": error.message, "type": error.type,
        "code": error.code, "param": error.param, "provider": error.provider, "model": error.model, "http_status": error.status,
        "request_id": error.request_id, "retry_after_ms": None if error.retry_after is None else round(error.retry_after * 1000),
        "retryable": error.is_retryable, "phase": error.phase, "attempts": tries(error.attempts),
        "partial_text": error.partial_text or None, "body": error.raw_body,
    }


def answer(response):
    choices = [{
        "index": one.index, "text": one.message.content, "reasoning": one.message.reasoning, "refusal": one.message.refusal,
        "tool_calls": [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in one.message.tool_calls],
        "finish_reason": one.finish_reason,
    } for one in response.choices]
    return {"response": {"choices": choices}, "done": account(response)}


class Case:
    """One case, and what has come of it so far."""

    def __init__(self, line):
        name, self.config, request, options, *rest = line.rstrip("\n").split("\t")
        self.request, self.options = json.loads(request), wishes(json.loads(options))
        cancel_after, self.call, times, choice, *said = rest[6:]
        self.cancel_after, self.times, self.choice = int(cancel_after), int(times), int(choice)
        self.result = {"case": name, "items": []}
        self.hooks = {kind: self.hook(words) for kind, words in zip(KINDS, said) if words}
        self.seen = 0

    def hook(self, words):
        """What the host answers to a question: JSON, or `!` and the words of a refusal."""
        def answer(question):
            self.result["items"].append(["ask", 0, 0, question])
            if words.startswith("!"):
                raise ValueError(words[1:])
            return json.loads(words)
        return answer

    def texts(self, stream):
        """Only the text of the choice that is wanted."""
        return stream.text_of(self.choice) if self.choice else stream.text

    def keep(self, text):
        self.result["items"].append(["text", self.choice, 0, text])

    def take(self, event):
        """Whether it is time to cancel."""
        if isinstance(event, libllm.Done):
            self.result["done"] = account(event)
            return False
        self.result["items"].append(item(event))
        self.seen += not isinstance(event, (libllm.Rerouted, libllm.Raw))
        return self.seen == self.cancel_after


def run(case):
    with libllm.Client(case.config, hooks=case.hooks) as client:
        for _ in range(1, case.times):
            client.chat(case.request, **case.options)
        if case.call == "ask":
            case.result["response"] = client.ask(case.options.pop("operation"), case.request, **case.options)
            return
        if case.call == "chat":
            case.result.update(answer(client.chat(case.request, **case.options)))
            return
        stream = client.stream(case.request, **case.options)
        if case.call == "text":
            for text in case.texts(stream):
                case.keep(text)
            return
        case.result["returned"] = False
        for event in stream:
            if case.take(event):
                stream.close()


async def run_async(case):
    async with libllm.AsyncClient(case.config, hooks=case.hooks) as client:
        for _ in range(1, case.times):
            await client.chat(case.request, **case.options)
        if case.call == "ask":
            case.result["response"] = await client.ask(case.options.pop("operation"), case.request, **case.options)
            return
        if case.call == "chat":
            case.result.update(answer(await client.chat(case.request, **case.options)))
            return
        stream = client.stream(case.request, **case.options)
        if case.call == "text":
            async for text in case.texts(stream):
                case.keep(text)
            return
        case.result["returned"] = False
        async for event in stream:
            if case.take(event):
                await stream.aclose()


def main():
    asynchronous = sys.argv[1:] == ["async"]
    for line in sys.stdin:
        case = Case(line)
        try:
            if asynchronous:
                asyncio.run(run_async(case))
            else:
                run(case)
        except libllm.LLMError as error:
            # Refused by the call itself, unless a stream was made before.
            case.result["returned"] = True if case.call == "stream" and "returned" not in case.result else None
            case.result["error"] = failure(error)
        if not case.result.get("returned"):
            case.result.pop("returned", None)
        print(json.dumps(case.result), flush=True)


main()
