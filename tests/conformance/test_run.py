"""What the conformance run lets pass and what it does not: `python3 -m unittest discover tests/conformance`."""

import unittest

import plan
import run


def exchange(identity, endpoint="openai.chat", provider="openai", streaming=True):
    return plan.Exchange({"id": identity, "endpoint": endpoint, "provider": provider, "streaming": streaming})


def excuse(identity, field, why="the oracle counts twice"):
    return {"id": identity, "field": field, "why": why}


def done(**data):
    return {"line": 0, "end": "done", "status": "LLM_OK", "text": "t", "reasoning": "", "result": "", "tools": [], "data": data}


class Verdict(unittest.TestCase):
    def judge(self, wrong, exceptions=(), unanswered=None, asked=None):
        asked = asked or [exchange("a"), exchange("b")]
        return run.verdict(asked, asked, unanswered or {}, wrong, list(exceptions))[0]

    def test_all_right_passes(self):
        self.assertEqual(self.judge({}), [])

    def test_a_wrong_field_is_a_breach_unless_it_is_listed_with_a_reason(self):
        wrong = {"a": {"text": "'x' != 'y'"}}
        self.assertEqual(len(self.judge(wrong)), 1)
        self.assertEqual(self.judge(wrong, [excuse("a", "text")]), [])
        self.assertEqual(len(self.judge(wrong, [excuse("a", "text", why=" ")])), 1)
        self.assertEqual(len(self.judge(wrong, [excuse("a", "model")])), 2)

    def test_a_listed_field_that_is_right_is_a_breach_in_its_own_corpus_only(self):
        self.assertEqual(len(self.judge({}, [excuse("a", "text")])), 1)
        self.assertEqual(self.judge({}, [excuse("elsewhere", "text")]), [])

    def test_more_than_five_exceptions_are_a_breach(self):
        names = [chr(ord("a") + i) for i in range(6)]
        wrong = {name: {"text": ""} for name in names}
        asked = [exchange(name) for name in names]
        self.assertEqual(len(self.judge(wrong, [excuse(name, "text") for name in names], asked=asked)), 1)

    def test_what_was_asked_must_be_answered(self):
        asked = exchange("a")
        self.assertEqual(len(self.judge({}, unanswered={asked: {"status": "LLM_ERR_CONFIG", "data": None}}, asked=[asked])), 1)
        self.assertEqual(len(self.judge({}, unanswered={asked: None}, asked=[asked])), 1)

    def test_what_was_not_answered_is_not_judged_again(self):
        wrong = {"a": {"answered": "no result"}}
        self.assertEqual(len(self.judge(wrong, unanswered={exchange("x"): None})), 2)


class Plan(unittest.TestCase):
    def test_a_row_is_used_when_it_speaks_the_recorded_format(self):
        self.assertEqual(exchange("a", provider="groq").line("http://h").split("\t"), ["groq", "chat", "1", "http://h/r/a"])

    def test_other_providers_are_configured(self):
        asked = [exchange("a", provider="nobody"), exchange("b", "anthropic.messages", "azure"), exchange("c")]
        self.assertEqual([x.provider for x in asked], ["nobody_openai_chat", "azure_anthropic", "openai"])
        providers = plan.config(asked, "http://h")["providers"]
        self.assertEqual({k: v["wire"] for k, v in providers.items()}, {"nobody_openai_chat": "openai_chat", "azure_anthropic": "anthropic"})

    def test_refusals_of_unknown_endpoints_are_asked_as_whole_chats(self):
        asked = exchange("a", "other", "anthropic", streaming=True)
        self.assertEqual((asked.wire, asked.operation, asked.streaming), ("anthropic", "chat", False))


class Result(unittest.TestCase):
    def test_a_finished_answer(self):
        answer = done(id="i", model="m", finish_reason="stop", usage={"prompt_tokens": 3, "source": "estimated"}, incomplete=True)
        answer["tools"] = [
            {"index": 1, "head": {"id": "2", "name": "g"}, "arguments": ""},
            {"index": 0, "head": {"id": "1", "name": "f"}, "arguments": "{}"},
        ]
        said = run.result("a", answer)
        self.assertEqual([call["name"] for call in said["tool_calls"]], ["f", "g"])
        self.assertEqual((said["response_id"], said["model"], said["error"], said["incomplete"]), ("i", "m", None, True))
        self.assertTrue(said["usage"]["estimated"])

    def test_an_error_keeps_what_came_before_it(self):
        answer = done(http_status=200, type="overloaded_error", message="busy", partial={"id": "i", "model": "m"})
        answer["end"] = "error"
        said = run.result("a", answer)
        self.assertEqual(said["error"], {"status": 200, "type": "overloaded_error", "message": "busy"})
        self.assertEqual((said["text"], said["response_id"]), ("t", "i"))

    def test_vectors_are_summed_up(self):
        answer = done()
        answer["result"] = '{"data":[{"embedding":[1,2,3,4]},{"embedding":[5,6,7,8]}]}'
        self.assertEqual(run.result("a", answer)["embeddings"], {"count": 2, "dims": 4, "first3": [[1, 2, 3], [5, 6, 7]]})


if __name__ == "__main__":
    unittest.main()
