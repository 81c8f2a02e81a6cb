/* Random requests with random faults, random handling and random life cycle, for a long time.   soak SECONDS SEED
 *
 * In cycles: some seconds of work, about forty requests each second, then rest until nothing is in flight and no connection idle; at rest it
 * prints `sample SECONDS RSS_KIB DESCRIPTORS THREADS REQUESTS`. Each request must have ended once, with a beginning of its text. Faults from outside
 * (servers killed, connections cut, signals, stops) come from tests/host/soak.py. */
#include "host.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { SLOTS = 48, KINDS = 16 };

static const double WORK = 12, PACE = 0.025, REST = 2.5; /* the sweep of idle connections comes once a second, after the second that config gives them */

typedef struct slot {
    stream s;
    llm_request request;
    int busy, paused;
} slot;

static slot slots[SLOTS];
static llm_client *client;
static llm_queue *queue;
static unsigned seed;
static long asked, done, failed, forks, discarded, blocking_calls, ended_by[64];

static unsigned any(unsigned below)
{
    return chance(&seed, below);
}

static int count_of(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;
    NEED(dir != NULL);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    NEED(file != NULL && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Something to ask: a script of docs/mock.md, by one of the providers. */
static const char *any_model(unsigned *state)
{
    static const char *const scripts[KINDS] = {
        "tokens=%u",
        "tokens=%u;pace=1ms",
        "tokens=%u;ttft=30ms;pace=5ms;jitter=5ms",
        "tokens=%u;pace=1ms;chunk=7",
        "tokens=%u;pace=1ms;cut=rst;at=9",
        "tokens=%u;pace=1ms;cut=fin;at=9",
        "tokens=%u;cut=chunk;at=20",
        "tokens=%u;error=overloaded;at=3",
        "tokens=%u;pace=1ms;garbage;at=5",
        "tokens=%u;status=429;retry_after=20ms;times=1",
        "tokens=%u;status=500;body=html;rate=0.5",
        "tokens=%u;cut=rst;at=head;rate=0.5",
        "tokens=%u;stall=5s;at=4;keepalive=50ms",
        "tokens=%u;stall=5s",
        "tokens=%u;reasoning=5;tool=f:{\\\"a\\\":1}",
        "status=401;error=auth",
    };
    static PER_THREAD char model[128];
    static const char providers[] = "mmthhck";
    int len = 0;
    if (chance(state, 8) == 0)
        len = snprintf(model, sizeof model, "mock/");
    else
        len = snprintf(model, sizeof model, "%c/", providers[chance(state, 7)]);
    snprintf(model + len, sizeof model - (size_t)len, scripts[chance(state, KINDS)], 1 + chance(state, chance(state, 20) ? 100 : 5000));
    return model;
}

static llm_options any_options(unsigned *state)
{
    static const char *const json[] = {"{\"max_attempts\":1}", "{\"fallbacks\":[\"mock/tokens=4\"]}", "{\"idle_timeout_ms\":200}", NULL, NULL};
    llm_options o = {.struct_size = sizeof o};
    o.flags = chance(state, 4) == 0 ? LLM_OPT_NO_COALESCE : chance(state, 8) == 0 ? LLM_OPT_RAW : 0;
    o.timeout_ms = (int64_t)(chance(state, 3) ? 3000 : 1 + chance(state, 300));
    o.first_token_timeout_ms = chance(state, 3) ? 0 : 1 + chance(state, 500);
    o.options_json = json[chance(state, 5)];
    return o;
}

static void begin_one(void)
{
    slot *free_slot = NULL;
    llm_options o = any_options(&seed);
    for (int i = 0; i < SLOTS && !free_slot; i++)
        if (!slots[i].busy)
            free_slot = &slots[i];
    if (!free_slot)
        return;
    memset(free_slot, 0, sizeof *free_slot);
    NEED_STATUS(llm_submit(client, queue, ask(any_model(&seed)), LLM_NTS, &o, free_slot, &free_slot->request, NULL), LLM_OK);
    free_slot->busy = 1;
    asked++;
}

static void handle(int timeout_ms)
{
    llm_event events[32];
    int32_t n = llm_queue_poll(queue, events, 1 + any(32), timeout_ms);
    NEED(n >= 0);
    for (int32_t i = 0; i < n; i++) {
        slot *one = events[i].user_data;
        take(&one->s, &events[i]);
        if (!one->s.terminals)
            continue;
        if (!sound(&one->s))
            tell_and_die(&one->s, "soak");
        done += one->s.terminal == LLM_EVENT_DONE;
        failed += one->s.terminal == LLM_EVENT_ERROR;
        ended_by[-one->s.status & 63]++;
        llm_error_free(llm_error_from_event(&events[i]));
        one->busy = 0;
    }
}

static int in_flight(void)
{
    int count = 0;
    for (int i = 0; i < SLOTS; i++)
        count += slots[i].busy;
    return count;
}

/* What a child does: its own client, one answer, and out, while the parent's streams go on. */
static void fork_one(void)
{
    pid_t pid = fork();
    NEED(pid >= 0);
    if (pid == 0) {
        stream s = {0};
        llm_client *own;
        alarm(60);
        own = client_with("");
        NEED_STATUS(llm_stream(own, ask("mock/tokens=20"), LLM_NTS, NULL, take_all, &s, NULL), LLM_OK);
        NEED(whole(&s, 20));
        exit(0);
    }
    int status = 1;
    while (waitpid(pid, &status, 0) != pid) {
    }
    NEED(status == 0);
    forks++;
}

/* For some requests there is no descriptor to be had. */
static void starve(void)
{
    int held[64], count = 0;
    struct rlimit limit, low;
    NEED(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    low = limit;
    low.rlim_cur = 128;
    NEED(setrlimit(RLIMIT_NOFILE, &low) == 0);
    while (count < 64 && (held[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    for (int i = 0; i < 10; i++) {
        begin_one();
        handle(10);
    }
    while (count > 0)
        close(held[--count]);
    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* Without waiting for their terminal events: the one case in which there are none. */
static void new_queue_with_streams_live(void)
{
    discarded += in_flight();
    llm_queue_free(queue);
    memset(slots, 0, sizeof slots);
    queue = queue_new();
}

static void new_client_with_streams_live(void)
{
    llm_client *next = client_with("");
    llm_client_free(client);
    client = next;
}

static void do_something(void)
{
    slot *one = &slots[any(SLOTS)];
    switch (any(400)) {
    case 0: fork_one(); break;
    case 1: starve(); break;
    case 2: new_queue_with_streams_live(); break;
    case 3: new_client_with_streams_live(); break;
    case 4: NEED_STATUS(llm_client_reload(client, config_with(any(2) ? "" : ",\"retry\":{\"max_attempts\":2}"), LLM_NTS, NULL), LLM_OK); break;
    case 5: llm_string_free(llm_client_metrics(client, any(2) ? LLM_METRICS_JSON : LLM_METRICS_PROMETHEUS, NULL)); break;
    case 6: sleep_us(200000); break; /* a slow consumer */
    case 7: NEED_STATUS(llm_log_to_queue(LLM_LOG_OFF, NULL), LLM_OK); break;
    default: break;
    }
    if (any(8) == 0 && one->busy)
        (void)llm_cancel(one->request);
    if (any(8) == 0 && one->busy && llm_pause(one->request, !one->paused) == LLM_OK)
        one->paused = !one->paused;
}

/* The blocking calls, on a thread of their own that comes and goes. */
static void *blocking(void *with)
{
    llm_client *own = with;
    unsigned state = (unsigned)blocking_calls + 1;
    for (int i = 0; i < 40; i++) {
        llm_options o = any_options(&state);
        llm_response *response = NULL;
        llm_error *err = NULL;
        stream s = {0};
        if (chance(&state, 2)) {
            if (llm_complete(own, ask(any_model(&state)), LLM_NTS, &o, &response, &err) == LLM_OK)
                llm_response_free(response);
        } else {
            (void)!llm_stream(own, ask(any_model(&state)), LLM_NTS, &o, take_all, &s, &err);
            if (!sound(&s))
                tell_and_die(&s, "llm_stream in the soak");
        }
        llm_error_free(err);
        blocking_calls++;
    }
    llm_client_free(own);
    return NULL;
}

static void on_signal(int number)
{
    (void)number;
}

int main(int argc, char **argv)
{
    double start = seconds(), length = argc > 1 ? atof(argv[1]) : 60;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    NEED(sigaction(SIGUSR1, &action, NULL) == 0);
    seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    client = client_with("");
    queue = queue_new();
    for (int cycle = 0; seconds() - start < length; cycle++) {
        double until = seconds() + WORK;
        pthread_t thread;
        NEED(pthread_create(&thread, NULL, blocking, client_with("")) == 0);
        for (double next = 0; seconds() < until;) {
            if (seconds() >= next) {
                begin_one();
                next = seconds() + PACE;
            }
            handle(20);
            do_something();
        }
        pthread_join(thread, NULL);
        for (int i = 0; i < SLOTS; i++)
            if (slots[i].busy && slots[i].paused)
                (void)llm_pause(slots[i].request, 0);
        while (in_flight())
            handle(1000);
        if (cycle % 4 == 3) {
            llm_client_free(client);
            NEED_STATUS(llm_shutdown(10000), LLM_OK);
            client = client_with("");
        }
        for (until = seconds() + REST; seconds() < until;)
            sleep_us(50000);
        printf("sample %.1f %ld %d %d %ld\n", seconds() - start, resident_kib(), count_of("/proc/self/fd"), count_of("/proc/self/task"), asked + blocking_calls);
        fflush(stdout);
    }
    printf("ended %ld requests: %ld done, %ld failed, %ld discarded with their queue; %ld blocking calls, %ld forks;", asked, done, failed, discarded,
           blocking_calls, forks);
    for (int i = 1; i < 64; i++)
        if (ended_by[i])
            printf(" %s %ld", llm_status_name((llm_status)-i), ended_by[i]);
    printf("\n");
    llm_queue_free(queue);
    llm_client_free(client);
    NEED_STATUS(llm_shutdown(10000), LLM_OK);
    return 0;
}
