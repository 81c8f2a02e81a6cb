/* What the C tests share: checks that count, requests, and collected events. Each program prints `ok NAME` or `not ok NAME` lines. */
#ifndef CHECK_H
#define CHECK_H

#include "llm.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int failures, failures_in_all, checks;

/* Checks may run on any thread; what matters is whether any failed. */
#define CHECK(condition) check_((condition) != 0, #condition, __FILE__, __LINE__)
#define IS(value, wanted) is_((long long)(value), (long long)(wanted), #value, __FILE__, __LINE__)
#define SAYS(text, part) says_((text), (part), #text, __FILE__, __LINE__)

static inline void fail_(const char *file, int line, const char *what)
{
    __atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
    printf("# %s:%d: %s\n", file, line, what);
}

static inline int check_(int good, const char *what, const char *file, int line)
{
    __atomic_add_fetch(&checks, 1, __ATOMIC_SEQ_CST);
    if (!good)
        fail_(file, line, what);
    return good;
}

static inline int is_(long long value, long long wanted, const char *what, const char *file, int line)
{
    char why[512];
    snprintf(why, sizeof why, "%s is %lld (%s), not %lld (%s)", what, value, llm_status_name((llm_status)value), wanted,
             llm_status_name((llm_status)wanted));
    return check_(value == wanted, why, file, line);
}

static inline int says_(const char *text, const char *part, const char *what, const char *file, int line)
{
    char why[1024];
    snprintf(why, sizeof why, "%s does not say %s: %.600s", what, part, text);
    return check_(strstr(text, part) != NULL, why, file, line);
}

/* One test: a test that hangs is killed by SIGALRM, and with it the program. */
static inline void test(const char *name, void (*body)(void))
{
    failures_in_all += failures;
    failures = 0;
    alarm(60);
    body();
    alarm(0);
    printf("%s %s\n", failures ? "not ok" : "ok", name);
    fflush(stdout);
    failures_in_all += failures;
    /* What fails between tests and after the last counts too. */
    failures = 0;
}
#define TEST(name) test(#name, name)

static inline double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void sleep_ms(long ms)
{
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&wait, NULL);
}

/* Waits up to ten seconds for something that another thread or process does. */
#define EVENTUALLY(condition)                                                                                                    \
    do {                                                                                                                         \
        double until_ = seconds() + 10;                                                                                          \
        while (!(condition) && seconds() < until_)                                                                               \
            sleep_ms(2);                                                                                                         \
        CHECK(condition);                                                                                                        \
    } while (0)

static inline llm_client *new_client(const char *config)
{
    llm_client *client = NULL;
    llm_error *err = NULL;
    if (llm_client_new(config, LLM_NTS, &client, &err) != LLM_OK) {
        printf("not ok llm_client_new: %s\n", llm_error_message(err, NULL));
        exit(1);
    }
    return client;
}

static inline llm_queue *new_queue(size_t max_bytes)
{
    llm_queue *queue = NULL;
    if (llm_queue_new(max_bytes, &queue) != LLM_OK)
        exit(1);
    return queue;
}

/* A request to a scripted model. The text is the thread's, until its next call. */
static inline const char *ask(const char *model)
{
    static _Thread_local char request[4096];
    snprintf(request, sizeof request, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", model);
    return request;
}

static inline llm_request submit(llm_client *client, llm_queue *queue, const char *model, const llm_options *options, void *user_data)
{
    llm_request request = 0;
    llm_error *err = NULL;
    if (!IS(llm_submit(client, queue, ask(model), LLM_NTS, options, user_data, &request, &err), LLM_OK))
        printf("# %s: %s\n", model, llm_error_message(err, NULL));
    llm_error_free(err);
    return request;
}

/* What one request's events said. */
typedef struct seen {
    char *text, *json; /* joined text; data of the terminal event */
    size_t len, size;
    unsigned texts, routes, others, terminals, after_terminal, misformed;
    llm_event_type terminal;
    llm_status status;
    uint32_t attempt;
} seen;

static inline void see(seen *s, const llm_event *event)
{
    if (s->terminals)
        s->after_terminal++;
    if (event->data == NULL || event->data[event->len] != 0 || event->flags != 0)
        s->misformed++;
    if ((event->status != LLM_OK) != (event->type == LLM_EVENT_ERROR))
        s->misformed++;
    if (event->type >= LLM_EVENT_DONE) {
        s->terminals++;
        s->terminal = event->type;
        s->status = event->status;
        s->attempt = event->attempt;
        s->json = strdup(event->data);
    } else if (event->type == LLM_EVENT_TEXT) {
        s->texts++;
        if (s->len + event->len + 1 > s->size) {
            s->size = (s->len + event->len + 1) * 2;
            s->text = realloc(s->text, s->size);
        }
        memcpy(s->text + s->len, event->data, event->len + 1);
        s->len += event->len;
    } else if (event->type == LLM_EVENT_ROUTE) {
        s->routes++;
    } else {
        s->others++;
    }
}

/* One terminal event, last; every event well formed. */
static inline void check_shape_(const seen *s, const char *file, int line)
{
    is_(s->terminals, 1, "terminal events", file, line);
    is_(s->after_terminal, 0, "events after the terminal one", file, line);
    is_(s->misformed, 0, "misformed events", file, line);
}
#define CHECK_SHAPE(s) check_shape_((s), __FILE__, __LINE__)

static inline void forget(seen *s)
{
    free(s->text);
    free(s->json);
    memset(s, 0, sizeof *s);
}

/* Callback of llm_stream(): `ctx` is a seen. */
static inline int see_all(const llm_event *event, void *ctx)
{
    see(ctx, event);
    return 0;
}

/* Takes events, each to the seen in its user_data, until so many requests have ended. */
static inline void collect(llm_queue *queue, int requests)
{
    llm_event events[64];
    while (requests > 0) {
        int32_t n = llm_queue_poll(queue, events, 64, 20000);
        if (!CHECK(n > 0))
            return;
        for (int32_t i = 0; i < n; i++) {
            if (events[i].user_data)
                see(events[i].user_data, &events[i]);
            requests -= events[i].type >= LLM_EVENT_DONE;
        }
    }
}

/* Whether the text is `w0 w1 ..` and so many words long, or at least its beginning (`whole` 0). */
static inline int words(const char *text, size_t len, int count, int whole)
{
    size_t at = 0;
    char word[32];
    for (int i = 0; i < count && at < len; i++) {
        size_t size = (size_t)snprintf(word, sizeof word, "%sw%d", i ? " " : "", i);
        size_t left = len - at < size ? len - at : size;
        if (memcmp(text + at, word, left) != 0 || (whole && left != size))
            return 0;
        at += size;
        if (whole && i == count - 1)
            return at == len;
    }
    return whole ? count == 0 && len == 0 : 1;
}

static inline int finish(void)
{
    return failures_in_all + failures ? 1 : 0;
}

#endif
