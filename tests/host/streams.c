/* Keeps streams going while something is done to the process from outside: stopped and continued, the wall clock set.
 *
 * streams SECONDS [CLOCK_FILE]: with a file, moves the wall clock of libfaketime by up to years, both ways, every 20 ms. Time limits are
 * short and must count real time: no answer may fail. */
#include "host.h"

enum { STREAMS = 12, WORDS = 200 };

static long steps, widest;

/* libfaketime reads the offset anew at each look at the clock. */
static void set_clock(const char *file, unsigned *seed)
{
    static const char *const offsets[] = {"+0", "+1h", "-1h", "+3d", "-400d", "+20y", "-5s", "+90s"};
    char other[1024];
    FILE *out;
    time_t before = time(NULL), after;
    snprintf(other, sizeof other, "%s.new", file);
    out = fopen(other, "w");
    NEED(out != NULL);
    fprintf(out, "%s\n", offsets[chance(seed, 8)]);
    fclose(out);
    NEED(rename(other, file) == 0);
    after = time(NULL);
    steps += labs((long)(after - before)) > 1;
    if (labs((long)(after - before)) > widest)
        widest = labs((long)(after - before));
}

int main(int argc, char **argv)
{
    /* A keep-alive each 100 ms is what a healthy provider would send; limits are ten and more times longer, and so is a stop. */
    llm_client *client = client_with(",\"timeouts\":{\"connect\":5,\"first_token\":8,\"idle\":5,\"consumer_stall\":5}");
    llm_queue *queue = queue_new();
    stream s[STREAMS] = {{0}};
    double until = seconds() + (argc > 1 ? atof(argv[1]) : 2), next = 0;
    const char *file = argc > 2 ? argv[2] : NULL;
    llm_event events[64];
    unsigned seed = 1, answers = 0;
    int live = 0;
    printf("up\n");
    fflush(stdout);
    for (int i = 0; i < STREAMS; i++, live++)
        submit(client, queue, any_of(i, "tokens=200;pace=2ms"), &s[i]);
    while (live > 0) {
        int32_t n = llm_queue_poll(queue, events, 64, 20);
        NEED(n >= 0);
        if (file && seconds() > next) {
            set_clock(file, &seed);
            next = seconds() + 0.02;
        }
        for (int32_t i = 0; i < n; i++) {
            stream *one = events[i].user_data;
            take(one, &events[i]);
            if (!one->terminals)
                continue;
            if (!whole(one, WORDS)) {
                fprintf(stderr, "%s\n", events[i].data);
                tell_and_die(one, "an answer failed");
            }
            answers++, live--;
            memset(one, 0, sizeof *one);
            if (seconds() < until) {
                submit(client, queue, any_of((int)answers, "tokens=200;pace=2ms"), one);
                live++;
            }
        }
    }
    NEED(file == NULL || steps > 0);
    if (file)
        printf("%u answers, %ld steps of the clock, the widest of %ld days\n", answers, steps, widest / 86400);
    else
        printf("%u answers\n", answers);
    llm_queue_free(queue);
    llm_client_free(client);
    NEED_STATUS(llm_shutdown(5000), LLM_OK);
    return 0;
}
