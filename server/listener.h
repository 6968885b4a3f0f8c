/* Listens, and serves each connection on a thread of its own: the only includer of civetweb.h. */
#ifndef CXRD_SERVER_LISTENER_H
#define CXRD_SERVER_LISTENER_H

#include "engine/base/status.h"

#include <stdint.h>

struct listener_options {
    const char *address; /* ADDRESS:PORT, an IPv6 address in brackets; port 0 lets the system choose */
    uint32_t threads;    /* connections served at once */
    /* Serves a connection from its first byte to its last, on the listener's threads. The socket is closed
     * afterwards. */
    void (*serve)(void *context, int socket);
    void *context;
};

struct listener;
/* Listens and serves from now on. Fails with BAD_REQUEST (no address), UNAVAILABLE (cannot listen there, or
 * too few threads or descriptors). The caller owns *out. */
WARN_UNUSED enum status listener_start(const struct listener_options *options, struct failure *failure,
                                       struct listener **out);
/* The port listened on. */
int listener_port(const struct listener *listener);
/* Accepts no more and returns when every call of `serve` has. */
void listener_stop(struct listener **listener);

#endif
