/* Answers, from scripts in this process and over real sockets: text exact, shapes right, failures typed. */
#include "mock.h"

static llm_client *client;

/* Streams one answer; the error's message is in `said`. */
static llm_status stream(const char *model, const llm_options *options, seen *s, char *said, size_t size)
{
    llm_error *err = NULL;
    llm_status status = llm_stream(client, ask(model), LLM_NTS, options, see_all, s, &err);
    CHECK((status == LLM_OK) == (err == NULL));
    if (said)
        snprintf(said, size, "%s", llm_error_message(err, NULL));
    llm_error_free(err);
    return status;
}

static void expect_words(const char *model, int count)
{
    seen s = {0};
    IS(stream(model, NULL, &s, NULL, 0), LLM_OK);
    CHECK_SHAPE(&s);
    IS(s.terminal, LLM_EVENT_DONE);
    IS(s.routes, 1);
    CHECK(words(s.text ? s.text : "", s.len, count, 1));
    SAYS(s.json ? s.json : "", "\"finish_reason\":\"stop\"");
    forget(&s);
}

static void text_is_exact_in_process(void)
{
    expect_words("mock/tokens=1", 1);
    expect_words("mock/tokens=500", 500);
    expect_words("mock/tokens=20;pace=2ms", 20);
    expect_words("mock/tokens=50;chunk=1", 50);
}

static void text_is_exact_over_sockets(void)
{
    expect_words("m/tokens=1", 1);
    expect_words("m/tokens=2000", 2000);
    expect_words("m/tokens=50;pace=2ms", 50);
    expect_words("m/tokens=100;chunk=7;pace=1ms", 100);
}

static void deltas_are_never_cut_inside_a_character(void)
{
    seen s = {0};
    IS(stream("m/text=na%C3%AFve%20%F0%9F%98%80%20%E2%82%AC;chunk=1;pace=1ms", NULL, &s, NULL, 0), LLM_OK);
    CHECK(strcmp(s.text, "na\xc3\xafve \xf0\x9f\x98\x80 \xe2\x82\xac") == 0);
    CHECK_SHAPE(&s);
    forget(&s);
}

static int stop_after(const llm_event *event, void *ctx)
{
    int *left = ctx;
    CHECK(*left > 0); /* nothing more is delivered */
    (void)event;
    return --*left == 0;
}

static void a_callback_cancels_and_hears_no_more(void)
{
    for (int events = 1; events <= 4; events++) {
        int left = events;
        llm_error *err = NULL;
        IS(llm_stream(client, ask("m/tokens=1000;pace=2ms"), LLM_NTS, NULL, stop_after, &left, &err), LLM_ERR_CANCELED);
        IS(llm_error_status(err), LLM_ERR_CANCELED);
        IS(left, 0);
        llm_error_free(err);
    }
}

static char joined[256];
static int names;

static int see_tools(const llm_event *event, void *ctx)
{
    (void)ctx;
    if (event->type == LLM_EVENT_TOOL_CALL) {
        IS(event->index, names++);
        SAYS(event->data, "\"id\":\"");
        SAYS(event->data, event->index == 0 ? "\"name\":\"weather\"" : "\"name\":\"time\"");
        strcat(joined, "|");
    } else if (event->type == LLM_EVENT_TOOL_ARGS) {
        IS(event->index, names - 1);
        strcat(joined, event->data);
    } else if (event->type == LLM_EVENT_DONE) {
        SAYS(event->data, "\"finish_reason\":\"tool_calls\"");
    }
    return 0;
}

static void tool_calls_come_in_parts(void)
{
    const char *model = "m/tool=weather:%7B%22city%22%3A%22Paris%22%7D;tool=time:%7B%7D";
    IS(llm_stream(client, ask(model), LLM_NTS, NULL, see_tools, NULL, NULL), LLM_OK);
    IS(names, 2);
    CHECK(strcmp(joined, "|{\"city\":\"Paris\"}|{}") == 0);
}

static int see_kinds(const llm_event *event, void *ctx)
{
    unsigned *kinds = ctx;
    if (event->type < 32)
        *kinds |= 1u << event->type;
    if (event->choice == 1)
        *kinds |= 1u << 31;
    return 0;
}

