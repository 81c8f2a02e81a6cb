/* Forks while streams are live and other threads are inside the library.   forks ROUNDS
 *
 * Each child finds the inherited handles refused, makes a client of its own, finishes three streams and ends, in three ways. The parent's
 * streams notice nothing. */
#include "host.h"
#include <sys/wait.h>

enum { STREAMS = 12, WORDS = 2000 };

static llm_client *client;
static llm_queue *queue;
static llm_request live;
static int over;

/* Holds every lock of the library and of the allocator as often as it can. */
static void *is_busy(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        llm_response *response = NULL;
        llm_client *other = client_with("");
        NEED_STATUS(llm_complete(other, ask("mock/tokens=20"), LLM_NTS, NULL, &response, NULL), LLM_OK);
        llm_string_free(llm_client_metrics(other, LLM_METRICS_JSON, NULL));
        llm_response_free(response);
        llm_client_free(other);
    }
    return NULL;
}

static void child(int round)
{
    llm_event events[4];
    stream s[3] = {{0}};
    llm_client *own;
    llm_queue *q;
    alarm(30);
    NEED_STATUS((llm_status)llm_queue_poll(queue, events, 4, -1), LLM_ERR_FORKED);
    NEED_STATUS(llm_submit(client, queue, ask("mock/echo"), LLM_NTS, NULL, NULL, NULL, NULL), LLM_ERR_FORKED);
    NEED_STATUS(llm_cancel(live), LLM_ERR_FORKED);
    if (round % 2) {
        llm_queue_free(queue);
        llm_client_free(client);
    }
    own = client_with("");
    q = queue_new();
    submit(own, q, "m/tokens=20;pace=1ms", &s[0]);
    submit(own, q, "t/tokens=20", &s[1]);
    submit(own, q, "h/tokens=20;pace=1ms", &s[2]);
    collect(q, 3);
    NEED(whole(&s[0], 20) && whole(&s[1], 20) && whole(&s[2], 20));
    submit(own, q, any_of(round, "tokens=1000;pace=1ms"), NULL); /* live while the child ends */
    switch (round % 4) {
    case 0: exit(0);
    case 1: _exit(0);
    case 2: quick_exit(0);
    default:
        llm_queue_free(q);
        llm_client_free(own);
        NEED_STATUS(llm_shutdown(5000), LLM_OK);
        exit(0);
    }
}

int main(int argc, char **argv)
{
    stream streams[STREAMS] = {{0}};
    pthread_t threads[2];
    int rounds = argc > 1 ? atoi(argv[1]) : 20, bad = 0;
    client = client_with("");
    queue = queue_new();
    for (int i = 0; i < STREAMS; i++)
        live = submit(client, queue, any_of(i, "tokens=2000;pace=1ms"), &streams[i]);
    wait_for_text(queue, streams, STREAMS);
    for (int i = 0; i < 2; i++)
        NEED(pthread_create(&threads[i], NULL, is_busy, NULL) == 0);
    for (int round = 0; round < rounds; round++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0)
            child(round);
        NEED(pid > 0 && waitpid(pid, &status, 0) == pid);
        if (status != 0) {
            fprintf(stderr, "child %d: %s %d\n", round, WIFEXITED(status) ? "exit code" : "signal",
                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
            bad++;
        }
    }
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    collect(queue, STREAMS);
    for (int i = 0; i < STREAMS; i++)
        if (!whole(&streams[i], WORDS))
            tell_and_die(&streams[i], "the parent's stream");
    printf("%d children\n", rounds);
    return bad != 0;
}
