/*
 * libllm through its completion queue: one host thread, any number of streams, every answer's text compared with what the
 * mock says it sent (BENCH_TEXT).
 *
 *     bench-libllm BASE unary|stream CONC N_PER_WORKER [WARM [TTFT_US ITL_US]]
 *
 * A closed loop like the drains': CONC requests in flight until CONC * N_PER_WORKER are done; then one line of JSON with
 * the same keys as theirs. BENCH_THREADS is the runtime's number of threads (1), BENCH_GAP_US the time between the first
 * request of one worker and that of the next (0).
 */
#define _GNU_SOURCE
#include "llm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH 256

/* The same words as in drive.rs; the wire adds stream_options where the drains send it themselves. */
#define REQUEST                                                                                                        \
    "{\"model\":\"bench/bench-model\",\"messages\":["                                                                  \
    "{\"role\":\"system\",\"content\":\"You are a careful assistant. Answer in one short paragraph.\"},"               \
    "{\"role\":\"user\",\"content\":\"Why does a stream of tokens cost more than one answer?\"}],"                     \
    "\"max_tokens\":256,\"temperature\":0.5,\"stream\":%s}"

struct worker {
    size_t left;   /* Requests yet to be sent. */
    size_t read;   /* Bytes of the answer so far. */
    int64_t began; /* When the request was submitted, us. */
    int64_t first; /* When its first text came; 0 before that. */
    int exact;
};

/* What a phase counted. */
struct tally {
    size_t done, failed, inexact, events;
    int64_t *firsts, *totals;
};

static llm_client *client;
static llm_queue *queue;
static char request[1024];
static const char *text;
static size_t text_len;
static long gap_us;

