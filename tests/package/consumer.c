/* A program outside the repository: the header and the library that it was built with are the ones that it runs with, and a whole
 * answer comes, streamed, from a model that needs no network. */
#include <llm.h>
#include <stdio.h>
#include <string.h>

static int collect(const char *token, size_t len, void *ctx)
{
    strncat(ctx, token, len);
    return 0;
}

int main(void)
{
    char said[256] = "";
    llm_status status;
    if (llm_abi_version() != LLM_ABI_VERSION || llm_version_number() != LLM_VERSION_NUMBER) {
        fprintf(stderr, "header and library differ: %s\n", llm_version());
        return 1;
    }
    status = llm_invoke(NULL, "{\"model\":\"mock/tokens=5\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", collect, said);
    if (status != LLM_OK || strcmp(said, "w0 w1 w2 w3 w4") != 0) {
        fprintf(stderr, "%s: %s\n", llm_status_name(status), said);
        return 1;
    }
    return llm_shutdown(5000) == LLM_OK ? 0 : 1;
}
