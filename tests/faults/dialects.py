"""What each dialect says when all is well, when it refuses, and when it gives up in the middle: a table, one class a dialect.

A dialect is added here and nowhere else. An answer is a list of parts, so that a fault can be put between any two of them."""

import json

# Letters of one to four bytes: a cut inside one must not show.
WORDS = ["Hello", " wörld", " –", " 🙂", " you", " have", " 東京", " weather"]
TEXT = "".join(WORDS)

# Where a part stands: before the first item, an item, after the last item, the proof that it is over.
OPEN, ITEM, CLOSE, END = "open", "item", "close", "end"

SSE, JSON, LINES = "text/event-stream", "application/json", "application/x-ndjson"


def text_of(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Dialect:
    """Names as in the configuration; `stream_type` is how a stream is framed."""

    name = wire = path = None
    stream_type, operation = SSE, None
    # What precedes the path in a base_url; what a request means that does not say `stream`.
    base, stream_unsaid = "", False
    # What an in-band error of this dialect is; None: it has no words for one.
    in_band_kind = "overloaded"

    def event(self, value):
        return b"data: " + text_of(value) + b"\n\n"

    def stream(self, words=None):
        """(where, bytes) of a whole answer."""
        words = WORDS if words is None else words
        return ([(OPEN, part) for part in self.opening()] + [(ITEM, self.item(word)) for word in words]
                + [(CLOSE, part) for part in self.closing()] + [(END, part) for part in self.end()])

    def unary(self, text=TEXT):
        """The same of an answer in one JSON text, cut at places that mean nothing."""
        body = text_of(self.whole(text))
        head, tail = body[:8], body[-5:]
        middle, step = body[8:-5], (len(body) - 13) // 8 + 1
        items = [middle[at:at + step] for at in range(0, len(middle), step)]
        return [(OPEN, head)] + [(ITEM, item) for item in items] + [(END, tail)]

    def garbage(self):
        """What stands where an event should and is none."""
        return b"data: {\x00\xfe]:::\n\n"

    def refusal(self, words="refused on purpose"):
        return {"error": {"message": words, "type": "on_purpose", "param": None, "code": None}}


class OpenAiChat(Dialect):
    name, wire, path, base = "openai", "openai_chat", "/chat/completions", "/v1"

    def chunk(self, delta, finish=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self.event({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})

    def opening(self):
        return [self.chunk({"role": "assistant", "content": ""})]

    def item(self, word):
        return self.chunk({"content": word})

    def closing(self):
        return [self.chunk({}, "stop")]

    def end(self):
        return [b"data: [DONE]\n\n"]

    def whole(self, text):
        message = {"role": "assistant", "content": text}
        return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 8, "total_tokens": 9}}

    def error(self):
        return {"error": {"message": "overloaded", "type": "overloaded"}}

    def in_band(self):
        return self.event(self.error())


