/* HTTP requests of callers who speak a provider's format: passed on as they came, or said anew in another format and back. */
#include "mock.h"

static llm_client *client;
static llm_queue *queue;

/* One answer. */
typedef struct answer {
    char *head, *body;
    size_t len;
    unsigned heads, bodies, others, terminals;
    llm_event_type terminal;
    llm_status status;
    char *json;
} answer;

static void hear(answer *a, const llm_event *event)
{
    CHECK(a->terminals == 0);
    CHECK(event->data != NULL && event->data[event->len] == 0);
    if (event->type == LLM_EVENT_HTTP_HEAD) {
        CHECK(a->heads++ == 0 && a->bodies == 0);
        a->head = strdup(event->data);
    } else if (event->type == LLM_EVENT_HTTP_BODY) {
        CHECK(a->heads == 1);
        a->bodies++;
        a->body = realloc(a->body, a->len + event->len + 1);
        memcpy(a->body + a->len, event->data, event->len + 1);
        a->len += event->len;
    } else if (event->type >= LLM_EVENT_DONE) {
        a->terminals++;
        a->terminal = event->type;
        a->status = event->status;
        a->json = strdup(event->data);
    } else {
        a->others++;
    }
}

static llm_request send_it(const char *method, const char *url, const char *headers, const char *body, answer *a)
{
    llm_http_request http = {.struct_size = sizeof http, .method = method, .url = url, .headers_json = headers, .body = body,
                             .body_len = body ? LLM_NTS : 0};
    llm_request request = 0;
    llm_error *err = NULL;
    if (!IS(llm_submit_http(client, queue, &http, NULL, a, &request, &err), LLM_OK))
        printf("# %s %s: %s\n", method, url, llm_error_message(err, NULL));
    llm_error_free(err);
    CHECK(request != 0);
    return request;
}

static void take(answer *a, int until_body)
{
    llm_event events[16];
    while (a->terminals == 0 && (a->bodies == 0 || !until_body)) {
        int32_t n = llm_queue_poll(queue, events, 16, 20000);
        if (!CHECK(n > 0))
            return;
        for (int32_t i = 0; i < n; i++)
            hear(events[i].user_data, &events[i]);
    }
}

static void forget_answer(answer *a)
{
    free(a->head);
    free(a->body);
    free(a->json);
    memset(a, 0, sizeof *a);
}

static void post(const char *url, const char *headers, const char *body, answer *a)
{
    send_it("POST", url, headers, body, a);
    take(a, 0);
    CHECK(a->others == 0);
}

/* A good answer, whole. */
static void good(const char *url, const char *body, answer *a)
{
    post(url, NULL, body, a);
    IS(a->terminal, LLM_EVENT_DONE);
    CHECK(a->heads == 1 && a->bodies >= 1);
    SAYS(a->head ? a->head : "", "\"status\":200");
}

#define CHAT "/v1/chat/completions"
#define MESSAGES "/v1/messages"
#define RESPONSES "/v1/responses"
#define TOOLS "tool=get_weather:%7B%22city%22:%22Oslo%22%7D"

static const char *chat(const char *model, const char *more)
{
    static char body[4096];
    snprintf(body, sizeof body, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}", model, more);
    return body;
}

static const char *message(const char *model, const char *more)
{
    static char body[4096];
    snprintf(body, sizeof body, "{\"model\":\"%s\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}", model, more);
    return body;
}

static const char *response(const char *model, const char *more)
{
    static char body[4096];
    snprintf(body, sizeof body, "{\"model\":\"%s\",\"input\":\"hi\"%s}", model, more);
    return body;
}

static void a_chat_of_the_same_format_passes_as_it_is(void)
{
    answer a = {0};
    good(CHAT, chat("m/tokens=3", ""), &a);
    SAYS(a.body, "\"object\":\"chat.completion\"");
    SAYS(a.body, "\"id\":\"chatcmpl-mock");
    SAYS(a.body, "w0 w1 w2");
    SAYS(a.head, "x-request-id");
    SAYS(a.head, "[\"x-libllm-target\",\"m/tokens=3\"]");
    SAYS(a.json, "\"completion_tokens\":3");
    forget_answer(&a);
}

