// llm.hpp - libllm for C++17 and later: handles that free themselves, streams to loop over, lambdas instead of callbacks.
//
// Header only, over llm.h, whose rules hold: any thread may call anything; text is UTF-8. Failures are exceptions of type llm::error.
// Without exceptions (-fno-exceptions, or LLM_NO_EXCEPTIONS defined before the include) whatever can fail returns llm::expected<T>, and
// handles are made by client::make() and queue::make(); both ways may live in one program. `result<T>` below is what the mode makes of
// T. Text that is lent is a std::string_view, and its comment says how long it lives.
// Long: one file, so that it can be copied beside llm.h.
// SPDX-License-Identifier: Apache-2.0 OR MIT
#ifndef LLM_HPP
#define LLM_HPP

#include "llm.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <list>
#include <locale>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>
#if __cplusplus > 201703L || (defined(_MSVC_LANG) && _MSVC_LANG > 201703L)
# include <version>
# ifdef __cpp_lib_jthread
#  include <stop_token>
# endif
#endif

#if !defined(LLM_NO_EXCEPTIONS) && !defined(__cpp_exceptions)
# define LLM_NO_EXCEPTIONS 1
#endif
// The two modes differ in what functions return, so they differ in their names for the linker.
#ifdef LLM_NO_EXCEPTIONS
# define LLM_MODE expecting
#else
# define LLM_MODE throwing
#endif

namespace llm {
inline namespace LLM_MODE {

// ---- JSON, as far as requests and the library's own events need it ----------------------------------------------------------------

namespace detail {

inline std::size_t skip_blanks(std::string_view text, std::size_t at) noexcept
{
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r'))
        at++;
    return at;
}

/// Behind the value that begins at `at`; the text's end if it is cut off.
inline std::size_t skip_value(std::string_view text, std::size_t at) noexcept
{
    std::size_t depth = 0;
    for (bool quoted = false; at < text.size(); at++) {
        const char c = text[at];
        if (quoted) {
            at += c == '\\';
            quoted = c != '"';
            if (!quoted && depth == 0)
                return at + 1;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth <= 1)
                return at + depth;
            depth--;
        } else if (depth == 0 && (c == ',' || c == ':' || skip_blanks(text, at) != at)) {
            return at;
        }
    }
    return text.size();
}

/// The member or item that begins at `at`, which moves behind it and its comma.
inline std::string_view take(std::string_view text, std::size_t &at) noexcept
{
    const std::size_t from = skip_blanks(text, at), to = skip_value(text, from);
    at = skip_blanks(text, to);
    at += at < text.size() && (text[at] == ',' || text[at] == ':');
    return text.substr(from, to - from);
}

inline void append_utf8(std::string &out, std::uint32_t code)
{
    const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xc0 | code >> 6), tail(0);
    } else if (code < 0x10000) {
        out += static_cast<char>(0xe0 | code >> 12), tail(6), tail(0);
    } else {
        out += static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0);
    }
}

/// Four digits at `at`; beyond 0xffff if they are none.
inline std::uint32_t hex4(std::string_view text, std::size_t at) noexcept
{
    std::uint32_t code = 0;
    for (std::size_t i = at; i < at + 4; i++) {
        const char c = i < text.size() ? text[i] : 'x';
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return 0x110000;
        code = code << 4 | static_cast<std::uint32_t>(digit);
    }
    return code;
}

} // namespace detail

/// Just enough JSON to write a request and to read an event without a library; both are valid JSON.
namespace json {

/// `text` as a JSON string, quotes included.
inline std::string quote(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            constexpr const char *digits = "0123456789abcdef";
            out += "\\u00";
            out += digits[c >> 4];
            out += digits[c & 15];
        } else {
            out += c;
        }
    }
    return out += '"';
}

/// What a JSON string says; any other value as it is written.
inline std::string text(std::string_view value)
{
    if (value.size() < 2 || value.front() != '"' || value.back() != '"')
        return std::string(value);
    value = value.substr(1, value.size() - 2);
    std::string out;
    for (std::size_t i = 0; i < value.size(); i++) {
        if (value[i] != '\\' || ++i == value.size()) {
            out.append(value, i, 1);
            continue;
        }
        constexpr std::string_view names = "bfnrt", meanings = "\b\f\n\r\t";
        const std::size_t which = names.find(value[i]);
        if (value[i] != 'u') {
            out += which == names.npos ? value[i] : meanings[which];
            continue;
        }
        std::uint32_t code = detail::hex4(value, i + 1);
        i += 4;
        // A character beyond 0xffff is written as two halves (RFC 8259 7).
        if (code >= 0xd800 && code < 0xdc00 && value.substr(std::min(i + 1, value.size()), 2) == "\\u") {
            const std::uint32_t low = detail::hex4(value, i + 3);
            if (low >= 0xdc00 && low < 0xe000) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                i += 6;
            }
        }
        detail::append_utf8(out, (code >= 0xd800 && code < 0xe000) || code > 0x10ffff ? 0xfffd : code);
    }
    return out;
}

/// The value of an object's member, as it is written; empty if there is none. Lives as long as `object`.
inline std::string_view member(std::string_view object, std::string_view key)
{
    std::size_t at = detail::skip_blanks(object, 0);
    if (at == object.size() || object[at] != '{')
        return {};
    at = detail::skip_blanks(object, at + 1);
    while (at < object.size() && object[at] == '"') {
        const std::string_view name = detail::take(object, at), value = detail::take(object, at);
        if (text(name) == key)
            return value;
        at = detail::skip_blanks(object, at);
    }
    return {};
}

/// An array's item number `index`, as it is written; empty if there is none. Lives as long as `array`.
inline std::string_view item(std::string_view array, std::size_t index)
{
    std::size_t at = detail::skip_blanks(array, 0);
    if (at == array.size() || array[at] != '[')
        return {};
    for (at = detail::skip_blanks(array, at + 1); at < array.size() && array[at] != ']'; index--) {
        const std::string_view value = detail::take(array, at);
        if (index == 0)
            return value;
        at = detail::skip_blanks(array, at);
    }
    return {};
}

} // namespace json

