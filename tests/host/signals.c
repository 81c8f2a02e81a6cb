/* Signals of two kinds, each twenty thousand times a second (those that still wait are merged), without SA_RESTART, while everything of the library is used.   signals SECONDS
 *
 * SIGALRM goes to the process, SIGUSR1 to the thread that is in the library. Every blocking call must hide them (or, as
 * llm_queue_poll() says of itself, come back early), no answer may change, and none may reach a thread of the library. */
#include "host.h"
#include <sys/time.h>

enum { PERIOD_US = 50, STREAMS = 8, WORDS = 200 };

static unsigned alarms, users, astray, over;
static pthread_t target;
static llm_queue *queue;

static void on_signal(int number)
{
    char name[16] = "";
    __atomic_add_fetch(number == SIGALRM ? &alarms : &users, 1, __ATOMIC_RELAXED);
    pthread_getname_np(pthread_self(), name, sizeof name);
    if (strncmp(name, "llm-", 4) == 0)
        __atomic_add_fetch(&astray, 1, __ATOMIC_RELAXED);
    if (users % 100 == 0)
        (void)llm_queue_wakeup(queue); /* async-signal-safe, by its documentation */
}

static void *pesters(void *unused)
{
    sigset_t all;
    (void)unused;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        pthread_kill(target, SIGUSR1);
        usleep(PERIOD_US);
    }
    return NULL;
}

static void one_round(llm_client *client)
{
    stream s[STREAMS] = {{0}}, blocking = {0};
    llm_response *response = NULL;
    llm_client *other;
    for (int i = 0; i < STREAMS; i++)
        submit(client, queue, any_of(i, "tokens=200;pace=1ms"), &s[i]);
    NEED_STATUS(llm_stream(client, ask("t/tokens=200;pace=500us"), LLM_NTS, NULL, take_all, &blocking, NULL), LLM_OK);
    if (!whole(&blocking, WORDS))
        tell_and_die(&blocking, "llm_stream");
    collect(queue, STREAMS);
    for (int i = 0; i < STREAMS; i++)
        if (!whole(&s[i], WORDS))
            tell_and_die(&s[i], "llm_submit");
    other = client_with("");
    NEED_STATUS(llm_complete(other, ask("m/tokens=20;ttft=20ms"), LLM_NTS, NULL, &response, NULL), LLM_OK);
    llm_response_free(response);
    NEED_STATUS(llm_client_drain(other, 5000), LLM_OK);
    llm_client_free(other);
}

int main(int argc, char **argv)
{
    double length = argc > 1 ? atof(argv[1]) : 2, start;
    struct itimerval often = {{0, PERIOD_US}, {0, PERIOD_US}}, never = {{0, 0}, {0, 0}};
    struct sigaction action;
    pthread_t thread;
    llm_client *client;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal; /* no SA_RESTART: system calls are interrupted */
    queue = queue_new();
    NEED(sigaction(SIGALRM, &action, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    target = pthread_self();
    NEED(pthread_create(&thread, NULL, pesters, NULL) == 0);
    NEED(setitimer(ITIMER_REAL, &often, NULL) == 0);
    client = client_with(""); /* under fire too */
    start = seconds();
    while (seconds() - start < length)
        one_round(client);
    length = seconds() - start;
    setitimer(ITIMER_REAL, &never, NULL);
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    llm_queue_free(queue);
    llm_client_free(client);
    NEED_STATUS(llm_shutdown(5000), LLM_OK);
    printf("%.1f k signals/s (%u SIGALRM, %u SIGUSR1), %u on the library's threads\n", (alarms + users) / length / 1000, alarms, users, astray);
    return astray != 0 || alarms == 0 || users == 0;
}
