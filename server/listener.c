/* What is asked of civetweb is to accept connections and to lend each a thread until it ends. All else is
 * done without it, since the packaged releases (1.15 and 1.16)
 *   - are built without IPv6, and listen with a backlog that cannot be chosen: the listening socket is ours,
 * and takes the place of one that the library has opened on the loopback (on_thread);
 *   - read heads leniently: blank lines before a request are counted as part of it, a line may end in a lone
 * LF or hold spaces before its colon, the 65th field is dropped, a malformed line hides all that follow
 *     (server/head.c reads them);
 *   - hold a thread as long as a client likes, since mg_read waits for all it was asked for and bounds the
 * pause between two bytes only, and know no way to end a connection from outside (server/connection.c,
 * registry.c);
 *   - read the rest of a refused body without a bound, or reset the connection under the answer;
 *   - never hand out a connection's socket: it is found among the process's descriptors (take_socket). */
#include "server/listener.h"

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "server/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <civetweb.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Descriptors are numbered from the lowest free one on: the library's are among the first few for each thread
 * and so many others. */
enum { BACKLOG = 1024, DESCRIPTORS_A_THREAD = 4, OTHER_DESCRIPTORS = 1024, STACK_BYTES = 1 << 20 };

struct listener {
    struct mg_context *context;
    void (*serve)(void *context, int socket);
    void *argument;
    pthread_mutex_t taking;
    sem_t placed; /* posted once the library has our socket */
    int port;
    int ours;        /* the listening socket */
    int place;       /* the library's descriptor that is one of ours; -1: not yet */
    int dead;        /* a socket whose other end is closed */
    int descriptors; /* how many there may be at once */
    bool *taken;     /* [descriptors]: our own, of connections */
};

/* The port of a socket of the internet at its own end, -1 for everything else. */
static int port_of(int descriptor)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(descriptor, (struct sockaddr *)&address, &size))
        return -1;
    return address.ss_family == AF_INET    ? ntohs(((struct sockaddr_in *)&address)->sin_port)
           : address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                           : -1;
}

/* The library's first descriptor of a socket at this port that does, or does not, listen; -1 when there is
 * none. The last thing the library does to a connection before it hands it to a thread is to make it
 * non-blocking: before that it is not found. */
static int find_socket(const struct listener *listener, int port, bool listens)
{
    for (int descriptor = 0; descriptor < listener->descriptors; descriptor++) {
        int listening = 0;
        socklen_t size = sizeof listening;
        if (!listener->taken[descriptor] &&
            !getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) && listening == listens &&
            port_of(descriptor) == port && (listens || fcntl(descriptor, F_GETFL) & O_NONBLOCK))
            return descriptor;
    }
    return -1;
}

/* Takes a connection from the library, in whose hands a dead socket is left: what it reads from now on is the
 * end. Which of the connections accepted so far that is does not matter: every thread that asks has been
 * woken for one. -1 when there is none, since the client was gone before. */
static int take_socket(struct listener *listener)
{
    pthread_mutex_lock(&listener->taking);
    int theirs = find_socket(listener, listener->port, false);
    int ours = theirs < 0 ? -1 : fcntl(theirs, F_DUPFD_CLOEXEC, 0);
    if (theirs >= 0 && (dup2(listener->dead, theirs) < 0 || ours >= listener->descriptors)) {
        shutdown(ours, SHUT_RDWR);
        close(ours);
        ours = -1;
    }
    if (ours >= 0)
        listener->taken[ours] = true;
    pthread_mutex_unlock(&listener->taking);
    return ours;
}

static void close_socket(struct listener *listener, int socket)
{
    pthread_mutex_lock(&listener->taking);
    listener->taken[socket] = false;
    close(socket);
    pthread_mutex_unlock(&listener->taking);
}

static int on_connection(const struct mg_connection *connection, void **data)
{
    (void)data;
    /* Which connection the thread was woken for is not known. It serves whoever waits until nobody does: then
     * that one has been served too, here or on another thread. */
    struct listener *listener = mg_get_user_data(mg_get_context(connection));
    for (int socket; (socket = take_socket(listener)) >= 0;) {
        listener->serve(listener->argument, socket);
        close_socket(listener, socket);
    }
    return 0;
}

/* The library's main thread begins: before it waits for its own socket, ours takes the place of that. */
static void *on_thread(const struct mg_context *context, int kind)
{
    struct listener *listener = mg_get_user_data(context);
    struct mg_server_port theirs = {0};
    if (kind != 0)
        return NULL;
    if (mg_get_server_ports(context, 1, &theirs) == 1)
        listener->place = find_socket(listener, theirs.port, true);
    if (listener->place >= 0)
        dup2(listener->ours, listener->place);
    sem_post(&listener->placed);
    return NULL;
}

/* The library is to answer nothing by itself: it has read something after all, from a connection to the
 * loopback made before our socket had taken its place. */
static int on_request(struct mg_connection *connection)
{
    (void)connection;
    return -1;
}

static int on_error(struct mg_connection *connection, int code, const char *message)
{
    (void)connection;
    (void)code;
    (void)message;
    return 0;
}

