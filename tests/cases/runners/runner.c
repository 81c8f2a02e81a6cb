/* Runs shared cases over llm.h: one case a line on stdin, in the columns that ../run.py names; what came of it a line on stdout. Knows
 * no JSON but how to quote: what the library says in JSON goes out as it came. */
#include <inttypes.h>
#include <llm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME, CONFIG, REQUEST, OPTIONS, PROVIDER, OPERATION, TIMEOUT, FIRST_TOKEN, FLAGS, COLD, CANCEL_AFTER, CALL, TIMES, CHOICE, BEFORE, TOKEN, ATTEMPT, AFTER, COLUMNS };

static void quote(const char *text, size_t len)
{
    putchar('"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < ' ')
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_error(llm_status status, llm_error *err)
{
    size_t len = 0, said = 0;
    const char *message = llm_error_message(err, &said), *json = llm_error_json(err, &len);
    printf(",\"error\":{\"status\":\"%s\",\"http_status\":%" PRId32 ",\"retry_after_ms\":%" PRId64 ",\"message\":", llm_status_name(status),
           llm_error_http_status(err), llm_error_retry_after_ms(err));
    quote(message, said);
    printf(",\"json\":%.*s}", (int)len, json);
    llm_error_free(err);
}

static const char *kind_of(llm_event_type type)
{
    switch (type) {
    case LLM_EVENT_TEXT: return "text";
    case LLM_EVENT_REASONING: return "reasoning";
    case LLM_EVENT_REFUSAL: return "refusal";
    case LLM_EVENT_TOOL_CALL: return "tool_call";
    case LLM_EVENT_TOOL_ARGS: return "tool_args";
    case LLM_EVENT_PART: return "part";
    case LLM_EVENT_ROUTE: return "route";
    case LLM_EVENT_RAW: return "raw";
    case LLM_EVENT_RESULT: return "result";
    case LLM_EVENT_ASK: return "ask";
    default: return "unknown";
    }
}

/* [kind, choice, index, what it carries]: a string, or the JSON of the kinds that carry JSON. */
static void print_item(const llm_event *event)
{
    printf("[\"%s\",%" PRIu32 ",%" PRIu32 ",", kind_of(event->type), event->choice, event->index);
    if (event->type == LLM_EVENT_TOOL_CALL || event->type == LLM_EVENT_PART || event->type == LLM_EVENT_ROUTE || event->type == LLM_EVENT_ASK)
        fwrite(event->data, 1, event->len, stdout);
    else
        quote(event->data, event->len);
    putchar(']');
}

static int is_delta(llm_event_type type)
{
    return type < LLM_EVENT_DONE && type != LLM_EVENT_ROUTE && type != LLM_EVENT_RAW && type != LLM_EVENT_ASK;
}

/* Answers a question by its kind: JSON, or `!` and the words of a refusal. */
static void answer(const llm_event *event, char **column)
{
    static const char *const kinds[] = {"\"kind\":\"before\"", "\"kind\":\"token\"", "\"kind\":\"attempt\"", "\"kind\":\"after\""};
    char refusal[256];
    for (int i = 0; i < 4; i++) {
        const char *said = column[BEFORE + i];
        if (!strstr(event->data, kinds[i]))
            continue;
        if (*said == '!') {
            snprintf(refusal, sizeof refusal, "{\"message\":\"%s\"}", said + 1);
            llm_answer(event->request, LLM_ERR_CANCELED, refusal, strlen(refusal));
        } else {
            llm_answer(event->request, LLM_OK, said, strlen(said));
        }
        return;
    }
}

/* Prints the items and how it ended. */
static void drain(llm_queue *queue, llm_request request, char **column)
{
    const long cancel_after = strtol(column[CANCEL_AFTER], NULL, 10);
    llm_event events[64];
    const int text_alone = strcmp(column[CALL], "text") == 0;
    const uint32_t choice = (uint32_t)strtoul(column[CHOICE], NULL, 10);
    long items = 0;
    const char *comma = "";
    printf(",\"items\":[");
    for (;;) {
        int32_t count = llm_queue_poll(queue, events, 64, -1);
        for (int32_t i = 0; i < count; i++) {
            const llm_event *event = &events[i];
            if (event->type == LLM_EVENT_DONE) {
                if (text_alone)
                    putchar(']');
                else
                    printf("],\"done\":%.*s", (int)event->len, event->data);
                return;
            }
            if (event->type == LLM_EVENT_ERROR) {
                putchar(']');
                print_error(event->status, llm_error_from_event(event));
                return;
            }
            if (text_alone && (event->type != LLM_EVENT_TEXT || event->choice != choice))
                continue;
            fputs(comma, stdout);
            comma = ",";
            print_item(event);
            items += is_delta(event->type);
            if (event->type == LLM_EVENT_ASK)
                answer(event, column);
            if (cancel_after >= 0 && items == cancel_after)
                llm_cancel(request);
        }
        if (count < 0) {
            printf("],\"broken\":\"%s\"", llm_status_name(count));
            return;
        }
    }
}

static void stream(llm_client *client, char **column, const llm_options *options)
{
    llm_queue *queue = NULL;
    llm_request request = 0;
    llm_error *err = NULL;
    llm_status status = llm_queue_new(0, &queue);
    if (status == LLM_OK)
        status = llm_submit(client, queue, column[REQUEST], strlen(column[REQUEST]), options, NULL, &request, &err);
    if (status == LLM_OK) {
        drain(queue, request, column);
    } else {
        printf(",\"returned\":true");
        print_error(status, err);
    }
    llm_queue_free(queue);
}

/* Asks before the answer that counts. */
static void ask_before(llm_client *client, char **column, const llm_options *options)
{
    llm_status status = LLM_OK;
    for (long times = strtol(column[TIMES], NULL, 10); times > 1 && status == LLM_OK; times--) {
        llm_response *response = NULL;
        status = llm_complete(client, column[REQUEST], strlen(column[REQUEST]), options, &response, NULL);
        llm_response_free(response);
    }
}

static void chat(llm_client *client, char **column, const llm_options *options)
{
    llm_response *response = NULL;
    llm_error *err = NULL;
    llm_status status = llm_complete(client, column[REQUEST], strlen(column[REQUEST]), options, &response, &err);
    if (status == LLM_OK)
        printf(",\"response\":%s", llm_response_json(response, NULL));
    else
        print_error(status, err);
    llm_response_free(response);
}

static void run(char **column)
{
    llm_client *client = NULL;
    llm_error *err = NULL;
    llm_options options = {0};
    llm_status status = llm_client_new(column[CONFIG], strlen(column[CONFIG]), &client, &err);
    if (status != LLM_OK) {
        printf(",\"returned\":true");
        print_error(status, err);
        return;
    }
    options.struct_size = sizeof options;
    options.flags = (uint32_t)strtoul(column[FLAGS], NULL, 10);
    options.provider = *column[PROVIDER] ? column[PROVIDER] : NULL;
    options.operation = *column[OPERATION] ? column[OPERATION] : NULL;
    options.timeout_ms = strtoll(column[TIMEOUT], NULL, 10);
    options.first_token_timeout_ms = strtoll(column[FIRST_TOKEN], NULL, 10);
    options.options_json = *column[COLD] ? column[COLD] : NULL;
    ask_before(client, column, &options);
    if (strcmp(column[CALL], "chat") == 0 || strcmp(column[CALL], "ask") == 0)
        chat(client, column, &options);
    else
        stream(client, column, &options);
    llm_client_free(client);
}

int main(void)
{
    char *line = NULL, *column[COLUMNS];
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\n")] = 0;
        for (int i = 0; i < COLUMNS; i++) {
            column[i] = i ? column[i - 1] + strlen(column[i - 1]) + 1 : line;
            column[i][strcspn(column[i], "\t")] = 0;
        }
        printf("{\"case\":");
        quote(column[NAME], strlen(column[NAME]));
        run(column);
        puts("}");
        fflush(stdout);
    }
    free(line);
    return 0;
}
