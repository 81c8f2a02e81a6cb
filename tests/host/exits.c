/* Ends with live streams, in every way that a process has.   exits WAY SEED
 *
 * Exit code 7 is the end that was meant; anything else, or a signal, is abnormal. A quarter of the streams each: HTTP/1.1, with
 * TLS, HTTP/2, played in the process; so the library's thread is always in the middle of something. */
#include "host.h"

enum { GOOD = 7 };

static llm_client *client;
static llm_queue *queue;
static const char *way;
static long after_us;

static void end_now(const char *how)
{
    if (strstr(how, "quick_exit"))
        quick_exit(GOOD);
    if (strstr(how, "_exit"))
        _exit(GOOD);
    exit(GOOD);
}

static int is(const char *name)
{
    return strcmp(way, name) == 0;
}

static void *ends(void *unused)
{
    (void)unused;
    sleep_us(after_us);
    end_now(is("thread quick_exit") ? "quick_exit" : "exit");
    return NULL;
}

static int on_event(const llm_event *event, void *ctx)
{
    int *texts = ctx;
    if (event->type == LLM_EVENT_TEXT && ++*texts > 3)
        end_now(way);
    return 0;
}

static void on_wake(void *ctx)
{
    (void)ctx;
    end_now(way);
}

static void on_log(int32_t level, const char *target, const char *message, size_t len, void *ctx)
{
    (void)level, (void)target, (void)message, (void)len, (void)ctx;
    end_now(way);
}

static void *polls(void *unused)
{
    llm_event events[16];
    (void)unused;
    while (llm_queue_poll(queue, events, 16, -1) >= 0) {
    }
    return NULL;
}

static void *streams(void *unused)
{
    stream s = {0};
    (void)unused;
    (void)!llm_stream(client, ask("m/tokens=100000;pace=1ms"), LLM_NTS, NULL, take_all, &s, NULL);
    return NULL;
}

/* Handlers of exit that clean up while the streams still run, as a careful host's do. */
static void frees(void)
{
    llm_queue_free(queue);
    llm_client_free(client);
}

static void shuts_down(void)
{
    frees();
    (void)llm_shutdown(5000);
}

static void polls_once_more(void)
{
    llm_event events[16];
    llm_response *response = NULL;
    NEED(llm_queue_poll(queue, events, 16, 0) >= 0);
    NEED_STATUS(llm_complete(client, ask("mock/echo"), LLM_NTS, NULL, &response, NULL), LLM_OK);
    llm_response_free(response);
}

static void begin(unsigned seed)
{
    static const char *const models[] = {"m/tokens=100000;pace=1ms", "t/tokens=100000;pace=1ms", "h/tokens=100000;pace=1ms",
                                         "mock/tokens=100000"};
    client = client_with("");
    queue = queue_new();
    for (int i = 0; i < 12; i++)
        submit(client, queue, models[i % 4], NULL);
    after_us = (long)chance(&seed, 20000);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int texts = 0;
    NEED(argc == 3);
    way = argv[1];
    if (is("atexit free"))
        NEED(atexit(frees) == 0);
    if (is("atexit shutdown"))
        NEED(atexit(shuts_down) == 0);
    if (is("atexit use"))
        NEED(atexit(polls_once_more) == 0);
    begin((unsigned)atoi(argv[2]) * 2654435761u);
    if (strncmp(way, "event ", 6) == 0)
        (void)!llm_stream(client, ask("m/tokens=1000;pace=1ms"), LLM_NTS, NULL, on_event, &texts, NULL);
    if (strncmp(way, "wake ", 5) == 0)
        NEED_STATUS(llm_queue_set_wake(queue, on_wake, NULL), LLM_OK);
    if (strncmp(way, "log ", 4) == 0) {
        NEED_STATUS(llm_log_set(LLM_LOG_TRACE, on_log, NULL), LLM_OK);
        (void)llm_invoke(NULL, ask("mock/status=401"), NULL, NULL);
    }
    if (is("pthread_exit") || strncmp(way, "thread ", 7) == 0)
        NEED(pthread_create(&thread, NULL, ends, NULL) == 0);
    if (is("pthread_exit"))
        pthread_exit(NULL); /* the first thread is gone; the process ends with the other one's exit() */
    if (is("threads in it")) {
        NEED(pthread_create(&thread, NULL, polls, NULL) == 0);
        for (int i = 0; i < 3; i++)
            NEED(pthread_create(&thread, NULL, streams, NULL) == 0);
    }
    if (strncmp(way, "thread ", 7) == 0 || strncmp(way, "wake ", 5) == 0 || strncmp(way, "log ", 4) == 0)
        for (;;)
            sleep_us(1000000);
    sleep_us(after_us);
    if (is("free first"))
        frees();
    if (is("quick_exit") || is("_exit") || is("exit"))
        end_now(way);
    return GOOD;
}
