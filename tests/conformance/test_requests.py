"""The rules of requests.py, without a library."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import cases  # noqa: E402  beside this file
import recorded  # noqa: E402


class Requests(unittest.TestCase):
    def test_every_member_of_the_schema_has_a_case(self):
        self.assertEqual(cases.unsaid(ROOT), [])

    def test_a_member_without_a_case_is_found(self):
        types = {"ChatRequest": {"properties": {"messages": {"items": {"$ref": "#/$defs/M"}}, "novel": {}}},
                 "M": {"properties": {"content": {"anyOf": [{"type": "string"}, {"items": {"$ref": "#/$defs/P"}}]}}},
                 "P": {"x-tag": "type", "x-variants": {"text": {"$ref": "#/$defs/T"}, "other": {"$ref": "#/$defs/T"}}},
                 "T": {"properties": {"text": {}}}}
        known, said = set(), set()
        cases.walk(types, {"$ref": "#/$defs/ChatRequest"}, None, known, everything=True)
        request = {"messages": [{"content": [{"type": "text", "text": "t"}]}], "novel": None}
        cases.walk(types, {"$ref": "#/$defs/ChatRequest"}, request, said)
        self.assertEqual(known, {"ChatRequest.messages", "ChatRequest.novel", "M.content", "P.text", "P.other", "T.text"})
        self.assertEqual(known - said, {"ChatRequest.novel", "P.other"})

    def test_members_are_places_and_types(self):
        body = {"a": [{"b": 1}, {"b": "x"}], "tools": [{"parameters": {"own": 1}}]}
        self.assertEqual(recorded.members(body), {("", "object"), ("/a", "array"), ("/a/*", "object"), ("/a/*/b", "number"), ("/a/*/b", "string"),
                                                  ("/tools", "array"), ("/tools/*", "object"), ("/tools/*/parameters", "object")})

    def test_what_neither_a_recording_nor_a_document_has_is_told(self):
        known = recorded.members({"message": "hi"})
        self.assertEqual(recorded.unknown({"message": "hi", "p": 0.5}, "cohere_v1", "m", "chat", known), [])
        told = recorded.unknown({"message": 1, "novel": True}, "cohere_v1", "m", "chat", known)
        self.assertEqual(told, ["/message (number)", "/novel (boolean)"])


if __name__ == "__main__":
    unittest.main()
