/* Every argument that can be wrong is, one at a time, from C: a typed status, and the process lives. */
#include "check.h"

static llm_client *client;
static llm_queue *queue;
static int calls;

#define CALL(call, wanted) (calls++, IS(call, wanted))
#define BAD(call) CALL(call, LLM_ERR_INVALID_ARGUMENT)

/* Explained refusals: the error object is there, and says so. */
#define TOLD(call, wanted, part)                                                                                                 \
    do {                                                                                                                         \
        llm_error *err = NULL;                                                                                                   \
        CALL(call, wanted);                                                                                                      \
        if (CHECK(err != NULL)) {                                                                                                \
            IS(llm_error_status(err), wanted);                                                                                   \
            SAYS(llm_error_message(err, NULL), part);                                                                            \
            SAYS(llm_error_json(err, NULL), llm_status_name(wanted));                                                            \
        }                                                                                                                        \
        llm_error_free(err);                                                                                                     \
    } while (0)

static int go_on(const llm_event *event, void *ctx)
{
    (void)event, (void)ctx;
    return 0;
}

static int token(const char *text, size_t len, void *ctx)
{
    (void)text, (void)len, (void)ctx;
    return 0;
}

static const struct { const char *text; size_t len; const char *says; } bad_texts[] = {
    {NULL, 0, "NULL"},
    {NULL, LLM_NTS, "NULL"},
    {NULL, 17, "NULL"},
    {"{}", LLM_NTS - 1, "length"},
    {"{}", SIZE_MAX / 2, "length"},
    {"{}", SIZE_MAX / 2 + 1, "length"},
    {"{}", (size_t)1 << 40, "length"},
    {"{\"a\":\"\xff\"}", LLM_NTS, "UTF-8"},
    {"{\"a\":\"\xc3\"}", 9, "UTF-8"},
    {"{\"a\":\"\xed\xa0\x80\"}", LLM_NTS, "UTF-8"},
    {"\xf4\x90\x80\x80", 4, "UTF-8"},
};

static void texts(void)
{
    llm_response *response;
    llm_request request;
    llm_client *made;
    for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++) {
        const char *text = bad_texts[i].text, *says = bad_texts[i].says;
        size_t len = bad_texts[i].len;
        request = 1;
        TOLD(llm_submit(client, queue, text, len, NULL, NULL, &request, &err), LLM_ERR_INVALID_ARGUMENT, says);
        IS(request, 0);
        TOLD(llm_stream(client, text, len, NULL, go_on, NULL, &err), LLM_ERR_INVALID_ARGUMENT, says);
        response = (llm_response *)&made;
        TOLD(llm_complete(client, text, len, NULL, &response, &err), LLM_ERR_INVALID_ARGUMENT, says);
        CHECK(response == NULL);
        if (text != NULL) { /* NULL reads the environment */
            made = client;
            TOLD(llm_client_new(text, len, &made, &err), LLM_ERR_INVALID_ARGUMENT, says);
            CHECK(made == NULL);
            TOLD(llm_client_reload(client, text, len, &err), LLM_ERR_INVALID_ARGUMENT, says);
        }
    }
}

