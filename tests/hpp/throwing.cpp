// llm.hpp with exceptions, against models in process and over real sockets.
#include "check.hpp"

#include <atomic>
#include <poll.h>
#include <set>
#include <thread>
#include <vector>
// Views of libstdc++ do not compile with clang before 16 (llvm.org/PR44178).
#if defined(__cpp_lib_ranges) && (!defined(__clang__) || __clang_major__ >= 16)
# include <ranges>
# define VIEWS 1
#endif

using std::chrono::milliseconds;
using std::chrono::seconds;

static const std::string ten = llm::prompt("hi", "mock/tokens=10");
static const std::string words = "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9";
/// Over a socket, and so slow that it is under way as long as a test wants.
static const std::string slow = llm::prompt("hi", "m/tokens=2000;pace=10ms");

/// The error that `f` throws; LLM_OK if none.
template <class F> static llm::error thrown(F &&f)
{
    try {
        f();
    } catch (const llm::error &failure) {
        return failure;
    }
    return llm::error(LLM_OK);
}

static void answers(const llm::client &client)
{
    test("a whole answer", [&] {
        const llm::response answer = client.complete(ten);
        CHECK(answer.text() == words);
        CHECK(!llm::json::member(answer.json(), "usage").empty());
    });
    test("an error has everything that is known", [&] {
        const llm::error failure = thrown([&] {
            (void)client.complete(llm::prompt("hi", "m/status=429;retry_after=7"), llm::options().max_attempts(1));
        });
        CHECK(failure.status() == LLM_ERR_RATE_LIMITED && failure.name() == std::string_view("LLM_ERR_RATE_LIMITED"));
        CHECK(failure.http_status() == 429 && failure.retry_after() == seconds(7) && failure.what()[0] != 0);
        CHECK(failure.field("provider") == "m" && failure.field("http_status") == "429" && failure.field("none").empty());
        const llm::error copy = failure;
        CHECK(copy.json() == failure.json());
    });
    test("an error without details is one all the same", [] {
        const llm::error bare(LLM_ERR_CLOSED);
        CHECK(bare.what() == std::string_view("LLM_ERR_CLOSED") && bare.http_status() == 0 && bare.retry_after() < seconds(0));
        CHECK(bare.field("message").empty());
    });
    test("a bad configuration throws", [] {
        CHECK(thrown([] { llm::client bad("{\"defualt_model\":1}"); }).status() == LLM_ERR_CONFIG);
    });
    test("options reach the request", [&] {
        CHECK(thrown([&] { (void)client.complete(llm::prompt("hi", "m/tokens=1;ttft=30s"), llm::options().timeout(milliseconds(20))); }).status()
              == LLM_ERR_TIMEOUT);
        CHECK(client.complete(llm::prompt("hi", "m/status=529"), llm::options().fallbacks({"mock/tokens=10"})).text() == words);
        CHECK(client.complete(llm::prompt("hi", "tokens=10"), llm::options().provider("m")).text() == words);
    });
}

static void operations(const llm::client &client)
{
    test("texts become vectors, in their order", [&] {
        const auto vectors = client.embed("m/echo", {"a tree", "a \"house\"", "a tree"});
        CHECK(vectors.size() == 3 && vectors[0].size() == 8 && vectors[0] == vectors[2] && vectors[0] != vectors[1]);
        const std::vector<std::string> texts{"a tree"};
        CHECK(client.embed("mock/echo", texts) == std::vector<std::vector<float>>{vectors[0]});
        for (const float number : vectors[0])
            CHECK(number >= -1 && number < 1);
        const auto answer = client.complete(R"({"model":"m/echo","input":"a tree","dimensions":3})", llm::options().operation("embeddings"));
        const std::string_view first = llm::json::item(llm::json::member(answer.json(), "data"), 0);
        CHECK(!llm::json::item(llm::json::member(first, "embedding"), 2).empty());
        CHECK(llm::json::item(llm::json::member(first, "embedding"), 3).empty());
    });
    test("texts that become no vectors are an error", [&] {
        CHECK(thrown([&] { (void)client.embed("m/status=429", {"a"}, llm::options().max_attempts(1)); }).status() == LLM_ERR_RATE_LIMITED);
    });
    test("other operations are answered whole", [&] {
        const auto asked = [&](const char *operation, const char *request) {
            return std::string(client.ask(operation, request).json());
        };
        const std::string ranked = asked("rerank", R"({"model":"m/echo","query":"red fish","documents":["a dog","one red fish"]})");
        CHECK(llm::json::member(llm::json::item(llm::json::member(ranked, "results"), 0), "index") == "1");
        const std::string spoken = asked("speech", R"({"model":"m/echo","input":"good day","voice":"v"})");
        CHECK(llm::json::member(spoken, "data") == "\"Z29vZCBkYXk=\"" && llm::json::member(spoken, "media_type") == "\"audio/mpeg\"");
        const std::string count = asked("count_tokens", R"({"model":"m/echo","messages":[{"role":"user","content":"good day"}]})");
        CHECK(llm::json::member(count, "source") == "\"estimated\"");
        const std::string listed(client.ask("models", "{}", llm::options().provider("m")).json());
        CHECK(!llm::json::item(llm::json::member(listed, "data"), 0).empty());
    });
}

