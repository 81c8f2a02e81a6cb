/* Slow consumers: streams of many megabytes each, whose events nobody takes.   memory STREAMS MEGABYTES LIMIT_MIB SECONDS FINISH PROVIDER
 *
 * FLOOD (FLOOD_H2 for provider `h`) is the origin of a provider that sends as fast as it may. What waits is bounded by memory.per_process (LIMIT_MIB); the peak of the
 * resident set may exceed what it was before the streams by that and by OVERHEAD_KIB a stream, nothing else. After SECONDS unread and as many
 * read slowly, the streams are read to their end (FINISH 1; each must be whole) or cancelled, and each has ended once. */
#include "host.h"

/* What one stream holds beside its waiting text: the 24 KiB of bench/run.py, a read buffer and a batch that a provider who never pauses
 * keeps full, and one event, which a stream with nothing waiting may always add: here up to a batch, as joined deltas are one,
 * and what the allocator gives beyond the bytes that are counted: 18 to 99 KiB were measured in all.
 * By HTTP/2 also what has come within a stream's window of 64 KiB, as the connection is read on for the others, in pieces of which the last may
 * be 8 KiB too large, and what the allocator does not give back of those: 77 to 242 KiB a stream were measured in all. */
enum { OVERHEAD_KIB = 128, WINDOW_KIB = 160, BASE_MIB = 8 };

typedef struct flow {
    size_t bytes;
    unsigned terminals, late;
    llm_event_type terminal;
} flow;

static long status_kib(const char *name)
{
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "r");
    NEED(file != NULL);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            value = atol(line + strlen(name));
    fclose(file);
    return value;
}

static int took(const llm_event *events, int32_t n)
{
    int ended = 0;
    for (int32_t i = 0; i < n; i++) {
        flow *f = events[i].user_data;
        f->late += f->terminals;
        if (events[i].type == LLM_EVENT_TEXT)
            f->bytes += events[i].len;
        if (events[i].type >= LLM_EVENT_DONE) {
            f->terminals++, ended++;
            f->terminal = events[i].type;
        }
    }
    return ended;
}

int main(int argc, char **argv)
{
    llm_event events[64];
    int count, megabytes, length, finish, ended = 0;
    long limit, before, peak, allowed;
    size_t bytes = 0;
    char more[512], model[64], options[256];
    llm_options o = {.struct_size = sizeof o, .provider = argv[argc - 1], .options_json = options};
    llm_client *client;
    llm_queue *queue = NULL;
    flow *flows;
    double start;
    NEED(argc == 7);
    count = atoi(argv[1]), megabytes = atoi(argv[2]), limit = atol(argv[3]), length = atoi(argv[4]), finish = atoi(argv[5]);
    snprintf(more, sizeof more, ",\"memory\":{\"per_process\":%ld},\"timeouts\":{\"consumer_stall\":600,\"idle\":600}", limit << 20);
    client = client_with(more);
    NEED_STATUS(llm_queue_new((size_t)1 << 36, &queue), LLM_OK); /* the process's bound is to be the one that holds */
    flows = calloc((size_t)count, sizeof *flows);
    NEED(flows != NULL);
    snprintf(model, sizeof model, "%d", megabytes);
    snprintf(options, sizeof options, "{\"base_url\":\"%s/v1\"}", setting(*o.provider == 'h' ? "FLOOD_H2" : "FLOOD"));
    before = status_kib("VmRSS:");
    for (int i = 0; i < count; i++)
        NEED_STATUS(llm_submit(client, queue, ask(model), LLM_NTS, &o, &flows[i], NULL, NULL), LLM_OK);
    for (start = seconds(); seconds() - start < length;)
        sleep_us(50000); /* nobody reads */
    for (start = seconds(); seconds() - start < length; sleep_us(20000)) {
        int32_t n = llm_queue_poll(queue, events, 8, 100);
        NEED(n >= 0);
        ended += took(events, n);
    }
    if (!finish)
        NEED_STATUS(llm_queue_close(queue), LLM_OK);
    while (ended < count) {
        int32_t n = llm_queue_poll(queue, events, 64, 10000);
        NEED(n >= 0);
        ended += took(events, n);
    }
    peak = status_kib("VmHWM:");
    for (int i = 0; i < count; i++) {
        NEED(flows[i].terminals == 1 && flows[i].late == 0);
        NEED(!finish || (flows[i].terminal == LLM_EVENT_DONE && flows[i].bytes == (size_t)megabytes << 20));
        bytes += flows[i].bytes;
    }
    allowed = (limit + BASE_MIB) * 1024 + (long)count * (OVERHEAD_KIB + (*o.provider == 'h' ? WINDOW_KIB : 0));
    printf("%d x %d MB: peak %ld MiB above the start, %ld allowed; %zu MiB read\n", count, megabytes, (peak - before) / 1024, allowed / 1024,
           bytes >> 20);
    llm_queue_free(queue);
    llm_client_free(client);
    NEED_STATUS(llm_shutdown(5000), LLM_OK);
    free(flows);
    if (peak - before > allowed)
        fprintf(stderr, "peak %ld KiB above the start, %ld allowed\n", peak - before, allowed);
    return peak - before > allowed;
}
