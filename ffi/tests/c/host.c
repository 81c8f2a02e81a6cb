/* Life inside a host process: fork, signals, SIGPIPE, exit with work in flight (EXITS times, default 100), threads. */
#include "mock.h"
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static llm_client *client;

/* Runs `body` in a forked child; its exit code, or 1000 and the signal's number. */
static int in_child(void (*body)(void))
{
    int status;
    pid_t child;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        alarm(20);
        failures = 0;
        body();
        fflush(NULL);
        _exit(failures ? 1 : 0);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static llm_queue *inherited;
static llm_request live;
static llm_error *old_error;

static void on_event_never(void *ctx)
{
    (void)ctx;
}

static void inherited_handles_are_refused(void)
{
    llm_event events[4];
    llm_error *err = NULL;
    llm_response *response = NULL;
    seen s = {0};
    double start = seconds();
    IS(llm_submit(client, inherited, ask("mock/echo"), LLM_NTS, NULL, NULL, NULL, &err), LLM_ERR_FORKED);
    SAYS(llm_error_message(err, NULL), "fork");
    llm_error_free(err);
    IS(llm_complete(client, ask("mock/echo"), LLM_NTS, NULL, &response, NULL), LLM_ERR_FORKED);
    IS(llm_stream(client, ask("mock/echo"), LLM_NTS, NULL, see_all, &s, NULL), LLM_ERR_FORKED);
    IS(llm_client_reload(client, "{}", LLM_NTS, NULL), LLM_ERR_FORKED);
    IS(llm_client_drain(client, -1), LLM_ERR_FORKED);
    CHECK(llm_client_metrics(client, LLM_METRICS_JSON, NULL) == NULL);
    IS(llm_queue_poll(inherited, events, 4, -1), LLM_ERR_FORKED);
    IS(llm_queue_fd(inherited), LLM_ERR_FORKED);
    IS(llm_queue_set_wake(inherited, on_event_never, NULL), LLM_ERR_FORKED);
    IS(llm_queue_wakeup(inherited), LLM_ERR_FORKED);
    IS(llm_queue_close(inherited), LLM_ERR_FORKED);
    IS(llm_log_to_queue(LLM_LOG_INFO, inherited), LLM_ERR_FORKED);
    IS(llm_cancel(live), LLM_ERR_FORKED);
    IS(llm_pause(live, 1), LLM_ERR_FORKED);
    llm_queue_free(inherited);
    llm_client_free(client);
    /* Errors stay readable. */
    IS(llm_error_status(old_error), LLM_ERR_CONFIG);
    SAYS(llm_error_message(old_error, NULL), "nobody");
    llm_error_free(old_error);
    CHECK(seconds() - start < 1);
}

static void new_ones_work(void)
{
    llm_client *own = mock_client("");
    llm_queue *queue = new_queue(0);
    seen s = {0}, t = {0};
    submit(own, queue, "m/tokens=20;pace=2ms", NULL, &s);
    submit(own, queue, "mock/tokens=20", NULL, &t);
    collect(queue, 2);
    CHECK(words(s.text, s.len, 20, 1) && words(t.text, t.len, 20, 1));
    IS(llm_invoke(NULL, ask("mock/tokens=3"), NULL, NULL), LLM_OK);
    llm_queue_free(queue);
    llm_client_free(own);
    IS(llm_shutdown(5000), LLM_OK);
}

static void forked_once(void)
{
    inherited_handles_are_refused();
    new_ones_work();
}

static void forked_twice(void)
{
    new_ones_work();
    IS(in_child(forked_once), 0);
}

static void fork_with_live_streams(void)
{
    enum { STREAMS = 10 };
    seen all[STREAMS];
    memset(all, 0, sizeof all);
    inherited = new_queue(0);
    IS(llm_invoke(NULL, ask("mock/echo"), NULL, NULL), LLM_OK);
    IS(llm_submit(client, inherited, ask("nobody/m"), LLM_NTS, NULL, NULL, NULL, &old_error), LLM_ERR_CONFIG);
    for (int i = 0; i < STREAMS; i++)
        live = submit(client, inherited, "m/tokens=200;pace=5ms", NULL, &all[i]);
    sleep_ms(50);
    for (int i = 0; i < 10; i++)
        IS(in_child(i % 2 ? forked_twice : forked_once), 0);
    collect(inherited, STREAMS); /* the parent has noticed nothing */
    for (int i = 0; i < STREAMS; i++) {
        CHECK_SHAPE(&all[i]);
        CHECK(words(all[i].text, all[i].len, 200, 1));
        forget(&all[i]);
    }
    llm_error_free(old_error);
    llm_queue_free(inherited);
}

/* Accepts, reads a little, answers half a head and closes with data unread: RST. */
static void *closes_early(void *listener)
{
    char byte;
    int s;
    while ((s = accept(*(int *)listener, NULL, NULL)) >= 0) {
        recv(s, &byte, 1, 0);
        close(s);
    }
    return NULL;
}

static void a_server_that_closes_early_kills_nobody(void)
{
    struct sockaddr_in place = {.sin_family = AF_INET};
    socklen_t size = sizeof place;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    char options[160], *request;
    llm_options o = {.struct_size = sizeof o, .provider = "m", .options_json = options};
    enum { PROMPT = 4 << 20 };
    pthread_t thread;
    signal(SIGPIPE, SIG_DFL);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(listener, (struct sockaddr *)&place, sizeof place) == 0 && listen(listener, 16) == 0);
    getsockname(listener, (struct sockaddr *)&place, &size);
    pthread_create(&thread, NULL, closes_early, &listener);
    snprintf(options, sizeof options, "{\"base_url\":\"http://127.0.0.1:%d/v1\",\"api_key\":\"k\"}", ntohs(place.sin_port));
    request = malloc(PROMPT + 128);
    strcpy(request, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    memset(request + strlen(request), 'x', PROMPT);
    strcpy(request + 52 + PROMPT - 1, "\"}]}");
    for (int i = 0; i < 5; i++) {
        seen s = {0};
        llm_status status = llm_stream(client, request, LLM_NTS, &o, see_all, &s, NULL);
        CHECK(status == LLM_ERR_TRUNCATED || status == LLM_ERR_CONNECT);
        CHECK_SHAPE(&s);
        forget(&s);
    }
    shutdown(listener, SHUT_RDWR);
    close(listener);
    pthread_join(thread, NULL);
    free(request);
}

static void ends_with_streams(void)
{
    llm_client *own = mock_client("");
    llm_queue *queue = new_queue(0);
    for (int i = 0; i < 8; i++)
        submit(own, queue, i % 2 ? "m/tokens=1000;pace=1ms" : "mock/tokens=100000", NULL, NULL);
    sleep_ms(rand() % 20);
    exit(0);
}

static void exit_with_live_streams_is_clean(void)
{
    int bad = 0, runs = getenv("EXITS") ? atoi(getenv("EXITS")) : 100;
    for (int i = 0; i < runs; i++) {
        srand((unsigned)i);
        bad += in_child(ends_with_streams) != 0;
    }
    printf("# %d abnormal exits of %d\n", bad, runs);
    IS(bad, 0);
}

/* How many threads have this beginning of a name; each must block what only the host should get. */
static int threads_named(const char *name, int *all)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    *all = 0;
    while ((task = readdir(tasks)) != NULL) {
        char path[300], line[256];
        FILE *file;
        int ours = 0;
        if (task->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        file = fopen(path, "r");
        ++*all;
        while (file && fgets(line, sizeof line, file)) {
            if (strncmp(line, "Name:", 5) == 0)
                ours = strstr(line, name) != NULL;
            if (ours && strncmp(line, "SigBlk:", 7) == 0) {
                unsigned long long blocked = strtoull(line + 7, NULL, 16);
                static const int signals[] = {SIGPIPE, SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGALRM, SIGHUP};
                for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
                    CHECK(blocked >> (signals[i] - 1) & 1);
                CHECK((blocked >> (SIGSEGV - 1) & 1) == 0);
            }
        }
        if (file)
            fclose(file);
        count += ours;
    }
    closedir(tasks);
    return count;
}

static void its_threads_are_few_named_and_deaf_to_signals(void)
{
    int all = 0;
    struct sigaction action;
    EVENTUALLY(threads_named("llm-rt-", &all) == 1); /* a thread names itself */
    CHECK(all <= 3); /* this one, the runtime's, and at most one beside it */
    for (int number = 1; number < 32; number++) {
        if (number == SIGKILL || number == SIGSTOP || number == SIGALRM || sigaction(number, NULL, &action) != 0)
            continue;
        if (!CHECK(action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN))
            printf("# signal %d has a handler\n", number);
    }
}

static void other_thread_counts_are_refused(void)
{
    llm_client *other = NULL;
    llm_error *err = NULL;
    IS(llm_client_new("{\"runtime\":{\"threads\":3}}", LLM_NTS, &other, &err), LLM_ERR_CONFIG);
    SAYS(llm_error_message(err, NULL), "runtime.threads");
    llm_error_free(err);
    IS(llm_client_new("{\"runtime\":{\"threads\":1}}", LLM_NTS, &other, &err), LLM_OK);
    llm_client_free(other);
}

static int lines_logged;

static void on_log(int32_t level, const char *target, const char *message, size_t len, void *ctx)
{
    CHECK(level >= LLM_LOG_ERROR && level <= LLM_LOG_TRACE && *target != 0 && message[len] == 0 && ctx == &lines_logged);
    CHECK(strlen(message) == len);
    __atomic_add_fetch(&lines_logged, 1, __ATOMIC_SEQ_CST);
}

static void log_lines_reach_the_callback_until_it_is_removed(void)
{
    int before;
    IS(llm_log_set(LLM_LOG_TRACE, on_log, &lines_logged), LLM_OK);
    IS(llm_invoke(NULL, ask("mock/status=401"), NULL, NULL), LLM_ERR_AUTH);
    CHECK(__atomic_load_n(&lines_logged, __ATOMIC_SEQ_CST) > 0);
    IS(llm_log_set(LLM_LOG_OFF, NULL, NULL), LLM_OK);
    before = __atomic_load_n(&lines_logged, __ATOMIC_SEQ_CST);
    IS(llm_invoke(NULL, ask("mock/status=401"), NULL, NULL), LLM_ERR_AUTH);
    IS(__atomic_load_n(&lines_logged, __ATOMIC_SEQ_CST), before);
}

static void metrics_are_text(void)
{
    size_t len = 0;
    char *text = llm_client_metrics(client, LLM_METRICS_JSON, &len);
    if (CHECK(text != NULL)) {
        CHECK(strlen(text) == len && text[0] == '{');
        llm_string_free(text);
    }
    text = llm_client_metrics(client, LLM_METRICS_PROMETHEUS, NULL);
    if (CHECK(text != NULL)) {
        SAYS(text, "# TYPE");
        llm_string_free(text);
    }
}

static void versions(void)
{
    IS(llm_version_number(), LLM_VERSION_NUMBER);
    IS(llm_abi_version(), LLM_ABI_VERSION);
    SAYS(llm_version(), "rustls");
}

static void shutdown_stops_the_threads_and_the_next_client_starts_them(void)
{
    int all = 0;
    IS(llm_shutdown(5000), LLM_OK);
    EVENTUALLY(threads_named("llm-rt-", &all) == 0);
    IS(llm_invoke(NULL, ask("mock/tokens=3"), NULL, NULL), LLM_OK);
    EVENTUALLY(threads_named("llm-rt-", &all) == 1); /* a thread names itself */
    IS(llm_shutdown(5000), LLM_OK);
    IS(llm_shutdown(0), LLM_OK);
}

int main(void)
{
    client = mock_client("");
    TEST(versions);
    TEST(its_threads_are_few_named_and_deaf_to_signals);
    TEST(other_thread_counts_are_refused);
    TEST(log_lines_reach_the_callback_until_it_is_removed);
    TEST(metrics_are_text);
    TEST(fork_with_live_streams);
    TEST(a_server_that_closes_early_kills_nobody);
    TEST(exit_with_live_streams_is_clean);
    llm_client_free(client);
    TEST(shutdown_stops_the_threads_and_the_next_client_starts_them);
    return finish();
}
