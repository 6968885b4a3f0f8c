/* cxrd health: asks a running service, where there is neither a shell nor curl, as in a container. */
#include "cli/command.h"
#include "engine/base/clock.h"
#include "server/address.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 4096, PATIENCE_MS = 5000 };

static const char usage[] =
    "usage: cxrd health [URL]\n\n"
    "Asks a running service at URL, http://ADDRESS:PORT/PATH; http://127.0.0.1:8080/readyz if none is "
    "given.\n"
    "/healthz says whether it is alive, /readyz whether it takes requests; both are at --probe-listen "
    "too.\n\n"
    "Exit codes: 0 it answered 200, 1 it answered otherwise, or not within 5 s, 2 usage.\n";

struct address {
    char host[ADDRESS_HOST_BYTES], authority[ADDRESS_HOST_BYTES + 16];
    int port;
    const char *path;
};

/* http://ADDRESS:PORT/PATH, the path without anything that would end a request's line. */
static bool read_url(const char *url, struct address *out)
{
    static const char scheme[] = "http://";
    if (strncmp(url, scheme, sizeof scheme - 1))
        return false;
    url += sizeof scheme - 1;
    size_t length = strcspn(url, "/");
    if (!url[length] || length >= sizeof out->authority)
        return false;
    memcpy(out->authority, url, length);
    out->authority[length] = '\0';
    out->path = url + length;
    for (const char *at = url; *at; at++)
        if (!isgraph((unsigned char)*at))
            return false;
    return address_split(out->authority, out->host, &out->port) && out->port > 0;
}

/* Bounds the next call on the socket by what is left of the patience; false when nothing is. */
static bool go_on(int connection, uint64_t start_ns)
{
    double left_ms = PATIENCE_MS - clock_elapsed_ms(start_ns);
    if (left_ms < 1)
        return false;
    struct timeval left = {(time_t)(left_ms / 1e3), (suseconds_t)((long)(left_ms * 1e3) % 1000000)};
    return !setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &left, sizeof left) &&
           !setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left);
}

/* The first of the host's addresses that accepts a connection, else -1 and errno. */
static int dial(const struct address *target, uint64_t start_ns)
{
    char service[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    snprintf(service, sizeof service, "%d", target->port);
    errno = EADDRNOTAVAIL;
    if (getaddrinfo(target->host, service, &hints, &found))
        return -1;
    int connection = -1;
    for (const struct addrinfo *at = found; at && connection < 0; at = at->ai_next) {
        connection = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connection < 0)
            continue;
        if (go_on(connection, start_ns) && !connect(connection, at->ai_addr, at->ai_addrlen))
            break;
        int problem = errno;
        close(connection);
        errno = problem;
        connection = -1;
    }
    freeaddrinfo(found);
    return connection;
}

/* Asks, and takes in what is answered until the service closes or `answer` is full; false with errno. */
static bool ask(const struct address *target, char answer[ANSWER_BYTES_MAX])
{
    uint64_t start_ns = clock_now_ns();
    char request[4096 + sizeof target->authority];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                          target->path, target->authority);
    errno = EINVAL;
    if (length >= (int)sizeof request)
        return false;
    int connection = dial(target, start_ns);
    if (connection < 0)
        return false;
    size_t size = 0;
    ssize_t got = send(connection, request, (size_t)length, MSG_NOSIGNAL) == length ? 1 : -1;
    while (got > 0 && size < ANSWER_BYTES_MAX - 1) {
        errno = EAGAIN;
        got = go_on(connection, start_ns) ? recv(connection, answer + size, ANSWER_BYTES_MAX - 1 - size, 0)
                                          : -1;
        size += got > 0 ? (size_t)got : 0;
    }
    int problem = errno;
    close(connection);
    answer[size] = '\0';
    errno = problem;
    return got >= 0;
}

int command_health(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : "http://127.0.0.1:8080/readyz";
    struct address target;
    char answer[ANSWER_BYTES_MAX];
    if (!strcmp(url, "--help") || !strcmp(url, "-h")) {
        fputs(usage, stdout);
        return EXIT_DONE;
    }
    if (argc > 2 || !read_url(url, &target)) {
        fprintf(stderr, "cxrd health: takes one URL such as http://127.0.0.1:8080/readyz, not '%.60s'.\n",
                argc > 2 ? argv[2] : url);
        return EXIT_USAGE;
    }
    if (!ask(&target, answer)) {
        fprintf(stderr, "cxrd health: %s does not answer: %s.\n", url,
                errno == EAGAIN || errno == EINPROGRESS ? "5 s have passed" : strerror(errno));
        return EXIT_FAILED;
    }
    const char *body = strstr(answer, "\r\n\r\n");
    int code = 0;
    if (sscanf(answer, "HTTP/1.%*1[01] %3d", &code) != 1 || !body) {
        fprintf(stderr, "cxrd health: what %s answers is not HTTP.\n", url);
        return EXIT_FAILED;
    }
    if (code != 200)
        fprintf(stderr, "cxrd health: %s answers %d: %s\n", url, code, body + 4);
    return code == 200 ? EXIT_DONE : EXIT_FAILED;
}