static void streams(const llm::client &client)
{
    test("loops over events, the last one DONE", [&] {
        std::string text;
        llm_event_type last{};
        auto stream = client.stream(ten);
        for (const llm::event &event : stream) {
            CHECK(last != LLM_EVENT_DONE && event.request() == stream.number());
            if (event.type() == LLM_EVENT_TEXT)
                text += event.data();
            last = event.type();
        }
        CHECK(text == words && last == LLM_EVENT_DONE && !stream.failure());
        CHECK(!llm::json::member(stream.summary(), "usage").empty());
    });
    test("loops over text", [&] {
        std::string text;
        for (const std::string_view piece : client.stream_text(ten))
            text += piece;
        CHECK(text == words);
        CHECK(client.stream_text(ten).read_all() == words && client.stream(ten).read_all() == words);
    });
    test("a stream without text is an empty loop", [&] {
        auto stream = client.stream_text(llm::prompt("hi", R"(mock/tool=f:{"a":1})"));
        CHECK(stream.begin() == stream.end() && stream.begin() == stream.end() && !stream.summary().empty());
    });
    test("break cancels, and the provider sees it", [&] {
        mock_page("DELETE", "/stats");
        int seen = 0;
        for (const std::string_view piece : client.stream_text(slow)) {
            CHECK(!piece.empty());
            if (++seen == 3)
                break;
        }
        CHECK(seen == 3 && mock_reaches("closed_by_client", 1));
    });
    test("an exception in the loop cancels", [&] {
        mock_page("DELETE", "/stats");
        try {
            for (const llm::event &event : client.stream(slow))
                if (event.type() == LLM_EVENT_TEXT)
                    throw 7;
            CHECK(false);
        } catch (int value) {
            CHECK(value == 7);
        }
        CHECK(mock_reaches("closed_by_client", 1));
    });
    test("a cut stream gives what came, then throws", [&] {
        std::string text;
        auto stream = client.stream_text(llm::prompt("hi", "m/tokens=8;pace=5ms;cut=fin;at=4"));
        const llm::error failure = thrown([&] {
            for (const std::string_view piece : stream)
                text += piece;
        });
        CHECK(failure.status() == LLM_ERR_TRUNCATED && text.rfind("w0 w1 w2 w3", 0) == 0);
        CHECK(stream.failure() && stream.failure()->status() == LLM_ERR_TRUNCATED && stream.summary().empty());
        CHECK(stream.begin() == stream.end());
    });
    test("a stream is moved in the middle", [&] {
        auto stream = client.stream_text(llm::prompt("hi", "mock/tokens=10;pace=1ms"));
        std::string text(*stream.begin());
        auto moved = std::move(stream);
        auto at = moved.begin();
        for (++at; at != moved.end(); ++at)
            text += *at;
        CHECK(text == words);
    });
    test("a stream is cancelled from another thread", [&] {
        auto stream = client.stream_text(slow);
        CHECK(stream.begin() != stream.end());
        std::thread other([&] { CHECK(stream.cancel()); });
        CHECK(thrown([&] { (void)stream.read_all(); }).status() == LLM_ERR_CANCELED);
        other.join();
        CHECK(!stream.cancel());
    });
    test("a paused stream goes on", [&] {
        auto stream = client.stream_text(llm::prompt("hi", "m/tokens=10;pace=1ms"));
        CHECK(stream.pause() && stream.pause(false) && stream.read_all() == words);
    });
    test("tool calls are put together", [&] {
        llm::tool_calls calls;
        for (const llm::event &event : client.stream(llm::prompt("hi", R"(m/tool=get_weather:{"city":"Oslo"};tool=now)")))
            calls.add(event);
        CHECK(calls.size() == 2 && calls[0].name == "get_weather" && calls[1].name == "now" && !calls[0].id.empty());
        CHECK(llm::json::text(llm::json::member(calls[0].arguments, "city")) == "Oslo" && calls[1].arguments == "{}");
    });
    test("tool calls of several answers that all count are kept", [&] {
        const llm::client racing(R"({"models":{"all":{"strategy":"race","race":2,"race_return":"all","targets":[)"
                                 R"({"model":"mock/tool=one:{}"},{"model":"mock/tool=two:{}"}]}}})");
        llm::tool_calls calls;
        for (const llm::event &event : racing.stream(llm::prompt("hi", "all")))
            calls.add(event);
        CHECK(calls.size() == 2 && calls[0].choice != calls[1].choice);
        for (const llm::tool_call &call : calls)
            CHECK(call.name == (call.choice == 0 ? "one" : "two"));
    });
#ifdef VIEWS
    test("a stream is a range", [&] {
        std::string text;
        auto stream = client.stream_text(llm::prompt("hi", "mock/tokens=10;pace=1ms"), llm::options().no_coalesce());
        for (const std::string_view piece : stream | std::views::filter([](std::string_view it) { return it.find('3') == it.npos; }))
            text += piece;
        CHECK(text.find("w2") != text.npos && text.find("w3") == text.npos && text.find("w9") != text.npos);
    });
#endif
#ifdef __cpp_lib_jthread
    test("a stop token cancels", [&] {
        mock_page("DELETE", "/stats");
        std::stop_source source;
        auto stream = client.stream_text(slow, source.get_token());
        CHECK(stream.begin() != stream.end());
        std::jthread other([&] { source.request_stop(); });
        CHECK(thrown([&] { (void)stream.read_all(); }).status() == LLM_ERR_CANCELED && mock_reaches("closed_by_client", 1));
    });
    test("a stop that came first, and one that comes too late", [&] {
        std::stop_source source;
        CHECK(client.stream_text(ten, source.get_token()).read_all() == words);
        source.request_stop();
        CHECK(thrown([&] { (void)client.stream(slow, source.get_token()).read_all(); }).status() == LLM_ERR_CANCELED);
    });
#endif
}

