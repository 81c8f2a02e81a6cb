/*
 * llm.h - libllm: an in-process LLM client and gateway.
 *
 * Generated from ffi/src by `make header`. Do not edit.
 * SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * Rules that hold for every function below
 * ----------------------------------------
 *  Threads    Every function may be called from any thread at any time, unless its comment says otherwise; only the *_free()
 *             of a handle must not race another call on that handle. No library lock is held while host code runs.
 *  Errors     Functions return LLM_OK (0) or a negative llm_status; functions that count return the count (>= 0) or a
 *             negative llm_status. There is no thread-local "last error". Where `llm_error **err` is offered it may be
 *             NULL; on failure it receives an error to be released with llm_error_free(), on success it is set to NULL.
 *  NULL       Where it is not allowed, NULL is answered with LLM_ERR_INVALID_ARGUMENT. Every *_free() accepts NULL. A freed
 *             handle must not be used again; a request number may be used for ever.
 *  Text in    (pointer, length) pairs of UTF-8; pass LLM_NTS as the length of a NUL-terminated string. The library copies
 *             what it needs before the call returns: no argument has to outlive its call.
 *  Text out   Valid UTF-8 (but for LLM_EVENT_RAW, _HTTP_BODY and binary _RESULT), never NULL, and followed by a NUL byte that
 *             the length does not count. A text delta is never cut inside a UTF-8 sequence. Borrowed unless the comment says
 *             "owned".
 *  Runtime    Its threads are named "llm-rt-N", have every asynchronous signal blocked, and run no host code but the wake
 *             and log callbacks. A blocking call made from those returns LLM_ERR_WOULD_DEADLOCK.
 *  Callbacks  Must return normally: no exception, no longjmp, no thread exit through them (the process is aborted on an
 *             exception). Hosts that unwind with longjmp (PostgreSQL, Lua, Ruby) use the queue, which has no callbacks.
 *  Panics     Never leave the library. A panic is reported as LLM_ERR_INTERNAL; other requests go on.
 *  fork       A handle belongs to the process that made it. In a child, every call on an inherited client, queue or request
 *             returns LLM_ERR_FORKED at once, and their *_free() releases nothing and does not block; errors and responses
 *             stay readable. New clients work in the child; llm_invoke() makes its own anew.
 *  dlclose    The library is linked with -z nodelete and stays mapped. It installs no signal handler and no atexit hook.
 */


#ifndef LLM_H
#define LLM_H

#include <stddef.h>
#include <stdint.h>

/** The header's version as one number; compare with llm_version_number(). */
#define LLM_VERSION_NUMBER ((LLM_VERSION_MAJOR << 16) | (LLM_VERSION_MINOR << 8) | LLM_VERSION_PATCH)
/** Length argument for a NUL-terminated string. */
#define LLM_NTS SIZE_MAX

#ifndef LLM_API
# if defined(_WIN32) && !defined(LLM_STATIC)
#  define LLM_API __declspec(dllimport)
# elif defined(__GNUC__)
#  define LLM_API __attribute__((visibility("default")))
# else
#  define LLM_API
# endif
#endif
#if defined(__GNUC__)
# define LLM_MUST_USE __attribute__((warn_unused_result))
# define LLM_DEPRECATED(why) __attribute__((deprecated(why)))
#elif defined(_MSC_VER)
# define LLM_MUST_USE _Check_return_
# define LLM_DEPRECATED(why) __declspec(deprecated(why))
#else
# define LLM_MUST_USE
# define LLM_DEPRECATED(why)
#endif

/* Enums are exactly 32 bits wide, whatever the compiler's flags (-fshort-enums). */
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L)
# define LLM_INT32 : int32_t
# define LLM_ENUM(name) typedef enum name name
#else
# define LLM_INT32
# define LLM_ENUM(name) typedef int32_t name
#endif

/** Counters and histograms as JSON. */
#define LLM_METRICS_JSON 0

/** Counters and histograms in Prometheus' text format. */
#define LLM_METRICS_PROMETHEUS 1

/** Nothing. */
#define LLM_LOG_OFF 0

/** What failed for good. */
#define LLM_LOG_ERROR 1

/** What went wrong and was survived. */
#define LLM_LOG_WARN 2

/** One line a request. */
#define LLM_LOG_INFO 3

/** Attempts, connections, decisions. */
#define LLM_LOG_DEBUG 4

/** Everything. */
#define LLM_LOG_TRACE 5

/** Add LLM_EVENT_RAW events. */
#define LLM_OPT_RAW 1

