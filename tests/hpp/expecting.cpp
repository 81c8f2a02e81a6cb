// llm.hpp without exceptions: whatever can fail returns llm::expected.
#include "check.hpp"

#include <thread>

#ifndef LLM_NO_EXCEPTIONS
# error "compile with -fno-exceptions or -DLLM_NO_EXCEPTIONS"
#endif

using std::chrono::milliseconds;
using std::chrono::seconds;

static const std::string ten = llm::prompt("hi", "mock/tokens=10");
static const std::string words = "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9";
static const std::string slow = llm::prompt("hi", "m/tokens=2000;pace=10ms");

static void calls(llm::client &client)
{
    test("a whole answer, or why not", [&] {
        const llm::expected<llm::response> answer = client.complete(ten);
        CHECK(answer && answer.has_value() && answer->text() == words && (*answer).text() == words && answer.value().text() == words);
        const auto vectors = client.embed("mock/echo", {"a", "b"});
        CHECK(vectors && vectors->size() == 2 && (*vectors)[1].size() == 8);
        CHECK(client.embed("mock/status=401", {"a"}).error().status() == LLM_ERR_AUTH);
        const auto refused = client.complete(llm::prompt("hi", "mock/status=401"));
        CHECK(!refused && refused.error().status() == LLM_ERR_AUTH && refused.error().http_status() == 401);
    });
    test("a handle that can not be made is an error", [] {
        const auto bad = llm::client::make("{\"defualt_model\":1}");
        CHECK(!bad && bad.error().status() == LLM_ERR_CONFIG);
    });
    test("loops end at an error, which the stream keeps", [&] {
        auto stream = client.stream_text(llm::prompt("hi", "m/tokens=8;pace=5ms;cut=fin;at=4"));
        std::string text;
        for (const std::string_view piece : *stream)
            text += piece;
        CHECK(text.rfind("w0 w1 w2 w3", 0) == 0 && stream->failure() && stream->failure()->status() == LLM_ERR_TRUNCATED);
        const auto rest = stream->read_all();
        CHECK(!rest && rest.error().status() == LLM_ERR_TRUNCATED);
        CHECK(!client.stream("{"));
    });
    test("loops over events to the end", [&] {
        auto stream = client.stream(ten);
        llm_event_type last{};
        for (const llm::event &event : *stream)
            last = event.type();
        CHECK(last == LLM_EVENT_DONE && !stream->failure() && client.stream_text(ten)->read_all().value() == words);
    });
    test("break cancels", [&] {
        mock_page("DELETE", "/stats");
        if (auto stream = client.stream_text(slow))
            for (const std::string_view piece : *stream) {
                CHECK(!piece.empty());
                break;
            }
        CHECK(mock_reaches("closed_by_client", 1));
    });
    test("a lambda stops the request", [&] {
        const auto outcome = client.stream(slow, [](std::string_view) { return false; });
        CHECK(!outcome && outcome.error().status() == LLM_ERR_CANCELED);
    });
#ifdef __cpp_lib_jthread
    test("a stop token cancels", [&] {
        std::stop_source source;
        auto stream = client.stream_text(slow, source.get_token());
        CHECK(stream && stream->begin() != stream->end());
        std::jthread other([&] { source.request_stop(); });
        const auto rest = stream->read_all();
        CHECK(!rest && rest.error().status() == LLM_ERR_CANCELED);
        CHECK(!client.stream("{", source.get_token()));
    });
#endif
}

static void queues(llm::client &client)
{
    test("a loop runs to its end", [&] {
        auto loop = llm::loop::make();
        int over = 0;
        for (int i = 0; i < 20; i++)
            CHECK(loop->submit(client, ten, [&](const llm::event &event) { over += event.terminal(); }).has_value());
        const auto refused = loop->submit(client, "{", [](const llm::event &) {});
        CHECK(!refused && refused.error().status() == LLM_ERR_INVALID_ARGUMENT && loop->live() == 20);
        CHECK(loop->fd().value() >= 0 && loop->run().has_value() && over == 20 && loop->live() == 0);
    });
    test("a closed queue says so", [&] {
        auto queue = llm::queue::make();
        auto request = client.submit(*queue, slow);
        CHECK(request && queue->close());
        llm_status last = LLM_OK;
        auto polled = queue->poll([](const llm::event &) {});
        while (polled)
            polled = queue->poll([&](const llm::event &event) { last = event.status(); });
        CHECK(polled.error().status() == LLM_ERR_CLOSED);
        CHECK(!client.submit(*queue, ten) && !llm::answer(1, "{}"));
    });
    test("reload, metrics, log and drain", [&] {
        CHECK(!client.reload("nonsense = ") && client.reload(config()) && client.metrics()->front() == '{');
        CHECK(llm::log(LLM_LOG_ERROR, [](std::int32_t, std::string_view, std::string_view) {}) && llm::log(LLM_LOG_OFF, nullptr));
        CHECK(client.drain(seconds(10)) && !client.complete(ten));
    });
}

int main()
{
    {
        auto client = llm::client::make(config());
        if (!client) {
            std::printf("not ok client: %s\n", client.error().what());
            return 1;
        }
        calls(*client);
        queues(*client);
    }
    test("the library shuts down", [] { CHECK(llm::shutdown(seconds(10)).has_value()); });
    return failures != 0;
}
