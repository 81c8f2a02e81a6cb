/* Cancelling, from everywhere and at every time; many threads on one client; what the provider sees of it. */
#include "mock.h"
#include <pthread.h>

static llm_client *client;

static void from_another_thread_closes_the_stream(void)
{
    llm_queue *queue = new_queue(0);
    seen s = {0};
    llm_request request;
    mock_reset();
    request = submit(client, queue, "m/tokens=1000;pace=10ms", NULL, &s);
    EVENTUALLY(mock_stat("live") == 1);
    IS(llm_cancel(request), LLM_OK);
    EVENTUALLY(mock_stat("live") == 0);
    IS(mock_stat("closed_by_client"), 1);
    CHECK(mock_stat("last_close_ms") >= 0);
    collect(queue, 1);
    CHECK_SHAPE(&s);
    IS(s.terminal, LLM_EVENT_ERROR);
    IS(s.status, LLM_ERR_CANCELED);
    CHECK(s.len == 0 || words(s.text, s.len, 1000, 0));
    forget(&s);
    llm_queue_free(queue);
}

static void twice_and_after_the_end_is_harmless(void)
{
    llm_queue *queue = new_queue(0);
    seen s = {0};
    llm_request request = submit(client, queue, "m/tokens=1000;pace=10ms", NULL, &s);
    llm_status second;
    IS(llm_cancel(request), LLM_OK);
    second = llm_cancel(request);
    CHECK(second == LLM_OK || second == LLM_ERR_NOT_FOUND);
    collect(queue, 1);
    IS(llm_cancel(request), LLM_ERR_NOT_FOUND);
    CHECK_SHAPE(&s);
    forget(&s);
    llm_queue_free(queue);
}

static int cancels_itself(const llm_event *event, void *ctx)
{
    seen *s = ctx;
    see(s, event);
    if (s->texts == 3 && event->type == LLM_EVENT_TEXT)
        IS(llm_cancel(event->request), LLM_OK);
    return 0;
}

static void from_the_callback(void)
{
    seen s = {0};
    llm_error *err = NULL;
    /* The stream that was cancelled before this one is another's to count. */
    EVENTUALLY(mock_stat("live") == 0);
    mock_reset();
    IS(llm_stream(client, ask("m/tokens=1000;pace=5ms"), LLM_NTS, NULL, cancels_itself, &s, &err), LLM_ERR_CANCELED);
    CHECK_SHAPE(&s);
    IS(s.status, LLM_ERR_CANCELED);
    IS(llm_error_status(err), LLM_ERR_CANCELED);
    EVENTUALLY(mock_stat("live") == 0);
    IS(mock_stat("closed_by_client"), 1);
    llm_error_free(err);
    forget(&s);
}

static int stops(const llm_event *event, void *ctx)
{
    (void)ctx;
    return event->type == LLM_EVENT_TEXT;
}

static void a_callback_s_refusal_closes_the_stream(void)
{
    mock_reset();
    IS(llm_stream(client, ask("m/tokens=1000;pace=5ms"), LLM_NTS, NULL, stops, NULL, NULL), LLM_ERR_CANCELED);
    EVENTUALLY(mock_stat("live") == 0);
    IS(mock_stat("closed_by_client"), 1);
}

static void before_the_first_byte_and_while_waiting_to_retry(void)
{
    static const char *const models[] = {"m/tokens=3;ttft=30s", "m/status=529;retry_after=30", "m/tokens=50;stall=30s;at=10"};
    for (int i = 0; i < 3; i++) {
        llm_queue *queue = new_queue(0);
        seen s = {0};
        double start = seconds();
        llm_request request = submit(client, queue, models[i], NULL, &s);
        sleep_ms(100);
        IS(llm_cancel(request), LLM_OK);
        collect(queue, 1);
        CHECK_SHAPE(&s);
        IS(s.status, LLM_ERR_CANCELED);
        CHECK(seconds() - start < 10);
        forget(&s);
        llm_queue_free(queue);
    }
}

static void a_freed_client_cancels_and_its_ends_still_come(void)
{
    enum { STREAMS = 20 };
    llm_client *own = mock_client("");
    llm_queue *queue = new_queue(0);
    seen all[STREAMS];
    memset(all, 0, sizeof all);
    mock_reset();
    for (int i = 0; i < STREAMS; i++)
        submit(own, queue, "m/tokens=1000;pace=10ms", NULL, &all[i]);
    EVENTUALLY(mock_stat("live") == STREAMS);
    llm_client_free(own);
    collect(queue, STREAMS);
    for (int i = 0; i < STREAMS; i++) {
        CHECK_SHAPE(&all[i]);
        IS(all[i].status, LLM_ERR_CANCELED);
        forget(&all[i]);
    }
    EVENTUALLY(mock_stat("live") == 0);
    llm_queue_free(queue);
}

