"""The part of llm.h that these tests call, by ctypes. Names and numbers are read from the header itself."""

import ctypes
import json
import os
import re
from ctypes import POINTER, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p


def header():
    with open(os.path.join(os.environ["LLM_INCLUDE"], "llm.h"), encoding="utf-8") as file:
        return file.read()


def numbers(pattern):
    return {name: int(value) for name, value in re.findall(pattern, header())}


def fields_of(name):
    """The names of a struct's fields, in their order."""
    text = re.sub(r"/\*.*?\*/", "", header(), flags=re.DOTALL)
    struct = re.search(rf"typedef struct {name} \{{(.*?)\}} {name};", text, re.DOTALL).group(1)
    return re.findall(r"(\w+);", struct)


CONFIG, INVALID, AUTH, UNSUPPORTED = "LLM_ERR_CONFIG", "LLM_ERR_INVALID_ARGUMENT", "LLM_ERR_AUTH", "LLM_ERR_UNSUPPORTED"
EVENT = numbers(r"LLM_EVENT_(\w+) = (\d+)")
FLAG = numbers(r"#define LLM_OPT_(\w+) (\d+)")


class CEvent(ctypes.Structure):
    _fields_ = [("request", c_uint64), ("user_data", c_void_p), ("data", c_void_p), ("len", c_size_t), ("type", c_int32),
                ("status", c_int32), ("choice", c_uint32), ("attempt", c_uint32), ("at_us", c_uint64), ("index", c_uint32),
                ("flags", c_uint32)]


class COptions(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("provider", c_char_p), ("timeout_ms", c_int64),
                ("first_token_timeout_ms", c_int64), ("operation", c_char_p), ("options_json", c_char_p)]


class CHttp(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("method", c_char_p), ("url", c_char_p),
                ("headers_json", c_char_p), ("body", c_char_p), ("body_len", c_size_t)]


_library = None


def library():
    """Loaded at the first call: each test sets its environment before."""
    global _library
    if _library is None:
        _library = ctypes.CDLL(os.path.join(os.environ["LLM_LIB_DIR"], "libllm.so"))
        declare(_library)
    return _library


def declare(c):
    out, text = POINTER(c_void_p), [c_char_p, c_size_t]
    for name, result, arguments in [
        ("llm_client_new", c_int32, text + [out, out]),
        ("llm_client_reload", c_int32, [c_void_p] + text + [out]),
        ("llm_client_free", None, [c_void_p]),
        ("llm_client_drain", c_int32, [c_void_p, c_int32]),
        ("llm_shutdown", c_int32, [c_int32]),
        ("llm_invoke", c_int32, [c_char_p, c_char_p, c_void_p, c_void_p]),
        ("llm_complete", c_int32, [c_void_p] + text + [POINTER(COptions), out, out]),
        ("llm_response_json", c_char_p, [c_void_p, POINTER(c_size_t)]),
        ("llm_response_free", None, [c_void_p]),
        ("llm_queue_new", c_int32, [c_size_t, out]),
        ("llm_queue_poll", c_int32, [c_void_p, POINTER(CEvent), c_size_t, c_int32]),
        ("llm_queue_free", None, [c_void_p]),
        ("llm_submit", c_int32, [c_void_p, c_void_p] + text + [POINTER(COptions), c_void_p, POINTER(c_uint64), out]),
        ("llm_submit_http", c_int32, [c_void_p, c_void_p, POINTER(CHttp), c_void_p, c_void_p, POINTER(c_uint64), out]),
        ("llm_string_free", None, [c_void_p]),
        ("llm_log_to_queue", c_int32, [c_int32, c_void_p]),
        ("llm_cancel", c_int32, [c_uint64]),
        ("llm_pause", c_int32, [c_uint64, c_int32]),
        ("llm_answer", c_int32, [c_uint64, c_int32] + text),
        ("llm_client_metrics", c_void_p, [c_void_p, c_int32, POINTER(c_size_t)]),
        ("llm_string_free", None, [c_void_p]),
        ("llm_status_name", c_char_p, [c_int32]),
        ("llm_error_json", c_char_p, [c_void_p, POINTER(c_size_t)]),
        ("llm_error_free", None, [c_void_p]),
    ]:
        function = getattr(c, name)
        function.restype, function.argtypes = result, arguments


def status_name(status):
    return library().llm_status_name(status).decode()


class Refused(Exception):
    """A call that returned an error; nothing was accepted."""

    def __init__(self, status, told):
        super().__init__(f"{status}: {told.get('message')}")
        self.status, self.kind, self.message = status, told.get("kind"), told.get("message", "")


def check(status, error=None):
    if status >= 0:
        return status
    told = {}
    if error:
        told = json.loads(library().llm_error_json(error, None))
        library().llm_error_free(error)
    raise Refused(status_name(status), told)


def options(fields):
    """`flags`, `provider`, `timeout_ms` .. as in the struct; `json` is options_json, `extra` bytes behind the struct."""
    given = dict(fields)
    given_json = given.pop("json", None)
    made = COptions(struct_size=ctypes.sizeof(COptions))
    for name, value in given.items():
        setattr(made, name, value.encode() if isinstance(value, str) else value)
    if given_json is not None:
        text = given_json if isinstance(given_json, str) else json.dumps(given_json)
        made.options_json = text.encode()
    return made