namespace detail {

/// Runs `f` for each item of an array, as it is written, until one of them gives false; whether all of it was an array.
template <class F> bool each(std::string_view array, F &&f)
{
    std::size_t at = skip_blanks(array, 0);
    if (at == array.size() || array[at] != '[')
        return false;
    for (at = skip_blanks(array, at + 1); at < array.size() && array[at] != ']'; at = skip_blanks(array, at))
        if (!f(take(array, at)))
            return false;
    return at < array.size();
}

/// Reads a JSON number, whatever the program's locale says of commas.
inline bool read(std::string_view json, float &number)
{
#ifdef __cpp_lib_to_chars
    const std::from_chars_result end = std::from_chars(json.data(), json.data() + json.size(), number);
    return end.ec == std::errc() && end.ptr == json.data() + json.size();
#else
    std::istringstream in{std::string(json)};
    in.imbue(std::locale::classic());
    return in >> number && in.peek() == std::istringstream::traits_type::eof();
#endif
}

/// The vectors of an answer to `embeddings`, in the order of the texts; whether it holds some.
inline bool read(std::string_view answer, std::vector<std::vector<float>> &vectors)
{
    const std::string_view data = json::member(answer, "data");
    std::size_t count = 0;
    if (!each(data, [&](std::string_view) { return ++count > 0; }))
        return false;
    vectors.assign(count, {});
    return each(data, [&](std::string_view one) {
        const std::string_view place = json::member(one, "index");
        std::size_t index = 0;
        const auto end = std::from_chars(place.data(), place.data() + place.size(), index);
        return end.ec == std::errc() && index < count && each(json::member(one, "embedding"), [&](std::string_view number) {
            return read(number, vectors[index].emplace_back());
        });
    });
}

} // namespace detail

/// The request that asks `text` of `model` (empty: the configuration's `default_model`).
inline std::string prompt(std::string_view text, std::string_view model = {})
{
    std::string out = "{";
    if (!model.empty())
        out += "\"model\":" + json::quote(model) + ",";
    return out += "\"messages\":[{\"role\":\"user\",\"content\":" + json::quote(text) + "}]}";
}

// ---- Errors -----------------------------------------------------------------------------------------------------------------------

/// A failed call, or the ERROR event of a request. Cheap to copy.
class error : public std::runtime_error {
public:
    /// Takes over what a call gave, which may be nothing.
    explicit error(llm_status status, llm_error *owned = nullptr)
        : std::runtime_error(owned ? llm_error_message(owned, nullptr) : llm_status_name(status)),
          status_(status),
          owned_(owned, llm_error_free)
    {
    }

    llm_status status() const noexcept { return status_; }
    /// Such as "LLM_ERR_TIMEOUT". what() is the line for people.
    const char *name() const noexcept { return llm_status_name(status_); }
    /// The provider's HTTP status; 0 if there was no answer.
    int http_status() const noexcept { return llm_error_http_status(owned_.get()); }
    /// Negative if retrying is pointless or nothing is known.
    std::chrono::milliseconds retry_after() const noexcept
    {
        return std::chrono::milliseconds(owned_ ? llm_error_retry_after_ms(owned_.get()) : -1);
    }
    /// Everything known, attempts included. Lives as long as any copy of this error.
    std::string_view json() const noexcept
    {
        std::size_t len = 0;
        const char *data = llm_error_json(owned_.get(), &len);
        return {data, len};
    }
    /// One member of json(), such as "request_id"; empty if it is not known.
    std::string field(std::string_view key) const { return json::text(json::member(json(), key)); }

private:
    llm_status status_;
    std::shared_ptr<llm_error> owned_;
};

/// A T, or why there is none; what functions return without exceptions. Reading the one that is not there aborts.
template <class T> class [[nodiscard]] expected {
public:
    expected(T value) : held_(std::in_place_index<0>, std::move(value)) {}
    expected(::llm::error failure) : held_(std::in_place_index<1>, std::move(failure)) {}

    bool has_value() const noexcept { return held_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }
    T &value() & noexcept { return *there(std::get_if<0>(&held_)); }
    const T &value() const & noexcept { return *there(std::get_if<0>(&held_)); }
    T &&value() && noexcept { return std::move(value()); }
    T &operator*() & noexcept { return value(); }
    const T &operator*() const & noexcept { return value(); }
    T &&operator*() && noexcept { return std::move(value()); }
    T *operator->() noexcept { return &value(); }
    const T *operator->() const noexcept { return &value(); }
    const ::llm::error &error() const noexcept { return *there(std::get_if<1>(&held_)); }

private:
    template <class P> static P there(P pointer) noexcept { return pointer ? pointer : (std::abort(), pointer); }

    std::variant<T, ::llm::error> held_;
};

template <> class [[nodiscard]] expected<void> {
public:
    expected() noexcept = default;
    expected(::llm::error failure) : failure_(std::move(failure)) {}

    bool has_value() const noexcept { return !failure_; }
    explicit operator bool() const noexcept { return has_value(); }
    const ::llm::error &error() const noexcept { return failure_ ? *failure_ : (std::abort(), *failure_); }

private:
    std::optional<::llm::error> failure_;
};

#ifdef LLM_NO_EXCEPTIONS
template <class T> using result = expected<T>;
#else
template <class T> using result = T;
#endif

namespace detail {

template <class T> result<T> fail(llm_status status, llm_error *owned = nullptr)
{
#ifdef LLM_NO_EXCEPTIONS
    return error(status, owned);
#else
    throw error(status, owned);
#endif
}

inline result<void> check(llm_status status, llm_error *owned = nullptr)
{
    return status == LLM_OK ? result<void>() : fail<void>(status, owned);
}

template <auto Free> struct deleter {
    template <class T> void operator()(T *handle) const noexcept { Free(handle); }
};
template <class T, auto Free> using handle = std::unique_ptr<T, deleter<Free>>;

/// A wait as C takes it; longer than 24 days is 24 days.
inline std::int32_t wait_ms(std::chrono::milliseconds wait) noexcept
{
    return wait.count() < 0 ? -1 : wait.count() > INT32_MAX ? INT32_MAX : static_cast<std::int32_t>(wait.count());
}

} // namespace detail

// ---- Events -----------------------------------------------------------------------------------------------------------------------

/// One event. Its data is lent: until the next step of its stream, until the next poll of its queue, or until the lambda returns.
class event {
public:
    explicit event(const llm_event &raw) noexcept : raw_(raw) {}

    llm_request request() const noexcept { return raw_.request; }
    llm_event_type type() const noexcept { return raw_.type; }
    llm_status status() const noexcept { return raw_.status; }
    std::string_view data() const noexcept { return {raw_.data, raw_.len}; }
    std::uint32_t choice() const noexcept { return raw_.choice; }
    std::uint32_t attempt() const noexcept { return raw_.attempt; }
    std::uint32_t index() const noexcept { return raw_.index; }
    std::chrono::microseconds at() const noexcept { return std::chrono::microseconds(raw_.at_us); }
    void *user_data() const noexcept { return raw_.user_data; }
    /// Whether this is the request's last event.
    bool terminal() const noexcept { return raw_.type >= LLM_EVENT_DONE; }
    /// Why the request failed; only of an ERROR event.
    error failure() const { return error(raw_.status, llm_error_from_event(&raw_)); }
    const llm_event &raw() const noexcept { return raw_; }

private:
    llm_event raw_;
};

