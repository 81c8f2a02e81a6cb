/* The completion queue: batches, joining, back-pressure, wake-ups, closing. One consumer, any number of streams. */
#include "mock.h"
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>

static llm_client *client;

static void polls_in_batches_of_at_most_max(void)
{
    llm_queue *queue = new_queue(0);
    llm_options o = {.struct_size = sizeof o, .flags = LLM_OPT_NO_COALESCE};
    llm_event events[7];
    seen s = {0};
    int32_t n, full = 0;
    submit(client, queue, "mock/tokens=100", &o, &s);
    EVENTUALLY(mock_stat("requests") >= 0); /* the answer is whole by now */
    do {
        n = llm_queue_poll(queue, events, 7, 5000);
        CHECK(n > 0 && n <= 7);
        full += n == 7;
        for (int32_t i = 0; i < n; i++)
            see(&s, &events[i]);
    } while (n > 0 && !s.terminals);
    CHECK_SHAPE(&s);
    IS(s.texts, 100);
    CHECK(full >= 10 && words(s.text, s.len, 100, 1));
    IS(llm_queue_poll(queue, events, 7, 0), 0);
    forget(&s);
    llm_queue_free(queue);
}

static void a_busy_consumer_gets_fewer_larger_events(void)
{
    llm_queue *queue = new_queue(0);
    seen s = {0};
    mock_reset();
    submit(client, queue, "m/tokens=500", NULL, &s);
    EVENTUALLY(mock_stat("requests") == 1 && mock_stat("live") == 0);
    sleep_ms(300);
    collect(queue, 1);
    CHECK(words(s.text, s.len, 500, 1));
    IS(s.texts, 1);
    forget(&s);
    llm_queue_free(queue);
}

static void a_poll_waits_no_longer_than_it_should(void)
{
    llm_queue *queue = new_queue(0);
    llm_event event;
    double start = seconds();
    IS(llm_queue_poll(queue, &event, 1, 0), 0);
    CHECK(seconds() - start < 1);
    start = seconds();
    IS(llm_queue_poll(queue, &event, 1, 100), 0);
    CHECK(seconds() - start > 0.09 && seconds() - start < 5);
    llm_queue_free(queue);
}

static void *wakes(void *queue)
{
    sleep_ms(100);
    IS(llm_queue_wakeup(queue), LLM_OK);
    return NULL;
}

static llm_queue *signalled;

static void on_signal(int number)
{
    (void)number;
    llm_queue_wakeup(signalled);
}

static void wakeup_ends_the_present_or_the_next_poll(void)
{
    llm_queue *queue = new_queue(0);
    llm_event event;
    pthread_t thread;
    struct sigaction old, action;
    IS(llm_queue_wakeup(queue), LLM_OK);
    IS(llm_queue_poll(queue, &event, 1, -1), 0);
    pthread_create(&thread, NULL, wakes, queue);
    IS(llm_queue_poll(queue, &event, 1, -1), 0);
    pthread_join(thread, NULL);
    signalled = queue;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, &old);
    raise(SIGUSR1);
    IS(llm_queue_poll(queue, &event, 1, -1), 0);
    sigaction(SIGUSR1, &old, NULL);
    llm_queue_free(queue);
}

static pthread_t main_thread;
static int polled;

/* Again and again: a signal that comes before the poll has begun ends nothing. */
static void *interrupts(void *unused)
{
    while (!__atomic_load_n(&polled, __ATOMIC_SEQ_CST)) {
        sleep_ms(50);
        pthread_kill(main_thread, SIGUSR2);
    }
    return unused;
}

static void nothing(int number)
{
    (void)number;
}

