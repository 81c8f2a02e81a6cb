// llm_schema.hpp: reads what the library says, and whatever a newer one may say.
#define LLM_NO_EXCEPTIONS // both ways may live in one program: here what fails is returned
#include "check.hpp"

#include <llm_schema.hpp>

int main()
{
    namespace schema = llm::schema;
    test("words and fields of a newer library are no errors", [] {
        const auto done = schema::Done::parse(
            R"({"finish_reason":"a word of tomorrow","novelty":{"a":[1]},"usage":{"total_tokens":3,"source":"hearsay","raw":{"a":[1]}},
                "attempts":[{"provider":"p\u00e9","ms":1.5,"mood":1}],"message":{"tool_calls":[{"id":"1","type":"dance","function":{"name":"f"}}]}})");
        CHECK(done.finish_reason == "a word of tomorrow");
        CHECK(done.usage.total_tokens == 3 && done.usage.source == "hearsay" && done.usage.raw.text == R"({"a":[1]})");
        CHECK(done.attempts.size() == 1 && done.attempts[0].provider == "p\xc3\xa9" && done.attempts[0].ms > 1.4);
        CHECK(done.message && done.message->tool_calls.at(0).type == "dance" && done.message->tool_calls.at(0).function.name == "f");
    });
    test("what is missing, null or of another shape reads as nothing", [] {
        const auto done = schema::Done::parse(R"({"id":null,"provider":7,"usage":"none","choices":{}})");
        CHECK(!done.id && done.provider.empty() && !done.usage.prompt_tokens && done.choices.empty() && !done.message);
        CHECK(schema::Failure::parse("").attempts.empty());
    });
    test("a real answer is read whole", [] {
        const auto client = llm::client::make();
        CHECK(client.has_value());
        const auto answer = client->complete(llm::prompt("hi", "mock/tokens=3"));
        CHECK(answer.has_value());
        const auto whole = schema::ChatCompletion::parse(answer->json());
        CHECK(whole.choices.at(0).message.content == "w0 w1 w2" && whole.libllm.usage.total_tokens == 4);
        CHECK(whole.libllm.finish_reason == schema::words::finish_reason::stop && whole.libllm.attempts.at(0).status == "LLM_OK");
    });
    test("a real error is read whole", [] {
        const auto client = llm::client::make();
        const auto answer = client->complete(llm::prompt("hi", "mock/status=429;retry_after=2"), llm::options().max_attempts(1));
        CHECK(!answer.has_value());
        const auto why = schema::Failure::parse(answer.error().json());
        CHECK(why.kind == "rate_limited" && why.retry_after_ms == 2000 && why.http_status == 429 && why.retryable && why.request_id);
        CHECK(why.phase == schema::words::phase::first_item && why.attempts.size() == 1);
    });
    test("options, metrics and variables have names", [] {
        static_assert(schema::options::max_attempts == "max_attempts" && schema::metrics::tokens_total == "tokens_total");
        std::string_view config, key;
        for (const schema::variable &one : schema::variables) {
            CHECK(!one.name.empty() && !one.about.empty());
            if (one.name == "LLM_CONFIG")
                config = one.about;
            if (one.name == "OPENAI_API_KEY")
                key = one.about;
        }
        CHECK(!config.empty() && key == "key of OpenAI");
        const auto client = llm::client::make();
        CHECK(client->complete(llm::prompt("hi", "mock/tokens=3"), llm::options().set(schema::options::max_attempts, "1")).has_value());
        CHECK(client->metrics()->find(schema::metrics::tokens_total) != std::string::npos);
    });
    return failures != 0;
}