static const struct { const char *json, *says; } bad_requests[] = {
    {"", ""},
    {"   ", ""},
    {"{", ""},
    {"[]", ""},
    {"null", ""},
    {"\"text\"", ""},
    {"{}", "messages"},
    {"{\"model\":\"mock/echo\"}", "messages"},
    {"{\"model\":\"mock/echo\",\"messages\":[]}", "messages"},
    {"{\"model\":\"mock/echo\",\"messages\":{}}", "messages"},
    {"{\"model\":\"mock/echo\",\"messages\":\"hi\"}", "messages"},
    {"{\"model\":\"mock/echo\",\"messages\":[1]}", "messages"},
    {"{\"model\":7,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "model"},
    {"{\"model\":\"mock/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]", ""},
    {"{\"model\":\"mock/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}x", ""},
    {"{\"model\":\"mock/echo\",\"stream\":\"yes\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "stream"},
};

static void requests(void)
{
    for (size_t i = 0; i < sizeof bad_requests / sizeof *bad_requests; i++) {
        llm_response *response = NULL;
        const char *json = bad_requests[i].json, *says = bad_requests[i].says;
        TOLD(llm_submit(client, queue, json, LLM_NTS, NULL, NULL, NULL, &err), LLM_ERR_INVALID_ARGUMENT, says);
        TOLD(llm_complete(client, json, strlen(json), NULL, &response, &err), LLM_ERR_INVALID_ARGUMENT, says);
        BAD(llm_invoke(NULL, json, token, NULL));
    }
    TOLD(llm_submit(client, queue, ask("nobody/m"), LLM_NTS, NULL, NULL, NULL, &err), LLM_ERR_CONFIG, "nobody");
    TOLD(llm_submit(client, queue, ask("opnai/m"), LLM_NTS, NULL, NULL, NULL, &err), LLM_ERR_CONFIG, "openai");
    TOLD(llm_submit(client, queue, ask("bare-model"), LLM_NTS, NULL, NULL, NULL, &err), LLM_ERR_CONFIG, "bare-model");
    TOLD(llm_submit(client, queue, ask("openai/m"), LLM_NTS, NULL, NULL, NULL, &err), LLM_ERR_AUTH, "OPENAI_API_KEY");
}

static void nulls(void)
{
    llm_response *response = NULL;
    llm_request request;
    llm_event event;
    const char *good = ask("mock/echo");
    BAD(llm_client_new("{}", LLM_NTS, NULL, NULL));
    TOLD(llm_client_new("{}", LLM_NTS, NULL, &err), LLM_ERR_INVALID_ARGUMENT, "out");
    TOLD(llm_client_reload(NULL, "{}", LLM_NTS, &err), LLM_ERR_INVALID_ARGUMENT, "client");
    BAD(llm_client_drain(NULL, 0));
    BAD(llm_client_drain(NULL, -1));
    TOLD(llm_complete(NULL, good, LLM_NTS, NULL, &response, &err), LLM_ERR_INVALID_ARGUMENT, "client");
    TOLD(llm_complete(client, good, LLM_NTS, NULL, NULL, &err), LLM_ERR_INVALID_ARGUMENT, "out");
    BAD(llm_complete(NULL, NULL, 0, NULL, NULL, NULL));
    TOLD(llm_stream(NULL, good, LLM_NTS, NULL, go_on, NULL, &err), LLM_ERR_INVALID_ARGUMENT, "client");
    TOLD(llm_stream(client, good, LLM_NTS, NULL, NULL, NULL, &err), LLM_ERR_INVALID_ARGUMENT, "on_event");
    TOLD(llm_submit(NULL, queue, good, LLM_NTS, NULL, NULL, &request, &err), LLM_ERR_INVALID_ARGUMENT, "client");
    TOLD(llm_submit(client, NULL, good, LLM_NTS, NULL, NULL, &request, &err), LLM_ERR_INVALID_ARGUMENT, "queue");
    TOLD(llm_submit_http(client, queue, NULL, NULL, NULL, NULL, &err), LLM_ERR_INVALID_ARGUMENT, "http");
    BAD(llm_queue_new(0, NULL));
    BAD(llm_queue_poll(NULL, &event, 1, 0));
    BAD(llm_queue_poll(queue, NULL, 1, 0));
    BAD(llm_queue_poll(queue, NULL, SIZE_MAX, 0));
    CALL(llm_queue_poll(queue, NULL, 0, 0), 0);
    CALL(llm_queue_poll(queue, &event, SIZE_MAX, 0), 0);
    BAD(llm_queue_fd(NULL));
    BAD(llm_queue_set_wake(NULL, NULL, NULL));
    BAD(llm_queue_wakeup(NULL));
    BAD(llm_queue_close(NULL));
    BAD(llm_invoke(NULL, NULL, NULL, NULL));
    BAD(llm_invoke("openai", NULL, token, NULL));
    BAD(llm_invoke("\xff", good, token, NULL));
    BAD(llm_invoke(NULL, "\xff", token, NULL));
    CALL(llm_error_status(NULL), LLM_OK);
    CALL(llm_error_http_status(NULL), 0);
    CALL(llm_error_retry_after_ms(NULL), -1);
    CHECK(*llm_error_message(NULL, NULL) == 0 && *llm_error_json(NULL, NULL) == 0);
    CHECK(*llm_response_text(NULL, NULL) == 0 && *llm_response_json(NULL, NULL) == 0);
    memset(&event, 0, sizeof event);
    CHECK(llm_error_from_event(NULL) == NULL && llm_error_from_event(&event) == NULL);
    llm_client_free(NULL);
    llm_queue_free(NULL);
    llm_response_free(NULL);
    llm_error_free(NULL);
    llm_string_free(NULL);
    calls += 11;
}

static void sizes(void)
{
    static const uint32_t wrong[] = {0, 1, 4, 7, 9, 12, 47, 4097, UINT32_MAX};
    struct { llm_options options; uint64_t more[8]; } later;
    llm_http_request http;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memset(&later, 0, sizeof later);
        memset(&http, 0, sizeof http);
        later.options.struct_size = http.struct_size = wrong[i];
        TOLD(llm_submit(client, queue, ask("mock/echo"), LLM_NTS, &later.options, NULL, NULL, &err), LLM_ERR_INVALID_ARGUMENT,
             "struct_size");
        TOLD(llm_submit_http(client, queue, &http, NULL, NULL, NULL, &err), LLM_ERR_INVALID_ARGUMENT, "struct_size");
    }
    memset(&later, 0, sizeof later);
    later.options.struct_size = sizeof later;
    later.more[7] = 1;
    TOLD(llm_submit(client, queue, ask("mock/echo"), LLM_NTS, &later.options, NULL, NULL, &err), LLM_ERR_INVALID_ARGUMENT, "field");
    later.more[7] = 0;
    CALL(llm_stream(client, ask("mock/echo"), LLM_NTS, &later.options, go_on, NULL, NULL), LLM_OK);
    later.options.struct_size = 8;
    CALL(llm_stream(client, ask("mock/echo"), LLM_NTS, &later.options, go_on, NULL, NULL), LLM_OK);
}

static const struct { uint32_t flags; const char *provider, *operation, *json, *says; llm_status status; } bad_options[] = {
    {16, NULL, NULL, NULL, "flags", LLM_ERR_INVALID_ARGUMENT},
    {UINT32_MAX, NULL, NULL, NULL, "flags", LLM_ERR_INVALID_ARGUMENT},
    {0, "\xff", NULL, NULL, "provider", LLM_ERR_INVALID_ARGUMENT},
    {0, NULL, "\xff", NULL, "operation", LLM_ERR_INVALID_ARGUMENT},
    {0, NULL, NULL, "\xff", "options_json", LLM_ERR_INVALID_ARGUMENT},
    {0, "nobody", NULL, NULL, "nobody", LLM_ERR_CONFIG},
    {0, NULL, NULL, "", "", LLM_ERR_INVALID_ARGUMENT},
    {0, NULL, NULL, "[]", "", LLM_ERR_INVALID_ARGUMENT},
    {0, NULL, NULL, "{\"timeout_ms\":", "", LLM_ERR_INVALID_ARGUMENT},
    {0, NULL, NULL, "{\"timeout_ms\":\"soon\"}", "timeout_ms", LLM_ERR_INVALID_ARGUMENT},
    {0, NULL, NULL, "{\"max_attempts\":-1}", "max_attempts", LLM_ERR_INVALID_ARGUMENT},
    {0, NULL, NULL, "{\"headers\":{\"bad name\":\"x\"}}", "headers", LLM_ERR_INVALID_ARGUMENT},
    {0, NULL, NULL, "{\"headers\":{\"x\":\"a\\nb\"}}", "headers", LLM_ERR_INVALID_ARGUMENT},
    {0, NULL, NULL, "{\"extra_body\":[]}", "extra_body", LLM_ERR_INVALID_ARGUMENT},
};

static void options(void)
{
    for (size_t i = 0; i < sizeof bad_options / sizeof *bad_options; i++) {
        llm_options o = {.struct_size = sizeof o};
        o.flags = bad_options[i].flags;
        o.provider = bad_options[i].provider;
        o.operation = bad_options[i].operation;
        o.options_json = bad_options[i].json;
        TOLD(llm_submit(client, queue, ask("mock/echo"), LLM_NTS, &o, NULL, NULL, &err), bad_options[i].status, bad_options[i].says);
    }
}

static const char *const bad_configs[] = {
    "{", "[]", "{\"nothing\":1}", "x = ", "[providers.p]\nwire = \"telepathy\"\n", "{\"providers\":{\"p\":{}}}",
    "{\"retry\":{\"max_attempts\":\"many\"}}", "{\"timeouts\":{\"connect\":-1}}", "@/nowhere/llm.toml", "{\"models\":{\"a\":{\"targets\":[]}}}",
};

static void configs(void)
{
    for (size_t i = 0; i < sizeof bad_configs / sizeof *bad_configs; i++) {
        llm_client *made = client;
        TOLD(llm_client_new(bad_configs[i], LLM_NTS, &made, &err), LLM_ERR_CONFIG, "");
        CHECK(made == NULL);
        TOLD(llm_client_reload(client, bad_configs[i], LLM_NTS, &err), LLM_ERR_CONFIG, "");
    }
    CALL(llm_stream(client, ask("mock/echo"), LLM_NTS, NULL, go_on, NULL, NULL), LLM_OK);
}

static void numbers(void)
{
    static const llm_request never[] = {0, (llm_request)1 << 53, UINT64_MAX};
    seen s = {0};
    llm_request request = submit(client, queue, "mock/echo", NULL, &s);
    collect(queue, 1);
    CHECK_SHAPE(&s);
    CALL(llm_cancel(request), LLM_ERR_NOT_FOUND);
    CALL(llm_cancel(request), LLM_ERR_NOT_FOUND);
    CALL(llm_pause(request, 1), LLM_ERR_NOT_FOUND);
    for (size_t i = 0; i < 3; i++) {
        CALL(llm_cancel(never[i]), LLM_ERR_NOT_FOUND);
        CALL(llm_pause(never[i], 0), LLM_ERR_NOT_FOUND);
    }
    CALL(llm_answer(request, LLM_OK, "{}", LLM_NTS), LLM_ERR_NOT_FOUND);
    CALL(llm_answer(0, LLM_OK, "{}", LLM_NTS), LLM_ERR_NOT_FOUND);
    CALL(llm_answer(request, LLM_OK, NULL, 0), LLM_ERR_NOT_FOUND);
    BAD(llm_answer(request, LLM_OK, NULL, 2));
    BAD(llm_answer(request, (llm_status)3, "{}", LLM_NTS));
    BAD(llm_log_set(6, NULL, NULL));
    BAD(llm_log_set(-1, NULL, NULL));
    BAD(llm_log_to_queue(6, queue));
    CHECK(llm_client_metrics(client, 2, NULL) == NULL && llm_client_metrics(NULL, 0, NULL) == NULL);
    CHECK(*llm_status_name((llm_status)-999) != 0 && *llm_status_name((llm_status)7) != 0);
    calls += 4;
    forget(&s);
}

static void enough(void)
{
    printf("# %d calls with a wrong argument\n", calls);
    CHECK(calls >= 150);
}

int main(void)
{
    client = new_client("{}");
    queue = new_queue(0);
    TEST(texts);
    TEST(requests);
    TEST(nulls);
    TEST(sizes);
    TEST(options);
    TEST(configs);
    TEST(numbers);
    TEST(enough);
    llm_queue_free(queue);
    llm_client_free(client);
    return finish();
}
