package llm

// The only file that calls C. What is declared in the preamble exists for two reasons: an event whose user_data is a number, not a
// pointer that Go's collector would look at, and options that cross as arguments, so that no Go memory holds Go pointers for C.

/*
#cgo noescape go_submit
#cgo nocallback go_submit
#cgo noescape go_submit_http
#cgo nocallback go_submit_http
#cgo noescape go_poll
#cgo nocallback go_poll
#cgo noescape go_client_new
#cgo noescape go_client_reload
#cgo noescape llm_pause
#cgo nocallback llm_pause
#cgo noescape llm_answer
#cgo nocallback llm_answer
#cgo noescape llm_cancel
#cgo nocallback llm_cancel

#include <llm.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
	uint64_t request;
	uintptr_t slot;
	const char *data;
	size_t len;
	int32_t kind, status;
	uint32_t choice, attempt;
	uint64_t at_us;
	uint32_t index, flags;
} go_event;

_Static_assert(sizeof(go_event) == sizeof(llm_event), "an event has another size");
_Static_assert(offsetof(go_event, slot) == offsetof(llm_event, user_data), "user_data is elsewhere");
_Static_assert(offsetof(go_event, data) == offsetof(llm_event, data), "data is elsewhere");
_Static_assert(offsetof(go_event, kind) == offsetof(llm_event, type), "type is elsewhere");
_Static_assert(offsetof(go_event, choice) == offsetof(llm_event, choice), "choice is elsewhere");
_Static_assert(offsetof(go_event, at_us) == offsetof(llm_event, at_us), "at_us is elsewhere");
_Static_assert(offsetof(go_event, index) == offsetof(llm_event, index), "index is elsewhere");

// Sleeps before it polls. A few milliseconds: then Go leaves the thread its processor, and nobody is woken to take it over.
static int32_t go_poll(llm_queue *queue, go_event *events, size_t max, int32_t after_us)
{
	struct timespec nap = { .tv_nsec = after_us * 1000L };
	if (after_us > 0)
		nanosleep(&nap, NULL);
	return llm_queue_poll(queue, (llm_event *)events, max, 0);
}

static int32_t go_submit(llm_client *client, llm_queue *queue, const char *request, size_t len, uint32_t flags,
                         const char *provider, int64_t timeout_ms, int64_t first_token_timeout_ms, const char *operation,
                         const char *json, uintptr_t slot, uint64_t *number, llm_error **err)
{
	llm_options options = {0};
	options.struct_size = sizeof options;
	options.flags = flags;
	options.provider = provider;
	options.timeout_ms = timeout_ms;
	options.first_token_timeout_ms = first_token_timeout_ms;
	options.operation = operation;
	options.options_json = json;
	return llm_submit(client, queue, request, len, &options, (void *)slot, number, err);
}

// A request in words of HTTP: options say the same as above, the body is `request`.
static int32_t go_submit_http(llm_client *client, llm_queue *queue, const char *request, size_t len, const char *method,
                              const char *url, const char *headers, uint32_t flags, const char *provider, int64_t timeout_ms,
                              int64_t first_token_timeout_ms, const char *json, uintptr_t slot, uint64_t *number, llm_error **err)
{
	llm_options options = {0};
	llm_http_request http = {0};
	options.struct_size = sizeof options;
	options.flags = flags;
	options.provider = provider;
	options.timeout_ms = timeout_ms;
	options.first_token_timeout_ms = first_token_timeout_ms;
	options.options_json = json;
	http.struct_size = sizeof http;
	http.method = method;
	http.url = url;
	http.headers_json = headers;
	http.body = len ? request : NULL;
	http.body_len = len;
	return llm_submit_http(client, queue, &http, &options, (void *)slot, number, err);
}

static int32_t go_client_new(const char *config, size_t len, llm_client **out, llm_error **err)
{
	return llm_client_new(config, len, out, err);
}

static int32_t go_client_reload(llm_client *client, const char *config, size_t len, llm_error **err)
{
	return llm_client_reload(client, config, len, err);
}
*/
import "C"

import (
	"encoding/json"
	"fmt"
	"time"
	"unsafe"
)

type (
	cClient = *C.llm_client
	cQueue  = *C.llm_queue
	cEvent  = C.go_event
)

// Version tells which library is loaded, such as "0.1.0 (rustls; linux-x86_64)".
func Version() string { return C.GoString(C.llm_version()) }

// checkABI refuses a library that another header belongs to.
func checkABI() error {
	if found := uint32(C.llm_abi_version()); found != C.LLM_ABI_VERSION {
		return newError(StatusUnsupported, fmt.Sprintf("the library has binary interface %d, this package wants %d", found, C.LLM_ABI_VERSION))
	}
	return nil
}

// chars lends a Go string to C for the length of a call.
func chars(text string) *C.char { return (*C.char)(unsafe.Pointer(unsafe.StringData(text))) }

// optionalChars is NULL for an empty text, else `text` with a NUL byte behind it.
func optionalChars(text string) *C.char {
	if text == "" {
		return nil
	}
	return chars(text + "\x00")
}