class Client:
    def __init__(self, config=""):
        text, self.handle, error = encode(config), c_void_p(), c_void_p()
        check(library().llm_client_new(text, len(text), ctypes.byref(self.handle), ctypes.byref(error)), error)

    def reload(self, config):
        text, error = encode(config), c_void_p()
        check(library().llm_client_reload(self.handle, text, len(text), ctypes.byref(error)), error)

    def metrics(self, form="json"):
        size = c_size_t()
        text = library().llm_client_metrics(self.handle, {"json": 0, "prometheus": 1}[form], ctypes.byref(size))
        told = ctypes.string_at(text, size.value).decode()
        library().llm_string_free(text)
        return told

    def free(self):
        library().llm_client_free(self.handle)

    def drain(self, timeout_ms=10_000):
        """llm_client_drain(): what is told of its requests has left, too."""
        check(library().llm_client_drain(self.handle, timeout_ms))

    def figures(self):
        """The same as numbers, by name."""
        return json.loads(self.metrics())

    def submit(self, queue, request, **fields):
        text, number, error = json.dumps(request).encode(), c_uint64(), c_void_p()
        made = options(fields)
        status = library().llm_submit(self.handle, queue.handle, text, len(text), ctypes.byref(made), None, ctypes.byref(number),
                                      ctypes.byref(error))
        check(status, error)
        return number.value

    def ask(self, model=None, **fields):
        """Streams one answer to its end. `body` adds to the request."""
        queue = Queue()
        self.submit(queue, chat(model, fields.pop("body", {})), **fields)
        return queue.answer()

    def complete(self, model=None, **fields):
        """llm_complete(): the answer's JSON."""
        return self.complete_raw(chat(model, fields.pop("body", {})), **fields)

    def complete_raw(self, request, **fields):
        """The same of a request that is here."""
        text, response, error = json.dumps(request).encode(), c_void_p(), c_void_p()
        made = options(fields)
        status = library().llm_complete(self.handle, text, len(text), ctypes.byref(made), ctypes.byref(response),
                                        ctypes.byref(error))
        check(status, error)
        answer = json.loads(library().llm_response_json(response, None))
        library().llm_response_free(response)
        return answer


def submit_http(client, queue, method, url, body, headers=()):
    """llm_submit_http(): the request's number."""
    text, number, error = json.dumps(body).encode(), c_uint64(), c_void_p()
    http = CHttp(struct_size=ctypes.sizeof(CHttp), method=method.encode(), url=url.encode(), body=text, body_len=len(text),
                 headers_json=json.dumps(headers).encode())
    status = library().llm_submit_http(client.handle, queue.handle, ctypes.byref(http), None, None, ctypes.byref(number),
                                       ctypes.byref(error))
    check(status, error)
    return number.value


def metrics(client, format=0):
    """llm_client_metrics(): JSON, or with 1 Prometheus' text."""
    return client.metrics(("json", "prometheus")[format])


def encode(config):
    return (config if isinstance(config, str) else json.dumps(config)).encode()


def chat(model, more):
    # What asks about something else is no conversation.
    other = {"input", "prompt", "query", "file"} & set(more)
    request = dict(more) if other else {"messages": [{"role": "user", "content": "hi"}], **more}
    return request if model is None else {"model": model, **request}


class Queue:
    def __init__(self, max_bytes=0):
        self.handle = c_void_p()
        check(library().llm_queue_new(max_bytes, ctypes.byref(self.handle)))

    def poll(self, timeout_ms=10_000, at_most=256):
        events = (CEvent * at_most)()
        count = check(library().llm_queue_poll(self.handle, events, at_most, timeout_ms))
        return [Event(events[number]) for number in range(count)]

    def until(self, found):
        """Events up to the first that `found` accepts, and those polled with it."""
        events = []
        while not any(found(event) for event in events):
            polled = self.poll()
            assert polled, f"nothing more came after {events}"
            events += polled
        return events

    def answer(self, earlier=()):
        """One request's events, to its end."""
        return Answer(list(earlier) + self.until(lambda event: event.type >= EVENT["DONE"]))


class Event:
    def __init__(self, event):
        self.request, self.type, self.attempt, self.status = event.request, event.type, event.attempt, event.status
        self.choice = event.choice
        self.data = ctypes.string_at(event.data, event.len)

    def __repr__(self):
        return f"{self.type}:{self.data[:300]!r}"


class Answer:
    """What came of one request."""

    def __init__(self, events):
        self.events = events
        last = events[-1]
        assert last.type >= EVENT["DONE"], events
        self.status = status_name(last.status)
        self.last = json.loads(last.data)
        self.kind = self.last.get("kind")
        self.message = self.last.get("message")
        self.text = "".join(event.data.decode() for event in self.of("TEXT"))
        self.targets = [f"{attempt['provider']}/{attempt['model']}" for attempt in self.last["attempts"]]

    def of(self, name):
        return [event for event in self.events if event.type == EVENT[name]]

    def succeeds(self, text=None):
        assert self.status == "LLM_OK", f"{self.status}: {self.message}"
        assert text is None or self.text == text, self.text
        return self

    def fails(self, kind, words=""):
        assert self.kind == kind and words in self.message, f"{self.status} {self.kind}: {self.message}"
        return self


def refused(call, status, *words):
    """`call` is refused with this status, and its message holds these words."""
    try:
        call()
    except Refused as error:
        assert error.status == status, error
        for word in words:
            assert word in error.message, f"{word!r} is not in: {error.message}"
        return error
    raise AssertionError(f"it was accepted; expected {status} with {words}")
