/* The library as a plug-in: loaded, used and let go again and again, by a program that was not linked with it.   load LIBRARY */
#include "llm.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char *library;

/* A function of the library; ISO C has no cast from an object's pointer to a function's. */
#define FUNCTION(handle, name) (*(__typeof__(&name) *)&(void *){dlsym(handle, #name)})

static void *use(void *unused)
{
    (void)unused;
    for (int i = 0; i < 20; i++) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
        llm_client *client = NULL;
        llm_response *response = NULL;
        if (!handle) {
            printf("# %s\n", dlerror());
            return NULL;
        }
        if (FUNCTION(handle, llm_client_new)("{}", 2, &client, NULL) != LLM_OK)
            return NULL;
        if (FUNCTION(handle, llm_complete)(client, "{\"model\":\"mock/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"one two\"}]}",
                                           LLM_NTS, NULL, &response, NULL) != LLM_OK)
            return NULL;
        if (strcmp(FUNCTION(handle, llm_response_text)(response, NULL), "one two") != 0)
            return NULL;
        FUNCTION(handle, llm_response_free)(response);
        FUNCTION(handle, llm_client_free)(client);
        dlclose(handle);
    }
    return &library;
}

int main(int argc, char **argv)
{
    pthread_t threads[4];
    int good = argc > 1;
    library = argv[1];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, use, NULL);
    for (int i = 0; i < 4; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result); /* thread-local destructors run after dlclose() */
        good &= result != NULL;
    }
    printf("%s loaded_used_and_let_go_again\n", good ? "ok" : "not ok");
    return good ? 0 : 1;
}