static void a_signal_handler_ends_a_poll(void)
{
    llm_queue *queue = new_queue(0);
    llm_event event;
    pthread_t thread;
    main_thread = pthread_self();
    signal(SIGUSR2, nothing);
    pthread_create(&thread, NULL, interrupts, NULL);
    IS(llm_queue_poll(queue, &event, 1, -1), 0);
    __atomic_store_n(&polled, 1, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    signal(SIGUSR2, SIG_DFL);
    llm_queue_free(queue);
}

static void *polls_long(void *queue)
{
    llm_event event;
    int32_t n;
    do /* the other one may be first */
        n = llm_queue_poll(queue, &event, 1, 20000);
    while (n == LLM_ERR_BUSY);
    IS(n, 0);
    return NULL;
}

static void two_pollers_are_one_too_many(void)
{
    llm_queue *queue = new_queue(0);
    llm_event event;
    pthread_t thread;
    pthread_create(&thread, NULL, polls_long, queue);
    EVENTUALLY(llm_queue_poll(queue, &event, 1, 0) == LLM_ERR_BUSY);
    IS(llm_queue_wakeup(queue), LLM_OK);
    pthread_join(thread, NULL);
    IS(llm_queue_poll(queue, &event, 1, 0), 0);
    llm_queue_free(queue);
}

static void epoll_both_ways(void)
{
    for (int edge = 0; edge < 2; edge++) {
        enum { STREAMS = 20 };
        llm_queue *queue = new_queue(0);
        seen all[STREAMS];
        llm_event events[4];
        struct epoll_event ready = {.events = EPOLLIN | (edge ? (uint32_t)EPOLLET : 0)};
        int poller = epoll_create1(0), ended = 0;
        int32_t n;
        memset(all, 0, sizeof all);
        CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, llm_queue_fd(queue), &ready) == 0);
        IS(epoll_wait(poller, &ready, 1, 0), 0);
        for (int i = 0; i < STREAMS; i++)
            submit(client, queue, "m/tokens=20;pace=3ms", NULL, &all[i]);
        while (ended < STREAMS && CHECK(epoll_wait(poller, &ready, 1, 5000) == 1))
            do {
                n = llm_queue_poll(queue, events, 4, 0);
                for (int32_t i = 0; i < n; i++) {
                    see(events[i].user_data, &events[i]);
                    ended += events[i].type >= LLM_EVENT_DONE;
                }
            } while (n == 4);
        for (int i = 0; i < STREAMS; i++) {
            CHECK_SHAPE(&all[i]);
            CHECK(words(all[i].text, all[i].len, 20, 1));
            forget(&all[i]);
        }
        /* Readiness may be spurious (llm.h): a ring on its way when the last event was taken. Then there is nothing behind it. */
        if (epoll_wait(poller, &ready, 1, 0) == 1)
            IS(llm_queue_poll(queue, events, 4, 0), 0);
        CHECK(llm_queue_close(queue) == LLM_OK);
        IS(epoll_wait(poller, &ready, 1, 5000), 1);
        close(poller);
        llm_queue_free(queue);
    }
}

static int woken;
static llm_request next_one;

static void on_wake(void *ctx)
{
    llm_event event;
    llm_response *response = NULL;
    seen *s = ctx;
    /* What blocks is refused on a library thread; submitting is not. */
    IS(llm_queue_poll(signalled, &event, 1, 0), LLM_ERR_WOULD_DEADLOCK);
    IS(llm_queue_set_wake(signalled, NULL, NULL), LLM_ERR_WOULD_DEADLOCK);
    IS(llm_complete(client, ask("mock/echo"), LLM_NTS, NULL, &response, NULL), LLM_ERR_WOULD_DEADLOCK);
    IS(llm_client_drain(client, -1), LLM_ERR_WOULD_DEADLOCK);
    IS(llm_cancel(UINT64_MAX), LLM_ERR_NOT_FOUND);
    if (__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST) == 0)
        next_one = submit(client, signalled, "mock/tokens=3", NULL, s);
}

static void the_wake_callback_runs_once_per_transition(void)
{
    llm_queue *queue = new_queue(0);
    seen first = {0}, second = {0}, third = {0};
    int before;
    signalled = queue;
    woken = 0;
    IS(llm_queue_set_wake(queue, on_wake, &second), LLM_OK);
    submit(client, queue, "m/tokens=50;pace=2ms", NULL, &first);
    EVENTUALLY(__atomic_load_n(&woken, __ATOMIC_SEQ_CST) == 1);
    sleep_ms(250);
    IS(__atomic_load_n(&woken, __ATOMIC_SEQ_CST), 1); /* nobody polled: no further transition */
    collect(queue, 2);
    CHECK(words(first.text, first.len, 50, 1) && words(second.text, second.len, 3, 1));
    {
        llm_event event;
        IS(llm_queue_poll(queue, &event, 1, 0), 0); /* empty, and armed again */
    }
    before = __atomic_load_n(&woken, __ATOMIC_SEQ_CST);
    submit(client, queue, "mock/tokens=3", NULL, &third);
    EVENTUALLY(__atomic_load_n(&woken, __ATOMIC_SEQ_CST) > before);
    IS(llm_queue_set_wake(queue, NULL, NULL), LLM_OK);
    before = __atomic_load_n(&woken, __ATOMIC_SEQ_CST);
    collect(queue, 1);
    CHECK_SHAPE(&third);
    IS(__atomic_load_n(&woken, __ATOMIC_SEQ_CST), before);
    /* Events that wait already are told of at once. */
    forget(&first), forget(&second), forget(&third);
    submit(client, queue, "mock/tokens=3", NULL, &first);
    sleep_ms(100);
    IS(llm_queue_set_wake(queue, on_wake, &second), LLM_OK);
    EVENTUALLY(__atomic_load_n(&woken, __ATOMIC_SEQ_CST) > before);
    IS(llm_queue_set_wake(queue, NULL, NULL), LLM_OK);
    collect(queue, 1);
    forget(&first);
    llm_queue_free(queue);
}

