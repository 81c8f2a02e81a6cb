/* Calls a host's own Rust, then libllm in the same program. */
#include <llm.h>

extern int host_answer(void);

int main(void)
{
    llm_status status = llm_invoke(0, "{\"model\":\"mock/tokens=5\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 0, 0);
    return host_answer() == 7 && status == LLM_OK ? 0 : 1;
}