static int64_t now_us(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

static int64_t cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return ((int64_t)used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 + used.ru_utime.tv_usec +
           used.ru_stime.tv_usec;
}

/* A number of /proc/self/status, such as "VmRSS:" in kB. */
static long status(const char *key)
{
    char line[256];
    long value = 0;
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            value = strtol(line + strlen(key), NULL, 10);
    fclose(file);
    return value;
}

static void die(const char *what, llm_status code, llm_error *err)
{
    fprintf(stderr, "%s: %s %s\n", what, llm_status_name(code), err != NULL ? llm_error_message(err, NULL) : "");
    exit(1);
}

static void submit(struct worker *worker)
{
    llm_error *err = NULL;
    llm_status code;
    worker->left--;
    worker->read = 0;
    worker->first = 0;
    worker->exact = 1;
    worker->began = now_us();
    code = llm_submit(client, queue, request, LLM_NTS, NULL, worker, NULL, &err);
    if (code != LLM_OK)
        die("llm_submit", code, err);
}

static void finish(struct worker *worker, const llm_event *event, int64_t now, struct tally *tally)
{
    if (event->type == LLM_EVENT_ERROR) {
        /* The first says why; thousands would say no more. */
        if (tally->failed++ == 0)
            fprintf(stderr, "%s: %.*s\n", llm_status_name(event->status), (int)event->len, event->data);
        return;
    }
    tally->firsts[tally->done] = (worker->first != 0 ? worker->first : now) - worker->began;
    tally->totals[tally->done] = now - worker->began;
    tally->done++;
    if (!worker->exact || worker->read != text_len)
        tally->inexact++;
}

/* Has every worker do `each` requests. */
static void run(struct worker *workers, size_t conc, size_t each, struct tally *tally)
{
    llm_event events[BATCH];
    size_t in_flight = each > 0 ? conc : 0;

    for (size_t i = 0; i < in_flight; i++) {
        workers[i].left = each;
        submit(&workers[i]);
        if (gap_us > 0)
            nanosleep(&(struct timespec){ .tv_nsec = gap_us * 1000 }, NULL);
    }
    while (in_flight > 0) {
        int32_t count = llm_queue_poll(queue, events, BATCH, -1);
        int64_t now = now_us();
        if (count < 0)
            die("llm_queue_poll", count, NULL);
        for (int32_t i = 0; i < count; i++) {
            const llm_event *event = &events[i];
            struct worker *worker = event->user_data;
            tally->events++;
            if (event->type == LLM_EVENT_TEXT) {
                if (worker->first == 0)
                    worker->first = now;
                if (worker->read + event->len > text_len ||
                    memcmp(text + worker->read, event->data, event->len) != 0)
                    worker->exact = 0;
                worker->read += event->len;
            } else if (event->type >= LLM_EVENT_DONE) {
                finish(worker, event, now, tally);
                if (worker->left > 0)
                    submit(worker);
                else
                    in_flight--;
            }
        }
    }
}

static int ascending(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void print_added(const char *name, int64_t *values, size_t count, int64_t planned)
{
    qsort(values, count, sizeof *values, ascending);
    if (count == 0)
        return;
    printf(",\"added_%s_us\":{\"p50\":%lld,\"p99\":%lld,\"max\":%lld}", name,
           (long long)(values[count / 2] - planned), (long long)(values[count * 99 / 100] - planned),
           (long long)(values[count - 1] - planned));
}

static struct tally tally_new(size_t count)
{
    struct tally tally = { 0 };
    tally.firsts = calloc(count + 1, sizeof *tally.firsts);
    tally.totals = calloc(count + 1, sizeof *tally.totals);
    if (tally.firsts == NULL || tally.totals == NULL)
        exit(1);
    return tally;
}

/* What the library says of its own part of each request so far, or of its way between threads: a histogram, JSON. */
static void print_spread(const char *name)
{
    char key[64];
    size_t len = 0, skip = (size_t)snprintf(key, sizeof key, "\"%s_seconds\":", name);
    char *told = llm_client_metrics(client, LLM_METRICS_JSON, &len);
    const char *from = told != NULL ? strstr(told, key) : NULL;
    const char *to = from != NULL ? strchr(from, ']') : NULL;
    if (to != NULL)
        printf(",\"%s\":%.*s", name, (int)(to + 1 - from - (long)skip), from + skip);
    llm_string_free(told);
}

int main(int argc, char **argv)
{
    const char *usage = "BASE unary|stream CONC N_PER_WORKER [WARM [TTFT_US ITL_US]]";
    const char *threads = getenv("BENCH_THREADS") != NULL ? getenv("BENCH_THREADS") : "1";
    const char *path = argc > 1 ? strstr(argv[1], "/c/") : NULL;
    long long ttft = 0, gap = 0, tokens = 64;
    char write = 'a', config[1024];
    struct rlimit files;
    llm_error *err = NULL;
    llm_status code;

    if (argc < 5 || getenv("BENCH_TEXT") == NULL) {
        fprintf(stderr, "%s, and the answer's text in BENCH_TEXT\n", usage);
        return 2;
    }
    int stream = strcmp(argv[2], "stream") == 0;
    size_t conc = strtoul(argv[3], NULL, 10), each = strtoul(argv[4], NULL, 10);
    size_t warm = argc > 5 ? strtoul(argv[5], NULL, 10) : 1;
    if (path != NULL && sscanf(path, "/c/%lld/%lld/%lld/%c/", &ttft, &gap, &tokens, &write) != 4) {
        fprintf(stderr, "BASE has no schedule that the mock knows\n");
        return 2;
    }
    if (argc > 7) {
        ttft = atoll(argv[6]);
        gap = atoll(argv[7]);
    }
    if (getenv("BENCH_GAP_US") != NULL)
        gap_us = atol(getenv("BENCH_GAP_US"));
    text = getenv("BENCH_TEXT");
    text_len = strlen(text);
    snprintf(request, sizeof request, REQUEST, stream ? "true" : "false");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    /* More of the provider's table, such as `,"http2":{"mode":"prior_knowledge"}`. */
    const char *more = getenv("BENCH_PROVIDER");
    snprintf(config, sizeof config,
             "{\"providers\":{\"bench\":{\"wire\":\"openai_chat\",\"base_url\":\"%s\",\"api_key\":\"sk-bench\"%s}},"
             "\"runtime\":{\"threads\":%s},\"retry\":{\"max_attempts\":1}}",
             argv[1], more != NULL ? more : "", threads);
    code = llm_client_new(config, LLM_NTS, &client, &err);
    if (code != LLM_OK)
        die("llm_client_new", code, err);
    code = llm_queue_new(0, &queue);
    if (code != LLM_OK)
        die("llm_queue_new", code, NULL);

    struct worker *workers = calloc(conc > 0 ? conc : 1, sizeof *workers);
    struct tally one = tally_new(1), before = tally_new(conc * warm), tally = tally_new(conc * each);
    if (workers == NULL)
        return 1;
    run(workers, 1, 1, &one);
    long rss_start = status("VmRSS:");
    run(workers, conc, warm, &before);

    int64_t cpu = cpu_us(), began = now_us();
    run(workers, conc, each, &tally);
    int64_t wall = now_us() - began;
    cpu = cpu_us() - cpu;

    long peak = status("VmHWM:");
    size_t exact = stream ? (tally.done - tally.inexact) * (size_t)tokens : 0;
    printf("{\"client\":\"libllm\",\"concurrency\":%zu,\"requests\":%zu,\"failed\":%zu,\"inexact\":%zu,\"tokens\":%zu,"
           "\"events\":%zu,\"wall_ms\":%lld,\"cpu_us\":%lld,\"cpu_us_per_request\":%.3f",
           conc, tally.done, one.failed + before.failed + tally.failed,
           one.inexact + before.inexact + tally.inexact, exact, tally.events, (long long)(wall / 1000),
           (long long)cpu, (double)cpu / (double)(tally.done > 0 ? tally.done : 1));
    if (exact > 0)
        printf(",\"cpu_us_per_token\":%.4f", (double)cpu / (double)exact);
    print_added("first", tally.firsts, tally.done, ttft);
    print_added("total", tally.totals, tally.done, stream && write == 'w' ? ttft + gap * (tokens - 1) : ttft);
    printf(",\"rss_start_kb\":%ld,\"rss_peak_kb\":%ld,\"rss_kb_per_stream\":%.2f,\"threads\":%ld", rss_start, peak,
           (double)(peak - rss_start) / (double)(conc > 0 ? conc : 1), status("Threads:"));
    print_spread("overhead");
    print_spread("dispatch");
    printf("}\n");

    llm_queue_free(queue);
    llm_client_free(client);
    return 0;
}