class Anthropic(Dialect):
    name, wire, path = "anthropic", "anthropic", "/v1/messages"

    def event(self, value):
        return b"event: " + value["type"].encode() + b"\ndata: " + text_of(value) + b"\n\n"

    def opening(self):
        message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
                   "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        return [self.event({"type": "message_start", "message": message}), self.event(block), self.event({"type": "ping"})]

    def item(self, word):
        return self.event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})

    def closing(self):
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        return [self.event({"type": "content_block_stop", "index": 0}),
                self.event({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 8}})]

    def end(self):
        return [self.event({"type": "message_stop"})]

    def whole(self, text):
        return {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 8}}

    def error(self):
        return {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

    def in_band(self):
        return self.event(self.error())

    def refusal(self, words="refused on purpose"):
        return {"type": "error", "error": {"type": "on_purpose", "message": words}}

    def garbage(self):
        return b"event: content_block_delta\n" + super().garbage()


class OllamaChat(Dialect):
    name, wire, path = "ollama chat", "ollama", "/api/chat"
    stream_type, in_band_kind, stream_unsaid = LINES, "provider_error", True
    counts = {"total_duration": 9, "load_duration": 1, "prompt_eval_count": 1, "prompt_eval_duration": 1, "eval_count": 8,
              "eval_duration": 1}

    def event(self, value):
        return text_of(value) + b"\n"

    def said(self, text):
        return {"message": {"role": "assistant", "content": text}}

    def line(self, text, **more):
        return {"model": "m", "created_at": "2026-01-01T00:00:00Z", **self.said(text), **more}

    def opening(self):
        return []

    def item(self, word):
        return self.event(self.line(word, done=False))

    def closing(self):
        return []

    def end(self):
        return [self.event(self.whole(""))]

    def whole(self, text):
        return self.line(text, done=True, done_reason="stop", **self.counts)

    def error(self):
        return {"error": "the runner went away"}

    def in_band(self):
        return self.event(self.error())

    def refusal(self, words="refused on purpose"):
        return {"error": words}

    def garbage(self):
        return b"{\x00\xfe]:::\n"


class OllamaGenerate(OllamaChat):
    name, path, operation = "ollama generate", "/api/generate", "completion"

    def said(self, text):
        return {"response": text}


class CohereV2(Dialect):
    name, wire, path = "cohere v2", "cohere", "/v2/chat"
    in_band_kind = "provider_error"
    usage = {"billed_units": {"input_tokens": 1, "output_tokens": 8}, "tokens": {"input_tokens": 1, "output_tokens": 8}}

    def event(self, value):
        return b"event: " + value["type"].encode() + b"\ndata: " + text_of(value) + b"\n\n"

    def opening(self):
        message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        content = {"message": {"content": {"type": "text", "text": ""}}}
        return [self.event({"id": "c1", "type": "message-start", "delta": {"message": message}}),
                self.event({"type": "content-start", "index": 0, "delta": content})]

    def item(self, word):
        return self.event({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}})

    def closing(self):
        return [self.event({"type": "content-end", "index": 0})]

    def ending(self, reason):
        return self.event({"type": "message-end", "delta": {"finish_reason": reason, "usage": self.usage}})

    def end(self):
        return [self.ending("COMPLETE")]

    def whole(self, text):
        return {"id": "c1", "finish_reason": "COMPLETE", "usage": self.usage,
                "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}}

    def error(self):
        return {"id": "c1", "message": {"role": "assistant", "content": []}, "finish_reason": "ERROR", "usage": self.usage}

    def in_band(self):
        return self.ending("ERROR")

    def refusal(self, words="refused on purpose"):
        return {"id": "e1", "message": words}

    def garbage(self):
        return b"event: content-delta\n" + super().garbage()


class CohereV1(Dialect):
    name, wire, path = "cohere v1", "cohere_v1", "/v1/chat"
    stream_type, in_band_kind = "application/stream+json", "provider_error"

    def event(self, value):
        return text_of(value) + b"\n"

    def opening(self):
        return [self.event({"is_finished": False, "event_type": "stream-start", "generation_id": "g1"})]

    def item(self, word):
        return self.event({"is_finished": False, "event_type": "text-generation", "text": word})

    def closing(self):
        return []

    def ending(self, reason):
        return self.event({"is_finished": True, "event_type": "stream-end", "finish_reason": reason,
                           "response": {**self.whole(TEXT), "finish_reason": reason}})

    def end(self):
        return [self.ending("COMPLETE")]

    def whole(self, text):
        return {"response_id": "r1", "text": text, "generation_id": "g1", "chat_history": [], "finish_reason": "COMPLETE",
                "meta": {"api_version": {"version": "1"}, "billed_units": {"input_tokens": 1, "output_tokens": 8}}}

    def error(self):
        return {**self.whole(""), "finish_reason": "ERROR"}

    def in_band(self):
        return self.ending("ERROR")

    def refusal(self, words="refused on purpose"):
        return {"message": words}

    def garbage(self):
        return b"{\x00\xfe]:::\n"


ALL = [OpenAiChat(), Anthropic(), CohereV2(), CohereV1(), OllamaChat(), OllamaGenerate()]
