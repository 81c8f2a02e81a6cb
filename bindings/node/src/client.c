/*
 * Clients and their requests. Whatever the library refuses comes back as a string, the JSON of its error, in place of the result:
 * lib/errors.js makes the exception, with the class that users know.
 */
#include <stdlib.h>

#include "addon.h"

/* A client as JavaScript holds it. Freed by clientClose() or with the last reference, whichever is first. */
struct handle {
    llm_client *client;
};

static void handle_free(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    struct handle *handle = data;
    llm_client_free(handle->client);
    free(handle);
}

static struct handle *handle_of(napi_env env, napi_value value)
{
    void *data = NULL;
    napi_get_value_external(env, value, &data);
    return data;
}

/* clientNew(config or null): the client, or an error's JSON. */
napi_value client_new(napi_env env, napi_callback_info info)
{
    napi_value value;
    size_t len = 0;
    bool failed = false;
    arguments(env, info, &value, 1);
    char *config = text_of(env, value, &len, &failed);
    struct handle *handle = failed ? NULL : calloc(1, sizeof *handle);
    if (handle == NULL) {
        free(config);
        return error_value(env, LLM_ERR_NO_MEMORY, NULL);
    }
    llm_error *error = NULL;
    llm_status status = llm_client_new(config, len, &handle->client, &error);
    free(config);
    napi_value external = NULL;
    if (status == LLM_OK && napi_create_external(env, handle, handle_free, NULL, &external) == napi_ok)
        return external;
    handle_free(env, handle, NULL);
    return error_value(env, status == LLM_OK ? LLM_ERR_INTERNAL : status, error);
}

/* clientReload(client, config or null): undefined, or an error's JSON. */
napi_value client_reload(napi_env env, napi_callback_info info)
{
    napi_value values[2];
    size_t len = 0;
    bool failed = false;
    arguments(env, info, values, 2);
    struct handle *handle = handle_of(env, values[0]);
    char *config = text_of(env, values[1], &len, &failed);
    llm_error *error = NULL;
    llm_status status = LLM_ERR_NO_MEMORY;
    if (!failed)
        status = llm_client_reload(handle->client, config, len, &error);
    free(config);
    return status == LLM_OK ? NULL : error_value(env, status, error);
}

/* clientDrain(client): refuses new requests; returns LLM_OK or, while some are in flight, LLM_ERR_BUSY. */
napi_value client_drain(napi_env env, napi_callback_info info)
{
    napi_value value;
    arguments(env, info, &value, 1);
    return number_value(env, llm_client_drain(handle_of(env, value)->client, 0));
}

/* clientClose(client): its requests are cancelled; their last events still come. */
napi_value client_close(napi_env env, napi_callback_info info)
{
    napi_value value;
    arguments(env, info, &value, 1);
    struct handle *handle = handle_of(env, value);
    llm_client_free(handle->client);
    handle->client = NULL;
    return NULL;
}

/* clientMetrics(client, format): text. */
napi_value client_metrics(napi_env env, napi_callback_info info)
{
    napi_value values[2];
    size_t len = 0;
    arguments(env, info, values, 2);
    char *text = llm_client_metrics(handle_of(env, values[0])->client, (int32_t)integer_of(env, values[1]), &len);
    napi_value value = text_value(env, text == NULL ? "" : text, text == NULL ? 0 : len);
    llm_string_free(text);
    return value;
}

/* What a request wishes, as six arguments: flags, timeoutMs, firstTokenTimeoutMs, then three texts or null: provider, operation, JSON. */
#define WISHES 6

struct wishes {
    llm_options options;
    char *texts[3];
};

static void wishes_take(napi_env env, const napi_value *values, struct wishes *wishes, bool *failed)
{
    for (int i = 0; i < 3; i++)
        wishes->texts[i] = text_of(env, values[3 + i], NULL, failed);
    wishes->options = (llm_options) {
        .struct_size = sizeof wishes->options,
        .flags = (uint32_t)integer_of(env, values[0]),
        .timeout_ms = integer_of(env, values[1]),
        .first_token_timeout_ms = integer_of(env, values[2]),
        .provider = wishes->texts[0],
        .operation = wishes->texts[1],
        .options_json = wishes->texts[2],
    };
}