/** One event per delta even when the consumer lags. */
#define LLM_OPT_NO_COALESCE 2

/** Neither read nor fill the cache. */
#define LLM_OPT_NO_CACHE 4

/** Keep the whole text and give it in LLM_EVENT_DONE's message. */
#define LLM_OPT_MESSAGE 8

/** First number of the library's version. */
#define LLM_VERSION_MAJOR 0

/** Second number of the library's version. */
#define LLM_VERSION_MINOR 1

/** Third number of the library's version. */
#define LLM_VERSION_PATCH 0

/** Binary interface of this header; the N of libllm.so.N. Grows only on an incompatible change. */
#define LLM_ABI_VERSION 1

/** Outcome of a call or of a request. Values are permanent; treat an unknown negative value as LLM_ERR_INTERNAL. */
enum llm_status LLM_INT32
{
  /** Success. */
  LLM_OK = 0,
  /** A bug or a caught panic. */
  LLM_ERR_INTERNAL = -1,
  /** NULL, bad UTF-8, malformed JSON, stale handle. */
  LLM_ERR_INVALID_ARGUMENT = -2,
  /** A buffer whose size the peer or caller chose could not be had. */
  LLM_ERR_NO_MEMORY = -3,
  /** Unknown provider, bad key name, contradictory policy. */
  LLM_ERR_CONFIG = -4,
  /** No such request: it has finished, or never was. */
  LLM_ERR_NOT_FOUND = -5,
  /** Two threads polled one queue, requests are still in flight, or a limit of config is reached. */
  LLM_ERR_BUSY = -6,
  /** Blocking call made from a callback on a runtime thread. */
  LLM_ERR_WOULD_DEADLOCK = -7,
  /** The client or queue is shutting down. */
  LLM_ERR_CLOSED = -8,
  /** The handle was made before fork(). */
  LLM_ERR_FORKED = -9,
  /** llm_cancel(), a callback's non-zero return, or llm_client_free(). */
  LLM_ERR_CANCELED = -10,
  /** The deadline passed; retries and fallbacks included. */
  LLM_ERR_TIMEOUT = -11,
  /** DNS, TCP, TLS or proxy. */
  LLM_ERR_CONNECT = -20,
  /** The provider sent what cannot be parsed, or cut the stream. */
  LLM_ERR_PROTOCOL = -21,
  /** 401, 403. */
  LLM_ERR_AUTH = -22,
  /** 400, 404, 409, 413, 422. */
  LLM_ERR_BAD_REQUEST = -23,
  /** 429, or the local limiter; see llm_error_retry_after_ms(). */
  LLM_ERR_RATE_LIMITED = -24,
  /** 5xx, 529. */
  LLM_ERR_OVERLOADED = -25,
  /** The prompt does not fit the model. */
  LLM_ERR_CONTEXT_LENGTH = -26,
  /** Refused by the provider or by a local guard. */
  LLM_ERR_CONTENT_FILTER = -27,
  /** A spending limit would be exceeded. */
  LLM_ERR_BUDGET = -28,
  /** Every candidate's breaker is open. */
  LLM_ERR_CIRCUIT_OPEN = -29,
  /** The stream ended without its terminal marker; what came is kept. */
  LLM_ERR_TRUNCATED = -30,
  /** Out of credit or over a provider's spend cap: waiting does not help. */
  LLM_ERR_QUOTA = -31,
  /** Two or more candidates were tried or unavailable; see the attempts in llm_error_json(). */
  LLM_ERR_NO_ROUTE = -32,
  /** The consumer left the stream unread too long; the provider's side was closed. */
  LLM_ERR_STALLED = -33,
  /** Not on this platform, not in this build, or not by this provider. */
  LLM_ERR_UNSUPPORTED = -34
};
LLM_ENUM(llm_status);

/**
 * What an event carries in `data`. From 100 on an event is terminal. Ignore others that you do not know: they may grow.
 */