static void draining(void)
{
    llm_client *own = mock_client("");
    llm_queue *queue = new_queue(0);
    seen quick = {0}, slow = {0};
    llm_error *err = NULL;
    double start = seconds();
    submit(own, queue, "m/tokens=20;pace=5ms", NULL, &quick);
    submit(own, queue, "m/tokens=10000;pace=5ms", NULL, &slow);
    IS(llm_client_drain(own, 0), LLM_ERR_BUSY);
    IS(llm_submit(own, queue, ask("mock/echo"), LLM_NTS, NULL, NULL, NULL, &err), LLM_ERR_CLOSED);
    llm_error_free(err);
    IS(llm_client_drain(own, 2000), LLM_OK);
    CHECK(seconds() - start > 1.9 && seconds() - start < 15);
    collect(queue, 2);
    IS(quick.terminal, LLM_EVENT_DONE);
    IS(slow.status, LLM_ERR_CANCELED);
    CHECK_SHAPE(&slow);
    IS(llm_client_drain(own, 0), LLM_OK);
    forget(&quick), forget(&slow);
    llm_client_free(own);
    llm_queue_free(queue);
}

enum { THREADS = 64 };
static pthread_barrier_t together;

static void *streams(void *ctx)
{
    seen *s = ctx;
    pthread_barrier_wait(&together);
    IS(llm_stream(client, ask("m/tokens=20;pace=50ms"), LLM_NTS, NULL, see_all, s, NULL), LLM_OK);
    return NULL;
}

static void threads_share_one_client_without_waiting_for_each_other(void)
{
    pthread_t threads[THREADS];
    static seen all[THREADS];
    mock_reset();
    pthread_barrier_init(&together, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, streams, &all[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK_SHAPE(&all[i]);
        CHECK(words(all[i].text, all[i].len, 20, 1));
        forget(&all[i]);
    }
    IS(mock_stat("live_peak"), THREADS);
}

static llm_queue *shared;
static int stop;
static llm_request numbers[1024];
static unsigned next_number;

static void *cancels_at_random(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        random = random * 1103515245 + 12345;
        llm_cancel(__atomic_load_n(&numbers[random / 65536 % 1024], __ATOMIC_SEQ_CST));
        llm_pause(__atomic_load_n(&numbers[random / 1024 % 1024], __ATOMIC_SEQ_CST), (int32_t)(random >> 20) & 1);
    }
    return NULL;
}

static void *submits(void *all)
{
    for (int i = 0; i < 100; i++) {
        seen *s = &((seen *)all)[i];
        llm_request request = submit(client, shared, i % 2 ? "m/tokens=20;pace=1ms" : "mock/tokens=200", NULL, s);
        __atomic_store_n(&numbers[__atomic_fetch_add(&next_number, 1, __ATOMIC_SEQ_CST) % 1024], request, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void everything_at_once_still_ends_once(void)
{
    enum { SUBMITTERS = 4, EACH = 100 };
    static seen all[SUBMITTERS][EACH];
    pthread_t threads[SUBMITTERS + 2];
    shared = new_queue(0);
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_create(&threads[i], NULL, submits, all[i]);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[SUBMITTERS + i], NULL, cancels_at_random, (void *)(uintptr_t)(i + 1));
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(threads[i], NULL);
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    pthread_join(threads[SUBMITTERS], NULL);
    pthread_join(threads[SUBMITTERS + 1], NULL);
    for (unsigned i = 0; i < 1024; i++)
        llm_pause(numbers[i], 0);
    collect(shared, SUBMITTERS * EACH);
    for (int i = 0; i < SUBMITTERS * EACH; i++) {
        seen *s = &all[i / EACH][i % EACH];
        CHECK_SHAPE(s);
        CHECK(s->terminal == LLM_EVENT_DONE || s->status == LLM_ERR_CANCELED);
        CHECK(s->len == 0 || words(s->text, s->len, 200, 0));
        forget(s);
    }
    llm_queue_free(shared);
}

int main(void)
{
    client = mock_client("");
    TEST(from_another_thread_closes_the_stream);
    TEST(twice_and_after_the_end_is_harmless);
    TEST(from_the_callback);
    TEST(a_callback_s_refusal_closes_the_stream);
    TEST(before_the_first_byte_and_while_waiting_to_retry);
    TEST(a_freed_client_cancels_and_its_ends_still_come);
    TEST(draining);
    TEST(threads_share_one_client_without_waiting_for_each_other);
    TEST(everything_at_once_still_ends_once);
    llm_client_free(client);
    return finish();
}
