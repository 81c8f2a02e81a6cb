/* Hooks: the library asks before it sends, and for what each attempt should carry; a poll loop answers. usage: hooks [MODEL] */
#include <llm.h>
#include <stdio.h>
#include <string.h>

static const char config[] = "{\"hooks\": {\"before\": true, \"attempt\": true}}";

/* The second member of every question is its kind; a JSON parser would do as well. */
static int is(const llm_event *event, const char *kind)
{
    char member[32];
    snprintf(member, sizeof member, "\"kind\":\"%s\"", kind);
    return strstr(event->data, member) != NULL;
}

/* A hook may refuse (another status than LLM_OK), go on ("{}"), or change something. */
static llm_status answer(const llm_event *event)
{
    fprintf(stderr, "asked: %.*s\n", (int)event->len, event->data);
    if (is(event, "before") && strstr(event->data, "secret plans"))
        return llm_answer(event->request, LLM_ERR_CONTENT_FILTER, "{\"message\": \"not in this house\"}", LLM_NTS);
    if (is(event, "attempt"))
        return llm_answer(event->request, LLM_OK, "{\"headers\": {\"x-team\": \"examples\"}}", LLM_NTS);
    return llm_answer(event->request, LLM_OK, "{}", LLM_NTS);
}

int main(int argc, char **argv)
{
    char request[512];
    llm_client *client = NULL;
    llm_queue *queue = NULL;
    llm_error *err = NULL;
    llm_status status = LLM_OK;
    uint64_t first_us = 0;
    snprintf(request, sizeof request, "{\"model\": \"%s\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}",
             argc > 1 ? argv[1] : "mock/tokens=12");
    if (llm_client_new(config, LLM_NTS, &client, &err) != LLM_OK || llm_queue_new(0, &queue) != LLM_OK
        || llm_submit(client, queue, request, LLM_NTS, NULL, NULL, NULL, &err) != LLM_OK) {
        fprintf(stderr, "%s\n", err ? llm_error_message(err, NULL) : "no queue");
        return 1;
    }
    for (int over = 0; !over;) {
        llm_event events[16];
        int32_t count = llm_queue_poll(queue, events, 16, -1);
        for (int32_t i = 0; i < count; i++) {
            if (events[i].type == LLM_EVENT_ASK)
                answer(&events[i]);
            else if (events[i].type == LLM_EVENT_TEXT)
                first_us = first_us ? first_us : events[i].at_us, fwrite(events[i].data, 1, events[i].len, stdout);
            else if (events[i].type >= LLM_EVENT_DONE)
                over = 1, status = events[i].status;
        }
    }
    printf("\n%s, first token after %.1f ms\n", llm_status_name(status), (double)first_us / 1e3);
    llm_queue_free(queue);
    llm_client_free(client);
    return status != LLM_OK;
}
