// Runs shared cases with llm.hpp: one case a line in, its result a line out.
#include <llm.hpp>

#include <array>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

enum column { name, config, request, all_options, provider, operation, timeout, first_token, flags, cold, cancel_after, call, times, choice, before, token, attempt, after, columns };
using line = std::array<std::string, columns>;

line split(const std::string &text)
{
    line out;
    std::size_t from = 0;
    for (std::string &one : out) {
        const std::size_t to = text.find('\t', from);
        one = text.substr(from, to - from);
        from = to + 1;
    }
    return out;
}

/// Options by the functions that there are for them.
llm::options wishes(const line &of)
{
    using ms = std::chrono::milliseconds;
    llm::options made;
    made.provider(of[provider]).operation(of[operation]).timeout(ms(std::stoll(of[timeout]))).first_token_timeout(ms(std::stoll(of[first_token])));
    made.flag(static_cast<std::uint32_t>(std::stoul(of[flags])));
    const std::string_view json = of[cold];
    for (const char *key : {"max_attempts", "fallbacks", "idle_timeout_ms", "base_url", "idempotency_key", "extra_body", "unsupported", "headers", "timeout"}) {
        const std::string_view value = llm::json::member(json, key);
        const std::string text = llm::json::text(value), name = key;
        if (value.empty())
            continue;
        if (name == "idle_timeout_ms")
            made.idle_timeout(ms(std::stoll(text)));
        else if (name == "max_attempts")
            made.max_attempts(static_cast<unsigned>(std::stoul(text)));
        else if (name == "fallbacks")
            made.fallbacks({llm::json::text(llm::json::item(value, 0))});
        else if (name == "base_url")
            made.base_url(text);
        else if (name == "idempotency_key")
            made.idempotency_key(text);
        else if (name == "extra_body")
            made.extra_body(value);
        else if (name == "unsupported")
            made.unsupported(text);
        else if (name == "headers")
            made.header("x-mock-key", llm::json::text(llm::json::member(value, "x-mock-key")));
        else
            made.set(key, value);
    }
    return made;
}

const char *kind_of(llm_event_type type)
{
    switch (type) {
    case LLM_EVENT_TEXT: return "text";
    case LLM_EVENT_REASONING: return "reasoning";
    case LLM_EVENT_REFUSAL: return "refusal";
    case LLM_EVENT_TOOL_CALL: return "tool_call";
    case LLM_EVENT_TOOL_ARGS: return "tool_args";
    case LLM_EVENT_PART: return "part";
    case LLM_EVENT_ROUTE: return "route";
    case LLM_EVENT_RAW: return "raw";
    case LLM_EVENT_RESULT: return "result";
    default: return "unknown";
    }
}

std::string item(const llm::event &event)
{
    const bool json = event.type() == LLM_EVENT_TOOL_CALL || event.type() == LLM_EVENT_PART || event.type() == LLM_EVENT_ROUTE;
    return std::string("[\"") + kind_of(event.type()) + "\"," + std::to_string(event.choice()) + "," + std::to_string(event.index()) + "," +
           (json ? std::string(event.data()) : llm::json::quote(event.data())) + "]";
}

std::string failure(const llm::error &error)
{
    std::string fields;
    for (const char *key : {"kind", "type", "code", "param", "request_id", "phase", "body"}) {
        const std::string value = error.field(key);
        fields += (fields.empty() ? "\"" : ",\"") + std::string(key) + "\":" + llm::json::quote(value == "null" ? "" : value);
    }
    return std::string(",\"error\":{\"status\":\"") + error.name() + "\",\"http_status\":" + std::to_string(error.http_status()) +
           ",\"retry_after_ms\":" + std::to_string(error.retry_after().count()) + ",\"message\":" + llm::json::quote(error.what()) +
           ",\"fields\":{" + fields + "},\"json\":" + std::string(error.json()) + "}";
}

std::string stream(const llm::client &client, const line &of, std::string &items)
{
    std::string end;
    long seen = 0;
    llm::event_stream events = client.stream(of[request], wishes(of));
    try {
        for (const llm::event &event : events) {
            if (event.terminal())
                continue;
            items += (items.empty() ? "" : ",") + item(event);
            seen += event.type() != LLM_EVENT_ROUTE && event.type() != LLM_EVENT_RAW;
            if (seen == std::stol(of[cancel_after]))
                events.cancel();
        }
        end = ",\"done\":" + std::string(events.summary());
    } catch (const llm::error &error) {
        end = failure(error);
    }
    return ",\"items\":[" + items + "]" + end;
}

/// What the host answers to a question, which is an item too.
llm::reply answer(const line &of, const llm::question &asked, std::string &items)
{
    items += (items.empty() ? "" : ",") + ("[\"ask\",0,0," + std::string(asked.json_text()) + "]");
    const std::string kind(asked.kind());
    const std::string &said = of[kind == "before" ? before : kind == "token" ? token : kind == "attempt" ? attempt : after];
    return said[0] == '!' ? llm::reply::refuse(said.substr(1)) : llm::reply{said};
}

/// One choice's text and nothing else.
std::string text(const llm::client &client, const line &of)
{
    std::string items, end;
    llm::text_stream pieces = client.stream_text(of[request], wishes(of));
    if (of[choice] != "0")
        pieces.choice(static_cast<std::uint32_t>(std::stoul(of[choice])));
    try {
        for (const std::string_view piece : pieces)
            items += (items.empty() ? "" : ",") + ("[\"text\"," + of[choice] + ",0," + llm::json::quote(piece) + "]");
    } catch (const llm::error &error) {
        end = failure(error);
    }
    return ",\"items\":[" + items + "]" + end;
}

std::string run(const line &of)
try {
    llm::client client(of[config]);
    std::string asked;
    client.on_ask([&](const llm::question &question) { return answer(of, question, asked); });
    for (long left = std::stol(of[times]); left > 1; left--)
        client.complete(of[request], wishes(of));
    if (of[call] == "stream")
        return stream(client, of, asked);
    if (of[call] == "text")
        return text(client, of);
    if (of[call] == "ask")
        return ",\"response\":" + std::string(client.ask(of[operation], of[request], wishes(of)).json());
    return ",\"response\":" + std::string(client.complete(of[request], wishes(of)).json());
} catch (const llm::error &error) {
    return (of[call] == "stream" ? ",\"returned\":true" : "") + failure(error);
}

} // namespace

int main()
{
    for (std::string text; std::getline(std::cin, text);) {
        const line of = split(text);
        std::cout << "{\"case\":" << llm::json::quote(of[name]) << run(of) << '}' << std::endl;
    }
}
