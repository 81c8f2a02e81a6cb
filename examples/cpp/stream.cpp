// Streams one answer in a loop, then asks eight times at once from one thread.   usage: stream [MODEL]
#include <llm.hpp>
#include <iostream>

int main(int argc, char **argv)
try {
    const llm::client client; // LLM_CONFIG, or the keys in the environment
    const std::string request = llm::prompt("Say hello in one sentence.", argc > 1 ? argv[1] : "");

    // Event by event. `break` would cancel; an error of the provider is an exception.
    std::chrono::microseconds first{0}, all{0};
    for (const llm::event &event : client.stream(request, llm::options().timeout(std::chrono::seconds(60)))) {
        if (event.type() == LLM_EVENT_ROUTE)
            std::cerr << "route: " << event.data() << '\n'; // after a fallback: what was tried before
        if (event.type() == LLM_EVENT_TEXT) {
            first = first.count() ? first : event.at();
            std::cout << event.data() << std::flush;
        }
        all = event.at();
    }
    std::cerr << "\nfirst token after " << double(first.count()) / 1e3 << " ms, all after " << double(all.count()) / 1e3 << " ms\n";

    // Many at once, each with a handler of its own; run() could as well be dispatch() in an event loop that watches fd().
    llm::loop loop;
    int done = 0;
    for (int i = 0; i < 8; i++)
        loop.submit(client, request, [&](const llm::event &event) { done += event.type() == LLM_EVENT_DONE; });
    loop.run();
    std::cerr << done << " streams done\n";
} catch (const llm::error &failure) {
    std::cerr << failure.name() << ": " << failure.what() << '\n';
    return 1;
}