static int on_message(const struct mg_connection *connection, const char *message)
{
    (void)connection;
    log_message(LOG_DEBUG, "http: %s", message);
    return 1;
}

static int listen_at(const struct addrinfo *at)
{
    const int on = 1, off = 0;
    int listening = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listening < 0)
        return -1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listening, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* connections inherit it */
    if (at->ai_family == AF_INET6)
        setsockopt(listening, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off); /* [::] is IPv4 too */
    if (!bind(listening, at->ai_addr, at->ai_addrlen) && !listen(listening, BACKLOG))
        return listening;
    int problem = errno;
    close(listening);
    errno = problem;
    return -1;
}

static enum status open_socket(const char *address, struct failure *failure, int *out)
{
    char host[ADDRESS_HOST_BYTES], service[8];
    int port = 0;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    bool is_address = address_split(address, host, &port);
    snprintf(service, sizeof service, "%d", port);
    if (!is_address || getaddrinfo(host, service, &hints, &found))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The address to listen on must be " ADDRESS_FORM ", not '%.60s'.", address);
    *out = listen_at(found);
    freeaddrinfo(found);
    if (*out < 0)
        return failure_set(failure, STATUS_UNAVAILABLE, "Cannot listen on %s: %s.", address,
                           errno == EADDRINUSE      ? "another program does"
                           : errno == EADDRNOTAVAIL ? "it is no address of this machine"
                                                    : strerror(errno));
    return STATUS_OK;
}

/* As mg_start, with small stacks for its threads: hundreds of the usual 8 MiB would fill a limited address
 * space, and the library takes the process's default. */
static struct mg_context *start_threads(const struct mg_callbacks *callbacks, void *data,
                                        const char **settings)
{
    pthread_attr_t usual, small;
    pthread_getattr_default_np(&usual);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    pthread_setattr_default_np(&small);
    struct mg_context *context = mg_start(callbacks, data, settings);
    pthread_setattr_default_np(&usual);
    pthread_attr_destroy(&small);
    pthread_attr_destroy(&usual);
    return context;
}

/* Starts the library on a port of the loopback, and waits until our socket is in place of its own. */
static enum status start_library(const struct listener_options *options, struct failure *failure,
                                 struct listener *listener)
{
    char threads[16];
    snprintf(threads, sizeof threads, "%u", options->threads);
    const char *const settings[][2] = {{"listening_ports", "127.0.0.1:0"},
                                       {"num_threads", threads},
                                       {"enable_keep_alive", "no"},
                                       {NULL, NULL}};
    const struct mg_callbacks callbacks = {.begin_request = on_request,
                                           .http_error = on_error,
                                           .log_message = on_message,
                                           .init_thread = on_thread,
                                           .init_connection = on_connection};
    listener->context = start_threads(&callbacks, listener, (const char **)&settings[0][0]);
    if (!listener->context)
        return failure_set(
            failure, STATUS_UNAVAILABLE,
            "The HTTP library does not start; are there too few threads (ulimit -u, pids.max) or "
            "descriptors (ulimit -n)?");
    sem_wait(&listener->placed);
    if (listener->place < 0)
        return failure_set(failure, STATUS_UNAVAILABLE, "The HTTP library's socket is not to be found.");
    return STATUS_OK;
}

enum status listener_start(const struct listener_options *options, struct failure *failure,
                           struct listener **out)
{
    int ours = -1, pair[2];
    enum status status = open_socket(options->address, failure, &ours);
    if (status)
        return status;
    struct listener *listener = memory_allocate(1, sizeof *listener);
    *listener =
        (struct listener){.serve = options->serve,
                          .argument = options->context,
                          .descriptors = (int)options->threads * DESCRIPTORS_A_THREAD + OTHER_DESCRIPTORS,
                          .port = port_of(ours),
                          .ours = ours,
                          .place = -1,
                          .dead = -1};
    listener->taken = memory_allocate((size_t)listener->descriptors, sizeof *listener->taken);
    pthread_mutex_init(&listener->taking, NULL);
    sem_init(&listener->placed, 0, 0);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        status = failure_set(failure, STATUS_UNAVAILABLE, "There are no descriptors left; raise ulimit -n.");
    if (!status) {
        listener->dead = pair[0];
        close(pair[1]);
        status = start_library(options, failure, listener);
    }
    if (status)
        listener_stop(&listener);
    else
        *out = listener;
    return status;
}

int listener_port(const struct listener *listener)
{
    return listener->port;
}

void listener_stop(struct listener **handle)
{
    struct listener *listener = handle ? *handle : NULL;
    if (!listener)
        return;
    shutdown(listener->ours, SHUT_RDWR); /* or the library would go on waiting for up to 2 s */
    if (listener->context)
        mg_stop(listener->context);
    close(listener->ours);
    if (listener->dead >= 0)
        close(listener->dead);
    free(listener->taken);
    sem_destroy(&listener->placed);
    pthread_mutex_destroy(&listener->taking);
    free(listener);
    *handle = NULL;
}