static void closing_cancels_and_still_delivers_every_end(void)
{
    enum { STREAMS = 10 };
    llm_queue *queue = new_queue(0);
    seen all[STREAMS];
    llm_event event;
    llm_error *err = NULL;
    memset(all, 0, sizeof all);
    for (int i = 0; i < STREAMS; i++)
        submit(client, queue, "m/tokens=1000;pace=20ms", NULL, &all[i]);
    sleep_ms(100);
    IS(llm_queue_close(queue), LLM_OK);
    IS(llm_submit(client, queue, ask("mock/echo"), LLM_NTS, NULL, NULL, NULL, &err), LLM_ERR_CLOSED);
    llm_error_free(err);
    collect(queue, STREAMS);
    for (int i = 0; i < STREAMS; i++) {
        CHECK_SHAPE(&all[i]);
        IS(all[i].status, LLM_ERR_CANCELED);
        forget(&all[i]);
    }
    IS(llm_queue_poll(queue, &event, 1, -1), LLM_ERR_CLOSED);
    IS(llm_queue_poll(queue, &event, 1, 0), LLM_ERR_CLOSED);
    llm_queue_free(queue);
}

static void a_queue_may_be_freed_with_streams_in_it(void)
{
    llm_queue *queue = new_queue(0);
    mock_reset();
    for (int i = 0; i < 10; i++)
        submit(client, queue, "m/tokens=1000;pace=20ms", NULL, &queue);
    EVENTUALLY(mock_stat("live") == 10);
    llm_queue_free(queue);
    EVENTUALLY(mock_stat("live") == 0);
}

static void a_paused_stream_waits_and_others_go_on(void)
{
    llm_queue *queue = new_queue(0);
    seen paused = {0}, other = {0};
    llm_event events[64];
    llm_request request = submit(client, queue, "m/tokens=400;pace=1ms", NULL, &paused);
    unsigned at_pause;
    int32_t n;
    while (!paused.texts && (n = llm_queue_poll(queue, events, 64, 5000)) > 0)
        for (int32_t i = 0; i < n; i++)
            see(events[i].user_data, &events[i]);
    IS(llm_pause(request, 1), LLM_OK);
    IS(llm_pause(request, 1), LLM_OK);
    sleep_ms(100);
    while ((n = llm_queue_poll(queue, events, 64, 50)) > 0) /* what was on its way */
        for (int32_t i = 0; i < n; i++)
            see(events[i].user_data, &events[i]);
    at_pause = (unsigned)paused.len;
    submit(client, queue, "m/tokens=100;pace=1ms", NULL, &other);
    collect(queue, 1);
    CHECK(other.terminals == 1 && words(other.text, other.len, 100, 1));
    IS(paused.len, at_pause);
    IS(paused.terminals, 0);
    IS(llm_pause(request, 0), LLM_OK);
    collect(queue, 1);
    CHECK_SHAPE(&paused);
    CHECK(words(paused.text, paused.len, 400, 1));
    forget(&paused), forget(&other);
    llm_queue_free(queue);
}

static void a_full_queue_stops_streams_and_loses_nothing(void)
{
    enum { STREAMS = 8, TOKENS = 60000 }; /* about 400 KB of text each */
    llm_queue *queue = new_queue(256 << 10);
    seen all[STREAMS];
    llm_options o = {.struct_size = sizeof o, .flags = LLM_OPT_NO_COALESCE};
    memset(all, 0, sizeof all);
    for (int i = 0; i < STREAMS; i++)
        submit(client, queue, "m/tokens=60000", i % 2 ? &o : NULL, &all[i]);
    sleep_ms(500);
    collect(queue, STREAMS);
    for (int i = 0; i < STREAMS; i++) {
        CHECK_SHAPE(&all[i]);
        CHECK(words(all[i].text, all[i].len, TOKENS, 1));
        forget(&all[i]);
    }
    llm_queue_free(queue);
}

static void log_lines_come_as_events(void)
{
    llm_queue *queue = new_queue(0);
    llm_event events[64];
    int32_t n, lines = 0;
    IS(llm_log_to_queue(LLM_LOG_TRACE, queue), LLM_OK);
    IS(llm_invoke(NULL, ask("mock/status=401"), NULL, NULL), LLM_ERR_AUTH);
    IS(llm_log_to_queue(LLM_LOG_OFF, NULL), LLM_OK);
    while ((n = llm_queue_poll(queue, events, 64, 50)) > 0)
        for (int32_t i = 0; i < n; i++, lines++) {
            IS(events[i].type, LLM_EVENT_LOG);
            IS(events[i].request, 0);
            CHECK(events[i].index >= LLM_LOG_ERROR && events[i].index <= LLM_LOG_TRACE && events[i].len > 0);
        }
    CHECK(lines > 0);
    llm_queue_free(queue);
}

int main(void)
{
    client = mock_client("");
    TEST(polls_in_batches_of_at_most_max);
    TEST(a_busy_consumer_gets_fewer_larger_events);
    TEST(a_poll_waits_no_longer_than_it_should);
    TEST(wakeup_ends_the_present_or_the_next_poll);
    TEST(a_signal_handler_ends_a_poll);
    TEST(two_pollers_are_one_too_many);
    TEST(epoll_both_ways);
    TEST(the_wake_callback_runs_once_per_transition);
    TEST(closing_cancels_and_still_delivers_every_end);
    TEST(a_queue_may_be_freed_with_streams_in_it);
    TEST(a_paused_stream_waits_and_others_go_on);
    TEST(a_full_queue_stops_streams_and_loses_nothing);
    TEST(log_lines_come_as_events);
    llm_client_free(client);
    return finish();
}
