/* Thousands of live streams from one thread: every text exact, none starved, no thread per stream, little memory per stream.
 *   many [STREAMS [RSS_LIMIT_BYTES]]      prints what it measured; the limit is checked if given */
#include "mock.h"
#include <dirent.h>
#include <sys/resource.h>

typedef struct stream {
    int next; /* the word that must come next */
    int wrong, ended;
    size_t held; /* bytes of a word that came in two pieces */
    char part[16];
} stream;

static llm_client *client;
static int streams = 9500;
static long rss_limit;
enum { TOKENS = 40 };

static long rss_kb(void)
{
    long kb = 0;
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = atol(line + 6);
    if (file)
        fclose(file);
    return kb;
}

static int threads(void)
{
    int count = -2; /* . and .. */
    DIR *tasks = opendir("/proc/self/task");
    while (readdir(tasks))
        count++;
    closedir(tasks);
    return count;
}

/* Compares as it comes: what is kept of a stream is 32 bytes, so that what is measured is the library's. */
static void take(stream *s, const char *data, size_t len)
{
    char word[16];
    for (size_t i = 0; i < len; i++) {
        size_t size = (size_t)snprintf(word, sizeof word, "%sw%d", s->next ? " " : "", s->next);
        if (s->held >= size || data[i] != word[s->held]) {
            s->wrong = 1;
            return;
        }
        if (++s->held == size) {
            s->next++;
            s->held = 0;
        }
    }
}

static void all_live_at_once(void)
{
    llm_queue *queue = new_queue(0);
    llm_event events[256];
    stream *all = calloc((size_t)streams, sizeof *all);
    long base, peak;
    int live = 0, most_threads = 0, heard = 0, wrong = 0;
    double start = seconds(), submitted;
    struct rusage used;
    seen warm = {0};

    submit(client, queue, "m/tokens=5", NULL, &warm);
    collect(queue, 1);
    forget(&warm);
    mock_reset();
    base = peak = rss_kb();
    for (; live < streams; live++)
        /* First tokens after six seconds: by then all are submitted and connected, and all live together. */
        submit(client, queue, "m/tokens=40;ttft=6s;pace=150ms", NULL, &all[live]);
    submitted = seconds() - start;
    for (double next = 0; live > 0;) {
        int32_t n = llm_queue_poll(queue, events, 256, 5000);
        if (!CHECK(n >= 0))
            break;
        for (int32_t i = 0; i < n; i++) {
            stream *s = events[i].user_data;
            if (events[i].type == LLM_EVENT_TEXT) {
                heard += s->next == 0 && s->held == 0;
                take(s, events[i].data, events[i].len);
            }
            if (events[i].type >= LLM_EVENT_DONE) {
                s->ended++;
                s->wrong |= events[i].type != LLM_EVENT_DONE || s->next != TOKENS;
                live--;
            }
        }
        if (seconds() >= next) {
            long now = rss_kb();
            int count = threads();
            peak = now > peak ? now : peak;
            most_threads = count > most_threads ? count : most_threads;
            next = seconds() + 0.1;
        }
    }
    for (int i = 0; i < streams; i++)
        wrong += all[i].wrong || all[i].ended != 1;
    getrusage(RUSAGE_SELF, &used);
    printf("# %d streams of %d tokens: submitted in %.2f s, over in %.1f s, %ld at once, %d threads, %.1f KiB RSS each, %.2f us CPU a token\n",
           streams, TOKENS, submitted, seconds() - start, mock_stat("live_peak"), most_threads, (double)(peak - base) / streams,
           ((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec)) /
               ((double)streams * TOKENS));
    IS(wrong, 0);
    IS(heard, streams);
    IS(mock_stat("live_peak"), streams);
    CHECK(most_threads <= 1 + 1 + 2); /* this one, the configured worker, two more at most */
    if (rss_limit)
        CHECK((peak - base) * 1024 / streams <= rss_limit);
    free(all);
    llm_queue_free(queue);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    if (argc > 1)
        streams = atoi(argv[1]);
    if (argc > 2)
        rss_limit = atol(argv[2]);
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < (rlim_t)streams + 100) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    client = mock_client("");
    TEST(all_live_at_once);
    llm_client_free(client);
    return finish();
}
