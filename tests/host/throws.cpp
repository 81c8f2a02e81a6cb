// A callback that throws: the documented end is an abort, at once and in the callback, not an exception through the library's frames.
//
// throws WHERE, one of: event, token, wake, log. Ends by SIGABRT; any other end is wrong, so the exit codes are all failures.
#include "host.h"
#include <stdexcept>

static int on_event(const llm_event *, void *)
{
    throw std::runtime_error("from the callback");
}

static int on_token(const char *, std::size_t, void *)
{
    throw std::runtime_error("from the callback");
}

static void on_wake(void *)
{
    throw std::runtime_error("from the callback");
}

static void on_log(std::int32_t, const char *, const char *, std::size_t, void *)
{
    throw std::runtime_error("from the callback");
}

int main(int argc, char **argv)
{
    const char *where = argc > 1 ? argv[1] : "";
    try {
        llm_client *client = client_with("");
        llm_queue *queue = queue_new();
        if (strcmp(where, "event") == 0)
            (void)!llm_stream(client, ask("m/tokens=9"), LLM_NTS, nullptr, on_event, nullptr, nullptr);
        if (strcmp(where, "token") == 0)
            (void)llm_invoke(nullptr, ask("mock/tokens=9"), on_token, nullptr);
        if (strcmp(where, "wake") == 0) {
            (void)llm_queue_set_wake(queue, on_wake, nullptr);
            submit(client, queue, "m/tokens=9", nullptr);
        }
        if (strcmp(where, "log") == 0) {
            (void)llm_log_set(LLM_LOG_TRACE, on_log, nullptr);
            (void)llm_invoke(nullptr, ask("mock/tokens=9"), nullptr, nullptr);
        }
        sleep_us(5000000);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "the exception came through the library: %s\n", error.what());
        return 2;
    }
    std::fprintf(stderr, "the callback's exception was swallowed\n");
    return 3;
}
