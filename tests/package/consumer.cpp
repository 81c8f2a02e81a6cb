// The same in C++: llm.hpp, and an exception out of a failed request.
#include <llm.hpp>

#include <cstdio>
#include <string>

int main()
{
    const llm::client client("{\"default_model\":\"mock/tokens=5\"}");
    std::string said;
    client.stream(R"({"messages":[{"role":"user","content":"hi"}]})", [&](std::string_view token) { said += token; });
    if (said != "w0 w1 w2 w3 w4") {
        std::fprintf(stderr, "%s\n", said.c_str());
        return 1;
    }
    try {
        const llm::response none = client.complete(R"({"model":"mock/status=401","messages":[{"role":"user","content":"hi"}]})");
    } catch (const llm::error &failure) {
        return failure.status() == LLM_ERR_AUTH ? 0 : 1;
    }
    return 1;
}