static void lambdas(const llm::client &client)
{
    test("a lambda sees text or events, and stops the request", [&] {
        std::string text;
        client.stream(ten, [&](std::string_view piece) { text += piece; });
        CHECK(text == words);
        int terminal = 0;
        client.stream(ten, [&](const llm::event &event) { terminal += event.terminal(); });
        CHECK(terminal == 1);
        CHECK(thrown([&] { client.stream(slow, [](std::string_view) { return false; }); }).status() == LLM_ERR_CANCELED);
    });
    test("a lambda's exception comes out of the call", [&] {
        try {
            client.stream(slow, [](const llm::event &) { throw std::string("mine"); });
            CHECK(false);
        } catch (const std::string &mine) {
            CHECK(mine == "mine");
        }
    });
}

static void queues(llm::client &client)
{
    test("a request that is dropped is cancelled, and its last event comes", [&] {
        llm::queue queue;
        int mark = 0, last = 0;
        {
            const llm::request request = client.submit(queue, slow, {}, &mark);
            CHECK(request.number() != 0);
        }
        while (last == 0)
            queue.poll([&](const llm::event &event) {
                CHECK(event.user_data() == &mark);
                last = event.terminal() ? event.failure().status() : 0;
            });
        CHECK(last == LLM_ERR_CANCELED);
    });
    test("a request that is released goes on", [&] {
        llm::queue queue;
        llm::request first = client.submit(queue, ten), second;
        second = std::move(first);
        const llm_request number = second.release();
        llm_status last = LLM_ERR_INTERNAL;
        for (bool over = false; !over;)
            queue.poll([&](const llm::event &event) {
                CHECK(event.request() == number);
                over = event.terminal();
                last = event.status();
            });
        CHECK(last == LLM_OK);
    });
    test("an exception in poll loses no event", [&] {
        llm::queue queue;
        std::vector<llm::request> requests;
        for (int i = 0; i < 100; i++)
            requests.push_back(client.submit(queue, ten));
        std::set<llm_request> over;
        while (over.size() < 100) {
            try {
                queue.poll([&](const llm::event &event) {
                    if (event.terminal())
                        CHECK(over.insert(event.request()).second);
                    throw 1;
                });
            } catch (int) {
            }
        }
        CHECK(queue.poll([](const llm::event &) {}, milliseconds(0)) == 0);
    });
    test("fewer than 64 events means none are left, after an exception too", [&] {
        llm::client own(config());
        llm::queue queue;
        std::vector<llm::request> requests;
        for (int i = 0; i < 100; i++)
            requests.push_back(own.submit(queue, ten));
        own.drain(seconds(60)); // then all events are there
        std::size_t seen = 0;
        try {
            queue.poll([&](const llm::event &) { throw ++seen; });
        } catch (std::size_t) {
        }
        for (std::size_t n = 64; n >= 64; seen += n)
            n = queue.poll([](const llm::event &) {}, milliseconds(0));
        CHECK(seen > 200 && queue.poll([](const llm::event &) {}, milliseconds(0)) == 0);
    });
    test("the descriptor is readable, the wake lambda runs, wakeup ends a wait", [&] {
        llm::queue queue;
        std::atomic<int> woken{0};
        queue.on_wake([&, count = std::make_shared<int>(0)] { woken += ++*count > 0; });
        const llm::request request = client.submit(queue, ten);
        pollfd ready{queue.fd(), POLLIN, 0};
        CHECK(poll(&ready, 1, 10000) == 1);
        for (int i = 0; woken == 0 && i < 1000; i++) // rung by another thread, after the descriptor
            usleep(10000);
        CHECK(woken > 0);
        for (bool over = false; !over;)
            queue.poll([&](const llm::event &event) { over = event.terminal(); });
        queue.on_wake(nullptr);
        queue.wakeup();
        CHECK(queue.poll([](const llm::event &) {}) == 0);
    });
    test("a closed queue says so", [&] {
        llm::queue queue;
        llm::queue moved = std::move(queue);
        moved.close();
        CHECK(thrown([&] { while (true) moved.poll([](const llm::event &) {}); }).status() == LLM_ERR_CLOSED);
        CHECK(thrown([&] { (void)client.submit(moved, ten); }).status() == LLM_ERR_CLOSED);
    });
    test("a loop has a handler for each request", [&] {
        llm::loop loop;
        std::vector<std::string> said(50);
        for (std::size_t i = 0; i < said.size(); i++)
            loop.submit(client, ten, [&, i](const llm::event &event) {
                if (event.type() == LLM_EVENT_TEXT)
                    said[i] += event.data();
                else if (event.terminal() && i < 25) // a handler starts the next
                    loop.submit(client, ten, [&, i](const llm::event &next) { said[i] += next.terminal() ? "!" : ""; });
            });
        CHECK(loop.live() == 50);
        pollfd ready{loop.fd(), POLLIN, 0};
        while (loop.live() > 0 && poll(&ready, 1, 10000) == 1)
            loop.dispatch();
        int whole = 0, twice = 0;
        for (const std::string &text : said)
            whole += text == words, twice += text == words + "!";
        CHECK(whole == 25 && twice == 25);
    });
    test("a handler that throws at the end is gone, the others are not", [&] {
        llm::loop loop;
        int over = 0, caught = 0;
        for (int i = 0; i < 10; i++)
            loop.submit(client, ten, [&, i](const llm::event &event) {
                over += event.terminal();
                if (event.terminal() && i % 2)
                    throw i;
            });
        while (loop.live() > 0) {
            try {
                loop.run();
            } catch (int) {
                caught++;
            }
        }
        CHECK(over == 10 && caught == 5);
    });
    test("a loop is dropped with requests under way", [&] {
        mock_page("DELETE", "/stats");
        auto alive = std::make_shared<int>(0);
        {
            llm::loop loop;
            for (int i = 0; i < 5; i++)
                loop.submit(client, slow, [alive](const llm::event &) {});
            CHECK(alive.use_count() == 6);
            CHECK(thrown([&] { loop.submit(client, "{", [alive](const llm::event &) {}); }).status() == LLM_ERR_INVALID_ARGUMENT);
            CHECK(alive.use_count() == 6 && loop.live() == 5 && mock_reaches("live", 5));
        }
        CHECK(alive.use_count() == 1 && mock_reaches("live", 0));
    });
    test("an HTTP request is answered in HTTP", [&] {
        llm::queue queue;
        llm_event_type first{};
        const llm::error failure = thrown([&] {
            const llm::request request = client.submit_http(queue, "POST", "/v1/chat/completions", "", ten);
            for (bool over = false; !over;)
                queue.poll([&](const llm::event &event) {
                    first = first == 0 ? event.type() : first;
                    over = event.terminal();
                });
        });
        CHECK(failure.status() == LLM_OK && first == LLM_EVENT_HTTP_HEAD);
        CHECK(thrown([] { llm::answer(1, "{}"); }).status() != LLM_OK);
    });
}

