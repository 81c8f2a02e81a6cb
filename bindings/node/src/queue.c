/*
 * One completion queue and one bell for each environment. The library rings when the queue is no longer empty, once for whatever has
 * arrived; the environment's thread then takes all of it, and makes one JavaScript call for each batch.
 */
#include "addon.h"

/* Batches taken at one ring, so that the environment's other work goes on. */
#define TURNS 8

/* On a thread of the library: no JavaScript here. */
static void ring(void *context)
{
    struct state *state = context;
    napi_call_threadsafe_function(state->bell, NULL, napi_tsfn_nonblocking);
}

static napi_value data_value(napi_env env, const llm_event *event)
{
    if (event->type == LLM_EVENT_HTTP_BODY || event->type == LLM_EVENT_RAW || event->type == LLM_EVENT_RESULT) {
        napi_value value = NULL;
        if (napi_create_buffer_copy(env, event->len, event->data, NULL, &value) == napi_ok)
            return value;
    }
    return text_value(env, event->data, event->len);
}

/* Hands `count` events to deliver(count, ...data); their numbers are in the shared array. */
static void deliver(napi_env env, napi_value function, struct state *state, int32_t count)
{
    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok)
        return;
    napi_value values[BATCH + 1], receiver;
    values[0] = number_value(env, count);
    for (int32_t i = 0; i < count; i++) {
        const llm_event *event = &state->events[i];
        double *numbers = &state->numbers[i * STRIDE];
        numbers[0] = (double)event->request;
        numbers[1] = event->type;
        numbers[2] = event->choice;
        numbers[3] = event->index;
        values[i + 1] = data_value(env, event);
    }
    napi_get_undefined(env, &receiver);
    if (napi_call_function(env, receiver, function, (size_t)count + 1, values, NULL) == napi_pending_exception) {
        napi_value thrown;
        if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok)
            napi_fatal_exception(env, thrown);
    }
    napi_close_handle_scope(env, scope);
}

/* On the environment's thread, because the bell rang. Without `env` the environment is at its end. */
static void answer(napi_env env, napi_value function, void *context, void *data)
{
    (void)data;
    struct state *state = context;
    if (env == NULL || state->queue == NULL)
        return;
    for (int turn = 0; turn < TURNS; turn++) {
        int32_t count = llm_queue_poll(state->queue, state->events, BATCH, 0);
        if (count > 0)
            deliver(env, function, state, count);
        /* Fewer than asked for: the library will ring again. */
        if (count < BATCH || state->queue == NULL)
            return;
    }
    ring(state);
}

void queue_end(void *data)
{
    struct state *state = data;
    llm_queue *queue = state->queue;
    state->queue = NULL;
    /* Once this returns nobody rings, and nobody holds what is freed next. */
    (void)llm_queue_set_wake(queue, NULL, NULL);
    (void)llm_queue_close(queue);
    llm_queue_free(queue);
}

/* open(deliver): makes queue and bell; returns the array that deliver() finds the events' numbers in, or an error's JSON. */
napi_value queue_open(napi_env env, napi_callback_info info)
{
    struct state *state = state_of(env);
    napi_value function, buffer, numbers, name;
    void *memory = NULL;
    arguments(env, info, &function, 1);
    if (napi_create_arraybuffer(env, BATCH * STRIDE * sizeof(double), &memory, &buffer) != napi_ok
        || napi_create_typedarray(env, napi_float64_array, BATCH * STRIDE, buffer, 0, &numbers) != napi_ok
        || napi_create_reference(env, buffer, 1, &state->numbers_held) != napi_ok)
        return error_value(env, LLM_ERR_NO_MEMORY, NULL);
    state->numbers = memory;

    llm_status status = llm_queue_new(0, &state->queue);
    if (status != LLM_OK)
        return error_value(env, status, NULL);
    napi_create_string_utf8(env, "libllm", NAPI_AUTO_LENGTH, &name);
    if (napi_create_threadsafe_function(env, function, NULL, name, 0, 1, NULL, NULL, state, answer, &state->bell) != napi_ok) {
        llm_queue_free(state->queue);
        state->queue = NULL;
        return error_value(env, LLM_ERR_INTERNAL, NULL);
    }
    /* Hooks run last in, first out: this one before the bell's own, which was added just now. */
    napi_add_env_cleanup_hook(env, queue_end, state);
    napi_unref_threadsafe_function(env, state->bell);
    (void)llm_queue_set_wake(state->queue, ring, state);
    return numbers;
}

/* hold(on): whether the process has to stay for the sake of this queue. */
napi_value queue_hold(napi_env env, napi_callback_info info)
{
    struct state *state = state_of(env);
    napi_value value;
    bool on = false;
    arguments(env, info, &value, 1);
    napi_get_value_bool(env, value, &on);
    if (on)
        napi_ref_threadsafe_function(env, state->bell);
    else
        napi_unref_threadsafe_function(env, state->bell);
    return NULL;
}

/* log(level): the process's log comes to this queue, or with level 0 to none; returns a status. */
napi_value queue_log(napi_env env, napi_callback_info info)
{
    napi_value value;
    arguments(env, info, &value, 1);
    int32_t level = (int32_t)integer_of(env, value);
    return number_value(env, llm_log_to_queue(level, level == LLM_LOG_OFF ? NULL : state_of(env)->queue));
}
