/*
 * The addon's door: what JavaScript sees of it, and the life of its state. It uses Node-API alone, so that it loads into any runtime
 * that has Node-API, in any number of environments at once.
 *
 * An environment ends (a worker is terminated, the process exits) in this order: queue_end() as cleanup hook, which cancels the
 * streams and takes the bell down; Node's own hook, which frees the bell; the finalizers, which free clients and state.
 */
#include "addon.h"

#include <stdlib.h>

static void state_free(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

struct state *state_of(napi_env env)
{
    void *data = NULL;
    napi_get_instance_data(env, &data);
    return data;
}

static napi_value version(napi_env env, napi_callback_info info)
{
    (void)info;
    return text_value(env, llm_version(), NAPI_AUTO_LENGTH);
}

static napi_value status_name(napi_env env, napi_callback_info info)
{
    napi_value value;
    arguments(env, info, &value, 1);
    return text_value(env, llm_status_name((llm_status)integer_of(env, value)), NAPI_AUTO_LENGTH);
}

#define METHOD(name, function) { name, NULL, function, NULL, NULL, NULL, napi_default_jsproperty, NULL }

NAPI_MODULE_INIT()
{
    static const napi_property_descriptor methods[] = {
        METHOD("version", version),
        METHOD("statusName", status_name),
        METHOD("open", queue_open),
        METHOD("hold", queue_hold),
        METHOD("log", queue_log),
        METHOD("clientNew", client_new),
        METHOD("clientReload", client_reload),
        METHOD("clientDrain", client_drain),
        METHOD("clientClose", client_close),
        METHOD("clientMetrics", client_metrics),
        METHOD("submit", client_submit),
        METHOD("submitHttp", client_submit_http),
        METHOD("cancel", request_cancel),
        METHOD("answer", request_answer),
        METHOD("pause", request_pause),
    };
    struct state *state = calloc(1, sizeof *state);
    if (state == NULL || napi_set_instance_data(env, state, state_free, NULL) != napi_ok) {
        free(state);
        napi_throw_error(env, "LLM_ERR_NO_MEMORY", "libllm: no memory for the addon's state");
        return NULL;
    }
    if (napi_define_properties(env, exports, sizeof methods / sizeof methods[0], methods) != napi_ok)
        return NULL;
    return exports;
}
