"""One form for what every language says of a case, and the comparison of two. What is unknown is null; times are only known or not."""

import functools
import json
import pathlib
import re

ERROR = ("status", "kind", "message", "type", "code", "param", "provider", "model", "http_status", "request_id", "retry_after_ms",
         "retryable", "phase", "attempts", "partial_text", "body")
USAGE = ("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "source")
ASK = ("kind", "target", "attempt", "status")
ATTEMPT = ("provider", "model", "status", "kind", "http_status", "message")


def result(told):
    """The result of one case. Languages that hand over the library's own JSON are read here, others say it themselves."""
    asked = [item for item in told.get("items", []) if item[0] == "ask"]
    made = {"items": items([item for item in told.get("items", []) if item[0] != "ask"])}
    if asked:
        made["asked"] = [{key: value for key, value in item[3].items() if key in ASK} for item in asked]
    if "broken" in told:
        made["broken"] = told["broken"]
    if "done" in told:
        made["done"] = done(told["done"])
    if "error" in told:
        made["error"] = error(told["error"], made["items"])
        made["class"] = told["error"].get("class")
    if "response" in told:
        if "choices" not in told["response"]:
            # An operation's answer alone: not every language tells what it took beside it.
            made["result"] = {key: value for key, value in told["response"].items() if key != "libllm"}
        else:
            made["response"] = response(told["response"])
            if "libllm" in told["response"]:
                made["done"] = done(told["response"]["libllm"])
    made["returned"] = told.get("returned")
    return made


def items(told):
    """Deltas joined, the arguments of a call in the call. Choices come in turns, and which turn is whose is chance."""
    choices, routes = {}, []
    for kind, choice, index, data in told:
        if kind == "route":
            if data["reason"] != "first":
                routes.append(["route", 0, {"to": data.get("to") or f"{data['provider']}/{data['model']}", "reason": data["reason"]}])
            continue
        said = choices.setdefault(choice, [])
        if kind == "tool_call":
            said.append([kind, choice, {"index": index, "id": named(data["id"]), "name": data["name"], "arguments": ""}])
        elif kind == "tool_args":
            call = next(item for item in said if item[0] == "tool_call" and item[2]["index"] == index)
            call[2]["arguments"] += data
        elif kind == "result":
            said.append([kind, choice, json.loads(data)])
        elif kind == "part":
            # Where a language's own numbers are shorter than JSON's, it hands the text over as well.
            data = json.loads(data["raw_json"]) if "raw_json" in data else data
            said.append([kind, choice, {key: data.get(key) for key in ("kind", "provider", "data")}])
        elif said and said[-1][0] == kind and isinstance(data, str):
            said[-1][2] += data
        else:
            said.append([kind, choice, data])
    return routes + [item for choice in sorted(choices) for item in choices[choice]]


def named(id):
    """Ids that the library makes hold the request's number."""
    return re.sub(r"^call_\d+_", "call_N_", id)


def done(told):
    if "timing" not in told:
        return {**told, "attempts": attempts(told["attempts"])}
    made = {key: told.get(key) for key in ("id", "model", "provider", "target", "finish_reason", "finish_reason_raw", "incomplete",
                                           "request_id", "dropped", "cached")}
    made["usage"] = {key: told["usage"].get(key) for key in USAGE}
    made["cost_microusd"] = told["cost"]["microusd"]
    made["attempts"] = attempts(told["attempts"])
    made["ttft_known"] = told["timing"]["ttft_ms"] is not None
    return made


def attempts(told):
    return [{key: one.get(key) or None for key in ATTEMPT} for one in told]


def error(told, said):
    if "json" not in told:
        return {**{key: told.get(key) for key in ERROR}, "attempts": attempts(told["attempts"])}
    more = told["json"]
    made = {key: more.get(key) for key in ERROR}
    # What C and C++ have functions for must be what the JSON says.
    for key, unknown in (("status", None), ("http_status", 0), ("retry_after_ms", -1), ("message", None)):
        if key in told:
            value = None if told[key] == unknown else told[key]
            assert value == made[key], f"{key} is {value!r} by its function, {made[key]!r} in the JSON"
    for key, value in told.get("fields", {}).items():
        assert (value or None) == (made[key] or None), f"{key} is {value!r} by its function, {made[key]!r} in the JSON"
    made["model"] = (more.get("target") or "").partition("/")[2] or None
    made["attempts"] = attempts(more.get("attempts", []))
    text = "".join(item[2] for item in said if item[0] == "text" and item[1] == 0)
    made["partial_text"] = (more.get("partial") or {}).get("text") or text or None
    return made


def response(told):
    if "libllm" not in told:
        return {"choices": [{**choice, "tool_calls": calls(choice["tool_calls"])} for choice in told["choices"]]}
    return {"choices": [{"index": choice["index"], "text": choice["message"].get("content") or None,
                         "reasoning": choice["message"].get("reasoning") or None, "refusal": choice["message"].get("refusal") or None,
                         "tool_calls": calls([{"id": call["id"], **call["function"]} for call in choice["message"].get("tool_calls") or []]),
                         "finish_reason": choice["finish_reason"]} for choice in told["choices"]]}


def calls(told):
    return [{"id": named(call["id"]), "name": call["name"], "arguments": call["arguments"]} for call in told]


def shown(made):
    """A result as `expect` names its parts."""
    last = made.get("error") or made.get("done") or {}
    out = {key: made[key] for key in ("items", "asked", "done", "error", "response", "result", "server") if key in made}
    if "result" not in made and last:
        out["attempts"] = len(last.get("attempts", ()))
    if made["returned"] is not None:
        out["returned"] = last.get("status")
    return out


def differences(want, got, path, partial):
    """Where `got` is not `want`; with `partial`, only keys of `want` count, in items too."""
    if isinstance(want, dict) and isinstance(got, dict):
        for key in want if partial else {**want, **got}:
            if partial and key == "returned" and key not in got:
                continue  # a language that does not show when it was refused
            yield from differences(want.get(key), got.get(key), f"{path}.{key}" if path else key, partial)
    elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for number, (one, other) in enumerate(zip(want, got)):
            yield from differences(one, other, f"{path}[{number}]", partial)
    elif want != got:
        yield f"{path}: expected {short(want)}, got {short(got)}"


def short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:300]}.. ({len(text)} characters)"


