/* Servers that close while they are written to, plain and over TLS, with SIGPIPE as the system sets it.   pipes ROUNDS
 *
 * A proxy passes some bytes on and then closes, with data unread: the next write gets EPIPE, and a process whose library writes without
 * MSG_NOSIGNAL is gone. */
#include "host.h"

enum { PROMPT = 4 << 20 };

static char *long_question(void)
{
    static const char before[] = "{\"model\":\"tokens=50\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"", after[] = "\"}]}";
    char *request = malloc(sizeof before + PROMPT + sizeof after);
    NEED(request != NULL);
    memcpy(request, before, sizeof before - 1);
    memset(request + sizeof before - 1, 'x', PROMPT);
    memcpy(request + sizeof before - 1 + PROMPT, after, sizeof after);
    return request;
}

int main(int argc, char **argv)
{
    static const char *const providers[] = {"c", "k"};
    int rounds = argc > 1 ? atoi(argv[1]) : 20, failed = 0;
    llm_client *client = client_with("");
    char *request = long_question();
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i < rounds; i++) {
        for (int j = 0; j < 2; j++) {
            llm_options o = {.struct_size = sizeof o, .provider = providers[j], .options_json = "{\"max_attempts\":1}"};
            stream s = {0};
            llm_status status;
            status = llm_stream(client, request, LLM_NTS, &o, take_all, &s, NULL);
            NEED(sound(&s) && s.status == status);
            if (status != LLM_OK && status != LLM_ERR_CONNECT && status != LLM_ERR_TRUNCATED)
                tell_and_die(&s, providers[j]);
            failed += status != LLM_OK;
        }
    }
    NEED(failed == 2 * rounds);
    free(request);
    llm_client_free(client);
    NEED_STATUS(llm_shutdown(5000), LLM_OK);
    printf("%d requests cut while they were written\n", failed);
    return 0;
}
