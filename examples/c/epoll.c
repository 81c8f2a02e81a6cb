/* Many streams, one thread, one descriptor: no callbacks, no thread per stream.   usage: epoll [MODEL]
 * Stream 0 is cancelled after its third token, which closes its connection; the words of stream 1 are printed as they come. */
#include <llm.h>
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

enum { STREAMS = 16, BATCH = 64 };
static int live, done, canceled, failed, tokens[STREAMS];

static void handle(const llm_event *event)
{
    long stream = (int *)event->user_data - tokens; /* as given at submission */
    if (event->type == LLM_EVENT_TEXT && ++tokens[stream] >= 3 && stream == 0)
        llm_cancel(event->request); /* from any thread, at any time; its terminal event still comes */
    if (event->type == LLM_EVENT_ROUTE && stream == 1) /* which provider and why; after a fallback, what was tried before */
        fprintf(stderr, "route: %s\n", event->data);
    if (event->type == LLM_EVENT_TEXT && stream == 1) {
        if (tokens[stream] == 1)
            fprintf(stderr, "first token after %.1f ms\n", (double)event->at_us / 1e3);
        fwrite(event->data, 1, event->len, stdout);
        fflush(stdout);
    }
    if (event->type == LLM_EVENT_ERROR && event->status == LLM_ERR_CANCELED)
        canceled++;
    else if (event->type == LLM_EVENT_ERROR)
        failed++, fprintf(stderr, "stream %ld: %s\n", stream, event->data);
    done += event->type == LLM_EVENT_DONE;
    live -= event->type >= LLM_EVENT_DONE;
}

int main(int argc, char **argv)
{
    llm_event events[BATCH];
    char request[512];
    llm_client *client = NULL;
    llm_queue *queue = NULL;
    llm_error *err = NULL;
    struct epoll_event ready = {.events = EPOLLIN};
    int poller = epoll_create1(EPOLL_CLOEXEC), n;

    snprintf(request, sizeof request, "{%s%s%s\"messages\":[{\"role\":\"user\",\"content\":\"Count to twelve.\"}]}",
             argc > 1 ? "\"model\":\"" : "", argc > 1 ? argv[1] : "", argc > 1 ? "\"," : "");
    if (llm_client_new(NULL, 0, &client, &err) != LLM_OK || llm_queue_new(0, &queue) != LLM_OK)
        return fprintf(stderr, "%s\n", llm_error_message(err, NULL)), 1;
    epoll_ctl(poller, EPOLL_CTL_ADD, llm_queue_fd(queue), &ready);
    for (; live < STREAMS; live++)
        if (llm_submit(client, queue, request, LLM_NTS, NULL, &tokens[live], NULL, &err) != LLM_OK)
            return fprintf(stderr, "%s\n", llm_error_message(err, NULL)), 1;
    while (live > 0 && (epoll_wait(poller, &ready, 1, -1) > 0 || errno == EINTR))
        while ((n = llm_queue_poll(queue, events, BATCH, 0)) > 0)
            for (int i = 0; i < n; i++)
                handle(&events[i]);
    fprintf(stderr, "\n%d done, %d canceled, %d failed\n", done, canceled, failed);
    llm_queue_free(queue);
    llm_client_free(client);
    return failed ? 1 : 0;
}
