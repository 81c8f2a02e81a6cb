/* The library as a plug-in: dlopen, live streams with their threads, dlclose, again and again, without waiting.   loads LIBRARY TIMES
 *
 * The program is not linked with the library. Each time the handles are left open, freed, or freed and the threads stopped; thread-local
 * destructors of the host's threads run after the dlclose. */
#include "host.h"
#include <dlfcn.h>

/* A function of the library; ISO C has no cast from an object's pointer to a function's. */
#define FUNCTION(name) (*(__typeof__(&name) *)&(void *){dlsym(library, #name)})

static const char *path;

static void *once(void *number)
{
    unsigned seed = (unsigned)(size_t)number * 2654435761u;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    llm_client *client = NULL;
    llm_queue *queue = NULL;
    llm_event events[16];
    if (!library)
        die("dlopen", dlerror());
    NEED(FUNCTION(llm_client_new)(config_with(""), LLM_NTS, &client, NULL) == LLM_OK);
    NEED(FUNCTION(llm_queue_new)(0, &queue) == LLM_OK);
    for (int i = 0; i < 4; i++)
        NEED(FUNCTION(llm_submit)(client, queue, ask(any_of(i, "tokens=100;pace=1ms")), LLM_NTS, NULL, NULL, NULL,
                                  NULL) == LLM_OK);
    NEED(FUNCTION(llm_queue_poll)(queue, events, 16, (int32_t)chance(&seed, 20)) >= 0);
    if (chance(&seed, 3)) {
        FUNCTION(llm_queue_free)(queue);
        FUNCTION(llm_client_free)(client);
        if (chance(&seed, 2))
            (void)FUNCTION(llm_shutdown)(0); /* busy, if another thread has a client */
    }
    dlclose(library);
    return NULL;
}

int main(int argc, char **argv)
{
    int times = argc > 2 ? atoi(argv[2]) : 100;
    pthread_t thread[2];
    path = argv[1];
    NEED(argc > 1);
    for (int i = 0; i < times / 2; i++) {
        for (size_t j = 0; j < 2; j++)
            NEED(pthread_create(&thread[j], NULL, once, (void *)((size_t)i * 2 + j)) == 0);
        for (int j = 0; j < 2; j++)
            pthread_join(thread[j], NULL);
    }
    printf("%d times loaded and let go\n", times);
    return 0;
}
