// What llm.hpp does without a client: JSON, options, the shapes of its types. Compiled in both modes.
#include "check.hpp"

#include <type_traits>
#ifdef __cpp_lib_ranges
# include <ranges>
static_assert(std::ranges::input_range<llm::event_stream> && std::ranges::input_range<llm::text_stream>);
static_assert(std::input_iterator<llm::text_stream::iterator>);
#endif

static_assert(!std::is_copy_constructible_v<llm::event_stream> && std::is_nothrow_move_constructible_v<llm::event_stream>);
static_assert(!std::is_copy_constructible_v<llm::request> && std::is_nothrow_move_assignable_v<llm::request>);
static_assert(!std::is_copy_constructible_v<llm::queue> && std::is_move_constructible_v<llm::queue>);
static_assert(!std::is_copy_constructible_v<llm::client> && std::is_move_constructible_v<llm::client>);
static_assert(std::is_move_constructible_v<llm::loop> && std::is_move_constructible_v<llm::response>);
static_assert(std::is_copy_constructible_v<llm::options> && std::is_nothrow_copy_constructible_v<llm::error>);
static_assert(std::is_base_of_v<std::exception, llm::error>);
#ifdef LLM_NO_EXCEPTIONS
static_assert(std::is_same_v<llm::result<int>, llm::expected<int>>);
#else
static_assert(std::is_same_v<llm::result<int>, int>);
#endif

static void json()
{
    using llm::json::item, llm::json::member, llm::json::quote, llm::json::text;
    test("quotes what JSON wants quoted", [] {
        CHECK(quote("a\"b\\c\n\x01 \xc3\xa9") == "\"a\\\"b\\\\c\\u000a\\u0001 \xc3\xa9\"");
        CHECK(text(quote(std::string_view("\0\x1f\"\\", 4))) == std::string_view("\0\x1f\"\\", 4));
    });
    test("reads every escape", [] {
        CHECK(text(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
        CHECK(text(R"("\u0041\u00e9\u20ac\ud83d\ude00")") == "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
        CHECK(text(R"("\ud83d \ud83dx \ude00 \ud83d\u0041")") == "\xef\xbf\xbd \xef\xbf\xbdx \xef\xbf\xbd \xef\xbf\xbd" "A");
        CHECK(text("12.50") == "12.50" && text("") == "" && text("\"") == "\"");
    });
    test("finds members and items, and only those of the first level", [] {
        constexpr std::string_view object = R"( { "a" : 1 , "b":{"c":[1,{"d":"}"}],"e":"\"]"} ,"f":[true, null ,"x,y"],"\u0067":-1e3,"h":"" } )";
        CHECK(member(object, "a") == "1" && member(object, "g") == "-1e3" && member(object, "h") == "\"\"");
        CHECK(member(member(object, "b"), "e") == R"("\"]")");
        CHECK(member(item(member(member(object, "b"), "c"), 1), "d") == R"("}")");
        CHECK(item(member(object, "f"), 0) == "true" && item(member(object, "f"), 1) == "null" && item(member(object, "f"), 2) == R"("x,y")");
        CHECK(item(member(object, "f"), 3).empty() && member(object, "c").empty() && member(object, "d").empty());
        CHECK(member("{}", "a").empty() && item("[]", 0).empty() && member("[1]", "a").empty() && item("{}", 0).empty());
    });
    test("survives JSON that is cut anywhere", [] {
        const std::string whole = R"({"a":[1,{"b":"\u00e9\\"},[]],"c":{"d":"e"},"f":tru)";
        for (std::size_t n = 0; n <= whole.size(); n++) {
            const std::string cut = whole.substr(0, n); // its own memory, so that a sanitizer sees a step too far
            (void)member(cut, "f"), (void)item(member(cut, "a"), 1), (void)text(member(member(cut, "c"), "d")), (void)text(cut);
        }
        CHECK(member(whole, "f") == "tru");
    });
    test("a prompt is a request", [] {
        CHECK(llm::prompt("a\"b") == R"({"messages":[{"role":"user","content":"a\"b"}]})");
        CHECK(llm::json::text(member(llm::prompt("a", "p/m"), "model")) == "p/m");
    });
}

static void options()
{
    test("options that are not set are not said", [] {
        const llm::options none;
        const std::string more = none.json();
        const llm_options raw = none.raw(more);
        CHECK(more.empty() && raw.struct_size == sizeof raw && raw.flags == 0 && !raw.provider && !raw.operation && !raw.options_json);
        CHECK(raw.timeout_ms == 0 && raw.first_token_timeout_ms == 0);
    });
    test("every field of llm_options is set", [] {
        llm::options all;
        all.provider("p").operation("chat").timeout(std::chrono::seconds(2)).first_token_timeout(std::chrono::milliseconds(-1));
        all.raw_chunks().no_coalesce().no_cache().message().flag(1u << 20).no_cache(false).max_attempts(2);
        const std::string more = all.json();
        const llm_options raw = all.raw(more);
        CHECK(raw.provider == std::string_view("p") && raw.operation == std::string_view("chat"));
        CHECK(raw.timeout_ms == 2000 && raw.first_token_timeout_ms == -1);
        CHECK(raw.flags == (LLM_OPT_RAW | LLM_OPT_NO_COALESCE | LLM_OPT_MESSAGE | 1u << 20));
        CHECK(raw.options_json == std::string_view(R"({"max_attempts":2})"));
    });
    test("every key of options_json is set, and set again", [] {
        llm::options all;
        all.idle_timeout(std::chrono::seconds(1)).max_attempts(3).fallbacks({"a", "b/\"c"}).on_partial("error").unsupported("pass");
        all.header("X-A", "1").header("X-B", "2").base_url("http://h").api_key("k").idempotency_key("i").extra_body("{\"x\":1}").set("y", "[2]");
        all.cache(R"({"ttl":5,"tags":["x"]})").strategy("order").tag("t").tag("u").session("s").tenant("n").metadata("k", "v").metadata("l", "w").check_limits().trace("p", "a=1");
        CHECK(all.json() ==
              R"({"idle_timeout_ms":1000,"max_attempts":3,"fallbacks":["a","b/\"c"],"on_partial":"error","unsupported":"pass",)"
              R"("headers":{"X-A":"1","X-B":"2"},"base_url":"http://h","api_key":"k","idempotency_key":"i","extra_body":{"x":1},"y":[2],)"
              R"("cache":{"ttl":5,"tags":["x"]},"strategy":"order","tags":["t","u"],"session":"s","tenant":"n","metadata":{"k":"v","l":"w"},"check_limits":true,"traceparent":"p","tracestate":"a=1"})");
        CHECK(llm::options().max_attempts(3).max_attempts(4).json() == R"({"max_attempts":4})");
        CHECK(llm::options().fallbacks({}).json() == R"({"fallbacks":[]})");
    });
}

int main()
{
    json();
    options();
    test("a request that was never made is nothing", [] {
        llm::request none, other(std::move(none));
        CHECK(other.number() == 0 && !other.cancel() && !other.pause() && other.release() == 0);
    });
    test("versions agree", [] { CHECK(!llm::version().empty() && llm_abi_version() == LLM_ABI_VERSION); });
    return failures != 0;
}