enum llm_event_type LLM_INT32
{
  /** Answer text, a delta. */
  LLM_EVENT_TEXT = 1,
  /** Reasoning text, a delta. */
  LLM_EVENT_REASONING = 2,
  /** JSON: {"id","name"}: tool call number `index` begins. */
  LLM_EVENT_TOOL_CALL = 3,
  /** Arguments of tool call `index`, a delta of JSON text. */
  LLM_EVENT_TOOL_ARGS = 4,
  /**
   * JSON: provider, model, reason, voids. Opens an attempt; where `voids` is true the deltas of earlier attempts count no
   * more. By default nothing is retried once a delta has been delivered.
   */
  LLM_EVENT_ROUTE = 5,
  /** The whole answer of an operation that does not stream: JSON, or bytes (speech, images). */
  LLM_EVENT_RESULT = 6,
  /** JSON: status, headers (array of pairs). First event of an llm_submit_http() request. */
  LLM_EVENT_HTTP_HEAD = 7,
  /** Bytes of the answer in the caller's own dialect, as a server would write them. */
  LLM_EVENT_HTTP_BODY = 8,
  /** The provider's own chunk, unparsed; only with LLM_OPT_RAW. */
  LLM_EVENT_RAW = 9,
  /** A log line; request 0, `index` its level. Only after llm_log_to_queue(). */
  LLM_EVENT_LOG = 10,
  /**
   * JSON: a hook that config gave to the host (sign, redact, choose, supply a token) wants an answer; the request
   * waits for llm_answer(), within its deadline.
   */
  LLM_EVENT_ASK = 11,
  /** Refusal text, a delta; never mixed into LLM_EVENT_TEXT. */
  LLM_EVENT_REFUSAL = 12,
  /**
   * JSON: what must survive byte for byte but is no text: signature, redacted or encrypted reasoning, citation,
   * server tool, image, audio, plan of tool calls.
   */
  LLM_EVENT_PART = 13,
  /**
   * Terminal. JSON: choices [{finish_reason, message}] (the turn to append: tool calls, each complete or not, signed
   * and redacted reasoning; text only with LLM_OPT_MESSAGE), usage, cost, provider, model, attempts, timings,
   * dropped parameters.
   */
  LLM_EVENT_DONE = 100,
  /** Terminal. `status` the cause; data as llm_error_json(); see llm_error_from_event(). */
  LLM_EVENT_ERROR = 101
};
LLM_ENUM(llm_event_type);

/** Providers, keys, routes, limits, connection pools. Reference-counted inside; make one and share it. */
typedef struct llm_client llm_client;

/** Why a call failed. Immutable; may be read from any thread. */
typedef struct llm_error llm_error;

/** A completion queue: where the events of any number of requests meet one consumer. */
typedef struct llm_queue llm_queue;

/** A whole answer. */
typedef struct llm_response llm_response;

/**
 * Token callback. Return 0 to go on; anything else cancels, and nothing more is delivered, the terminal event included.
 */
typedef int (*llm_token_fn)(const char *token, size_t len, void *ctx);

/**
 * Per-request options. Zero-fill it, then set struct_size: fields are only ever appended. NULL means all defaults.
 */
typedef struct llm_options {
  /** sizeof(llm_options) */
  uint32_t struct_size;
  /** LLM_OPT_* */
  uint32_t flags;
  /** NUL-terminated; NULL lets the client's routes choose. */
  const char *provider;
  /** Whole request, retries included. 0: client's default; negative: none. */
  int64_t timeout_ms;
  /** Until the first delta; on expiry the next candidate is tried. 0: default. */
  int64_t first_token_timeout_ms;
  /**
   * NUL-terminated; NULL is "chat". "warm" sends nothing and has a connection stand for the
   * request that follows it; "explain" sends nothing and says who would be asked. Others: "completion", "responses", "embeddings", "rerank" ...
   */
  const char *operation;
  /**
   * NUL-terminated JSON object or NULL, for everything cold: max_attempts, fallbacks, strategy, tags, session,
   * idle_timeout_ms, api_key + base_url, headers, idempotency_key, extra_body ...
   */
  const char *options_json;
} llm_options;

/** Names one request for the life of the process; never reused, never 0, never above 2^53-1. Nothing to release. */
typedef uint64_t llm_request;

/** One event. 64 bytes on 64-bit targets, for ever. */
typedef struct llm_event {
  /** Whose event it is; 0 for a log line. */
  llm_request request;
  /** As given to llm_submit(); never read by the library. */
  void *user_data;
  /** What the type says, followed by a NUL byte. */
  const char *data;
  /** Bytes of `data`, without the NUL byte. */
  size_t len;
  /** What `data` is. */
  llm_event_type type;
  /** LLM_OK except in LLM_EVENT_ERROR. */
  llm_status status;
  /** Which of n answers. */
  uint32_t choice;
  /** 1 for the first provider tried; a higher number follows a retry or fallback. */
  uint32_t attempt;
  /** Microseconds from submission to the (first, if joined) bytes' arrival from the network. */
  uint64_t at_us;
  /** Which tool call. */
  uint32_t index;
  /** 0 for now. */
  uint32_t flags;
} llm_event;

