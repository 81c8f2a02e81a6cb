/* Every function of the library on a stack of 64 KiB, which is what some hosts give their threads (musl's default was 80 KiB).
 *
 * The stack is ours: painted before and measured after, with a page below it that nobody may touch. tests/host/run.py checks that each
 * name of ffi/llm.symbols is called here. */
#include "host.h"
#include <sys/mman.h>

enum { STACK = 64 << 10, PAGE = 4096, PAINT = 0xA5 };

static int tokens;
static const char http_body[] =
    "{\"model\":\"m/tokens=50\",\"max_tokens\":9,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";

static int on_token(const char *token, size_t len, void *ctx)
{
    tokens += token[len] == 0 && ctx == &tokens;
    return 0;
}

static void on_wake(void *ctx)
{
    (void)ctx;
}

static void on_log(int32_t level, const char *target, const char *message, size_t len, void *ctx)
{
    (void)level, (void)target, (void)message, (void)len, (void)ctx;
}

static void errors(llm_client *client)
{
    llm_response *response = NULL;
    llm_error *err = NULL;
    NEED_STATUS(llm_complete(client, ask("m/status=429;retry_after=1;error=rate_limited"), LLM_NTS,
                             &(llm_options){.struct_size = sizeof(llm_options), .options_json = "{\"max_attempts\":1}"}, &response, &err),
                LLM_ERR_RATE_LIMITED);
    NEED(llm_error_status(err) == LLM_ERR_RATE_LIMITED && llm_error_http_status(err) == 429);
    NEED(llm_error_retry_after_ms(err) >= 1000 && *llm_error_message(err, NULL) && *llm_error_json(err, NULL) == '{');
    NEED(strcmp(llm_status_name(llm_error_status(err)), "LLM_ERR_RATE_LIMITED") == 0);
    llm_error_free(err);
    NEED_STATUS(llm_client_reload(client, "{\"no_such_key\":1}", LLM_NTS, &err), LLM_ERR_CONFIG);
    llm_error_free(err);
}

static void blocking(llm_client *client)
{
    stream s = {0}, t = {0};
    llm_response *response = NULL;
    NEED_STATUS(llm_invoke(NULL, ask("mock/tokens=5"), on_token, &tokens), LLM_OK);
    NEED(tokens > 0);
    NEED_STATUS(llm_complete(client, ask("t/tokens=5"), LLM_NTS, NULL, &response, NULL), LLM_OK);
    NEED(strcmp(llm_response_text(response, NULL), "w0 w1 w2 w3 w4") == 0 && *llm_response_json(response, NULL) == '{');
    llm_response_free(response);
    NEED_STATUS(llm_stream(client, ask("m/tokens=50"), LLM_NTS, NULL, take_all, &s, NULL), LLM_OK);
    NEED_STATUS(llm_stream(client, ask("mock/tokens=50"), LLM_NTS, NULL, take_all, &t, NULL), LLM_OK);
    NEED(whole(&s, 50) && whole(&t, 50));
    errors(client);
}

static void queued(llm_client *client)
{
    llm_event events[8];
    llm_request request;
    stream s[3] = {{0}};
    llm_error *err = NULL;
    llm_queue *queue = queue_new();
    char *text;
    NEED(llm_queue_fd(queue) >= 0);
    NEED_STATUS(llm_queue_set_wake(queue, on_wake, NULL), LLM_OK);
    NEED_STATUS(llm_log_to_queue(LLM_LOG_TRACE, queue), LLM_OK);
    submit(client, queue, "m/tokens=50", &s[0]);
    submit(client, queue, "t/tokens=50;cut=rst;at=9", &s[1]);
    request = submit(client, queue, "m/tokens=1000;pace=1s", &s[2]);
    NEED_STATUS(llm_pause(request, 1), LLM_OK);
    NEED_STATUS(llm_pause(request, 0), LLM_OK);
    NEED_STATUS(llm_answer(request, LLM_OK, "{}", LLM_NTS), LLM_ERR_INVALID_ARGUMENT);
    NEED_STATUS(llm_cancel(request), LLM_OK);
    NEED_STATUS(llm_queue_wakeup(queue), LLM_OK);
    collect(queue, 3);
    NEED(whole(&s[0], 50) && sound(&s[1]) && sound(&s[2]));
    NEED(llm_error_from_event(&(llm_event){.type = LLM_EVENT_DONE}) == NULL);
    NEED_STATUS(llm_submit_http(client, queue, &(llm_http_request){.struct_size = sizeof(llm_http_request), .method = "GET", .url = "/"},
                                NULL, &s[1], NULL, &err),
                LLM_OK);
    collect(queue, 1);
    NEED_STATUS(llm_submit_http(client, queue, &(llm_http_request){.struct_size = sizeof(llm_http_request), .method = "POST",
                                .url = "/v1/messages", .body = http_body, .body_len = LLM_NTS}, NULL, &s[2], NULL, &err),
                LLM_OK);
    collect(queue, 1);
    text = llm_client_metrics(client, LLM_METRICS_PROMETHEUS, NULL);
    NEED(text != NULL);
    llm_string_free(text);
    NEED_STATUS(llm_log_to_queue(LLM_LOG_OFF, NULL), LLM_OK);
    NEED_STATUS(llm_queue_set_wake(queue, NULL, NULL), LLM_OK);
    NEED_STATUS(llm_queue_close(queue), LLM_OK);
    while (llm_queue_poll(queue, events, 8, 0) >= 0) {
    }
    llm_queue_free(queue);
}

static void *everything(void *unused)
{
    llm_client *client = client_with("");
    (void)unused;
    NEED(llm_version_number() == LLM_VERSION_NUMBER && llm_abi_version() == LLM_ABI_VERSION && *llm_version());
    NEED_STATUS(llm_log_set(LLM_LOG_TRACE, on_log, NULL), LLM_OK);
    blocking(client);
    NEED_STATUS(llm_log_set(LLM_LOG_OFF, NULL, NULL), LLM_OK);
    queued(client);
    NEED_STATUS(llm_client_reload(client, config_with(",\"default_model\":\"m/echo\""), LLM_NTS, NULL), LLM_OK);
    NEED_STATUS(llm_client_drain(client, 5000), LLM_OK);
    llm_client_free(client);
    NEED_STATUS(llm_shutdown(5000), LLM_OK);
    return NULL;
}

int main(void)
{
    unsigned char *memory = mmap(NULL, STACK + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *stack;
    size_t untouched = 0;
    pthread_attr_t attr;
    pthread_t thread;
    NEED(memory != MAP_FAILED && mprotect(memory, PAGE, PROT_NONE) == 0);
    stack = memory + PAGE;
    memset(stack, PAINT, STACK);
    NEED(pthread_attr_init(&attr) == 0 && pthread_attr_setstack(&attr, stack, STACK) == 0);
    NEED(pthread_create(&thread, &attr, everything, NULL) == 0);
    pthread_join(thread, NULL);
    while (untouched < STACK && stack[untouched] == PAINT)
        untouched++;
    printf("%zu of 64 KiB used\n", (STACK - untouched + 1023) / 1024);
    return 0;
}
