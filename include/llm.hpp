// llm.hpp - libllm for C++17: handles that free themselves, exceptions instead of codes, lambdas instead of callbacks.
//
// Header only, over llm.h, whose rules hold: any thread may call anything; text is UTF-8. A lambda may throw: the request is
// cancelled, and the exception goes on from the call that ran it. Nothing here runs on another thread than the caller's.
// SPDX-License-Identifier: Apache-2.0 OR MIT
#ifndef LLM_HPP
#define LLM_HPP

#include "llm.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace llm {

/// A failed call, or the ERROR event of a request.
class error : public std::runtime_error {
public:
    error(llm_status status, const std::string &message) : std::runtime_error(message), status_(status) {}

    /// Takes over what a call gave, which may be nothing.
    error(llm_status status, llm_error *owned)
        : std::runtime_error(owned ? llm_error_message(owned, nullptr) : llm_status_name(status)),
          status_(status),
          owned_(owned, llm_error_free)
    {
    }

    llm_status status() const noexcept { return status_; }
    /// The provider's HTTP status; 0 if there was no answer.
    int http_status() const noexcept { return owned_ ? llm_error_http_status(owned_.get()) : 0; }
    /// Negative if retrying is pointless or nothing is known.
    std::chrono::milliseconds retry_after() const noexcept
    {
        return std::chrono::milliseconds(owned_ ? llm_error_retry_after_ms(owned_.get()) : -1);
    }
    /// Everything known, attempts included.
    std::string_view json() const noexcept
    {
        std::size_t len = 0;
        const char *data = llm_error_json(owned_.get(), &len);
        return {data, len};
    }

private:
    llm_status status_;
    std::shared_ptr<llm_error> owned_; // exceptions are copied
};

/// One event; its data is lent until the lambda returns, or until the queue's next poll.
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
    error failure() const { return {raw_.status, llm_error_from_event(&raw_)}; }
    const llm_event &raw() const noexcept { return raw_; }

private:
    const llm_event &raw_;
};

/// Per-request options; what is not set is left to the client.
struct options {
    std::uint32_t flags = 0; ///< LLM_OPT_*
    std::string provider;
    std::chrono::milliseconds timeout{0};             ///< 0: the client's; negative: none
    std::chrono::milliseconds first_token_timeout{0}; ///< 0: the client's
    std::string operation;
    std::string json; ///< everything cold, as in llm_options.options_json

    /// The same for C, pointing into this.
    llm_options raw() const noexcept
    {
        llm_options raw{};
        raw.struct_size = sizeof raw;
        raw.flags = flags;
        raw.provider = provider.empty() ? nullptr : provider.c_str();
        raw.timeout_ms = timeout.count();
        raw.first_token_timeout_ms = first_token_timeout.count();
        raw.operation = operation.empty() ? nullptr : operation.c_str();
        raw.options_json = json.empty() ? nullptr : json.c_str();
        return raw;
    }
};

namespace detail {

template <auto Free> struct deleter {
    template <class T> void operator()(T *handle) const noexcept { Free(handle); }
};
template <class T, auto Free> using handle = std::unique_ptr<T, deleter<Free>>;

inline void check(llm_status status, llm_error *failure)
{
    if (status != LLM_OK)
        throw error(status, failure);
}

inline void check(llm_status status)
{
    if (status != LLM_OK)
        throw error(status, nullptr);
}

/// A wait as C takes it; longer than 24 days is 24 days.
inline std::int32_t wait_ms(std::chrono::milliseconds wait) noexcept
{
    return wait.count() < 0 ? -1 : wait.count() > INT32_MAX ? INT32_MAX : static_cast<std::int32_t>(wait.count());
}

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

/// A lambda on its way through C, which no exception may cross.
template <class F> struct call {
    F &f;
    std::exception_ptr thrown{};

    static int run(const llm_event *raw, void *ctx) noexcept
    {
        call &self = *static_cast<call *>(ctx);
        try {
            if constexpr (std::is_invocable_v<F &, const event &>)
                return go_on(self.f, event(*raw)) ? 0 : 1;
            else
                return raw->type != LLM_EVENT_TEXT || go_on(self.f, std::string_view(raw->data, raw->len)) ? 0 : 1;
        } catch (...) {
            self.thrown = std::current_exception();
            return 1;
        }
    }
};

} // namespace detail

/// A whole answer.
class response {
public:
    explicit response(llm_response *owned) noexcept : handle_(owned) {}