static void usage_that_only_we_asked_for_is_counted_and_kept(void)
{
    answer a = {0};
    good(CHAT, chat("m/tokens=3", ",\"stream\":true"), &a);
    SAYS(a.head, "text/event-stream");
    SAYS(a.body, "data: [DONE]");
    CHECK(strstr(a.body, "prompt_tokens") == NULL);
    SAYS(a.json, "\"completion_tokens\":3");
    forget_answer(&a);
    good(CHAT, chat("m/tokens=3", ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"), &a);
    SAYS(a.body, "\"completion_tokens\":3");
    forget_answer(&a);
}

static void a_message_of_the_same_format_passes_as_it_is(void)
{
    answer a = {0};
    good(MESSAGES, message("a/tokens=3;reasoning=2", ",\"stream\":true"), &a);
    SAYS(a.body, "event: message_start");
    SAYS(a.body, "\"id\":\"msg_mock");
    SAYS(a.body, "signature_delta");
    SAYS(a.body, "event: message_stop");
    forget_answer(&a);
    good(MESSAGES, message("a/tokens=3", ""), &a);
    SAYS(a.body, "\"text\":\"w0 w1 w2\"");
    forget_answer(&a);
}

static void a_message_is_answered_by_a_provider_of_chats(void)
{
    answer a = {0};
    good(MESSAGES, message("m/tokens=2;reasoning=1;" TOOLS, ""), &a);
    SAYS(a.body, "{\"type\":\"thinking\",\"thinking\":\"");
    SAYS(a.body, "{\"type\":\"text\",\"text\":\"w0 w1\"}");
    SAYS(a.body, "\"name\":\"get_weather\",\"input\":{\"city\":\"Oslo\"}");
    SAYS(a.body, "\"stop_reason\":\"tool_use\"");
    SAYS(a.head, "\"request-id\"");
    forget_answer(&a);
    good(MESSAGES, message("m/tokens=2;" TOOLS, ",\"stream\":true"), &a);
    SAYS(a.body, "event: message_start\n");
    SAYS(a.body, "{\"type\":\"text_delta\",\"text\":\"");
    SAYS(a.body, "\"content_block\":{\"type\":\"tool_use\"");
    SAYS(a.body, "input_json_delta");
    SAYS(a.body, "\"stop_reason\":\"tool_use\"");
    SAYS(a.body, "event: message_stop\n");
    forget_answer(&a);
}

static void a_chat_is_answered_by_a_provider_of_messages(void)
{
    answer a = {0};
    good(CHAT, chat("a/tokens=2;" TOOLS, ""), &a);
    SAYS(a.body, "\"object\":\"chat.completion\"");
    SAYS(a.body, "\"content\":\"w0 w1\"");
    SAYS(a.body, "\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"");
    SAYS(a.body, "\"finish_reason\":\"tool_calls\"");
    forget_answer(&a);
    good(CHAT, chat("a/tokens=2;reasoning=1;" TOOLS, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"), &a);
    SAYS(a.body, "{\"reasoning_content\":\"");
    SAYS(a.body, "\"libllm_parts\":[{\"kind\":\"signature\",\"provider\":\"a\"");
    SAYS(a.body, "\"name\":\"get_weather\"");
    SAYS(a.body, "\"choices\":[],\"usage\":{\"prompt_tokens\":");
    SAYS(a.body, "data: [DONE]\n\n");
    forget_answer(&a);
}

static void a_response_is_answered_by_either(void)
{
    static const char *const providers[] = {"m", "a"};
    for (int i = 0; i < 2; i++) {
        char model[128];
        answer a = {0};
        snprintf(model, sizeof model, "%s/tokens=2;%s", providers[i], TOOLS);
        good(RESPONSES, response(model, ""), &a);
        SAYS(a.body, "\"object\":\"response\"");
        SAYS(a.body, "\"type\":\"output_text\",\"text\":\"w0 w1\"");
        SAYS(a.body, "\"type\":\"function_call\"");
        SAYS(a.body, "\"status\":\"completed\"");
        forget_answer(&a);
        good(RESPONSES, response(model, ",\"stream\":true"), &a);
        SAYS(a.body, "event: response.created\n");
        SAYS(a.body, "event: response.output_text.delta\n");
        SAYS(a.body, "event: response.function_call_arguments.done\n");
        SAYS(a.body, "event: response.completed\n");
        forget_answer(&a);
    }
}

static void a_response_of_the_same_format_passes_as_it_is(void)
{
    answer a = {0};
    good(RESPONSES, response("r/tokens=3", ",\"stream\":true,\"previous_response_id\":\"resp_1\""), &a);
    SAYS(a.body, "event: response.completed");
    CHECK(strstr(a.body, "libllm") == NULL);
    SAYS(a.head, "[\"x-libllm-target\",\"r/tokens=3\"]");
    SAYS(a.json, "\"dropped\":[]");
    forget_answer(&a);
    good(RESPONSES, response("r/tokens=3", ""), &a);
    SAYS(a.body, "w0 w1 w2");
    CHECK(strstr(a.body, "libllm") == NULL);
    forget_answer(&a);
    /* The same provider asked in two other formats. */
    good(CHAT, chat("r/tokens=3;" TOOLS, ""), &a);
    SAYS(a.body, "\"finish_reason\":\"tool_calls\"");
    forget_answer(&a);
    good(MESSAGES, message("r/tokens=3;" TOOLS, ",\"stream\":true"), &a);
    SAYS(a.body, "\"stop_reason\":\"tool_use\"");
    forget_answer(&a);
}

static void what_a_provider_refuses_is_an_answer_in_the_callers_words(void)
{
    answer a = {0};
    post(CHAT, NULL, chat("m/status=429;retry_after=61;error=rate_limited", ""), &a);
    IS(a.terminal, LLM_EVENT_DONE);
    SAYS(a.head, "\"status\":429");
    SAYS(a.head, "[\"retry-after\",\"61\"]");
    SAYS(a.head, "x-request-id");
    SAYS(a.head, "[\"x-should-retry\",\"false\"]");
    SAYS(a.body, "{\"error\":{");
    SAYS(a.json, "LLM_ERR_RATE_LIMITED");
    forget_answer(&a);
    post(MESSAGES, NULL, message("m/status=401", ",\"stream\":true"), &a);
    IS(a.terminal, LLM_EVENT_DONE);
    SAYS(a.head, "\"status\":401");
    SAYS(a.head, "request-id");
    SAYS(a.body, "\"type\":\"authentication_error\"");
    forget_answer(&a);
    post(CHAT, NULL, chat("a/status=413", ""), &a);
    SAYS(a.head, "\"status\":413");
    SAYS(a.body, "{\"error\":{");
    forget_answer(&a);
    post(MESSAGES, NULL, message("a/status=400", ""), &a);
    SAYS(a.head, "\"status\":400");
    SAYS(a.body, "\"request_id\":\"req_mock");
    forget_answer(&a);
}

static void what_is_wrong_with_the_request_is_an_answer_too(void)
{
    static const struct { const char *method, *url, *headers, *body, *status, *says; } wrong[] = {
        {"POST", CHAT, NULL, "{", "400", "malformed JSON"},
        {"POST", CHAT, NULL, NULL, "400", "malformed JSON"},
        {"POST", CHAT, NULL, "{\"model\":\"m/echo\"}", "400", "messages"},
        {"POST", MESSAGES, NULL, "{\"model\":\"nobody/x\",\"messages\":[]}", "404", "not_found_error"},
        {"POST", CHAT, NULL, "{\"model\":\"bare\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "404", "bare"},
        {"POST", CHAT, NULL, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "400", "names no model"},
        {"POST", CHAT, NULL, "{\"model\":\"openai/x\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "401", "OPENAI_API_KEY"},
        {"POST", RESPONSES, NULL, "{\"model\":\"m/echo\",\"input\":\"x\",\"previous_response_id\":\"r\"}", "400", "previous_response_id"},
        {"POST", MESSAGES, NULL, "{\"model\":\"m/echo\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}", "400",
         "messages[0].content[0].text"},
        {"GET", CHAT, NULL, NULL, "405", "POST"},
        {"POST", "/v1/embeddings", NULL, "{}", "404", "/v1/embeddings"},
        {"GET", "/v1/models/none", "[[\"Anthropic-Version\",\"2023-06-01\"]]", NULL, "404", "not_found_error"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        answer a = {0};
        char status[32];
        send_it(wrong[i].method, wrong[i].url, wrong[i].headers, wrong[i].body, &a);
        take(&a, 0);
        IS(a.terminal, LLM_EVENT_DONE);
        snprintf(status, sizeof status, "\"status\":%s}", wrong[i].status);
        CHECK(a.heads == 1 && a.bodies == 1 && a.others == 0);
        SAYS(a.head ? a.head : "", "\"headers\":[[");
        SAYS(a.head ? a.head : "", status);
        SAYS(a.body ? a.body : "", wrong[i].says);
        forget_answer(&a);
    }
}

static void what_is_left_out_is_told_in_a_header_and_at_the_end(void)
{
    answer a = {0};
    good(MESSAGES, message("m/echo", ",\"top_k\":5,\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]"), &a);
    SAYS(a.head, "dropped tools[0]");
    SAYS(a.head, "dropped top_k");
    SAYS(a.json, "{\"param\":\"top_k\",\"action\":\"dropped\"");
    forget_answer(&a);
}

static void models_are_listed_in_the_callers_format(void)
{
    answer a = {0};
    send_it("GET", "https://libllm/v1/models?limit=5", NULL, NULL, &a);
    take(&a, 0);
    SAYS(a.body, "\"object\":\"list\"");
    SAYS(a.body, "\"id\":\"best\"");
    SAYS(a.body, "\"id\":\"m/echo\"");
    forget_answer(&a);
    send_it("GET", "/v1/models/best", "[[\"anthropic-version\",\"2023-06-01\"]]", NULL, &a);
    take(&a, 0);
    SAYS(a.body, "\"type\":\"model\"");
    forget_answer(&a);
}

static void an_alias_may_lead_to_another_format_when_one_fails(void)
{
    answer a = {0};
    good(CHAT, chat("best", ",\"stream\":true"), &a);
    SAYS(a.body, "chat.completion.chunk");
    SAYS(a.body, "\"content\":\"hi\"");
    SAYS(a.head, "[\"x-libllm-target\",\"m/echo\"]");
    SAYS(a.head, "[\"x-libllm-attempts\",\"2\"]");
    forget_answer(&a);
}

static void a_broken_stream_says_so_in_its_format_and_at_the_end(void)
{
    static const struct { const char *url, *model, *says; } broken[] = {
        {CHAT, "m/tokens=9;cut=rst;at=4", "data: {\"error\":{"},
        {CHAT, "a/tokens=9;cut=fin;at=4", "data: {\"error\":{"},
        {MESSAGES, "m/tokens=9;cut=rst;at=4", "event: error\ndata: {"},
        {MESSAGES, "a/tokens=9;cut=rst;at=4", "event: error\ndata: {"},
        {MESSAGES, "a/tokens=9;error=overloaded;at=4", "overloaded_error"},
        {MESSAGES, "m/tokens=9;error=overloaded;at=4", "overloaded_error"},
        {RESPONSES, "m/tokens=9;cut=rst;at=4", "\"type\":\"error\""},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        answer a = {0};
        const char *body = broken[i].url[4] == 'c'   ? chat(broken[i].model, ",\"stream\":true")
                           : broken[i].url[4] == 'm' ? message(broken[i].model, ",\"stream\":true")
                                                     : response(broken[i].model, ",\"stream\":true");
        post(broken[i].url, NULL, body, &a);
        IS(a.terminal, LLM_EVENT_ERROR);
        CHECK(a.status == LLM_ERR_TRUNCATED || a.status == LLM_ERR_OVERLOADED);
        SAYS(a.head ? a.head : "", "\"status\":200");
        SAYS(a.body ? a.body : "", broken[i].says);
        CHECK(strstr(a.body ? a.body : "", "[DONE]") == NULL && strstr(a.body ? a.body : "", "event: message_stop") == NULL);
        forget_answer(&a);
    }
}

static void where_nobody_answers_there_is_no_head(void)
{
    answer a = {0};
    post(CHAT, NULL, chat("nowhere/x", ""), &a);
    IS(a.terminal, LLM_EVENT_ERROR);
    IS(a.status, LLM_ERR_CONNECT);
    CHECK(a.heads == 0 && a.bodies == 0);
    forget_answer(&a);
}

static void cancel_closes_the_providers_stream(void)
{
    static const char *const models[] = {"m/tokens=1000;pace=20ms", "a/tokens=1000;pace=20ms"};
    for (int i = 0; i < 2; i++) {
        answer a = {0};
        llm_request request;
        mock_reset();
        request = send_it("POST", CHAT, NULL, chat(models[i], ",\"stream\":true"), &a);
        take(&a, 1);
        IS(llm_cancel(request), LLM_OK);
        take(&a, 0);
        IS(a.terminal, LLM_EVENT_ERROR);
        IS(a.status, LLM_ERR_CANCELED);
        EVENTUALLY(mock_stat("closed_by_client") == 1 && mock_stat("live") == 0);
        forget_answer(&a);
    }
}

static void a_whole_url_names_the_provider(void)
{
    answer a = {0};
    char url[256];
    /* m is where this URL leads; a is so too, but its format is another. */
    snprintf(url, sizeof url, "%s%s", mock_origin(), CHAT);
    good(url, chat("tokens=2", ""), &a);
    SAYS(a.head, "[\"x-libllm-target\",\"m/tokens=2\"]");
    forget_answer(&a);
    snprintf(url, sizeof url, "%s%s?beta=true", mock_origin(), MESSAGES);
    good(url, message("tokens=2", ""), &a);
    SAYS(a.head, "[\"x-libllm-target\",\"a/tokens=2\"]");
    forget_answer(&a);
    good("https://api.openai.com/v1/chat/completions", chat("a/tokens=2", ""), &a);
    SAYS(a.head, "[\"x-libllm-target\",\"a/tokens=2\"]");
    forget_answer(&a);
}

static void many_at_once_through_a_small_queue(void)
{
    enum { N = 50 };
    static answer answers[N];
    llm_queue *large = queue;
    llm_event events[8];
    int left = N;
    queue = new_queue(64 << 10);
    for (int i = 0; i < N; i++)
        send_it("POST", i % 2 ? CHAT : MESSAGES, NULL,
                i % 2 ? chat(i % 4 == 1 ? "m/tokens=3000" : "a/tokens=3000", ",\"stream\":true")
                      : message(i % 4 == 2 ? "m/tokens=3000" : "a/tokens=3000", ",\"stream\":true"),
                &answers[i]);
    while (left > 0) {
        int32_t n = llm_queue_poll(queue, events, 8, 20000);
        if (!CHECK(n > 0))
            break;
        for (int32_t i = 0; i < n; i++) {
            hear(events[i].user_data, &events[i]);
            left -= events[i].type >= LLM_EVENT_DONE;
        }
    }
    for (int i = 0; i < N; i++) {
        IS(answers[i].terminal, LLM_EVENT_DONE);
        SAYS(answers[i].body ? answers[i].body : "", "w2999");
        SAYS(answers[i].body ? answers[i].body : "", i % 2 ? "data: [DONE]" : "message_stop");
        forget_answer(&answers[i]);
    }
    llm_queue_free(queue);
    queue = large;
}

int main(void)
{
    char config[2048];
    snprintf(config, sizeof config,
             "{\"providers\":{\"m\":{\"wire\":\"openai_chat\",\"base_url\":\"%s/v1\",\"auth\":\"none\"},"
             "\"a\":{\"wire\":\"anthropic\",\"base_url\":\"%s\",\"auth\":\"none\"},"
             "\"r\":{\"wire\":\"openai_responses\",\"base_url\":\"%s/v1\",\"auth\":\"none\"},"
             "\"nowhere\":{\"wire\":\"openai_chat\",\"base_url\":\"http://127.0.0.1:1/v1\",\"auth\":\"none\"}},"
             "\"models\":{\"best\":{\"targets\":[{\"model\":\"a/status=500\"},{\"model\":\"m/echo\"}]}},\"retry\":{\"max_attempts\":2}}",
             mock_origin(), mock_origin(), mock_origin());
    client = new_client(config);
    queue = new_queue(0);
    TEST(a_chat_of_the_same_format_passes_as_it_is);
    TEST(usage_that_only_we_asked_for_is_counted_and_kept);
    TEST(a_message_of_the_same_format_passes_as_it_is);
    TEST(a_message_is_answered_by_a_provider_of_chats);
    TEST(a_chat_is_answered_by_a_provider_of_messages);
    TEST(a_response_is_answered_by_either);
    TEST(a_response_of_the_same_format_passes_as_it_is);
    TEST(what_a_provider_refuses_is_an_answer_in_the_callers_words);
    TEST(what_is_wrong_with_the_request_is_an_answer_too);
    TEST(what_is_left_out_is_told_in_a_header_and_at_the_end);
    TEST(models_are_listed_in_the_callers_format);
    TEST(an_alias_may_lead_to_another_format_when_one_fails);
    TEST(a_broken_stream_says_so_in_its_format_and_at_the_end);
    TEST(where_nobody_answers_there_is_no_head);
    TEST(cancel_closes_the_providers_stream);
    TEST(a_whole_url_names_the_provider);
    TEST(many_at_once_through_a_small_queue);
    llm_client_free(client);
    llm_queue_free(queue);
    return finish();
}