/// What the library asks its host (docs/hooks.md): [hooks] in the configuration, and api_key = "ask".
class question {
public:
    explicit question(const llm_event &raw) noexcept : request_(raw.request), id_(raw.index), json_(raw.data, raw.len) {}

    llm_request request() const noexcept { return request_; }
    /// Its number within the request.
    std::uint32_t id() const noexcept { return id_; }
    /// "before", "token", "attempt" or "after".
    std::string kind() const { return json::text(json::member(json_, "kind")); }
    /// "provider/model".
    std::string target() const { return json::text(json::member(json_, "target")); }
    /// JSON of one of its members, such as "request" or "outcome"; empty if it has none.
    std::string_view member(std::string_view name) const { return json::member(json_, name); }
    /// All of it.
    std::string_view json_text() const noexcept { return json_; }

private:
    llm_request request_;
    std::uint32_t id_;
    std::string_view json_;
};

/// What a host answers: as it is, to go on.
struct reply {
    std::string json = "{}";
    llm_status status = LLM_OK;

    /// Sent instead of the request that a question "before" shows; JSON.
    static reply replace(std::string_view request) { return {"{\"request\":" + std::string(request) + "}"}; }
    /// The key of this attempt, for "token" and "attempt".
    static reply key(std::string_view key) { return {"{\"api_key\":" + json::quote(key) + "}"}; }
    /// A header of this attempt, for "attempt".
    static reply header(std::string_view name, std::string_view value)
    {
        return {"{\"headers\":{" + json::quote(name) + ":" + json::quote(value) + "}}"};
    }
    /// Ends the request with this status and these words.
    static reply refuse(std::string_view message, llm_status status = LLM_ERR_CANCELED)
    {
        return {"{\"message\":" + json::quote(message) + "}", status};
    }
};

/// Answers a question, once; LLM_ERR_INVALID_ARGUMENT for what does not fit, which leaves it open.
inline result<void> answer(const question &asked, const reply &said)
{
    const std::string id = "{\"id\":" + std::to_string(asked.id());
    const std::string json = said.json.size() <= 2 ? id + "}" : id + "," + said.json.substr(1);
    return detail::check(llm_answer(asked.request(), said.status, json.data(), json.size()));
}

using ask_handler = std::function<reply(const question &)>;

namespace detail {

/// Whether an event was a question that `handler` is there for, and has answered. What it throws ends the request and goes on.
inline bool answered(const std::shared_ptr<ask_handler> &handler, const llm_event &raw)
{
    if (raw.type != LLM_EVENT_ASK || !handler)
        return false;
    const question asked(raw);
#ifdef LLM_NO_EXCEPTIONS
    if (!answer(asked, (*handler)(asked)))
        (void)answer(asked, reply::refuse("the hook's reply does not fit the question", LLM_ERR_INVALID_ARGUMENT));
#else
    try {
        answer(asked, (*handler)(asked));
    } catch (const error &failed) {
        // A request that has ended meanwhile needs no reply.
        if (failed.status() != LLM_ERR_NOT_FOUND) {
            llm_answer(asked.request(), LLM_ERR_CANCELED, nullptr, 0);
            throw;
        }
    } catch (...) {
        llm_answer(asked.request(), LLM_ERR_CANCELED, nullptr, 0);
        throw;
    }
#endif
    return true;
}

} // namespace detail

/// A call that the model asks for; `arguments` is JSON once the answer is over.
struct tool_call {
    std::uint32_t choice = 0, index = 0;
    std::string id, name, arguments;
};

/// Puts tool calls together out of their events; whatever else it is given does not matter to it.
class tool_calls {
public:
    void add(const event &event)
    {
        if (event.type() == LLM_EVENT_ROUTE) {
            // Of a race whose answers all count nothing is void.
            if (json::member(event.data(), "voids") == "true")
                calls_.clear();
        } else if (event.type() == LLM_EVENT_TOOL_CALL) {
            calls_.push_back({event.choice(), event.index(), json::text(json::member(event.data(), "id")),
                              json::text(json::member(event.data(), "name")), {}});
        } else if (event.type() == LLM_EVENT_TOOL_ARGS) {
            for (tool_call &call : calls_)
                if (call.choice == event.choice() && call.index == event.index())
                    call.arguments += event.data();
        }
    }

    std::vector<tool_call>::const_iterator begin() const noexcept { return calls_.begin(); }
    std::vector<tool_call>::const_iterator end() const noexcept { return calls_.end(); }
    std::size_t size() const noexcept { return calls_.size(); }
    bool empty() const noexcept { return calls_.empty(); }
    const tool_call &operator[](std::size_t i) const noexcept { return calls_[i]; }

private:
    std::vector<tool_call> calls_;
};

// ---- Options ----------------------------------------------------------------------------------------------------------------------

/// Per-request options, set in a chain; what is not set is left to the client. A limit of 0 is the client's, a negative one is none.
class options {
public:
    using ms = std::chrono::milliseconds;

    /// Whose model it is; empty lets the request's model choose.
    options &provider(std::string name) { return set_text(provider_, std::move(name)); }
    /// "chat" unless set.
    options &operation(std::string name) { return set_text(operation_, std::move(name)); }
    /// For the whole request, retries included.
    options &timeout(ms limit) { return timeout_ = limit, *this; }
    /// Until the first delta; on expiry the next candidate is tried.
    options &first_token_timeout(ms limit) { return first_token_timeout_ = limit, *this; }
    /// Between two pieces of an answer.
    options &idle_timeout(ms limit) { return set("idle_timeout_ms", std::to_string(limit.count())); }

    /// Adds RAW events: the provider's own chunks.
    options &raw_chunks(bool on = true) { return flag(LLM_OPT_RAW, on); }
    /// One event per delta even when the consumer lags.
    options &no_coalesce(bool on = true) { return flag(LLM_OPT_NO_COALESCE, on); }
    /// Neither reads nor fills the cache.
    options &no_cache(bool on = true) { return flag(LLM_OPT_NO_CACHE, on); }
    /// Gives the whole text in the DONE event's message.
    options &message(bool on = true) { return flag(LLM_OPT_MESSAGE, on); }
    /// LLM_OPT_* by number, for those that this header does not name.
    options &flag(std::uint32_t bits, bool on = true) { return flags_ = on ? flags_ | bits : flags_ & ~bits, *this; }

