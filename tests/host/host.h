/* What the guests share. A guest is one process that uses the library while something is done to it; it ends with 0, or says why.
 *
 * Environment, from tests/host/run.py: MOCK and MOCK_TLS (origins of the scripted provider), MOCK_CA (its authority), MOCK_H2 (the same behind
 * nginx, by HTTP/2, where there is one), CUT and CUT_TLS (behind a proxy that cuts connections). */
#ifndef HOST_H
#define HOST_H

#include "llm.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
#define PER_THREAD thread_local
#else
#define PER_THREAD _Thread_local
#endif

static inline void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    _exit(1);
}

#define NEED(condition)                                                                                                          \
    do {                                                                                                                         \
        if (!(condition))                                                                                                        \
            die(__FILE__, #condition);                                                                                           \
    } while (0)

static inline void need_status_(llm_status got, llm_status wanted, const char *what)
{
    if (got != wanted) {
        fprintf(stderr, "%s: %s, not %s\n", what, llm_status_name(got), llm_status_name(wanted));
        _exit(1);
    }
}
#define NEED_STATUS(call, wanted) need_status_((call), (wanted), #call)

/* Also when a signal comes. */
static inline void sleep_us(long us)
{
    struct timespec wait = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&wait, &wait) != 0) {
    }
}

static inline double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A small generator, so that a seed names a run. */
static inline unsigned chance(unsigned *state, unsigned below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

static inline const char *setting(const char *name)
{
    const char *value = getenv(name);
    if (!value)
        die(name, "not in the environment; started by tests/host/run.py?");
    return value;
}

/* Configuration with the scripted provider as `m`, over TLS as `t`, by HTTP/2 as `h`, and cut as `c` and `k`; `more` is further top-level
 * keys, each after a comma. The text is the thread's, until its next call. */
static inline const char *config_with(const char *more)
{
    const struct { const char *name, *place, *ca; } providers[] = {
        {"m", "MOCK", NULL}, {"t", "MOCK_TLS", "MOCK_CA"}, {"c", "CUT", NULL}, {"k", "CUT_TLS", "MOCK_CA"},
        {"h", getenv("MOCK_H2") ? "MOCK_H2" : "MOCK", NULL}};
    static PER_THREAD char config[4096];
    int len = snprintf(config, sizeof config, "{\"providers\":{");
    for (int i = 0; i < 5; i++) {
        len += snprintf(config + len, sizeof config - (size_t)len,
                        "%s\"%s\":{\"wire\":\"openai_chat\",\"base_url\":\"%s/v1\",\"auth\":\"none\",\"idle_pool_s\":1", i ? "," : "",
                        providers[i].name, setting(providers[i].place));
        if (providers[i].ca)
            len += snprintf(config + len, sizeof config - (size_t)len, ",\"tls\":{\"ca_file\":\"%s\"}", setting(providers[i].ca));
        if (strcmp(providers[i].place, "MOCK_H2") == 0)
            len += snprintf(config + len, sizeof config - (size_t)len, ",\"http2\":{\"mode\":\"prior_knowledge\"}");
        len += snprintf(config + len, sizeof config - (size_t)len, "}");
    }
    snprintf(config + len, sizeof config - (size_t)len, "}%s}", more);
    return config;
}

static inline llm_client *client_with(const char *more)
{
    llm_client *client = NULL;
    llm_error *err = NULL;
    if (llm_client_new(config_with(more), LLM_NTS, &client, &err) != LLM_OK)
        die("llm_client_new", llm_error_message(err, NULL));
    return client;
}

static inline llm_queue *queue_new(void)
{
    llm_queue *queue = NULL;
    NEED_STATUS(llm_queue_new(0, &queue), LLM_OK);
    return queue;
}

/* A question to a scripted model. The text is the thread's, until its next call. */
static inline const char *ask(const char *model)
{
    static PER_THREAD char request[1024];
    snprintf(request, sizeof request, "{\"model\":\"%s\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", model);
    return request;
}

/* A script by HTTP/1.1, with TLS, or by HTTP/2, in turn. The text is the thread's, until its next call. */
static inline const char *any_of(int number, const char *script)
{
    static PER_THREAD char model[256];
    snprintf(model, sizeof model, "%c/%s", "mth"[number % 3], script);
    return model;
}

/* What has come of one answer, whose text must be a beginning of `w0 w1 w2 ..`. */
typedef struct stream {
    int words;             /* complete ones */
    size_t at;             /* bytes of the next one that have come */
    unsigned texts, terminals, wrong;
    llm_event_type terminal;
    llm_status status;
} stream;

static inline size_t word_of(int number, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "%sw%d", number ? " " : "", number);
}

static inline void take(stream *s, const llm_event *event)
{
    char word[32];
    size_t len = word_of(s->words, word, sizeof word);
    if (s->terminals || event->data == NULL || event->data[event->len] != 0)
        s->wrong++;
    if (event->type >= LLM_EVENT_DONE) {
        s->terminals++;
        s->terminal = event->type;
        s->status = event->status;
    } else if (event->type == LLM_EVENT_TEXT) {
        s->texts++;
        for (size_t i = 0; i < event->len; i++) {
            if (s->at == len) {
                s->words++, s->at = 0;
                len = word_of(s->words, word, sizeof word);
            }
            s->wrong += event->data[i] != word[s->at++];
        }
    }
}

static inline int take_all(const llm_event *event, void *ctx)
{
    take((stream *)ctx, event);
    return 0;
}

/* One terminal event, last, and no wrong text before it. */
static inline int sound(const stream *s)
{
    return s->terminals == 1 && s->wrong == 0;
}

static inline int whole(const stream *s, int count)
{
    char word[32];
    return sound(s) && s->terminal == LLM_EVENT_DONE && s->words == count - 1 && s->at == word_of(s->words, word, sizeof word);
}

static inline llm_request submit(llm_client *client, llm_queue *queue, const char *model, stream *s)
{
    llm_request request = 0;
    llm_error *err = NULL;
    if (llm_submit(client, queue, ask(model), LLM_NTS, NULL, s, &request, &err) != LLM_OK)
        die(model, llm_error_message(err, NULL));
    return request;
}

/* Takes events until so many requests have ended. Signals only make it look again; what hangs is ended by whoever started us. */
static inline void collect(llm_queue *queue, int requests)
{
    llm_event events[64];
    while (requests > 0) {
        int32_t n = llm_queue_poll(queue, events, 64, 10000);
        NEED(n >= 0);
        for (int32_t i = 0; i < n; i++) {
            if (events[i].user_data)
                take((stream *)events[i].user_data, &events[i]);
            requests -= events[i].type >= LLM_EVENT_DONE;
        }
    }
}

/* Takes events until each of these streams has text. */
static inline void wait_for_text(llm_queue *queue, const stream *streams, int count)
{
    llm_event events[64];
    for (;;) {
        int have = 0, n;
        for (int i = 0; i < count; i++)
            have += streams[i].texts > 0 || streams[i].terminals > 0;
        if (have == count)
            return;
        n = llm_queue_poll(queue, events, 64, 10000);
        NEED(n >= 0);
        for (int i = 0; i < n; i++)
            take((stream *)events[i].user_data, &events[i]);
    }
}

static inline void tell_and_die(const stream *s, const char *what)
{
    fprintf(stderr, "%s: %d words, %u terminal (type %d, %s), %u wrong\n", what, s->words, s->terminals, (int)s->terminal,
            llm_status_name(s->status), s->wrong);
    _exit(1);
}

#endif