/** Event callback of llm_stream(). Return 0 to go on; anything else cancels, and nothing more is delivered. */
typedef int (*llm_event_fn)(const llm_event *event, void *ctx);

/** Log callback. Runs on any thread; must not block. */
typedef void (*llm_log_fn)(int32_t level, const char *target, const char *message, size_t message_len, void *ctx);

/** Wake callback of llm_queue_set_wake(). Runs on a runtime thread; must not block. */
typedef void (*llm_wake_fn)(void *ctx);

/** A request in HTTP's words. Zero-fill it, then set struct_size. */
typedef struct llm_http_request {
  /** sizeof(llm_http_request) */
  uint32_t struct_size;
  /** 0 for now. */
  uint32_t reserved;
  /** NUL-terminated. */
  const char *method;
  /** NUL-terminated; path, or whole URL (its host then names the dialect and provider). */
  const char *url;
  /** NUL-terminated JSON array of [name, value] pairs, or NULL. */
  const char *headers_json;
  /** NULL only if there is none. */
  const char *body;
  /** Bytes of `body`, or LLM_NTS. */
  size_t body_len;
} llm_http_request;

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. One call ------------------------------------------------------------------------------------------------- */

/**
 * Ask `provider` (NULL: route by model), stream the answer's text to `callback`, return when it is over.
 *
 * Uses a process-wide client configured from the environment (LLM_CONFIG, then OPENAI_API_KEY and the like), made at the first
 * call and freed by llm_shutdown(). The callback runs on the calling thread, in order, and is never called after the function
 * has returned. `callback` may be NULL. What went wrong in words goes to the log; callers who need it use llm_stream().
 */
LLM_API llm_status llm_invoke(const char *provider, const char *request_json, llm_token_fn callback, void *ctx);

/* ---- 2. Client and blocking calls -------------------------------------------------------------------------------- */

/**
 * Make a client from a configuration: JSON if the text begins with '{', else TOML; NULL or "{}" reads the environment, here and in
 * llm_client_reload() only; "@PATH" reads a file. Starts no connection. `*out` is owned. `[runtime]` and the process limits belong
 * to the process: the first client sets them, and one that asks for others gets LLM_ERR_CONFIG.
 */
LLM_API LLM_MUST_USE llm_status llm_client_new(const char *config, size_t len, llm_client **out, llm_error **err);

/** Replace keys, routes and limits at once; requests in flight keep the configuration they began with. */
LLM_API LLM_MUST_USE llm_status llm_client_reload(llm_client *client, const char *config, size_t len, llm_error **err);

/**
 * Refuse new requests and wait for those in flight; after `timeout_ms` (negative: for ever) cancel the rest. 0: stop accepting and
 * return LLM_ERR_BUSY while any is in flight, for callers who are themselves the consumer of their events.
 */
LLM_API llm_status llm_client_drain(llm_client *client, int32_t timeout_ms);

/**
 * Drop the handle. Never blocks: requests in flight are cancelled, and their terminal events still reach the queues.
 */
LLM_API void llm_client_free(llm_client *client);

/** Send a chat request (OpenAI JSON) and wait for the whole answer. `*out` is owned. */
LLM_API LLM_MUST_USE llm_status llm_complete(llm_client *client, const char *request_json, size_t len,
                                             const llm_options *options, llm_response **out, llm_error **err);

/** Like llm_complete(), but hands over each event on the calling thread as it arrives, the terminal one included. */
LLM_API LLM_MUST_USE llm_status llm_stream(llm_client *client, const char *request_json, size_t len,
                                           const llm_options *options, llm_event_fn on_event, void *ctx,
                                           llm_error **err);

/** Text of the first choice. Borrowed from the response. `len` may be NULL. */
LLM_API const char *llm_response_text(const llm_response *response, size_t *len);

/** The whole answer as OpenAI-shaped JSON, with usage, cost and route. Borrowed from the response. */
LLM_API const char *llm_response_json(const llm_response *response, size_t *len);

/** Release a response. */
LLM_API void llm_response_free(llm_response *response);

/* ---- 3. Completion queue: any number of streams, one consumer, no thread per stream ------------------------------ */