    /// Over all targets.
    options &max_attempts(unsigned count) { return set("max_attempts", std::to_string(count)); }
    /// Asked when the request's own targets fail, in this order; models or aliases.
    options &fallbacks(std::initializer_list<std::string_view> models)
    {
        std::string list;
        for (const std::string_view model : models)
            list += (list.empty() ? "[" : ",") + json::quote(model);
        return set("fallbacks", list.empty() ? "[]" : list + "]");
    }
    /// What happens to an answer that is cut after its first item, such as "error".
    options &on_partial(std::string_view word) { return set("on_partial", json::quote(word)); }
    /// What happens to a parameter that a provider cannot take: "drop", "error" or "pass".
    options &unsupported(std::string_view word) { return set("unsupported", json::quote(word)); }
    /// Hold the request against what is known of the model before it is sent.
    options &check_limits(bool on = true) { return set("check_limits", on ? "true" : "false"); }
    /// Added to every attempt.
    options &header(std::string_view name, std::string_view value)
    {
        headers_ += (headers_.empty() ? "" : ",") + json::quote(name) + ":" + json::quote(value);
        return set("headers", "{" + headers_ + "}");
    }
    /// Another place for the first target's provider, which does not get its key.
    options &base_url(std::string_view url) { return set("base_url", json::quote(url)); }
    /// The key for that place, or for the first target's provider.
    options &api_key(std::string_view key) { return set("api_key", json::quote(key)); }
    /// Sent as `Idempotency-Key`.
    options &idempotency_key(std::string_view key) { return set("idempotency_key", json::quote(key)); }
    /// A JSON object that is merged into the request's body last.
    options &extra_body(std::string_view object) { return set("extra_body", object); }
    /// What the cache is to it: JSON of true, false, "refresh", or an object of `refresh`, `ttl`, `tags`, `key` and `semantic`.
    options &cache(std::string_view value) { return set("cache", value); }
    /// How the model's targets are chosen among, this once, such as "latency".
    options &strategy(std::string_view word) { return set("strategy", json::quote(word)); }
    /// A word that rules look at; more than one may be set.
    options &tag(std::string_view word)
    {
        tags_ += (tags_.empty() ? "" : ",") + json::quote(word);
        return set("tags", "[" + tags_ + "]");
    }
    /// Whose conversation it is: what should stay at one target does.
    options &session(std::string_view name) { return set("session", json::quote(name)); }
    /// On whose behalf it is made: rules, limits and budgets look at it.
    options &tenant(std::string_view name) { return set("tenant", json::quote(name)); }
    /// More that rules look at, by name.
    options &metadata(std::string_view name, std::string_view value)
    {
        metadata_ += (metadata_.empty() ? "" : ",") + json::quote(name) + ":" + json::quote(value);
        return set("metadata", "{" + metadata_ + "}");
    }
    /// The trace that it belongs to: the headers `traceparent` and `tracestate` of W3C Trace Context.
    options &trace(std::string_view parent, std::string_view state = {})
    {
        set("traceparent", json::quote(parent));
        return state.empty() ? *this : set("tracestate", json::quote(state));
    }
    /// Any other key of `options_json`; `value` is JSON.
    options &set(std::string_view key, std::string_view value)
    {
        const auto same = [&](const auto &pair) { return pair.first == key; };
        more_.erase(std::remove_if(more_.begin(), more_.end(), same), more_.end());
        more_.emplace_back(key, value);
        return *this;
    }

    /// The keys that have no field of their own in llm_options, as its `options_json`; empty if there are none.
    std::string json() const
    {
        std::string out;
        for (const auto &[key, value] : more_)
            out += (out.empty() ? "{" : ",") + json::quote(key) + ":" + value;
        return out.empty() ? out : out + "}";
    }

    /// The same for C. Lives as long as both arguments.
    llm_options raw(const std::string &json) const noexcept
    {
        llm_options raw{};
        raw.struct_size = sizeof raw;
        raw.flags = flags_;
        raw.provider = provider_.empty() ? nullptr : provider_.c_str();
        raw.timeout_ms = timeout_.count();
        raw.first_token_timeout_ms = first_token_timeout_.count();
        raw.operation = operation_.empty() ? nullptr : operation_.c_str();
        raw.options_json = json.empty() ? nullptr : json.c_str();
        return raw;
    }

private:
    options &set_text(std::string &field, std::string text) { return field = std::move(text), *this; }

    std::uint32_t flags_ = 0;
    std::string provider_, operation_, headers_, tags_, metadata_;
    ms timeout_{0}, first_token_timeout_{0};
    std::vector<std::pair<std::string, std::string>> more_;
};

// ---- Answers, requests, queues ----------------------------------------------------------------------------------------------------

/// A whole answer.
class response {
public:
    explicit response(llm_response *owned) noexcept : handle_(owned) {}

    /// Text of the first choice. Lives as long as this.
    std::string_view text() const noexcept { return read(llm_response_text); }
    /// An OpenAI-shaped chat completion, with usage, cost and route. Lives as long as this.
    std::string_view json() const noexcept { return read(llm_response_json); }

private:
    std::string_view read(const char *(*which)(const llm_response *, std::size_t *)) const noexcept
    {
        std::size_t len = 0;
        const char *data = which(handle_.get(), &len);
        return {data, len};
    }

    detail::handle<llm_response, llm_response_free> handle_;
};

/// Cancels a request from any thread; false if it has ended.
inline bool cancel(llm_request request) noexcept { return llm_cancel(request) == LLM_OK; }

/// Stops or resumes reading one request's stream; false if it has ended.
inline bool pause(llm_request request, bool on = true) noexcept { return llm_pause(request, on ? 1 : 0) == LLM_OK; }

/// Answers an ASK event; a status other than LLM_OK fails the request with it.
inline result<void> answer(llm_request request, std::string_view json, llm_status status = LLM_OK)
{
    return detail::check(llm_answer(request, status, json.data(), json.size()));
}

/// A request under way in a queue; cancelled when this goes away, which is harmless once it has ended.
class request {
public:
    request() noexcept = default;
    explicit request(llm_request number) noexcept : number_(number) {}
    request(request &&other) noexcept : number_(other.release()) {}
    request &operator=(request &&other) noexcept
    {
        request old(std::exchange(number_, other.release()));
        return *this;
    }
    ~request() { cancel(); }

