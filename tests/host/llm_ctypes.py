"""The C ABI by ctypes, as a Python host without a binding would use it: enough of it for the guests."""
import ctypes
import json
import os
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

NTS = c_size_t(-1).value
TEXT, DONE, ERROR = 1, 100, 101
OK, CONNECT, FORKED, CANCELED, TRUNCATED = 0, -20, -9, -10, -30


class Options(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("provider", c_char_p), ("timeout_ms", c_int64),
                ("first_token_timeout_ms", c_int64), ("operation", c_char_p), ("options_json", c_char_p)]


class Event(ctypes.Structure):
    _fields_ = [("request", c_uint64), ("user_data", c_void_p), ("data", c_void_p), ("len", c_size_t), ("type", c_int32),
                ("status", c_int32), ("choice", c_uint32), ("attempt", c_uint32), ("at_us", c_uint64), ("index", c_uint32), ("flags", c_uint32)]

    def text(self):
        return ctypes.string_at(self.data, self.len).decode()


EVENT_FN = ctypes.CFUNCTYPE(ctypes.c_int, POINTER(Event), c_void_p)
WAKE_FN = ctypes.CFUNCTYPE(None, c_void_p)

SIGNATURES = {
    "llm_client_new": [c_char_p, c_size_t, POINTER(c_void_p), POINTER(c_void_p)],
    "llm_client_free": [c_void_p],
    "llm_complete": [c_void_p, c_char_p, c_size_t, POINTER(Options), POINTER(c_void_p), POINTER(c_void_p)],
    "llm_response_free": [c_void_p],
    "llm_stream": [c_void_p, c_char_p, c_size_t, POINTER(Options), EVENT_FN, c_void_p, POINTER(c_void_p)],
    "llm_queue_new": [c_size_t, POINTER(c_void_p)],
    "llm_queue_free": [c_void_p],
    "llm_queue_poll": [c_void_p, POINTER(Event), c_size_t, c_int32],
    "llm_queue_set_wake": [c_void_p, WAKE_FN, c_void_p],
    "llm_submit": [c_void_p, c_void_p, c_char_p, c_size_t, POINTER(Options), c_void_p, POINTER(c_uint64), POINTER(c_void_p)],
    "llm_cancel": [c_uint64],
    "llm_shutdown": [c_int32],
}


def load():
    library = ctypes.CDLL(os.path.join(os.environ["LLM_LIB_DIR"], "libllm.so"))
    for name, arguments in SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes = arguments
        function.restype = None if name.endswith("_free") else c_int32
    return library


def config():
    origin = os.environ
    rows = {name: {"wire": "openai_chat", "base_url": f"{origin[place]}/v1", "auth": "none", "idle_pool_s": 1}
            for name, place in {"m": "MOCK", "t": "MOCK_TLS", "c": "CUT", "k": "CUT_TLS"}.items()}
    rows["h"] = rows["m"]
    if "MOCK_H2" in origin:
        rows["h"] = rows["m"] | {"base_url": f"{origin['MOCK_H2']}/v1", "http2": {"mode": "prior_knowledge"}}
    for name in "tk":
        rows[name]["tls"] = {"ca_file": origin["MOCK_CA"]}
    return json.dumps({"providers": rows}).encode()


def ask(model, prompt="hi"):
    return json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": prompt}]}, separators=(",", ":")).encode()


def words(count):
    return " ".join(f"w{i}" for i in range(count))


class Host:
    """A client and a queue, and the answers that came so far, each a list of text, number of terminal events and status."""

    def __init__(self, library=None):
        self.llm = library or load()
        self.client, self.queue, self.answers = c_void_p(), c_void_p(), {}
        text = config()
        assert self.llm.llm_client_new(text, len(text), byref(self.client), None) == OK
        assert self.llm.llm_queue_new(0, byref(self.queue)) == OK
        self.events = (Event * 64)()

    def submit(self, model, options=None, prompt="hi"):
        request, text = c_uint64(), ask(model, prompt)
        option = Options(struct_size=ctypes.sizeof(Options), options_json=json.dumps(options or {}).encode())
        status = self.llm.llm_submit(self.client, self.queue, text, len(text), byref(option), None, byref(request), None)
        assert status == OK, status
        self.answers[request.value] = ["", 0, None]
        return request.value

    def poll(self, timeout_ms=10000):
        count = self.llm.llm_queue_poll(self.queue, self.events, 64, timeout_ms)
        for event in self.events[: max(count, 0)]:
            answer = self.answers[event.request]
            assert answer[1] == 0, "an event after the last"
            if event.type == TEXT:
                answer[0] += event.text()
            elif event.type >= DONE:
                answer[1], answer[2] = 1, event.status
        return count

    def until(self, ready):
        while not all(map(ready, self.answers.values())):
            assert self.poll() >= 0

    def finish(self, count=None):
        """Polls until every answer has ended; with a count, each must be whole."""
        self.until(lambda answer: answer[1])
        ended, self.answers = self.answers, {}
        for text, _, status in ended.values():
            if count is not None:
                assert (text, status) == (words(count), OK), (len(text), status)
            else:
                assert words(text.count("w")).startswith(text.rstrip()), text[-80:]
        return [status for _, _, status in ended.values()]

    def free(self):
        self.llm.llm_queue_free(self.queue)
        self.llm.llm_client_free(self.client)


def stream(host, model, callback):
    """llm_stream(), with a function of (event) that answers whether to go on."""
    text = ask(model)

    @EVENT_FN
    def each(event, _):
        return 0 if callback(event.contents) else 1

    return host.llm.llm_stream(host.client, text, len(text), None, each, None, None)
