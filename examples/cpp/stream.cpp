// Streams one answer, then waits for a whole one; lambdas and exceptions instead of callbacks and codes.   usage: stream [MODEL]
#include <llm.hpp>
#include <chrono>
#include <iostream>

int main(int argc, char **argv)
try {
    using clock = std::chrono::steady_clock;
    const std::string model = argc > 1 ? "\"model\":\"" + std::string(argv[1]) + "\"," : "";
    const std::string request = "{" + model + R"("messages":[{"role":"user","content":"Say hello in one sentence."}]})";

    llm::client client; // LLM_CONFIG, or the keys in the environment
    const auto start = clock::now();
    bool first = true;
    client.stream(request, [&](std::string_view token) {
        if (std::exchange(first, false))
            std::cerr << "first token after " << std::chrono::duration<double, std::milli>(clock::now() - start).count() << " ms\n";
        std::cout << token << std::flush;
    });
    std::cout << '\n';

    llm::options options;
    options.timeout = std::chrono::seconds(30);
    const llm::response response = client.complete(request, options);
    std::cout << response.text() << '\n';

    // Many at once: the same events, from a queue that this thread empties.
    llm::queue queue;
    for (int i = 0; i < 8; i++)
        client.submit(queue, request);
    int done = 0;
    while (done < 8)
        queue.poll([&](const llm::event &event) { done += event.terminal(); });
    std::cerr << done << " streams done\n";
} catch (const llm::error &failure) {
    std::cerr << llm_status_name(failure.status()) << ": " << failure.what() << '\n';
    return 1;
}