/**
 * Make a queue. It may serve several clients. `max_bytes` bounds what waits in it (0: 64 MiB).
 *
 * One request may hold at most its own share (config, 256 KiB); beyond that, and beyond `max_bytes`, the library stops reading that
 * request's stream (its socket, or its HTTP/2 stream window: other streams of the connection go on), so a slow consumer slows the
 * provider and memory stays bounded. A request with nothing waiting may always add one event, whatever its size; terminal events
 * (at most 64 KiB) are never held back. Reading resumes in turn, so that no request starves.
 */
LLM_API LLM_MUST_USE llm_status llm_queue_new(size_t max_bytes, llm_queue **out);

/**
 * Start a request whose events go to `queue`. Returns at once; does no I/O on the calling thread.
 *
 * After LLM_OK exactly one terminal event (LLM_EVENT_DONE or LLM_EVENT_ERROR) will be delivered, as the request's last
 * event, whatever happens: success, failure, cancellation, deadline, llm_client_free(). After it the library holds no
 * copy of `user_data`. After any other return value there is no event. `*request` (may be NULL) is set before any event
 * of the request can be polled. Events of one request are in order; between requests there is no order. Whether the request's JSON
 * says "stream" chooses how the provider is asked, not how events are delivered.
 */
LLM_API LLM_MUST_USE llm_status llm_submit(llm_client *client, llm_queue *queue, const char *request_json, size_t len,
                                           const llm_options *options, void *user_data, llm_request *request,
                                           llm_error **err);

/**
 * Answer an HTTP request that was meant for a provider's API (POST /v1/chat/completions, /v1/responses, /v1/messages ...) in
 * process: route it, translate it if the chosen provider speaks another dialect, and deliver the answer in the dialect of the
 * question, streamed if it asked for a stream. This is what lets an existing SDK keep its code and change only its transport.
 *
 * Events: one LLM_EVENT_HTTP_HEAD, any number of LLM_EVENT_HTTP_BODY, then the terminal event, as in llm_submit(). A refusal by
 * the provider is an answer (its status in the head), not an LLM_EVENT_ERROR, and so is one for what is wrong with the request. GET
 * /v1/models lists the models of the configuration. An error without a head is one of the way to the provider, or of time.
 */
LLM_API LLM_MUST_USE llm_status llm_submit_http(llm_client *client, llm_queue *queue, const llm_http_request *http,
                                                const llm_options *options, void *user_data, llm_request *request,
                                                llm_error **err);

/**
 * Take up to `max` events; returns how many. `timeout_ms`: 0 does not wait, negative waits for ever.
 *
 * One consumer until it has finished with the batch (overlapping calls get LLM_ERR_BUSY). `data` pointers stay valid until the next
 * llm_queue_poll() or llm_queue_free() on this queue; there is nothing to release. Returns 0 early if a signal handler ran, and
 * LLM_ERR_CLOSED once the queue is closed and empty.
 *
 * A text, reasoning or arguments delta that arrives while the last waiting event of its request is of the same type, choice, attempt
 * and index is joined to it (not with LLM_OPT_NO_COALESCE): a busy consumer gets fewer, larger events, an idle one each delta at once.
 */
LLM_API LLM_MUST_USE int32_t llm_queue_poll(llm_queue *queue, llm_event *events, size_t max, int32_t timeout_ms);

/**
 * A descriptor that is readable while the queue has events: for epoll, kqueue, poll, libuv, asyncio, Go's netpoller.
 *
 * Owned by the queue, close-on-exec, non-blocking: do not read, write or close it, and take it out of your poller before
 * llm_queue_free(). Readiness may be spurious; closing the queue makes it readable. Level- and edge-triggered use both work if you
 * poll until fewer than `max` events come back. Windows: LLM_ERR_UNSUPPORTED; use llm_queue_set_wake().
 */
LLM_API LLM_MUST_USE int32_t llm_queue_fd(llm_queue *queue);

/**
 * Call `wake` from a runtime thread each time the queue goes from empty to non-empty (for uv_async_send() and the like).
 *
 * At once if events wait already, then once per transition, not per event; armed again when llm_queue_poll() returns fewer than
 * `max`. No lock is held: llm_submit() and llm_cancel() are allowed inside; llm_queue_poll(), _set_wake(), _close() and _free() are
 * not. Pass NULL to remove it; on return the old callback is not running and will not run again (so do not hold a lock that it takes).
 */
LLM_API llm_status llm_queue_set_wake(llm_queue *queue, llm_wake_fn wake, void *ctx);

/** Make the present (or else the next) llm_queue_poll() return early with what it has. Async-signal-safe on Unix. */
LLM_API llm_status llm_queue_wakeup(llm_queue *queue);