    llm_request number() const noexcept { return number_; }
    bool cancel() noexcept { return number_ != 0 && ::llm::cancel(number_); }
    bool pause(bool on = true) noexcept { return number_ != 0 && ::llm::pause(number_, on); }
    /// Lets the request go on without this; its number.
    llm_request release() noexcept { return std::exchange(number_, 0); }

private:
    llm_request number_ = 0;
};

/// Where the events of any number of requests meet one consumer.
class queue {
public:
    /// `max_bytes` bounds what waits (0: 64 MiB).
    static result<queue> make(std::size_t max_bytes = 0)
    {
        llm_queue *owned = nullptr;
        const llm_status status = llm_queue_new(max_bytes, &owned);
        if (status != LLM_OK)
            return detail::fail<queue>(status);
        return queue(owned);
    }
#ifndef LLM_NO_EXCEPTIONS
    explicit queue(std::size_t max_bytes = 0) : queue(make(max_bytes)) {}
#endif

    /// Runs `f(const event &)` for each of up to 64 events, waiting for the first (negative: for ever); how many there were. What an
    /// exception of `f` leaves over comes first in the next poll, on top of its 64. LLM_ERR_CLOSED once closed and empty. Not from
    /// within `f`.
    template <class F> result<std::size_t> poll(F &&f, std::chrono::milliseconds timeout = std::chrono::milliseconds(-1))
    {
        std::size_t seen = hand_over(f);
        // Fewer than 64 tells the caller that nothing waits: what was left over of a full batch does not.
        if (seen != 0 && batch_->count < batch_max)
            return seen;
        const std::int32_t wait = seen != 0 ? 0 : detail::wait_ms(timeout);
        const std::int32_t count = llm_queue_poll(handle_.get(), batch_->events, batch_max, wait);
        batch_->next = 0;
        batch_->count = count > 0 ? static_cast<std::size_t>(count) : 0;
        if (count < 0 && seen == 0)
            return detail::fail<std::size_t>(static_cast<llm_status>(count));
        seen += hand_over(f);
        return seen;
    }

    /// A descriptor that is readable while events wait, for epoll and the like; not yours to read or close. Poll until fewer than
    /// 64 events come back.
    result<int> fd() const
    {
        const std::int32_t fd = llm_queue_fd(handle_.get());
        if (fd < 0)
            return detail::fail<int>(static_cast<llm_status>(fd));
        return static_cast<int>(fd);
    }

    /// Calls `wake` from a thread of the library when the queue is no longer empty; nothing: not any more. It must not throw, block
    /// or poll. On return the one before is not running and will not run again.
    result<void> on_wake(std::function<void()> wake)
    {
        auto next = wake ? std::make_unique<std::function<void()>>(std::move(wake)) : nullptr;
        const llm_status status = llm_queue_set_wake(handle_.get(), next ? run_wake : nullptr, next.get());
        if (status == LLM_OK)
            wake_ = std::move(next);
        return detail::check(status);
    }

    /// Makes the present or next poll return early; allowed in a signal handler.
    void wakeup() noexcept { llm_queue_wakeup(handle_.get()); }
    /// Refuses new requests and cancels those in flight; poll still hands over every terminal event.
    result<void> close() { return detail::check(llm_queue_close(handle_.get())); }
    llm_queue *get() const noexcept { return handle_.get(); }

    static constexpr std::size_t batch_max = 64;

private:
    struct batch {
        llm_event events[batch_max];
        std::size_t next = 0, count = 0;
    };

    explicit queue(llm_queue *owned) : handle_(owned), batch_(std::make_unique<batch>()) {}

    template <class F> std::size_t hand_over(F &f)
    {
        std::size_t seen = 0;
        for (batch &now = *batch_; now.next < now.count; seen++)
            f(event(now.events[now.next++]));
        return seen;
    }

    static void run_wake(void *ctx) noexcept { (*static_cast<std::function<void()> *>(ctx))(); }

    // Before the handle, so that it goes after it: until then it may be called.
    std::unique_ptr<std::function<void()>> wake_;
    detail::handle<llm_queue, llm_queue_free> handle_;
    std::unique_ptr<batch> batch_;
};

namespace detail {

template <class Item> inline constexpr bool wants_text = std::is_same_v<Item, std::string_view>;

/// One request and the queue of its own that it is read from.
template <class Item> class stream_state {
public:
    stream_state(queue own, llm_request number) : queue_(std::move(own)), request_(number) {}

    /// To the next item; false after the last.
    bool advance()
    {
        item_.reset();
        while (!over_) {
            if (next_ == count_ && !fill())
                return false;
            const llm_event &raw = events_[next_++];
            if (answered(on_ask, raw))
                continue;
            if (raw.type == LLM_EVENT_ERROR) {
                over_ = true;
                stop(error(raw.status, llm_error_from_event(&raw)));
                return false;
            }
            if (raw.type == LLM_EVENT_DONE) {
                over_ = true;
                summary_.assign(raw.data, raw.len);
            }
            if constexpr (!wants_text<Item>)
                return item_.emplace(raw), true;
            else if (raw.type == LLM_EVENT_TEXT && raw.choice == choice)
                return item_.emplace(raw.data, raw.len), true;
        }
        return false;
    }

    const Item &item() const noexcept { return *item_; }
    bool has_item() const noexcept { return item_.has_value(); }
    request &own_request() noexcept { return request_; }
    std::string_view summary() const noexcept { return summary_; }
    const error *failure() const noexcept { return failure_ ? &*failure_ : nullptr; }
    std::shared_ptr<void> on_stop;
    std::shared_ptr<ask_handler> on_ask;
    std::uint32_t choice = 0;

private:
    bool fill()
    {
        std::int32_t count = 0;
        while (count == 0) // a signal handler ran
            count = llm_queue_poll(queue_.get(), events_, batch_max, -1);
        if (count < 0) {
            over_ = true;
            stop(error(static_cast<llm_status>(count)));
            return false;
        }
        next_ = 0;
        count_ = static_cast<std::size_t>(count);
        return true;
    }

    void stop(error failure)
    {
        failure_.emplace(std::move(failure));
#ifndef LLM_NO_EXCEPTIONS
        throw *failure_;
#endif
    }

    static constexpr std::size_t batch_max = 16;

    queue queue_;
    request request_; // cancelled before the queue goes
    llm_event events_[batch_max];
    std::size_t next_ = 0, count_ = 0;
    bool over_ = false;
    std::optional<Item> item_;
    std::optional<error> failure_;
    std::string summary_;
};

} // namespace detail

