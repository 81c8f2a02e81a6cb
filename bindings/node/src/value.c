/* Between JavaScript's values and C's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addon.h"

void arguments(napi_env env, napi_callback_info info, napi_value *values, size_t count)
{
    /* What is missing is filled with undefined. */
    napi_get_cb_info(env, info, &count, values, NULL, NULL);
}

char *text_of(napi_env env, napi_value value, size_t *len, bool *failed)
{
    napi_valuetype type;
    if (napi_typeof(env, value, &type) != napi_ok || type != napi_string)
        return NULL;
    size_t size = 0;
    char *text = NULL;
    if (napi_get_value_string_utf8(env, value, NULL, 0, &size) == napi_ok && (text = malloc(size + 1)) != NULL
        && napi_get_value_string_utf8(env, value, text, size + 1, &size) == napi_ok) {
        if (len != NULL)
            *len = size;
        return text;
    }
    free(text);
    *failed = true;
    return NULL;
}

int64_t integer_of(napi_env env, napi_value value)
{
    int64_t number = 0;
    napi_get_value_int64(env, value, &number);
    return number;
}

napi_value text_value(napi_env env, const char *text, size_t len)
{
    napi_value value = NULL;
    if (napi_create_string_utf8(env, text, len, &value) != napi_ok)
        napi_create_string_utf8(env, "", 0, &value);
    return value;
}

napi_value number_value(napi_env env, double number)
{
    napi_value value = NULL;
    napi_create_double(env, number, &value);
    return value;
}

napi_value error_value(napi_env env, llm_status status, llm_error *error)
{
    if (error != NULL) {
        size_t len = 0;
        const char *json = llm_error_json(error, &len);
        napi_value value = text_value(env, json, len);
        llm_error_free(error);
        return value;
    }
    char json[160];
    const char *name = llm_status_name(status);
    int len = snprintf(json, sizeof json, "{\"status\":\"%s\",\"message\":\"%s\",\"phase\":\"local\"}", name, name);
    return text_value(env, json, (size_t)len);
}