static void wishes_free(struct wishes *wishes)
{
    for (int i = 0; i < 3; i++)
        free(wishes->texts[i]);
}

static napi_value submitted(napi_env env, llm_status status, llm_request number, llm_error *error)
{
    return status == LLM_OK ? number_value(env, (double)number) : error_value(env, status, error);
}

/* submit(client, request, ...wishes): the request's number, or an error's JSON. */
napi_value client_submit(napi_env env, napi_callback_info info)
{
    napi_value values[2 + WISHES];
    struct wishes wishes;
    size_t len = 0;
    bool failed = false;
    arguments(env, info, values, 2 + WISHES);
    char *request = text_of(env, values[1], &len, &failed);
    wishes_take(env, values + 2, &wishes, &failed);
    llm_request number = 0;
    llm_error *error = NULL;
    llm_status status = LLM_ERR_NO_MEMORY;
    if (!failed)
        status = llm_submit(handle_of(env, values[0])->client, state_of(env)->queue, request, len, &wishes.options, NULL, &number,
                            &error);
    wishes_free(&wishes);
    free(request);
    return submitted(env, status, number, error);
}

/* submitHttp(client, method, url, headersJson, body, ...wishes): as submit(). `body` is a Uint8Array, which is copied, or null. */
napi_value client_submit_http(napi_env env, napi_callback_info info)
{
    napi_value values[5 + WISHES];
    struct wishes wishes;
    bool failed = false;
    void *body = NULL;
    size_t body_len = 0;
    arguments(env, info, values, 5 + WISHES);
    char *method = text_of(env, values[1], NULL, &failed);
    char *url = text_of(env, values[2], NULL, &failed);
    char *headers = text_of(env, values[3], NULL, &failed);
    napi_get_typedarray_info(env, values[4], NULL, &body_len, &body, NULL, NULL);
    wishes_take(env, values + 5, &wishes, &failed);
    llm_http_request http = {
        .struct_size = sizeof http,
        .method = method,
        .url = url,
        .headers_json = headers,
        /* An empty array may have no memory, and no body is another thing than an empty one. */
        .body = body_len > 0 ? body : NULL,
        .body_len = body_len,
    };
    llm_request number = 0;
    llm_error *error = NULL;
    llm_status status = LLM_ERR_NO_MEMORY;
    if (!failed)
        status = llm_submit_http(handle_of(env, values[0])->client, state_of(env)->queue, &http, &wishes.options, NULL, &number, &error);
    wishes_free(&wishes);
    free(method);
    free(url);
    free(headers);
    return submitted(env, status, number, error);
}

/* cancel(request): closes its stream upstream; harmless after the end. */
napi_value request_cancel(napi_env env, napi_callback_info info)
{
    napi_value value;
    arguments(env, info, &value, 1);
    (void)llm_cancel((llm_request)integer_of(env, value));
    return NULL;
}

/* pause(request, on): leaves its stream unread, or reads on. */
napi_value request_pause(napi_env env, napi_callback_info info)
{
    napi_value values[2];
    bool on = false;
    arguments(env, info, values, 2);
    napi_get_value_bool(env, values[1], &on);
    (void)llm_pause((llm_request)integer_of(env, values[0]), on);
    return NULL;
}

/* answer(request, status, json): answers its oldest question, or that which the JSON names; returns a status. */
napi_value request_answer(napi_env env, napi_callback_info info)
{
    napi_value values[3];
    size_t len = 0;
    bool failed = false;
    arguments(env, info, values, 3);
    char *json = text_of(env, values[2], &len, &failed);
    llm_status status = LLM_ERR_NO_MEMORY;
    if (!failed)
        status = llm_answer((llm_request)integer_of(env, values[0]), (llm_status)integer_of(env, values[1]), json, len);
    free(json);
    return number_value(env, status);
}
