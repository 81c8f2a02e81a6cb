// Lets the model call a function of ours: streams, collects the calls, answers them, streams again. Without exceptions: whatever can
// fail returns llm::expected.   usage: tools [MODEL]
#define LLM_NO_EXCEPTIONS
#include <llm.hpp>
#include <iostream>

/// Streams an answer to standard output; the calls that the model makes, or nothing after an error.
static llm::expected<llm::tool_calls> ask(const llm::client &client, const std::string &request)
{
    auto stream = client.stream(request, llm::options().max_attempts(3));
    if (!stream)
        return stream.error();
    llm::tool_calls calls;
    std::chrono::microseconds first{0};
    for (const llm::event &event : *stream) {
        calls.add(event);
        if (event.type() == LLM_EVENT_TEXT) {
            first = first.count() ? first : event.at();
            std::cout << event.data() << std::flush;
        }
    }
    std::cout << "\nfirst token after " << first.count() / 1000 << " ms\n";
    if (stream->failure())
        return *stream->failure();
    return calls;
}

int main(int argc, char **argv)
{
    using llm::json::quote;
    const auto client = llm::client::make();
    if (!client)
        return std::cerr << client.error().what() << '\n', 1;
    const std::string model = argc > 1 ? "\"model\":" + quote(argv[1]) + "," : "";
    const std::string tools = R"("tools":[{"type":"function","function":{"name":"clock","description":"The time in a city",
        "parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}],)";
    std::string messages = R"({"role":"user","content":"What time is it in Oslo?"})";

    for (int turn = 0; turn < 4; turn++) {
        const auto calls = ask(*client, "{" + model + tools + "\"messages\":[" + messages + "]}");
        if (!calls)
            return std::cerr << calls.error().name() << ": " << calls.error().what() << '\n', 1;
        if (calls->empty())
            return 0;
        std::string made, results;
        for (const llm::tool_call &call : *calls) {
            const std::string city = llm::json::text(llm::json::member(call.arguments, "city"));
            made += (made.empty() ? "" : ",") + ("{\"id\":" + quote(call.id) + R"(,"type":"function","function":{"name":)" + quote(call.name)
                    + ",\"arguments\":" + quote(call.arguments) + "}}");
            results += R"(,{"role":"tool","tool_call_id":)" + quote(call.id) + ",\"content\":" + quote("12:00 in " + city) + "}";
        }
        messages += R"(,{"role":"assistant","tool_calls":[)" + made + "]}" + results;
    }
}