/// A request to loop over, once, as its items arrive; leaving the loop early, or dropping the stream, cancels the request. An error
/// ends the loop: as an exception, or without exceptions in failure().
template <class Item> class basic_stream {
public:
    struct sentinel {};

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Item;
        using difference_type = std::ptrdiff_t;
        using pointer = const Item *;
        using reference = const Item &;

        iterator() noexcept = default;
        reference operator*() const noexcept { return state_->item(); }
        pointer operator->() const noexcept { return &state_->item(); }
        iterator &operator++()
        {
            if (!state_->advance())
                state_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }

        friend bool operator==(const iterator &at, sentinel) noexcept { return !at.state_; }
        friend bool operator==(sentinel, const iterator &at) noexcept { return !at.state_; }
        friend bool operator!=(const iterator &at, sentinel) noexcept { return at.state_; }
        friend bool operator!=(sentinel, const iterator &at) noexcept { return at.state_; }

    private:
        friend basic_stream;
        explicit iterator(detail::stream_state<Item> *state) noexcept : state_(state) {}

        detail::stream_state<Item> *state_ = nullptr;
    };

    /// Waits for the first item; after a loop that was left, the item it was left at.
    iterator begin() { return state_->has_item() || state_->advance() ? iterator(state_.get()) : iterator(); }
    sentinel end() const noexcept { return {}; }

    /// From any thread; the loop then ends with LLM_ERR_CANCELED.
    bool cancel() noexcept { return state_->own_request().cancel(); }
    /// Stops or resumes reading; what has arrived is still handed over.
    bool pause(bool on = true) noexcept { return state_->own_request().pause(on); }
    llm_request number() const noexcept { return state_->own_request().number(); }

    /// JSON of the DONE event, after the last item: finish reasons, usage, cost, attempts; empty before. Lives as long as this.
    std::string_view summary() const noexcept { return state_->summary(); }
    /// Why the loop ended early; null if it did not.
    const error *failure() const noexcept { return state_->failure(); }

    /// Whose text it is, of several answers; before the loop. Without this it is choice 0's alone. Events are everybody's in any case.
    void choice(std::uint32_t number) noexcept { state_->choice = number; }

    /// The rest of the text, to its end; of that choice.
    result<std::string> read_all()
    {
        std::string text;
        for (const Item &item : *this) {
            if constexpr (detail::wants_text<Item>)
                text += item;
            else if (item.type() == LLM_EVENT_TEXT && item.choice() == state_->choice)
                text += item.data();
        }
#ifdef LLM_NO_EXCEPTIONS
        if (failure())
            return *failure();
#endif
        return text;
    }

private:
    friend class client;
    explicit basic_stream(std::unique_ptr<detail::stream_state<Item>> state) noexcept : state_(std::move(state)) {}

    std::unique_ptr<detail::stream_state<Item>> state_;
};

/// Every event, the DONE event last.
using event_stream = basic_stream<event>;
/// The pieces of one choice's text, and nothing else.
using text_stream = basic_stream<std::string_view>;

namespace detail {

/// Whether to go on: lambdas may answer with a bool or with nothing.
template <class F, class... A> bool go_on(F &f, A &&...a)
{
    if constexpr (std::is_void_v<std::invoke_result_t<F &, A...>>) {
        f(std::forward<A>(a)...);
        return true;
    } else {
        return static_cast<bool>(f(std::forward<A>(a)...));
    }
}

template <class F>
inline constexpr bool takes_items = std::is_invocable_v<F &, const event &> || std::is_invocable_v<F &, std::string_view>;

/// A lambda on its way through C, which no exception may cross.
template <class F> struct call {
    F &f;
    const std::shared_ptr<ask_handler> &on_ask;
    std::exception_ptr thrown{};

    static int run(const llm_event *raw, void *ctx) noexcept
    {
        call &self = *static_cast<call *>(ctx);
        const auto once = [&] {
            if (answered(self.on_ask, *raw))
                return true;
            if constexpr (std::is_invocable_v<F &, const event &>)
                return go_on(self.f, event(*raw));
            else
                return raw->type != LLM_EVENT_TEXT || raw->choice != 0 || go_on(self.f, std::string_view(raw->data, raw->len));
        };
#ifdef LLM_NO_EXCEPTIONS
        return once() ? 0 : 1;
#else
        try {
            return once() ? 0 : 1;
        } catch (...) {
            self.thrown = std::current_exception();
            return 1;
        }
#endif
    }
};

} // namespace detail

// ---- The client -------------------------------------------------------------------------------------------------------------------

/// Providers, keys, routes, connections. Make one and share it between threads.
class client {
public:
    /// JSON, TOML, or "@PATH"; "{}" reads the environment.
    static result<client> make(std::string_view config = "{}")
    {
        if (llm_abi_version() != LLM_ABI_VERSION)
            return detail::fail<client>(LLM_ERR_UNSUPPORTED);
        llm_client *owned = nullptr;
        llm_error *failure = nullptr;
        const llm_status status = llm_client_new(config.data(), config.size(), &owned, &failure);
        if (status != LLM_OK)
            return detail::fail<client>(status, failure);
        return client(owned);
    }
#ifndef LLM_NO_EXCEPTIONS
    explicit client(std::string_view config = "{}") : client(make(config)) {}
#endif

    /// Replaces keys, routes and limits; requests in flight keep theirs.
    result<void> reload(std::string_view config = "{}")
    {
        llm_error *failure = nullptr;
        const llm_status status = llm_client_reload(handle_.get(), config.data(), config.size(), &failure);
        return detail::check(status, failure);
    }

    /// Answers what the configuration has the library ask (docs/hooks.md), on the thread that reads a stream or dispatches a loop; of
    /// requests that begin later. Not of complete(), which asks nothing, nor of submit(), whose queue hands questions over: answer().
    client &on_ask(ask_handler handler)
    {
        on_ask_ = handler ? std::make_shared<ask_handler>(std::move(handler)) : nullptr;
        return *this;
    }

    /// Waits for the whole answer.
    result<response> complete(std::string_view request, const options &options = {}) const
    {
        const std::string more = options.json();
        const llm_options raw = options.raw(more);
        llm_response *owned = nullptr;
        llm_error *failure = nullptr;
        const llm_status status = llm_complete(handle_.get(), request.data(), request.size(), &raw, &owned, &failure);
        if (status != LLM_OK)
            return detail::fail<response>(status, failure);
        return response(owned);
    }

