/* What the files of the addon share: the state of one environment (the main thread's, or a worker's). */
#ifndef LIBLLM_NODE_ADDON_H
#define LIBLLM_NODE_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

#include "llm.h"

/* Events taken from the queue by one poll; each is an argument of one JavaScript call. */
#define BATCH 256
/* Numbers that describe an event: request, type, choice, index (lib/hub.js reads them by these places). */
#define STRIDE 4

struct state {
    llm_queue *queue;
    /* Wakes the environment's thread; NULL until open() and after the environment's end. */
    napi_threadsafe_function bell;
    /* BATCH * STRIDE numbers in an ArrayBuffer that `numbers_held` keeps alive. */
    double *numbers;
    napi_ref numbers_held;
    llm_event events[BATCH];
};

struct state *state_of(napi_env env);

/* queue.c: the bell and what it brings. */
napi_value queue_open(napi_env env, napi_callback_info info);
napi_value queue_hold(napi_env env, napi_callback_info info);
napi_value queue_log(napi_env env, napi_callback_info info);
void queue_end(void *state);

/* client.c: clients and requests. */
napi_value client_new(napi_env env, napi_callback_info info);
napi_value client_reload(napi_env env, napi_callback_info info);
napi_value client_drain(napi_env env, napi_callback_info info);
napi_value client_close(napi_env env, napi_callback_info info);
napi_value client_metrics(napi_env env, napi_callback_info info);
napi_value client_submit(napi_env env, napi_callback_info info);
napi_value client_submit_http(napi_env env, napi_callback_info info);
napi_value request_cancel(napi_env env, napi_callback_info info);
napi_value request_answer(napi_env env, napi_callback_info info);
napi_value request_pause(napi_env env, napi_callback_info info);

/* value.c: between JavaScript's values and C's. */
void arguments(napi_env env, napi_callback_info info, napi_value *values, size_t count);
/* A copy to free(), with a NUL after it; NULL for what is no string, and without memory (then *failed is set). */
char *text_of(napi_env env, napi_value value, size_t *len, bool *failed);
int64_t integer_of(napi_env env, napi_value value);
napi_value text_value(napi_env env, const char *text, size_t len);
napi_value number_value(napi_env env, double number);
/* JSON of an error, which is released; of `status` alone if there is no error. */
napi_value error_value(napi_env env, llm_status status, llm_error *error);

#endif
