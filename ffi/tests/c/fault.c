/* A panic at every entry and in a request's task: a typed status, one terminal event, and everything else goes on. Needs a library
 * built with the feature `fault-injection`. */
#include "mock.h"

/* Not in the header: no shipped library has it. */
extern llm_status llm_fault_arm(const char *name);

static llm_client *client;
static llm_queue *queue;

#define ARM(name) IS(llm_fault_arm(name), LLM_OK)
#define PANICS(name, call)                                                                                                       \
    do {                                                                                                                         \
        ARM(name);                                                                                                               \
        IS(call, LLM_ERR_INTERNAL);                                                                                              \
    } while (0)
/* The same where an error object tells what happened. */
#define PANICS_TOLD(name, call)                                                                                                  \
    do {                                                                                                                         \
        llm_error *err = NULL;                                                                                                   \
        ARM(name);                                                                                                               \
        IS(call, LLM_ERR_INTERNAL);                                                                                              \
        IS(llm_error_status(err), LLM_ERR_INTERNAL);                                                                             \
        SAYS(llm_error_message(err, NULL), name);                                                                                \
        llm_error_free(err);                                                                                                     \
    } while (0)

static void at_entries_of_clients_and_calls(void)
{
    llm_client *made = client;
    llm_response *response = (llm_response *)&made;
    seen s = {0};
    PANICS("llm_invoke", llm_invoke(NULL, ask("mock/echo"), NULL, NULL));
    PANICS_TOLD("llm_client_new", llm_client_new("{}", LLM_NTS, &made, &err));
    PANICS_TOLD("llm_client_reload", llm_client_reload(client, "{}", LLM_NTS, &err));
    PANICS("llm_client_drain", llm_client_drain(client, 0));
    PANICS_TOLD("llm_complete", llm_complete(client, ask("mock/echo"), LLM_NTS, NULL, &response, &err));
    PANICS_TOLD("llm_stream", llm_stream(client, ask("mock/echo"), LLM_NTS, NULL, see_all, &s, &err));
    IS(s.terminals, 0);
    ARM("llm_client_metrics");
    CHECK(llm_client_metrics(client, LLM_METRICS_JSON, NULL) == NULL);
    ARM("llm_string_free");
    llm_string_free(llm_client_metrics(client, LLM_METRICS_JSON, NULL));
    IS(llm_stream(client, ask("mock/tokens=3"), LLM_NTS, NULL, see_all, &s, NULL), LLM_OK);
    CHECK_SHAPE(&s);
    forget(&s);
}

static void at_entries_of_queues_and_requests(void)
{
    llm_queue *made = queue;
    llm_event event;
    llm_request request = 1;
    llm_http_request http = {.struct_size = sizeof http, .method = "POST", .url = "/v1/chat/completions"};
    seen s = {0};
    PANICS("llm_queue_new", llm_queue_new(0, &made));
    PANICS_TOLD("llm_submit", llm_submit(client, queue, ask("mock/echo"), LLM_NTS, NULL, NULL, &request, &err));
    PANICS_TOLD("llm_submit_http", llm_submit_http(client, queue, &http, NULL, NULL, NULL, &err));
    PANICS("llm_queue_poll", llm_queue_poll(queue, &event, 1, 0));
    PANICS("llm_queue_fd", llm_queue_fd(queue));
    PANICS("llm_queue_set_wake", llm_queue_set_wake(queue, NULL, NULL));
    PANICS("llm_queue_wakeup", llm_queue_wakeup(queue));
    PANICS("llm_queue_close", llm_queue_close(queue));
    PANICS("llm_cancel", llm_cancel(1));
    PANICS("llm_pause", llm_pause(1, 1));
    PANICS("llm_answer", llm_answer(1, LLM_OK, "{}", LLM_NTS));
    PANICS("llm_log_set", llm_log_set(LLM_LOG_OFF, NULL, NULL));
    PANICS("llm_log_to_queue", llm_log_to_queue(LLM_LOG_OFF, NULL));
    PANICS("llm_shutdown", llm_shutdown(0));
    submit(client, queue, "mock/tokens=3", NULL, &s);
    collect(queue, 1);
    CHECK_SHAPE(&s);
    IS(s.terminal, LLM_EVENT_DONE);
    forget(&s);
}