    /// Whatever else is asked (docs/operations.md): "rerank", "models", "count_tokens", "explain", "moderation", "images", "speech",
    /// "transcription", "cache.invalidate", "warm" .. The answer's json() is what the operation says; bytes are in base64 there, with
    /// their `media_type`.
    result<response> ask(std::string_view operation, std::string_view request = "{}", const options &options = {}) const
    {
        auto wishes = options;
        wishes.operation(std::string(operation));
        return complete(request, wishes);
    }

    /// Vectors of texts, in their order. What else may be said of them, and other answers than numbers, are ask("embeddings")'s.
    template <class Texts = std::initializer_list<std::string_view>>
    result<std::vector<std::vector<float>>> embed(std::string_view model, const Texts &texts, const options &options = {}) const
    {
        std::string input;
        for (const std::string_view text : texts)
            input += (input.empty() ? "[" : ",") + json::quote(text);
        auto wishes = options;
        wishes.operation("embeddings");
        const auto answer =
            complete("{\"model\":" + json::quote(model) + ",\"input\":" + (input.empty() ? "[" : input) + "]}", wishes);
        std::vector<std::vector<float>> vectors;
#ifdef LLM_NO_EXCEPTIONS
        if (!answer)
            return answer.error();
        const std::string_view said = answer->json();
#else
        const std::string_view said = answer.json();
#endif
        if (!detail::read(said, vectors))
            return detail::fail<std::vector<std::vector<float>>>(LLM_ERR_PROTOCOL);
        return vectors;
    }

    /// A request to loop over, event by event: `for (const llm::event &event : client.stream(request))`.
    result<event_stream> stream(std::string_view request, const options &options = {}) const { return open<event>(request, options); }
    /// A request to loop over, piece by piece of the text of choice 0, or of another (basic_stream::choice):
    /// `for (std::string_view piece : client.stream_text(request))`.
    result<text_stream> stream_text(std::string_view request, const options &options = {}) const
    {
        return open<std::string_view>(request, options);
    }
#ifdef __cpp_lib_jthread
    /// The same, cancelled when `stop` is requested: the loop then ends with LLM_ERR_CANCELED.
    result<event_stream> stream(std::string_view request, std::stop_token stop, const options &options = {}) const
    {
        return stopped_by(std::move(stop), stream(request, options));
    }
    result<text_stream> stream_text(std::string_view request, std::stop_token stop, const options &options = {}) const
    {
        return stopped_by(std::move(stop), stream_text(request, options));
    }
#endif

    /// Runs `f` for each event (`const llm::event &`) or for each piece of choice 0's text (`std::string_view`), on this thread, and
    /// returns after the last. False from `f` cancels, which is LLM_ERR_CANCELED. An exception of `f` cancels and goes on from here.
    template <class F, std::enable_if_t<detail::takes_items<F>, int> = 0>
    result<void> stream(std::string_view request, F &&f, const options &options = {}) const
    {
        using call = detail::call<std::remove_reference_t<F>>;
        const std::string more = options.json();
        const llm_options raw = options.raw(more);
        llm_error *failure = nullptr;
        call on{f, on_ask_};
        const llm_status status = llm_stream(handle_.get(), request.data(), request.size(), &raw, call::run, &on, &failure);
#ifndef LLM_NO_EXCEPTIONS
        if (on.thrown) {
            llm_error_free(failure);
            std::rethrow_exception(on.thrown);
        }
#endif
        return detail::check(status, failure);
    }

    /// Starts a request whose events go to `queue`. `user_data` comes back in each of them, the last included, also when the handle
    /// that this returns has gone and cancelled it.
    [[nodiscard]] result<::llm::request> submit(const queue &queue, std::string_view request, const options &options = {},
                                                void *user_data = nullptr) const
    {
        const std::string more = options.json();
        const llm_options raw = options.raw(more);
        llm_request number = 0;
        llm_error *failure = nullptr;
        const llm_status status =
            llm_submit(handle_.get(), queue.get(), request.data(), request.size(), &raw, user_data, &number, &failure);
        if (status != LLM_OK)
            return detail::fail<::llm::request>(status, failure);
        return ::llm::request(number);
    }

    /// The same for a request in HTTP's words, answered in its own dialect; `headers` is a JSON array of [name, value] pairs, or empty.
    [[nodiscard]] result<::llm::request> submit_http(const queue &queue, const std::string &method, const std::string &url,
                                                     const std::string &headers, std::string_view body, const options &options = {},
                                                     void *user_data = nullptr) const
    {
        const std::string more = options.json();
        const llm_options raw = options.raw(more);
        llm_http_request http{};
        http.struct_size = sizeof http;
        http.method = method.c_str();
        http.url = url.c_str();
        http.headers_json = headers.empty() ? nullptr : headers.c_str();
        http.body = body.data();
        http.body_len = body.size();
        llm_request number = 0;
        llm_error *failure = nullptr;
        const llm_status status = llm_submit_http(handle_.get(), queue.get(), &http, &raw, user_data, &number, &failure);
        if (status != LLM_OK)
            return detail::fail<::llm::request>(status, failure);
        return ::llm::request(number);
    }

    /// Refuses new requests and waits for those in flight; cancels what is left after `timeout` (negative: waits for ever).
    result<void> drain(std::chrono::milliseconds timeout) { return detail::check(llm_client_drain(handle_.get(), detail::wait_ms(timeout))); }

    /// Counters and histograms as text, LLM_METRICS_JSON or LLM_METRICS_PROMETHEUS.
    result<std::string> metrics(std::int32_t format = LLM_METRICS_JSON) const
    {
        std::size_t len = 0;
        const detail::handle<char, llm_string_free> owned(llm_client_metrics(handle_.get(), format, &len));
        if (!owned)
            return detail::fail<std::string>(LLM_ERR_INTERNAL);
        return std::string(owned.get(), len);
    }

    llm_client *get() const noexcept { return handle_.get(); }

private:
    explicit client(llm_client *owned) noexcept : handle_(owned) {}

