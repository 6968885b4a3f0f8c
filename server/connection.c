#include "server/connection.h"

#include "engine/base/clock.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { DRAIN_BYTES_MAX = 1 << 20, DRAIN_MS_MAX = 1000 };

/* Address and port of one end of a TCP socket. */
static bool endpoint(int socket, int (*get)(int, struct sockaddr *, socklen_t *), char text[INET6_ADDRSTRLEN],
                     int *port)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (get(socket, (struct sockaddr *)&address, &size))
        return false;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
        *port = ntohs(in->sin_port);
        return inet_ntop(AF_INET, &in->sin_addr, text, INET6_ADDRSTRLEN);
    }
    if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&address;
        *port = ntohs(in->sin6_port);
        return inet_ntop(AF_INET6, &in->sin6_addr, text, INET6_ADDRSTRLEN);
    }
    return false;
}

static bool is_socket_of(int socket, const struct mg_request_info *info)
{
    char address[INET6_ADDRSTRLEN], own[INET6_ADDRSTRLEN];
    int port = 0, own_port = 0;
    return endpoint(socket, getpeername, address, &port) && port == info->remote_port &&
           !strcmp(address, info->remote_addr) && endpoint(socket, getsockname, own, &own_port) &&
           own_port == info->server_port;
}

static int find_socket(const struct mg_connection *connection)
{
    const struct mg_request_info *info = mg_get_request_info(connection);
    DIR *folder = opendir("/proc/self/fd");
    int found = -1;
    for (struct dirent *entry; found < 0 && folder && (entry = readdir(folder));) {
        char *end = NULL;
        long descriptor = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && !*end && is_socket_of((int)descriptor, info))
            found = (int)descriptor;
    }
    if (folder)
        closedir(folder);
    return found;
}

int connection_socket(const struct mg_connection *connection)
{
    /* Found once: the library keeps the socket, plus one, as long as the connection. */
    intptr_t kept = (intptr_t)mg_get_user_connection_data(connection);
    int socket = kept ? (int)kept - 1 : find_socket(connection);
    if (!kept && socket >= 0)
        mg_set_user_connection_data(connection, (void *)(intptr_t)(socket + 1));
    return socket;
}

bool connection_gone(int socket)
{
    struct pollfd ready = {.fd = socket, .events = POLLRDHUP};
    return poll(&ready, 1, 0) > 0;
}

bool connection_head_is_strict(const struct mg_connection *connection)
{
    /* The library parses in place: it ends a name and its value by zeros over the space, the colon, the CR
     * and the LF behind them, and leaves the rest of its buffer as it came. */
    const struct mg_request_info *info = mg_get_request_info(connection);
    const char *after = NULL; /* the line that follows the last field */
    for (int i = 0; i < info->num_headers; i++) {
        const char *value = info->http_headers[i].value;
        const char *colon = info->http_headers[i].name + strlen(info->http_headers[i].name);
        if (colon + 1 < value && !colon[1])
            return false; /* there was a space, and the colon behind it */
        after = value + strlen(value);
        if (after[1])
            return false; /* a lone LF */
        after += 2;
    }
    return !after || *after == '\r' || info->num_headers == MG_MAX_HEADERS; /* these are too many anyway */
}

bool connection_wants_reuse(const struct mg_connection *connection)
{
    const char *header = mg_get_header(connection, "Connection");
    if (header)
        return strcasestr(header, "keep-alive") && !strcasestr(header, "close");
    return !strcmp(mg_get_request_info(connection)->http_version, "1.1");
}

void connection_forbid_reuse(struct mg_connection *connection)
{
    /* The library offers no call for this, and after a request it may go on with what its buffer still holds.
     * It decides by the request's first Connection header, so that is made to be "close". */
    struct mg_request_info *info = (struct mg_request_info *)mg_get_request_info(connection);
    info->http_headers[0] = (struct mg_header){"Connection", "close"};
    info->num_headers = 1;
}

enum body_result connection_read(struct mg_connection *connection, struct watchdog *watchdog,
                                 uint64_t deadline_ns, uint8_t *body, size_t size)
{
    int socket = connection_socket(connection);
    if (socket < 0)
        return BODY_CUT_OFF;
    size_t slot = watchdog_arm(watchdog, socket, SHUT_RD, deadline_ns);
    size_t got = 0;
    while (got < size) {
        int step = mg_read(connection, body + got, size - got);
        if (step <= 0)
            break;
        got += (size_t)step;
    }
    bool late = watchdog_disarm(watchdog, slot);
    if (got < size && !late) /* the library waits for the next byte no longer than for a head */
        late = recv(socket, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
               (errno == EAGAIN || errno == EWOULDBLOCK);
    return got == size ? BODY_COMPLETE : late ? BODY_TOO_SLOW : BODY_CUT_OFF;
}

bool connection_write(struct mg_connection *connection, struct watchdog *watchdog, uint64_t deadline_ns,
                      struct bytes head, struct bytes body)
{
    int socket = connection_socket(connection);
    if (socket < 0)
        return false;
    size_t slot = watchdog_arm(watchdog, socket, SHUT_RDWR, deadline_ns);
    bool sent = mg_write(connection, head.data, head.size) == (int)head.size;
    if (sent && body.size)
        sent = mg_write(connection, body.data, body.size) == (int)body.size;
    return !watchdog_disarm(watchdog, slot) && sent;
}

void connection_drain(struct mg_connection *connection)
{
    int socket = connection_socket(connection);
    if (socket < 0)
        return;
    shutdown(socket, SHUT_WR);
    uint64_t start_ns = clock_now_ns();
    size_t taken = 0;
    uint8_t scrap[16384];
    while (taken < DRAIN_BYTES_MAX) {
        int left_ms = DRAIN_MS_MAX - (int)clock_elapsed_ms(start_ns);
        struct pollfd ready = {.fd = socket, .events = POLLIN};
        if (left_ms <= 0 || poll(&ready, 1, left_ms) <= 0)
            return;
        ssize_t size = recv(socket, scrap, sizeof scrap, MSG_DONTWAIT);
        if (size <= 0)
            return;
        taken += (size_t)size;
    }
}
