/* A server that is killed in mid-stream, again and again.   killed TIMES
 *
 * Each time: a new server, streams of it until all have text, SIGKILL. Each stream must end once, as truncated, with a beginning of its text;
 * descriptors must not grow. */
#include "host.h"
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

enum { STREAMS = 4 };

extern char **environ;

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    NEED(dir != NULL);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* Starts a server; where it listens is its first line. */
static pid_t serve(char *base, size_t size)
{
    char line[256] = "", *end;
    char *argv[] = {(char *)setting("LLM_BIN"), "mock", NULL};
    posix_spawn_file_actions_t actions;
    ssize_t n = 0, len = 0;
    pid_t pid;
    int ends[2];
    NEED(pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    NEED(posix_spawn(&pid, argv[0], &actions, NULL, argv, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    while (!strchr(line, '\n') && (n = read(ends[0], line + len, sizeof line - 1 - (size_t)len)) > 0)
        len += n;
    close(ends[0]);
    end = strchr(line, '\n');
    NEED(end != NULL && strstr(line, "http://"));
    *end = 0;
    snprintf(base, size, "{\"base_url\":\"%s/v1\",\"max_attempts\":1}", strstr(line, "http://"));
    return pid;
}

int main(int argc, char **argv)
{
    int times = argc > 1 ? atoi(argv[1]) : 50, first = 0, last = 0;
    llm_client *client = client_with("");
    llm_queue *queue = queue_new();
    for (int i = 0; i < times; i++) {
        stream s[STREAMS] = {{0}};
        char options[512];
        llm_options o = {.struct_size = sizeof o, .options_json = options};
        pid_t server = serve(options, sizeof options);
        for (int j = 0; j < STREAMS; j++)
            NEED_STATUS(llm_submit(client, queue, ask(j % 2 ? "m/tokens=100000;pace=1ms" : "m/tokens=100000;pace=20us"), LLM_NTS, &o, &s[j], NULL, NULL),
                        LLM_OK);
        wait_for_text(queue, s, STREAMS);
        NEED(kill(server, SIGKILL) == 0 && waitpid(server, NULL, 0) == server);
        collect(queue, STREAMS - (int)(s[0].terminals + s[1].terminals + s[2].terminals + s[3].terminals));
        for (int j = 0; j < STREAMS; j++)
            if (!sound(&s[j]) || s[j].terminal != LLM_EVENT_ERROR || s[j].status != LLM_ERR_TRUNCATED)
                tell_and_die(&s[j], "its server was killed");
        last = open_descriptors();
        if (i == 2)
            first = last;
    }
    if (times > 3 && last > first) {
        fprintf(stderr, "%d descriptors, %d at first\n", last, first);
        return 1;
    }
    llm_queue_free(queue);
    llm_client_free(client);
    NEED_STATUS(llm_shutdown(5000), LLM_OK);
    printf("%d servers killed under %d streams\n", times, times * STREAMS);
    return 0;
}