    template <class Item> result<basic_stream<Item>> open(std::string_view request, const options &options) const
    {
        using state = detail::stream_state<Item>;
        result<queue> own = queue::make();
#ifdef LLM_NO_EXCEPTIONS
        if (!own)
            return own.error();
        result<::llm::request> number = submit(*own, request, options);
        if (!number)
            return number.error();
        auto made = std::make_unique<state>(std::move(*own), number->release());
        made->on_ask = on_ask_;
        return basic_stream<Item>(std::move(made));
#else
        const llm_request number = submit(own, request, options).release();
        auto made = std::make_unique<state>(std::move(own), number);
        made->on_ask = on_ask_;
        return basic_stream<Item>(std::move(made));
#endif
    }

#ifdef __cpp_lib_jthread
    template <class Item> static void attach(std::stop_token stop, basic_stream<Item> &stream)
    {
        const auto on_stop = [number = stream.number()]() noexcept { ::llm::cancel(number); };
        stream.state_->on_stop = std::make_shared<std::stop_callback<decltype(on_stop)>>(std::move(stop), on_stop);
    }
    template <class Item> static basic_stream<Item> stopped_by(std::stop_token stop, basic_stream<Item> stream)
    {
        attach(std::move(stop), stream);
        return stream;
    }
    template <class Item> static expected<basic_stream<Item>> stopped_by(std::stop_token stop, expected<basic_stream<Item>> stream)
    {
        if (stream)
            attach(std::move(stop), *stream);
        return stream;
    }
#endif

    friend class loop;

    std::shared_ptr<ask_handler> on_ask_;
    detail::handle<llm_client, llm_client_free> handle_;
};

// ---- Event loops ------------------------------------------------------------------------------------------------------------------

/// Any number of requests in an event loop, each with a handler of its own, on the loop's one thread: watch fd() (or on_wake() of the
/// queue), call dispatch() when it is readable. Handlers may submit and cancel.
class loop {
public:
    using handler = std::function<void(const event &)>;

    /// `max_bytes` as for queues.
    static result<loop> make(std::size_t max_bytes = 0)
    {
#ifdef LLM_NO_EXCEPTIONS
        result<::llm::queue> own = ::llm::queue::make(max_bytes);
        if (!own)
            return own.error();
        return loop(std::move(*own));
#else
        return loop(::llm::queue::make(max_bytes));
#endif
    }
#ifndef LLM_NO_EXCEPTIONS
    explicit loop(std::size_t max_bytes = 0) : loop(make(max_bytes)) {}
#endif

    /// Starts a request. Its handler sees every event, the terminal one last, and is destroyed after that. The number is for cancel().
    result<llm_request> submit(const client &client, std::string_view request, handler on_event, const options &options = {})
    {
        tasks_->push_back({std::move(on_event), client.on_ask_, {}});
        const auto own = std::prev(tasks_->end());
        own->self = own;
        scope starting{*tasks_, own};
        result<::llm::request> started = client.submit(queue_, request, options, &*own);
#ifdef LLM_NO_EXCEPTIONS
        if (!started)
            return started.error();
        starting.keep = true;
        return started->release();
#else
        starting.keep = true;
        return started.release();
#endif
    }

    result<int> fd() const { return queue_.fd(); }
    ::llm::queue &queue() noexcept { return queue_; }
    /// Requests whose terminal event has not been handled.
    std::size_t live() const noexcept { return tasks_->size(); }

    /// Runs the handlers of all that waits, after waiting up to `timeout` for the first event; how many events. An exception of a
    /// handler goes on, and the events behind it stay for the next dispatch.
    result<std::size_t> dispatch(std::chrono::milliseconds timeout = std::chrono::milliseconds(0))
    {
        const auto hand_over = [this](const event &event) {
            task &own = *static_cast<task *>(event.user_data());
            // After its terminal event a task goes, also when its handler throws.
            const scope handling{*tasks_, own.self, !event.terminal()};
            if (!detail::answered(own.on_ask, event.raw()))
                own.on_event(event);
        };
        std::size_t seen = 0, more = ::llm::queue::batch_max;
        for (; more >= ::llm::queue::batch_max; timeout = std::chrono::milliseconds(0)) {
            const auto polled = queue_.poll(hand_over, timeout);
#ifdef LLM_NO_EXCEPTIONS
            if (!polled)
                return polled.error();
            more = *polled;
#else
            more = polled;
#endif
            seen += more;
        }
        return seen;
    }

    /// Dispatches until no request is under way.
    result<void> run()
    {
        while (live() > 0) {
#ifdef LLM_NO_EXCEPTIONS
            if (const auto seen = dispatch(std::chrono::milliseconds(-1)); !seen)
                return seen.error();
#else
            dispatch(std::chrono::milliseconds(-1));
#endif
        }
        return result<void>();
    }

private:
    struct task {
        handler on_event;
        std::shared_ptr<ask_handler> on_ask;
        std::list<task>::iterator self;
    };
    /// Takes a task out of the list at the end of its scope, unless it is to be kept.
    struct scope {
        std::list<task> &tasks;
        typename std::list<task>::iterator which;
        bool keep = false;
        ~scope()
        {
            if (!keep)
                tasks.erase(which);
        }
    };

    explicit loop(::llm::queue own) : tasks_(std::make_unique<std::list<task>>()), queue_(std::move(own)) {}

    // Before the queue, so that they go after it: until then its events name them.
    std::unique_ptr<std::list<task>> tasks_;
    ::llm::queue queue_;
};

// ---- The library ------------------------------------------------------------------------------------------------------------------

/// Such as "0.1.0 (rustls; linux-x86_64)".
inline std::string_view version() noexcept { return llm_version(); }

/// Level, target and line; runs on any thread, must not block or throw.
using log_sink = std::function<void(std::int32_t level, std::string_view target, std::string_view message)>;

/// Sends the library's log to `sink` up to `level`, process-wide; LLM_LOG_OFF and nothing end it. Not from within a sink.
inline result<void> log(std::int32_t level, log_sink sink)
{
    // Never destroyed at exit: threads of the library may log until the very end.
    static std::mutex &guard = *new std::mutex;
    static log_sink *present = nullptr;
    const std::lock_guard<std::mutex> lock(guard);
    auto next = sink ? std::make_unique<log_sink>(std::move(sink)) : nullptr;
    const llm_log_fn run = [](std::int32_t at, const char *target, const char *message, std::size_t len, void *ctx) noexcept {
        (*static_cast<log_sink *>(ctx))(at, target, std::string_view(message, len));
    };
    const llm_status status = llm_log_set(level, next ? run : nullptr, next.get());
    if (status == LLM_OK)
        delete std::exchange(present, next.release());
    return detail::check(status);
}

/// The same, as LOG events in `queue`.
inline result<void> log(std::int32_t level, const queue &queue) { return detail::check(llm_log_to_queue(level, queue.get())); }

/// Joins the library's threads once every client is gone, so that leak checkers see a clean exit. Optional.
inline result<void> shutdown(std::chrono::milliseconds timeout) { return detail::check(llm_shutdown(detail::wait_ms(timeout))); }

} // inline namespace
} // namespace llm

#undef LLM_MODE
#endif // LLM_HPP
