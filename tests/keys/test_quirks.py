"""`providers.P.quirks`: how a service differs from its wire. A closed list; each name changes what is sent or understood."""

from llm import AUTH, CONFIG, Client, refused
from server import Server
from suite import config, test

NAMES = ("terminal_marker", "stream_usage", "max_tokens_name", "moderation_403", "system_role", "tool_ids", "reasoning_field",
         "no_parallel_tools", "cache_markers", "int8_vectors", "vocabulary", "token_counts", "tool_pictures")


def quirk(name, says):
    return test(f"providers.P.quirks.{name}", says=says)


def sent(quirks, body):
    """What a service with these quirks gets, and what the caller is told of it."""
    server = Server()
    answer = Client(config(server, provider={"quirks": quirks})).ask("house/m", body=body).succeeds("ok")
    return server.only.json, {one["param"]: one["action"] for one in answer.last["dropped"]}


def heard(quirks, answer, wire="openai_chat"):
    server = Server(answer)
    return Client(config(server, provider={"quirks": quirks, "wire": wire})).ask("house/m", body={"max_tokens": 5})


def without_done(exchange):
    exchange.head()
    exchange.delta("ok")
    exchange.finish()
    exchange.wait()


def without_finish(exchange):
    exchange.head()
    exchange.delta("ok")
    exchange.send("0\r\n\r\n")


@quirk("terminal_marker", "finish_reason ends an answer at its finish reason")
def _():
    answer = heard({"terminal_marker": "finish_reason"}, without_done).succeeds("ok")
    assert answer.last["incomplete"] is False


@quirk("terminal_marker", "none takes a clean end for one, and says that the answer may be incomplete")
def _():
    answer = heard({"terminal_marker": "none"}, without_finish).succeeds("ok")
    assert answer.last["incomplete"] is True, answer.last


@quirk("terminal_marker", "format, the default, knows an answer without its marker for cut")
def _():
    for quirks in {}, {"terminal_marker": "format"}:
        heard(quirks, without_finish).fails("stream_truncated")


@quirk("terminal_marker", "counts for Messages as well")
def _():
    def cut(exchange):
        exchange.head()
        start = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 1}}
        exchange.event({"type": "message_start", "message": start})
        exchange.event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        exchange.event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ok"}})
        exchange.send("0\r\n\r\n")

    assert heard({"terminal_marker": "none"}, cut, "anthropic").succeeds("ok").last["incomplete"] is True
    heard({}, cut, "anthropic").fails("stream_truncated")


@quirk("stream_usage", "false never asks for usage in a stream")
def _():
    body, _ = sent({}, {})
    assert body["stream_options"] == {"include_usage": True}
    body, _ = sent({"stream_usage": False}, {})
    assert "stream_options" not in body
    body, dropped = sent({"stream_usage": False}, {"stream_options": {"include_usage": True}})
    assert "stream_options" not in body and dropped == {"stream_options": "dropped"}, dropped


@quirk("max_tokens_name", "is how the limit is called")
def _():
    for quirk_value, written, name in [
        ("max_tokens", "max_completion_tokens", "max_tokens"),
        ("max_completion_tokens", "max_tokens", "max_completion_tokens"),
        ("as_written", "max_tokens", "max_tokens"),
        ("as_written", "max_completion_tokens", "max_completion_tokens"),
    ]:
        body, dropped = sent({"max_tokens_name": quirk_value}, {written: 7})
        assert {key: value for key, value in body.items() if key.startswith("max_")} == {name: 7}, body
        assert dropped == ({} if name == written else {written: "converted"}), dropped


@quirk("moderation_403", "takes a 403 for a verdict")
def _():
    refuse = lambda exchange: exchange.fail(403)
    assert heard({"moderation_403": True}, refuse).fails("content_filter").status == "LLM_ERR_CONTENT_FILTER"
    assert heard({}, refuse).fails("auth").status == AUTH


@quirk("system_role", "is the role of system text")
def _():
    said = [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}, {"role": "user", "content": "c"}]
    for role, roles in [("system", ["system", "system", "user"]), ("developer", ["developer", "developer", "user"]),
                        ("user", ["user", "user", "user"]), ("as_written", ["system", "developer", "user"])]:
        body, dropped = sent({"system_role": role}, {"messages": said})
        assert [message["role"] for message in body["messages"]] == roles, (role, body)
        assert [message["content"] for message in body["messages"]] == ["a", "b", "c"]
        assert (dropped == {}) == (role == "as_written"), dropped