static void reasoning_refusals_and_choices_are_kept_apart(void)
{
    unsigned kinds = 0;
    IS(llm_stream(client, ask("m/reasoning=5;tokens=5"), LLM_NTS, NULL, see_kinds, &kinds, NULL), LLM_OK);
    IS(kinds, 1u << LLM_EVENT_REASONING | 1u << LLM_EVENT_TEXT | 1u << LLM_EVENT_ROUTE);
    kinds = 0;
    IS(llm_stream(client, ask("m/refusal=no"), LLM_NTS, NULL, see_kinds, &kinds, NULL), LLM_OK);
    IS(kinds, 1u << LLM_EVENT_REFUSAL | 1u << LLM_EVENT_ROUTE);
    kinds = 0;
    IS(llm_stream(client, ask("m/tokens=3;n=2"), LLM_NTS, NULL, see_kinds, &kinds, NULL), LLM_OK);
    IS(kinds, 1u << LLM_EVENT_TEXT | 1u << LLM_EVENT_ROUTE | 1u << 31);
}

static void a_whole_answer(void)
{
    static const char *const models[] = {"mock/tokens=64", "m/tokens=64"};
    for (int i = 0; i < 2; i++) {
        llm_response *response = NULL;
        llm_error *err = (llm_error *)&response;
        size_t len = 0, size = 0;
        const char *text;
        IS(llm_complete(client, ask(models[i]), LLM_NTS, NULL, &response, &err), LLM_OK);
        CHECK(err == NULL);
        text = llm_response_text(response, &len);
        CHECK(words(text, len, 64, 1));
        SAYS(llm_response_json(response, &size), "\"object\":\"chat.completion\"");
        SAYS(llm_response_json(response, NULL), "\"libllm\":{");
        SAYS(llm_response_json(response, NULL), "\"total_tokens\"");
        IS(strlen(llm_response_json(response, NULL)), size);
        llm_response_free(response);
    }
}

static int add_token(const char *token, size_t len, void *ctx)
{
    seen *s = ctx;
    llm_event event = {.data = token, .len = len, .type = LLM_EVENT_TEXT};
    see(s, &event);
    return s->texts == 40;
}

static void the_simple_call(void)
{
    seen s = {0};
    IS(llm_invoke(NULL, ask("mock/tokens=30"), add_token, &s), LLM_OK);
    CHECK(words(s.text, s.len, 30, 1));
    forget(&s);
    IS(llm_invoke("mock", ask("tokens=30"), add_token, &s), LLM_OK);
    CHECK(words(s.text, s.len, 30, 1));
    IS(s.misformed, 0);
    forget(&s);
    IS(llm_invoke(NULL, ask("mock/tokens=3000;pace=1ms"), add_token, &s), LLM_ERR_CANCELED);
    IS(s.texts, 40);
    forget(&s);
    IS(llm_invoke(NULL, ask("mock/tokens=3"), NULL, NULL), LLM_OK);
    IS(llm_invoke(NULL, ask("mock/status=401"), NULL, NULL), LLM_ERR_AUTH);
}

static const struct { const char *script; llm_status status; int http, words; long retry_ms; } failed[] = {
    {"status=401", LLM_ERR_AUTH, 401, 0, -1},
    {"status=400", LLM_ERR_BAD_REQUEST, 400, 0, -1},
    {"status=429;retry_after=7", LLM_ERR_RATE_LIMITED, 429, 0, 7000},
    {"status=500", LLM_ERR_OVERLOADED, 500, 0, -1},
    {"status=529", LLM_ERR_OVERLOADED, 529, 0, -1},
    {"status=502;body=html", LLM_ERR_OVERLOADED, 502, 0, -1},
    {"tokens=20;cut=fin;at=10", LLM_ERR_TRUNCATED, 0, 10, -1},
    {"tokens=20;cut=rst;at=10", LLM_ERR_TRUNCATED, 0, -1, -1},
    {"tokens=20;cut=chunk;at=10", LLM_ERR_TRUNCATED, 0, 10, -1},
    {"tokens=20;pace=2ms;error=overloaded;at=10", LLM_ERR_OVERLOADED, 0, 10, -1},
};