    /// Text of the first choice.
    std::string_view text() const noexcept { return read(llm_response_text); }
    /// An OpenAI-shaped chat completion, with usage, cost and route.
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

/// Where the events of any number of requests meet one consumer.
class queue {
public:
    /// `max_bytes` bounds what waits (0: 64 MiB).
    explicit queue(std::size_t max_bytes = 0)
    {
        llm_queue *owned = nullptr;
        detail::check(llm_queue_new(max_bytes, &owned));
        handle_.reset(owned);
    }

    /// Runs `f(const event &)` for each of up to 64 events, waiting for the first (negative: for ever); how many there were. An
    /// exception of `f` goes on, and the rest of the batch is lost. Throws LLM_ERR_CLOSED once closed and empty.
    template <class F> std::size_t poll(F &&f, std::chrono::milliseconds timeout = std::chrono::milliseconds(-1))
    {
        llm_event events[64];
        const std::int32_t count = llm_queue_poll(handle_.get(), events, 64, detail::wait_ms(timeout));
        if (count < 0)
            detail::check(static_cast<llm_status>(count));
        for (std::int32_t i = 0; i < count; i++)
            f(event(events[i]));
        return static_cast<std::size_t>(count);
    }

    /// A descriptor that is readable while events wait, for epoll and the like; not yours to read or close.
    int fd() const
    {
        const std::int32_t fd = llm_queue_fd(handle_.get());
        if (fd < 0)
            detail::check(static_cast<llm_status>(fd));
        return fd;
    }

    /// Makes the present or next poll return early; allowed in a signal handler.
    void wakeup() noexcept { llm_queue_wakeup(handle_.get()); }
    /// Refuses new requests and cancels those in flight; poll still hands over every terminal event.
    void close() { detail::check(llm_queue_close(handle_.get())); }
    llm_queue *get() const noexcept { return handle_.get(); }

private:
    detail::handle<llm_queue, llm_queue_free> handle_;
};

/// Providers, keys, routes, connections. Make one and share it.
class client {
public:
    /// JSON, TOML, or "@PATH"; "{}" reads the environment.
    explicit client(std::string_view config = "{}")
    {
        llm_client *owned = nullptr;
        llm_error *failure = nullptr;
        detail::check(llm_client_new(config.data(), config.size(), &owned, &failure), failure);
        handle_.reset(owned);
    }

    /// Replaces keys, routes and limits; requests in flight keep theirs.
    void reload(std::string_view config = "{}")
    {
        llm_error *failure = nullptr;
        detail::check(llm_client_reload(handle_.get(), config.data(), config.size(), &failure), failure);
    }

    /// Waits for the whole answer.
    response complete(std::string_view request, const options &options = {}) const
    {
        const llm_options raw = options.raw();
        llm_response *owned = nullptr;
        llm_error *failure = nullptr;
        detail::check(llm_complete(handle_.get(), request.data(), request.size(), &raw, &owned, &failure), failure);
        return response(owned);
    }

    /// Runs `f` for each event (`const llm::event &`) or for each piece of text (`std::string_view`), on this thread, and returns
    /// after the last. False from `f` cancels, which throws LLM_ERR_CANCELED.
    template <class F> void stream(std::string_view request, F &&f, const options &options = {}) const
    {
        using call = detail::call<std::remove_reference_t<F>>;
        const llm_options raw = options.raw();
        llm_error *failure = nullptr;
        call on{f};
        const llm_status status =
            llm_stream(handle_.get(), request.data(), request.size(), &raw, call::run, &on, &failure);
        if (on.thrown) {
            llm_error_free(failure);
            std::rethrow_exception(on.thrown);
        }
        detail::check(status, failure);
    }

    /// Starts a request whose events go to `queue`; its number.
    llm_request submit(queue &queue, std::string_view request, const options &options = {}, void *user_data = nullptr) const
    {
        const llm_options raw = options.raw();
        llm_request number = 0;
        llm_error *failure = nullptr;
        detail::check(llm_submit(handle_.get(), queue.get(), request.data(), request.size(), &raw, user_data, &number, &failure),
                      failure);
        return number;
    }

    /// Refuses new requests and waits for those in flight; cancels what is left after `timeout` (negative: waits for ever).
    void drain(std::chrono::milliseconds timeout)
    {
        detail::check(llm_client_drain(handle_.get(), detail::wait_ms(timeout)));
    }

    llm_client *get() const noexcept { return handle_.get(); }

private:
    detail::handle<llm_client, llm_client_free> handle_;
};

/// Cancels a request from any thread; false if it has ended.
inline bool cancel(llm_request request) noexcept
{
    return llm_cancel(request) == LLM_OK;
}

/// Stops or resumes reading one request's stream; false if it has ended.
inline bool pause(llm_request request, bool on) noexcept
{
    return llm_pause(request, on ? 1 : 0) == LLM_OK;
}

} // namespace llm

#endif // LLM_HPP