/** Refuse new submissions, cancel this queue's requests, wake its consumer, who still gets every terminal event. */
LLM_API llm_status llm_queue_close(llm_queue *queue);

/**
 * Release a queue. Without llm_queue_close() and polling until LLM_ERR_CLOSED, its events are discarded: the one case without terminal
 * events. On return the library holds no user_data of its requests. Waits for nothing but a wake callback running on another thread.
 */
LLM_API void llm_queue_free(llm_queue *queue);

/**
 * Cancel one request; its terminal event will carry LLM_ERR_CANCELED unless it was already decided. Closes the provider's stream
 * (HTTP/1.1: the connection; HTTP/2: RST_STREAM), so that generation is no longer paid for. LLM_ERR_NOT_FOUND after the end: harmless.
 */
LLM_API llm_status llm_cancel(llm_request request);

/**
 * Stop (1) or resume (0) reading one request's stream: for a pump that serves many sinks, one of which is slow. Paused time does not
 * count towards idle timeouts, but towards the stall limit and the deadline.
 */
LLM_API llm_status llm_pause(llm_request request, int32_t on);

/**
 * Answer an LLM_EVENT_ASK of this request. `answer_json` as the question says; a status other than LLM_OK fails the request with it.
 * Several questions of one request (a hedge asks beside its rival) are told apart by "id"; without it the oldest is answered. NULL and
 * an empty text are "{}". LLM_ERR_NOT_FOUND after the request's end; LLM_ERR_INVALID_ARGUMENT for an answer that does not fit, or when
 * nothing is asked, or no longer: a question is answered once. Allowed on any thread and in any callback.
 */
LLM_API llm_status llm_answer(llm_request request, llm_status status, const char *answer_json, size_t len);

/* ---- 4. Errors, metrics, logs, version --------------------------------------------------------------------------- */

/** Constant name of a status, such as "LLM_ERR_TIMEOUT". Static; any value is accepted. */
LLM_API const char *llm_status_name(llm_status status);

/** What the error stands for; LLM_OK for NULL. */
LLM_API llm_status llm_error_status(const llm_error *error);

/** One line for people. Never contains a key or a prompt. Borrowed from the error. */
LLM_API const char *llm_error_message(const llm_error *error, size_t *len);

/**
 * Everything known, as JSON: status, kind, message, type, code, param, provider, target, http_status, request_id, retry_after_ms,
 * retryable, phase, attempts, partial, body (at most 64 KiB in all). Borrowed from the error.
 */
LLM_API const char *llm_error_json(const llm_error *error, size_t *len);

/** 0 if there was none. */
LLM_API int32_t llm_error_http_status(const llm_error *error);

/** -1 if retrying is pointless or unknown. */
LLM_API int64_t llm_error_retry_after_ms(const llm_error *error);

/** Releases an error. */
LLM_API void llm_error_free(llm_error *error);

/** An owned error out of an LLM_EVENT_ERROR; NULL for any other event. */
LLM_API LLM_MUST_USE llm_error *llm_error_from_event(const llm_event *event);

/**
 * Snapshot of counters and histograms as text; owned, release with llm_string_free(). NULL if memory is out or after fork().
 */
LLM_API LLM_MUST_USE char *llm_client_metrics(const llm_client *client, int32_t format, size_t *len);

/** Release what llm_client_metrics() gave. */
LLM_API void llm_string_free(char *string);

/**
 * Send the library's log to `log` up to `level`, process-wide. On return the previous callback is over for good. Not from
 * inside the log callback.
 */
LLM_API llm_status llm_log_set(int32_t level, llm_log_fn log, void *ctx);

/**
 * The same, as LLM_EVENT_LOG events in `queue`, for hosts that take no callbacks. Dropped, and counted, when full.
 */
LLM_API llm_status llm_log_to_queue(int32_t level, llm_queue *queue);

/**
 * Free llm_invoke()'s client and join the runtime's threads once every client is freed, so that leak checkers see a clean exit. Optional.
 */
LLM_API llm_status llm_shutdown(int32_t timeout_ms);

/** Of the loaded library; compare with LLM_VERSION_NUMBER. */
LLM_API uint32_t llm_version_number(void);

/** Such as "0.1.0 (rustls; linux-x86_64)". Static. */
LLM_API const char *llm_version(void);

/** Of the loaded library; must equal LLM_ABI_VERSION. */
LLM_API uint32_t llm_abi_version(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* LLM_H */