// failure turns what a call gave into an error; nil for a success.
func failure(status C.int32_t, owned *C.llm_error) error {
	if status >= 0 {
		return nil
	}
	if owned == nil {
		return newError(Status(status), "")
	}
	defer C.llm_error_free(owned)
	var size C.size_t
	json := C.llm_error_json(owned, &size)
	return readError(Status(status), C.GoStringN(json, C.int(size)))
}

func clientNew(config string) (cClient, error) {
	var out *C.llm_client
	var owned *C.llm_error
	status := C.go_client_new(chars(config), C.size_t(len(config)), &out, &owned)
	return out, failure(status, owned)
}

func clientReload(client cClient, config string) error {
	var owned *C.llm_error
	status := C.go_client_reload(client, chars(config), C.size_t(len(config)), &owned)
	return failure(status, owned)
}

// clientRefuse makes the client take no more requests, and waits for none.
func clientRefuse(client cClient) { C.llm_client_drain(client, 0) }

func clientFree(client cClient) { C.llm_client_free(client) }

func clientMetrics(client cClient, format MetricsFormat) string {
	var size C.size_t
	text := C.llm_client_metrics(client, C.int32_t(format), &size)
	if text == nil {
		return ""
	}
	defer C.llm_string_free(text)
	return C.GoStringN(text, C.int(size))
}

func queueNew(bytesMax int) (cQueue, error) {
	var out *C.llm_queue
	return out, failure(C.int32_t(C.llm_queue_new(C.size_t(bytesMax), &out)), nil)
}

func queueFD(queue cQueue) (int, error) {
	fd := C.llm_queue_fd(queue)
	return int(fd), failure(C.int32_t(fd), nil)
}

func queueClose(queue cQueue) { C.llm_queue_close(queue) }

func queueFree(queue cQueue) { C.llm_queue_free(queue) }

// eventsNew makes room for a batch outside of Go's heap: C writes pointers to its own memory there.
func eventsNew(max int) []cEvent {
	return unsafe.Slice((*cEvent)(C.calloc(C.size_t(max), C.size_t(unsafe.Sizeof(cEvent{})))), max)
}

func eventsFree(events []cEvent) { C.free(unsafe.Pointer(unsafe.SliceData(events))) }

// queuePoll takes what waits after `nap`, which is below ten milliseconds, without waiting for more.
func queuePoll(queue cQueue, events []cEvent, nap time.Duration) (int, Status) {
	count := C.go_poll(queue, unsafe.SliceData(events), C.size_t(len(events)), C.int32_t(nap.Microseconds()))
	if count < 0 {
		return 0, Status(count)
	}
	return int(count), StatusOK
}

// lent is an event's payload, the library's until the next poll.
func lent(event *cEvent) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(event.data)), int(event.len))
}

func submit(client cClient, queue cQueue, request string, options *options, slot uint32) (uint64, error) {
	var number C.uint64_t
	var owned *C.llm_error
	cold, err := options.json()
	if err != nil {
		return 0, err
	}
	if options.http != nil {
		return submitHTTP(client, queue, request, options, cold, slot)
	}
	status := C.go_submit(client, queue, chars(request), C.size_t(len(request)), C.uint32_t(options.flags),
		optionalChars(options.provider), C.int64_t(options.timeoutMS), C.int64_t(options.firstTokenTimeoutMS),
		optionalChars(options.operation), optionalChars(cold), C.uintptr_t(slot), &number, &owned)
	return uint64(number), failure(status, owned)
}

func submitHTTP(client cClient, queue cQueue, body string, options *options, cold string, slot uint32) (uint64, error) {
	var number C.uint64_t
	var owned *C.llm_error
	headers, err := json.Marshal(options.http.headers)
	if err != nil {
		return 0, err
	}
	status := C.go_submit_http(client, queue, chars(body), C.size_t(len(body)), chars(options.http.method+"\x00"),
		chars(options.http.url+"\x00"), chars(string(headers)+"\x00"), C.uint32_t(options.flags),
		optionalChars(options.provider), C.int64_t(options.timeoutMS), C.int64_t(options.firstTokenTimeoutMS),
		optionalChars(cold), C.uintptr_t(slot), &number, &owned)
	return uint64(number), failure(status, owned)
}

// cancel and pause answer nothing: a request that has ended is not there any more, which is all right.
func cancel(request uint64) {
	gate <- struct{}{}
	C.llm_cancel(C.llm_request(request))
	<-gate
}

// answer answers a question; ErrInvalidArgument leaves it open.
func answer(request uint64, status Status, said string) error {
	gate <- struct{}{}
	outcome := C.llm_answer(C.llm_request(request), C.llm_status(status), chars(said), C.size_t(len(said)))
	<-gate
	return failure(C.int32_t(outcome), nil)
}

func pause(request uint64, on bool) {
	var flag C.int32_t
	if on {
		flag = 1
	}
	C.llm_pause(C.llm_request(request), flag)
}

func logToQueue(level int, queue cQueue) error {
	return failure(C.int32_t(C.llm_log_to_queue(C.int32_t(level), queue)), nil)
}

// statusName is the header's name of a status, such as LLM_ERR_TIMEOUT.
func statusName(status Status) string { return C.GoString(C.llm_status_name(C.llm_status(status))) }
