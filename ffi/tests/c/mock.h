/* The scripted provider that the suite started: what it saw, and a client that knows it as `m`. */
#ifndef MOCK_H
#define MOCK_H

#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static inline const char *mock_origin(void)
{
    const char *origin = getenv("MOCK");
    if (!origin) {
        printf("not ok MOCK: no scripted provider\n");
        exit(1);
    }
    return origin;
}

static inline llm_client *mock_client(const char *more)
{
    char config[2048];
    snprintf(config, sizeof config, "{\"providers\":{\"m\":{\"wire\":\"openai_chat\",\"base_url\":\"%s/v1\",\"auth\":\"none\"}}%s}",
             mock_origin(), more);
    return new_client(config);
}

static inline void mock_ask(const char *method, const char *path, char *out, size_t size)
{
    struct sockaddr_in place = {.sin_family = AF_INET};
    char request[256];
    size_t len = 0;
    ssize_t n;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    place.sin_port = htons((uint16_t)atoi(strrchr(mock_origin(), ':') + 1));
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out[0] = 0;
    if (connect(s, (struct sockaddr *)&place, sizeof place) == 0) {
        n = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n", method, path);
        if (send(s, request, (size_t)n, MSG_NOSIGNAL) == n)
            while ((n = recv(s, out + len, size - 1 - len, 0)) > 0)
                len += (size_t)n;
        out[len] = 0;
    }
    close(s);
}

/* A number of the provider's /stats; -1 if there is none. */
static inline long mock_stat(const char *name)
{
    char answer[4096], key[64];
    const char *at;
    mock_ask("GET", "/stats", answer, sizeof answer);
    snprintf(key, sizeof key, "\"%s\":", name);
    at = strstr(answer, key);
    return at ? atol(at + strlen(key)) : -1;
}

static inline void mock_reset(void)
{
    char answer[4096];
    mock_ask("DELETE", "/stats", answer, sizeof answer);
}

#endif
