/* No descriptors left.   files ROUNDS
 *
 * With a limit of 64, two hundred requests at once: each ends with one terminal event, done or an error that says so. Then with none left at
 * all every function answers, even the one that would start the library. When they are back, everything works, and none is lost. */
#include "host.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>

enum { LIMIT = 64, MANY = 200 };

static int held[LIMIT], held_count;

static void take_all_descriptors(void)
{
    int fd;
    held_count = 0;
    while (held_count < LIMIT && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        held[held_count++] = fd;
}

static void give_them_back(void)
{
    while (held_count > 0)
        close(held[--held_count]);
}

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    NEED(dir != NULL);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 3; /* `.`, `..` and the listing's own */
}

static unsigned more_than_there_are(llm_client *client, llm_queue *queue)
{
    static stream s[MANY];
    unsigned failed = 0;
    memset(s, 0, sizeof s);
    for (int i = 0; i < MANY; i++)
        submit(client, queue, any_of(i, "tokens=20;ttft=100ms"), &s[i]);
    collect(queue, MANY);
    for (int i = 0; i < MANY; i++) {
        if (!sound(&s[i]) || (s[i].terminal == LLM_EVENT_DONE && !whole(&s[i], 20)))
            tell_and_die(&s[i], "with too few descriptors");
        if (s[i].terminal == LLM_EVENT_ERROR) {
            NEED_STATUS(s[i].status, LLM_ERR_CONNECT);
            failed++;
        }
    }
    return failed;
}

/* Whatever these answer: they answer, and what they made can be freed. */
static void none_at_all(llm_client *client, llm_queue *queue)
{
    llm_client *other = NULL;
    llm_queue *another = NULL;
    llm_error *err = NULL;
    llm_response *response = NULL;
    stream s = {0};
    take_all_descriptors();
    submit(client, queue, "t/tokens=5", &s);
    collect(queue, 1);
    NEED(sound(&s));
    (void)!llm_client_new(config_with(""), LLM_NTS, &other, &err);
    NEED((other == NULL) == (err != NULL));
    llm_error_free(err);
    llm_client_free(other);
    if (llm_queue_new(0, &another) == LLM_OK)
        llm_queue_free(another);
    if (llm_complete(client, ask("m/tokens=5"), LLM_NTS, NULL, &response, NULL) == LLM_OK)
        llm_response_free(response);
    (void)llm_invoke(NULL, ask("mock/tokens=5"), NULL, NULL);
    give_them_back();
}

static void cannot_even_start(void)
{
    llm_client *client = NULL;
    llm_error *err = NULL;
    take_all_descriptors();
    NEED(llm_client_new(config_with(""), LLM_NTS, &client, &err) != LLM_OK && client == NULL && *llm_error_message(err, NULL));
    llm_error_free(err);
    (void)llm_invoke(NULL, ask("mock/tokens=5"), NULL, NULL);
    give_them_back();
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 3, first;
    unsigned failed = 0;
    struct rlimit limit = {LIMIT, LIMIT};
    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    first = open_descriptors();
    cannot_even_start();
    for (int round = 0; round < rounds; round++) {
        llm_client *client = client_with(",\"retry\":{\"max_attempts\":1}");
        llm_queue *queue = queue_new();
        stream s = {0};
        failed += more_than_there_are(client, queue);
        none_at_all(client, queue);
        submit(client, queue, "t/tokens=20", &s);
        collect(queue, 1);
        if (!whole(&s, 20))
            tell_and_die(&s, "after there were descriptors again");
        llm_queue_free(queue);
        llm_client_free(client);
        NEED_STATUS(llm_shutdown(5000), LLM_OK);
    }
    NEED(failed > 0);
    if (open_descriptors() != first) {
        fprintf(stderr, "%d descriptors, %d at first\n", open_descriptors(), first);
        return 1;
    }
    printf("%u of %d requests refused, none lost\n", failed, rounds * MANY);
    return 0;
}
