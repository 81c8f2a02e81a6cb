/* Names that resolve well, slowly, wrongly, or never.   names WHAT
 *
 * WHAT `answers`: each kind of name ends as it should, and streams of others go on meanwhile. `exit`: the process ends while a look-up hangs;
 * `shutdown`: so does llm_shutdown(), within its time. The names are answered by tests/host/netns.py or by resolver.c. */
#include "host.h"

enum { GOING = 4, WORDS = 200 };

static llm_client *client;
static llm_queue *queue;

static void look_up(const char *name, int timeout_ms, stream *s)
{
    char options[256];
    llm_options o = {.struct_size = sizeof o, .provider = "m", .options_json = options, .timeout_ms = timeout_ms};
    snprintf(options, sizeof options, "{\"base_url\":\"http://%s:%s/v1\",\"max_attempts\":1}", name, strrchr(setting("MOCK"), ':') + 1);
    NEED_STATUS(llm_submit(client, queue, ask("tokens=5"), LLM_NTS, &o, s, NULL, NULL), LLM_OK);
}

static void answers(void)
{
    static const struct { const char *name; int timeout_ms; llm_status status; } names[] = {
        {"good.test", 20000, LLM_OK},
        {"slow.test", 20000, LLM_OK},                /* answers after a second */
        {"second.test", 20000, LLM_OK},              /* its first address refuses */
        {"missing.test", 20000, LLM_ERR_CONNECT},    /* there is no such name */
        {"broken.test", 20000, LLM_ERR_CONNECT},     /* the server fails */
        {"empty.test", 20000, LLM_ERR_CONNECT},      /* the name is there, and has no address */
        {"never.test", 500, LLM_ERR_TIMEOUT},        /* nobody answers; the request's own limit */
        {"never.test", 0, LLM_ERR_CONNECT},          /* the same; the limit of connecting, two seconds here */
    };
    enum { NAMES = sizeof names / sizeof *names };
    stream going[GOING] = {{0}}, s[NAMES] = {{0}};
    for (int i = 0; i < GOING; i++)
        submit(client, queue, "m/tokens=200;pace=10ms", &going[i]);
    for (int i = 0; i < NAMES; i++)
        look_up(names[i].name, names[i].timeout_ms, &s[i]);
    collect(queue, GOING + NAMES);
    for (int i = 0; i < GOING; i++)
        if (!whole(&going[i], WORDS))
            tell_and_die(&going[i], "a stream beside them");
    for (int i = 0; i < NAMES; i++)
        if (!sound(&s[i]) || s[i].status != names[i].status)
            tell_and_die(&s[i], names[i].name);
    printf("%d kinds of names\n", NAMES);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "answers";
    client = client_with(",\"timeouts\":{\"connect\":2}");
    queue = queue_new();
    if (strcmp(what, "answers") == 0) {
        answers();
    } else {
        for (int i = 0; i < 20; i++)
            look_up("never.test", 0, NULL);
        sleep_us(100000);
        if (strcmp(what, "exit") == 0)
            exit(0);
    }
    llm_queue_free(queue);
    llm_client_free(client);
    NEED_STATUS(llm_shutdown(5000), LLM_OK);
    return 0;
}