static void at_entries_of_errors_and_versions(void)
{
    llm_error *err = NULL;
    llm_response *response = NULL;
    llm_event event = {.type = LLM_EVENT_ERROR, .status = LLM_ERR_AUTH, .data = "{}", .len = 2};
    size_t len = 7;
    IS(llm_submit(client, queue, ask("nobody/m"), LLM_NTS, NULL, NULL, NULL, &err), LLM_ERR_CONFIG);
    IS(llm_complete(client, ask("mock/echo"), LLM_NTS, NULL, &response, NULL), LLM_OK);
    PANICS("llm_error_status", llm_error_status(err));
    ARM("llm_error_message");
    CHECK(*llm_error_message(err, &len) == 0 && len == 0);
    ARM("llm_error_json");
    CHECK(*llm_error_json(err, NULL) == 0);
    ARM("llm_error_http_status");
    IS(llm_error_http_status(err), 0);
    ARM("llm_error_retry_after_ms");
    IS(llm_error_retry_after_ms(err), -1);
    ARM("llm_error_from_event");
    CHECK(llm_error_from_event(&event) == NULL);
    ARM("llm_response_text");
    CHECK(*llm_response_text(response, NULL) == 0);
    ARM("llm_response_json");
    CHECK(*llm_response_json(response, NULL) == 0);
    ARM("llm_status_name");
    CHECK(llm_status_name(LLM_OK) != NULL);
    ARM("llm_version");
    CHECK(*llm_version() != 0);
    ARM("llm_version_number");
    IS(llm_version_number(), LLM_VERSION_NUMBER);
    ARM("llm_abi_version");
    IS(llm_abi_version(), LLM_ABI_VERSION);
    SAYS(llm_error_message(err, NULL), "nobody");
    ARM("llm_error_free");
    llm_error_free(err);
    ARM("llm_response_free");
    llm_response_free(response);
    ARM("llm_queue_free");
    llm_queue_free(new_queue(0));
    ARM("llm_client_free");
    llm_client_free(new_client("{}"));
    ARM("");
}

static void in_a_task_ends_that_request_alone(void)
{
    static const char *const points[] = {"open", "pump"};
    for (int i = 0; i < 2; i++)
        for (int over_sockets = 0; over_sockets < 2; over_sockets++) {
            seen broken = {0}, others[10];
            const char *model = over_sockets ? "m/tokens=100;pace=3ms" : "mock/tokens=100;pace=3ms";
            memset(others, 0, sizeof others);
            mock_reset();
            for (int n = 0; n < 10; n++)
                submit(client, queue, "m/tokens=100;pace=3ms", NULL, &others[n]);
            if (i == 0)
                EVENTUALLY(mock_stat("live") == 10); /* they have passed `open` */
            ARM(points[i]);
            submit(client, queue, model, NULL, &broken);
            collect(queue, 11);
            for (int n = 0; n < 10; n++) {
                CHECK_SHAPE(&others[n]);
                if (i == 0) /* at `pump` the next to read breaks, whichever that is */
                    CHECK(words(others[n].text, others[n].len, 100, 1));
            }
            if (i == 0)
                IS(broken.status, LLM_ERR_INTERNAL);
            CHECK_SHAPE(&broken);
            {
                int internal = broken.status == LLM_ERR_INTERNAL;
                for (int n = 0; n < 10; n++)
                    internal += others[n].status == LLM_ERR_INTERNAL;
                IS(internal, 1);
            }
            EVENTUALLY(mock_stat("live") == 0);
            forget(&broken);
            for (int n = 0; n < 10; n++)
                forget(&others[n]);
        }
}

static void in_a_waiting_call(void)
{
    llm_response *response = NULL;
    llm_error *err = NULL;
    seen s = {0};
    ARM("open");
    IS(llm_complete(client, ask("m/tokens=5"), LLM_NTS, NULL, &response, &err), LLM_ERR_INTERNAL);
    CHECK(response == NULL && err != NULL);
    llm_error_free(err);
    ARM("pump");
    IS(llm_stream(client, ask("m/tokens=5;pace=5ms"), LLM_NTS, NULL, see_all, &s, NULL), LLM_ERR_INTERNAL);
    CHECK_SHAPE(&s);
    forget(&s);
    IS(llm_stream(client, ask("m/tokens=5"), LLM_NTS, NULL, see_all, &s, NULL), LLM_OK);
    CHECK(words(s.text, s.len, 5, 1));
    forget(&s);
}

int main(void)
{
    client = mock_client("");
    queue = new_queue(0);
    TEST(at_entries_of_clients_and_calls);
    TEST(at_entries_of_queues_and_requests);
    TEST(at_entries_of_errors_and_versions);
    TEST(in_a_task_ends_that_request_alone);
    TEST(in_a_waiting_call);
    llm_queue_free(queue);
    llm_client_free(client);
    /* The client whose llm_client_free panicked at its entry still exists. */
    IS(llm_shutdown(5000), LLM_ERR_BUSY);
    return finish();
}
