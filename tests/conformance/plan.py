"""Which exchange is asked how: recorded endpoints to wires and operations, providers to rows. The only place that knows either."""

import glob
import json
import os

# Recorded endpoint -> (wire, operation). Endpoints without a line are spoken by no wire that is planned.
ENDPOINTS = {
    "openai.chat": ("openai_chat", "chat"),
    "openai.responses": ("openai_responses", "chat"),
    "openai.completions": ("openai_completions", "chat"),
    "openai.embeddings": ("openai_chat", "embeddings"),
    "anthropic.messages": ("anthropic", "chat"),
    "cohere.v2chat": ("cohere", "chat"),
    "cohere.v1chat": ("cohere_v1", "chat"),
    "cohere.v2embed": ("cohere", "embeddings"),
    "cohere.v1embed": ("cohere_v1", "embeddings"),
    "ollama.chat": ("ollama", "chat"),
    "ollama.generate": ("ollama", "completion"),
    "ollama.embed": ("ollama", "embeddings"),
    "gemini.generateContent": ("gemini", "chat"),
    "gemini.streamGenerateContent": ("gemini", "chat"),
    "gemini.batchEmbedContents": ("gemini", "embeddings"),
    "vertex.predict": ("vertex", "embeddings"),
    "vertex.rawPredict": ("vertex_anthropic", "chat"),
    "vertex.streamRawPredict": ("vertex_anthropic", "chat"),
    "bedrock.converse": ("bedrock_converse", "chat"),
    "bedrock.converse-stream": ("bedrock_converse", "chat"),
    "bedrock.invoke": ("bedrock_invoke", "chat"),
    "bedrock.invoke-stream": ("bedrock_invoke", "chat"),
}

# Refusals of endpoints that no wire speaks: any request of that provider gets them.
AS_CHAT = ("other", "models", "openai.moderations")

# Provider rows of the library and the wire of each.
ROWS = {
    "openai": "openai_chat",
    "anthropic": "anthropic",
    "cohere": "cohere",
    "ollama": "openai_chat",
    "mistral": "openai_chat",
    "groq": "openai_chat",
    "deepseek": "openai_chat",
    "xai": "openai_chat",
    "openrouter": "openai_chat",
    "together": "openai_chat",
    "fireworks": "openai_chat",
    "perplexity": "openai_chat",
    "vllm": "openai_chat",
    "llamacpp": "openai_chat",
    "lmstudio": "openai_chat",
    "azure": "openai_chat",
    "aihubmix": "openai_chat",
    "cerebras": "openai_chat",
    "crusoe": "openai_chat",
    "gpustack": "openai_chat",
    "huggingface": "openai_chat",
    "opencode": "openai_chat",
    "voyage": "openai_chat",
    "zai": "openai_chat",
    "gemini": "gemini",
    "bedrock": "bedrock_converse",
}

# Wires that every full build has: a library without them did not pass, it was not tried.
REQUIRED = {"openai_chat", "openai_responses", "openai_completions", "anthropic", "cohere", "cohere_v1", "ollama", "gemini", "vertex", "vertex_anthropic", "bedrock_converse", "bedrock_invoke"}


class Exchange:
    """One recorded exchange, as it will be asked."""

    def __init__(self, recorded):
        self.id = recorded["id"]
        self.endpoint = recorded["endpoint"]
        self.streaming = bool(recorded["streaming"]) and self.endpoint not in AS_CHAT
        provider = recorded["provider"]
        if self.endpoint in AS_CHAT:
            self.wire, self.operation = ROWS.get(provider, "openai_chat"), "chat"
        else:
            self.wire, self.operation = ENDPOINTS.get(self.endpoint, (None, None))
            # InvokeModel has one endpoint for all that a model does.
            if "embedding" in recorded.get("features", ()):
                self.operation = "embeddings"
        # A provider without a row, or one asked in another format than its row's, is one that configuration adds.
        self.has_row = ROWS.get(provider) == self.wire
        self.provider = provider if self.has_row else f"{provider}_{self.wire}"

    def line(self, origin):
        """A line of the driver's plan."""
        return "\t".join((self.provider, self.operation, "1" if self.streaming else "0", f"{origin}/r/{self.id}"))


def exchanges(corpus):
    """Every exchange of a corpus, by id."""
    found = []
    for path in sorted(glob.glob(os.path.join(corpus, "exchanges", "*.json"))):
        with open(path, encoding="utf8") as file:
            found.append(Exchange(json.load(file)))
    return found


def config(asked, origin):
    """The client's configuration: no retries, and what the library has no row for."""
    providers = {x.provider: {"wire": x.wire, "base_url": origin} for x in asked if not x.has_row}
    return {"retry": {"max_attempts": 1}, "providers": providers}


def probe(wire):
    """A configuration that is refused exactly when the build lacks `wire`."""
    return {"providers": {"probe": {"wire": wire, "base_url": "http://127.0.0.1:1"}}}