@quirk("tool_ids", "alnum9 makes ids of nine letters and digits, the same for a call and its answer")
def _():
    call = {"id": "call_a-long-id", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_a-long-id", "content": "r"}]
    body, dropped = sent({"tool_ids": "alnum9"}, {"messages": said})
    made = body["messages"][1]["tool_calls"][0]["id"]
    assert len(made) == 9 and made.isalnum() and made == body["messages"][2]["tool_call_id"], body
    assert dropped, "it is told"
    body, dropped = sent({"tool_ids": "any"}, {"messages": said})
    assert body["messages"] == said and dropped == {}


@quirk("reasoning_field", "is where earlier reasoning goes back")
def _():
    earlier = {"role": "assistant", "content": "b", "reasoning": "why"}
    said = [{"role": "user", "content": "a"}, earlier, {"role": "user", "content": "c"}]
    for quirk_value, field in ("reasoning_content", "reasoning_content"), ("reasoning", "reasoning"), ("none", None):
        body, _ = sent({"reasoning_field": quirk_value}, {"messages": said})
        found = {key: value for key, value in body["messages"][1].items() if key.startswith("reasoning")}
        assert found == ({field: "why"} if field else {}), (quirk_value, found)


@quirk("no_parallel_tools", "leaves parallel_tool_calls out")
def _():
    body, dropped = sent({"no_parallel_tools": True}, {"parallel_tool_calls": True})
    assert "parallel_tool_calls" not in body and dropped == {"parallel_tool_calls": "dropped"}
    body, dropped = sent({}, {"parallel_tool_calls": True})
    assert body["parallel_tool_calls"] is True and dropped == {}


@quirk("cache_markers", "sends cache_control on, which is left out and reported elsewhere")
def _():
    mark = {"cache_control": {"type": "ephemeral"}}
    asked = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", **mark}]}],
             "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}, **mark}]}
    body, dropped = sent({"cache_markers": True}, asked)
    assert body["messages"][0]["content"][0] == {"type": "text", "text": "hi", **mark} and dropped == {}
    assert body["tools"][0]["cache_control"] == mark["cache_control"]
    body, dropped = sent({}, asked)
    assert body["messages"][0]["content"] == [{"type": "text", "text": "hi"}] and "cache_control" not in body["tools"][0]
    assert dropped == {"messages[0].content[0].cache_control": "dropped", "tools[0].cache_control": "dropped"}


@quirk("int8_vectors", "reads vectors in base64 as bytes with a sign, unless they were asked for so")
def _():
    def vector(quirks, **body):
        server = Server(lambda exchange: exchange.whole(200, {"object": "list", "data": [{"index": 0, "embedding": "AX+A/w=="}]}))
        client = Client(config(server, provider={"quirks": quirks}))
        answer = client.complete("house/m", operation="embeddings", body={"input": "hi", **body})
        return answer["data"][0]["embedding"]

    assert vector({"int8_vectors": True}) == [1, 127, -128, -1]
    assert len(vector({})) == 1, "one number of four bytes"
    assert vector({"int8_vectors": True}, encoding_format="base64") == "AX+A/w=="


@quirk("vocabulary", "says members in the service's own words, and reports those that it has none for")
def _():
    said = {"seed": 7, "logit_bias": {"5": 1}, "own": 1}
    body, dropped = sent({"vocabulary": "mistral"}, said)
    assert (body["random_seed"], body["own"]) == (7, 1) and "seed" not in body and "logit_bias" not in body, body
    assert dropped == {"seed": "converted", "logit_bias": "dropped"}, dropped
    for vocabulary in "openai", "voyage", "perplexity":
        body, dropped = sent({"vocabulary": vocabulary}, said)
        assert said.items() <= body.items() and dropped == {}, (vocabulary, body)


@test("providers.P.quirks", says="are laid over the built-in provider's own")
def _():
    server = Server()
    place = {"base_url": server.url, "api_key": "k", "quirks": {"stream_usage": True}}
    Client({"providers": {"mistral": place}}).ask("mistral/m", body={"max_completion_tokens": 7}).succeeds("ok")
    body = server.only.json
    assert body["stream_options"] == {"include_usage": True}, "what is said counts"
    assert body["max_tokens"] == 7, "the rest stays as the row has it"


@test("providers.P.quirks", says="are a closed list of names and words")
def _():
    def said(text):
        return lambda: Client(f'[providers.house]\nwire = "openai_chat"\nbase_url = "http://h"\nquirks = {{ {text} }}')

    refused(said("stream_usages = false"), CONFIG, "line 4, column", "providers.house.quirks.stream_usages", *NAMES)
    for name in NAMES:
        refused(said(f'{name} = "nonsense"'), CONFIG, "line 4, column", f"providers.house.quirks.{name}")


@quirk("token_counts", "says where tokens are counted; without it nobody is asked")
def _():
    server = Server(lambda exchange: exchange.whole(200, {"input_tokens": 17, "count": 17}))
    for where, path in ("responses", "/v1/responses/input_tokens"), ("messages", "/v1/messages/count_tokens"), ("tokenize", "/tokenize"):
        client = Client(config(server, provider={"quirks": {"token_counts": where}}))
        counted = client.complete("house/m", operation="count_tokens")
        assert (counted["source"], counted["prompt_tokens"], server.requests[-1].path) == ("provider", 17, path), counted
    asked = len(server.requests)
    for quirks in {}, {"token_counts": "none"}:
        client = Client(config(server, provider={"quirks": quirks}))
        assert client.complete("house/m", operation="count_tokens")["source"] == "estimated" and len(server.requests) == asked


@quirk("tool_pictures", "leaves pictures in a tool's result; without it the user shows them, behind the results")
def _():
    picture = {"type": "image_url", "image_url": {"url": "https://h/i.png"}}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "r"}, picture]}]
    body, dropped = sent({"tool_pictures": True}, {"messages": said})
    assert body["messages"] == said and dropped == {}, body
    body, dropped = sent({}, {"messages": said})
    assert body["messages"][2]["content"] == [{"type": "text", "text": "r"}], body
    assert body["messages"][3:] == [{"role": "user", "content": [picture]}] and dropped == {"messages[2].content": "converted"}, dropped