static void library(llm::client &client)
{
    test("the log comes to a lambda, until it is ended", [&] {
        std::mutex guard;
        std::size_t lines = 0;
        llm::log(LLM_LOG_TRACE, [&](std::int32_t level, std::string_view target, std::string_view message) {
            const std::lock_guard<std::mutex> lock(guard);
            lines += level >= LLM_LOG_ERROR && level <= LLM_LOG_TRACE && !target.empty() && !message.empty();
        });
        (void)client.complete(ten);
        llm::log(LLM_LOG_OFF, nullptr);
        const std::size_t before = lines;
        CHECK(before > 0);
        (void)client.complete(ten);
        CHECK(lines == before);
    });
    test("metrics are text", [&] {
        CHECK(client.metrics().front() == '{' && client.metrics(LLM_METRICS_PROMETHEUS).find("# TYPE") != std::string::npos);
    });
    test("reloads, or throws and keeps what it has", [&] {
        CHECK(thrown([&] { client.reload("nonsense = "); }).status() == LLM_ERR_CONFIG);
        client.reload(R"({"default_model":"mock/tokens=10"})");
        CHECK(client.complete(llm::prompt("hi")).text() == words);
    });
    test("drains, and is closed then", [&] {
        client.drain(seconds(10));
        CHECK(thrown([&] { (void)client.complete(ten); }).status() == LLM_ERR_CLOSED);
    });
}