static void failures_are_typed(void)
{
    llm_options once = {.struct_size = sizeof once, .options_json = "{\"max_attempts\":1}"};
    llm_queue *queue = new_queue(0);
    char model[128];
    for (size_t i = 0; i < 2 * sizeof failed / sizeof *failed; i++) {
        size_t row = i / 2;
        seen s = {0};
        llm_event event = {0};
        llm_error *err;
        snprintf(model, sizeof model, "%s/%s", i % 2 ? "m" : "mock", failed[row].script);
        IS(stream(model, &once, &s, NULL, 0), failed[row].status);
        CHECK_SHAPE(&s);
        IS(s.terminal, LLM_EVENT_ERROR);
        IS(s.status, failed[row].status);
        if (failed[row].words >= 0) /* a reset may overtake what came before it */
            CHECK(words(s.text ? s.text : "", s.len, failed[row].words, 1));
        event.type = LLM_EVENT_ERROR;
        event.status = s.status;
        event.data = s.json ? s.json : "";
        event.len = strlen(event.data);
        err = llm_error_from_event(&event);
        IS(llm_error_status(err), failed[row].status);
        if (failed[row].http)
            IS(llm_error_http_status(err), failed[row].http);
        IS(llm_error_retry_after_ms(err), failed[row].retry_ms);
        CHECK(strcmp(llm_error_json(err, NULL), event.data) == 0 && *llm_error_message(err, NULL) != 0);
        if (failures)
            printf("# ... of %s: %s\n", model, event.data);
        llm_error_free(err);
        forget(&s);
    }
    llm_queue_free(queue);
}

static void a_refused_connection_and_deadlines(void)
{
    llm_options o = {.struct_size = sizeof o, .provider = "m"};
    seen s = {0};
    double start = seconds();
    o.options_json = "{\"base_url\":\"http://127.0.0.1:1/v1\",\"api_key\":\"k\",\"max_attempts\":1}";
    IS(stream("any", &o, &s, NULL, 0), LLM_ERR_CONNECT);
    forget(&s);
    o.options_json = NULL;
    o.timeout_ms = 200;
    IS(stream("tokens=5;ttft=20s", &o, &s, NULL, 0), LLM_ERR_TIMEOUT);
    CHECK_SHAPE(&s);
    forget(&s);
    IS(stream("tokens=5000;pace=5ms", &o, &s, NULL, 0), LLM_ERR_TIMEOUT);
    CHECK(s.texts > 5 && words(s.text, s.len, 5000, 0));
    forget(&s);
    o.timeout_ms = 0;
    o.first_token_timeout_ms = 200;
    o.options_json = "{\"max_attempts\":1}";
    IS(stream("tokens=5;ttft=20s", &o, &s, NULL, 0), LLM_ERR_TIMEOUT);
    forget(&s);
    CHECK(seconds() - start < 10);
}

static void retries_and_fallbacks_show_in_the_route(void)
{
    llm_options o = {.struct_size = sizeof o};
    seen s = {0};
    IS(stream("mock/tokens=5;status=529;times=1;retry_after=0", NULL, &s, NULL, 0), LLM_OK);
    IS(s.attempt, 2);
    IS(s.routes, 1);
    CHECK(words(s.text, s.len, 5, 1));
    SAYS(s.json, "LLM_ERR_OVERLOADED"); /* the first attempt, in the trail */
    forget(&s);
    o.options_json = "{\"fallbacks\":[\"mock/tokens=7\"]}";
    IS(stream("m/status=401", &o, &s, NULL, 0), LLM_OK);
    CHECK(words(s.text, s.len, 7, 1));
    SAYS(s.json, "\"provider\":\"mock\"");
    forget(&s);
}

int main(void)
{
    client = mock_client("");
    TEST(text_is_exact_in_process);
    TEST(text_is_exact_over_sockets);
    TEST(deltas_are_never_cut_inside_a_character);
    TEST(a_callback_cancels_and_hears_no_more);
    TEST(tool_calls_come_in_parts);
    TEST(reasoning_refusals_and_choices_are_kept_apart);
    TEST(a_whole_answer);
    TEST(the_simple_call);
    TEST(failures_are_typed);
    TEST(a_refused_connection_and_deadlines);
    TEST(retries_and_fallbacks_show_in_the_route);
    llm_client_free(client);
    IS(llm_shutdown(5000), LLM_OK);
    return finish();
}
