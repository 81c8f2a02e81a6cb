// Half of a program whose other half is compiled without exceptions: both say what they got, neither gets the other's functions.
#include <llm.hpp>

#include <cstdio>

bool without_exceptions();

#ifdef LLM_NO_EXCEPTIONS
bool without_exceptions()
{
    auto client = llm::client::make("{\"default_model\":\"mock/tokens=2\"}");
    const auto text = client ? client->stream_text(llm::prompt("hi"))->read_all() : llm::expected<std::string>(client.error());
    return text && *text == "w0 w1" && !client->complete("{");
}
#else
int main()
{
    const llm::client client("{\"default_model\":\"mock/tokens=2\"}");
    bool caught = false;
    try {
        (void)client.complete("{");
    } catch (const llm::error &) {
        caught = true;
    }
    const bool both = caught && client.stream_text(llm::prompt("hi")).read_all() == "w0 w1" && without_exceptions();
    std::printf("%s both modes in one program\n", both ? "ok" : "not ok");
    return both ? 0 : 1;
}
#endif