static void asks()
{
    const std::string config = "{\"hooks\":{\"before\":true,\"attempt\":true}}", some = llm::prompt("some words", "mock/echo");
    const auto replaced = [](const llm::question &asked) {
        return asked.kind() == "before" ? llm::reply::replace(llm::prompt("other words", "mock/echo")) : llm::reply{};
    };
    test("a handler answers on the thread that reads", [&] {
        llm::client client(config);
        std::string kinds;
        const auto here = std::this_thread::get_id();
        client.on_ask([&](const llm::question &asked) {
            CHECK(std::this_thread::get_id() == here && asked.target() == "mock/echo");
            kinds += asked.kind() + " ";
            return replaced(asked);
        });
        CHECK(client.stream_text(some).read_all() == "other words" && kinds == "before attempt ");
        std::string text;
        client.stream(some, [&](std::string_view piece) { text += piece; });
        CHECK(text == "other words");
        for (const llm::event &event : client.stream(some))
            CHECK(event.type() != LLM_EVENT_ASK);
        llm::loop loop;
        loop.submit(client, some, [&](const llm::event &event) { text += event.type() == LLM_EVENT_TEXT ? event.data() : ""; });
        loop.run();
        CHECK(text == "other wordsother words");
    });
    test("a handler refuses, or throws", [&] {
        llm::client client(config);
        client.on_ask([](const llm::question &) { return llm::reply::refuse("not in \"this\" house", LLM_ERR_CONTENT_FILTER); });
        const llm::error refused = thrown([&] { (void)client.stream_text(some).read_all(); });
        CHECK(refused.status() == LLM_ERR_CONTENT_FILTER && refused.field("param") == "hooks.before");
        CHECK(std::string_view(refused.what()).find("not in \"this\" house") != std::string_view::npos);
        client.on_ask([](const llm::question &) -> llm::reply { throw std::runtime_error("mine"); });
        bool mine = false;
        try {
            (void)client.stream_text(some).read_all();
        } catch (const std::runtime_error &caught) {
            mine = caught.what() == std::string_view("mine");
        }
        CHECK(mine);
        client.on_ask([](const llm::question &) { return llm::reply::key("k"); });
        CHECK(thrown([&] { (void)client.stream_text(some).read_all(); }).status() == LLM_ERR_INVALID_ARGUMENT);
        CHECK(thrown([&] { (void)client.complete(some); }).status() == LLM_ERR_UNSUPPORTED);
    });
    test("whoever polls a queue replies there", [&] {
        const llm::client client(config);
        llm::queue queue;
        const auto request = client.submit(queue, some);
        std::string text;
        for (bool over = false; !over;)
            queue.poll([&](const llm::event &event) {
                if (event.type() == LLM_EVENT_ASK)
                    llm::answer(llm::question(event.raw()), replaced(llm::question(event.raw())));
                text += event.type() == LLM_EVENT_TEXT ? event.data() : "";
                over = event.terminal();
            });
        CHECK(text == "other words");
    });
}

int main()
{
    {
        llm::client client(config());
        answers(client);
        operations(client);
        streams(client);
        lambdas(client);
        queues(client);
        library(client);
        asks();
    }
    llm::shutdown(seconds(10));
    return failures != 0;
}
