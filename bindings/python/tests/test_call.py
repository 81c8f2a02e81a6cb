"""The fold over events, without a library: what a newer one may send, and what no mock says."""

from __future__ import annotations

import json
from typing import Any

import pytest

import libllm
from libllm import _abi
from libllm._call import Call

DONE = {"finish_reason": "stop", "message": {"role": "assistant", "content": None}, "usage": {}}


def fed(*items: tuple[int, Any, int, int], joins: bool = True) -> Call:
    """A call that these events came for."""
    call = Call(joins)
    call.items.extend(items)
    return call


def taken(call: Call) -> list[Any]:
    """All its events."""
    events = []
    while (event := call.take()) is not None:
        events.append(event)
    return events


def test_waiting_deltas_of_one_kind_are_joined_and_no_others() -> None:
    items = [
        (_abi.TEXT, "a", 0, 0),
        (_abi.TEXT, "b", 0, 0),
        (_abi.TEXT, "c", 1, 0),
        (_abi.REASONING, "d", 1, 0),
        (_abi.TEXT, "e", 1, 0),
    ]
    joined = taken(fed(*items))
    assert [(event.type, event.text, event.choice) for event in joined] == [
        ("text", "ab", 0),
        ("text", "c", 1),
        ("reasoning", "d", 1),
        ("text", "e", 1),
    ]
    assert len(taken(fed(*items, joins=False))) == 5


def test_an_event_of_a_newer_library_is_told_and_not_refused() -> None:
    events = taken(fed((77, '{"new":1}', 0, 0), (_abi.DONE, json.dumps(DONE), 0, 0)))
    assert events[0] == libllm.Unknown(77, '{"new":1}')
    assert events[1].type == "done"


def test_keys_of_a_newer_library_are_in_to_dict() -> None:
    call = fed((_abi.TEXT, "hi", 0, 0), (_abi.DONE, json.dumps({**DONE, "novel": [1]}), 0, 0))
    taken(call)
    answer = call.response()
    assert answer.text == "hi"
    assert answer.to_dict()["libllm"]["novel"] == [1]
    assert (answer.cost_usd, answer.request_id, answer.ttft_ms, answer.attempts) == (None, None, None, [])


def test_a_restart_voids_what_was_said() -> None:
    route = {"provider": "p", "model": "m", "attempt": 2, "reason": "restart", "voids": True, "tried": []}
    call = fed((_abi.TEXT, "old", 0, 0), (_abi.ROUTE, json.dumps(route), 0, 0), (_abi.TEXT, "new", 0, 0))
    events = taken(call)
    assert isinstance(events[1], libllm.Rerouted)
    assert (events[1].voids, events[1].to, events[1].from_) == (True, "p/m", None)
    assert call.text() == "new"


def test_long_answers_of_choices_in_turns_are_kept_whole() -> None:
    call = Call(False)
    for number in range(5000):
        call.items.append((_abi.TEXT, str(number), number % 3, 0))
        assert call.take() is not None
    expected = "".join(str(number) for number in range(0, 5000, 3))
    assert call.text() == expected


@pytest.mark.parametrize("status", [-1, -99])
def test_an_unknown_status_is_an_internal_error(status: int) -> None:
    from libllm._errors import from_status

    assert type(from_status(status)) is libllm.InternalError


def test_an_unknown_kind_goes_by_its_status() -> None:
    from libllm._errors import from_json

    error = from_json('{"status":"LLM_ERR_RATE_LIMITED","kind":"novel","message":"m"}', "text so far")
    assert type(error) is libllm.RateLimitError
    assert (error.kind, error.partial_text, error.attempts) == ("novel", "text so far", [])
    assert type(from_json('{"status":"LLM_ERR_NOVEL","kind":"novel","message":"m"}')) is libllm.InternalError
