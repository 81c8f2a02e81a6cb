/* A resolver for machines where no name server of ours may be put in place: getaddrinfo() for the names of names.c, by LD_PRELOAD. */
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int resolve(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found)
{
    resolve *real = *(resolve **)&(void *){dlsym(RTLD_NEXT, "getaddrinfo")};
    const char *dot = name ? strrchr(name, '.') : NULL;
    if (!dot || strcmp(dot, ".test") != 0)
        return real(name, service, hints, found);
    if (strcmp(name, "missing.test") == 0)
        return EAI_NONAME;
    if (strcmp(name, "broken.test") == 0)
        return EAI_AGAIN;
    if (strcmp(name, "empty.test") == 0)
        return EAI_NODATA;
    if (strcmp(name, "never.test") == 0) {
        sleep(30);
        return EAI_AGAIN;
    }
    if (strcmp(name, "slow.test") == 0)
        sleep(1);
    if (strcmp(name, "second.test") == 0) {
        int code = real("127.0.0.9", service, hints, found); /* where nobody listens */
        return code ? code : real("127.0.0.1", service, hints, &(*found)->ai_next);
    }
    return real("127.0.0.1", service, hints, found);
}
