"""`response_format` with a schema, of a model without structured outputs: a tool is sent, and what it is called with comes as text."""

from llm import Client
from server import Server
from suite import config, test

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}


def call(name):
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": {"a": 1}}


@test("response_format", says="comes by a tool where the model has no structured outputs, and as text to the caller")
def _():
    def answer(exchange):
        exchange.whole(200, {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [call("json_answer")],
                             "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 2}})

    server = Server(answer)
    client = Client(config(server, provider={"wire": "anthropic"}))
    body = {"max_tokens": 9, "response_format": FORMAT}
    done = client.ask("house/claude-sonnet-4-20250514", body=body).succeeds('{"a": 1}').last
    assert done["finish_reason"] == "stop" and done["finish_reason_raw"] == "tool_use", done
    assert [(one["param"], one["action"]) for one in done["dropped"]] == [("response_format", "converted")], done
    assert "tool_calls" not in (done["message"] or {}), done
    sent = server.only.json
    assert sent["tools"][0]["input_schema"] == SCHEMA and sent["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}, sent


@test("response_format", says="is the model's own affair where it has structured outputs, whatever its tools are called")
def _():
    def answer(exchange):
        exchange.whole(200, {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [call("json_answer")],
                             "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 2}})

    server = Server(answer)
    client = Client(config(server, provider={"wire": "anthropic"}))
    body = {"max_tokens": 9, "response_format": FORMAT}
    done = client.ask("house/claude-sonnet-4-5", body=body).last
    assert done["finish_reason"] == "tool_calls" and done["dropped"] == [], done
    assert server.only.json["output_config"]["format"]["schema"] == SCHEMA
