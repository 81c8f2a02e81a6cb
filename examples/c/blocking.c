/* One question, answered as it comes: tokens on stdout, route and timing on stderr.   usage: blocking [MODEL [PROMPT]]
 * Providers and keys come from the file in LLM_CONFIG, or from OPENAI_API_KEY and the like. */
#include <llm.h>
#include <stdio.h>

static int on_event(const llm_event *event, void *ctx)
{
    uint64_t *first_us = ctx;
    switch (event->type) {
    case LLM_EVENT_ROUTE: /* provider, model and why; after a fallback, what was tried before */
        fprintf(stderr, "route: %s\n", event->data);
        break;
    case LLM_EVENT_TEXT:
        if (*first_us == 0)
            *first_us = event->at_us;
        fwrite(event->data, 1, event->len, stdout);
        fflush(stdout);
        break;
    case LLM_EVENT_DONE:
        fprintf(stderr, "\nfirst token after %.1f ms, all after %.1f ms\n", (double)*first_us / 1e3, (double)event->at_us / 1e3);
        break;
    default: /* reasoning, tool calls, and what later versions add */
        break;
    }
    return 0; /* anything else cancels */
}

/* A request of the Chat Completions API; without a model the configuration's `default_model` is asked. */
static void write_request(char *out, size_t size, const char *model, const char *prompt)
{
    size_t n = (size_t)snprintf(out, size, "{%s%s%s\"messages\":[{\"role\":\"user\",\"content\":\"", model ? "\"model\":\"" : "",
                                model ? model : "", model ? "\"," : "");
    for (; *prompt && n < size - 16; prompt++)
        n += (size_t)snprintf(out + n, size - n, (unsigned char)*prompt < ' ' || *prompt == '"' || *prompt == '\\' ? "\\u%04x" : "%c", *prompt);
    snprintf(out + n, size - n, "\"}]}");
}

int main(int argc, char **argv)
{
    static char request[65536];
    uint64_t first_us = 0;
    llm_client *client = NULL;
    llm_error *err = NULL;
    llm_status status;

    write_request(request, sizeof request, argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : "Say hello in one sentence.");
    status = llm_client_new(NULL, 0, &client, &err);
    if (status == LLM_OK)
        status = llm_stream(client, request, LLM_NTS, NULL, on_event, &first_us, &err);
    if (status != LLM_OK)
        fprintf(stderr, "%s: %s\n", llm_status_name(status), llm_error_message(err, NULL));
    llm_error_free(err);
    llm_client_free(client);
    return status == LLM_OK ? 0 : 1;
}
