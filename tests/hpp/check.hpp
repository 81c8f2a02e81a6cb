// What the tests of llm.hpp share: one line for each test, and the scripted provider that the suite started.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <llm.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

inline int failures = 0;
inline bool passing = true;

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            std::printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);      \
            passing = false;                                                   \
        }                                                                      \
    } while (false)

/// Runs one test, whose name is a sentence.
template <class F> void test(const char *name, F &&f)
{
    passing = true;
    f();
    std::printf("%s %s\n", passing ? "ok" : "not ok", name);
    std::fflush(stdout);
    failures += !passing;
}

/// The address of the scripted provider, as `http://127.0.0.1:PORT`.
inline std::string origin()
{
    const char *mock = std::getenv("MOCK");
    if (!mock) {
        std::printf("not ok MOCK: no scripted provider\n");
        std::exit(1);
    }
    return mock;
}

/// A configuration that knows it as provider `m`.
inline std::string config()
{
    return R"({"default_model":"mock/echo","providers":{"m":{"wire":"openai_chat","base_url":")" + origin() + R"(/v1","auth":"none"}}})";
}

/// The provider's answer to a request for one of its own pages.
inline std::string mock_page(const std::string &method, const std::string &path)
{
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(static_cast<std::uint16_t>(std::stoi(origin().substr(origin().rfind(':') + 1))));
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int s = socket(AF_INET, SOCK_STREAM, 0);
    std::string answer;
    if (connect(s, reinterpret_cast<sockaddr *>(&place), sizeof place) == 0) {
        const std::string request = method + " " + path + " HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n";
        char bytes[4096];
        if (send(s, request.data(), request.size(), MSG_NOSIGNAL) > 0)
            for (ssize_t n; (n = recv(s, bytes, sizeof bytes, 0)) > 0;)
                answer.append(bytes, static_cast<std::size_t>(n));
    }
    close(s);
    return answer.substr(std::min(answer.find("\r\n\r\n"), answer.size()));
}

/// Whether a number of the provider's /stats comes to what is wanted, within ten seconds.
inline bool mock_reaches(std::string_view name, long wanted)
{
    for (int i = 0; i < 500; i++) {
        const std::string page = mock_page("GET", "/stats");
        const std::string_view value = llm::json::member(std::string_view(page).substr(std::min(page.find('{'), page.size())), name);
        if (!value.empty() && std::atol(std::string(value).c_str()) == wanted)
            return true;
        usleep(20000);
    }
    return false;
}

#endif