def classes(language, made):
    """What is wrong with the class of an error: which it must be, the table says that the languages' own come from."""
    said = made.get("class")
    if said is None:
        return
    failed = made["error"]
    holds = [one for one in conditions() if failed["status"] in one["statuses"] and one["kind"] in (None, failed["kind"])
             and one["http"] in (None, failed["http_status"])]
    if isinstance(said, list):
        want = sorted(one["go"] for one in holds if one["go"])
    else:
        finest = sorted((one for one in holds if one["class"]), key=lambda one: (one["http"] is not None, one["kind"] is not None))
        want = finest[-1]["class"] if finest else "InternalError"
    if said != want:
        yield f"the error is a {said}, expected {want}"


@functools.cache
def conditions():
    file = pathlib.Path(__file__).parents[2] / "schema/llm.schema.json"
    return json.loads(file.read_text())["x-tables"]["conditions"]


def expectation(case, made):
    """What UPDATE=1 writes: everything that two runs have in common."""
    all = shown(made)
    if "cancel_after_items" in case:
        return {"error": {key: all["error"][key] for key in ("status", "kind")},
                "server": {"requests": all["server"]["requests"], "closed_by_client": 1}}
    out = {"returned": all["error"]["status"]} if made["returned"] else {}
    if all["items"]:
        out["items"] = all["items"]
    for key in ("asked", "response", "result", "done", "error"):
        if key in all:
            out[key] = without_nulls(all[key]) if key in ("done", "error") else all[key]
    if "attempts" in all:
        out["attempts"] = all["attempts"]
    if all["server"]["requests"]:
        out["server"] = {"requests": all["server"]["requests"]}
    return out


def without_nulls(value):
    return {key: without_nulls(one) if isinstance(one, dict) else one for key, one in value.items() if one not in (None, [], {})}


def laid_out(value):
    """An object of objects, a line each."""
    if isinstance(value, dict) and any(isinstance(one, (dict, list)) for one in value.values()):
        lines = ",\n".join(f"    {json.dumps(key)}: {json.dumps(one, ensure_ascii=False)}" for key, one in value.items())
        return "{\n" + lines + "\n  }"
    return json.dumps(value, ensure_ascii=False)
