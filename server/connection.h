/* A connection of the HTTP library, with what the library does not offer: its socket, deadlines, closing for
 * sure. Beside http.c the only includer of civetweb.h. */
#ifndef CXRD_SERVER_CONNECTION_H
#define CXRD_SERVER_CONNECTION_H

#include "engine/base/memory.h"
#include "server/watchdog.h"

#include <stdbool.h>

struct mg_connection;

/* The connection's socket, found among the process's descriptors by its two ends; -1 when it is gone. */
int connection_socket(const struct mg_connection *connection);

/* Whether the client has closed its connection, or its sending side: who does so before the answer is there
 * is taken not to wait for it. */
bool connection_gone(int socket);

/* True when every line of the request's head is a field of its own that ends in CR LF (RFC 9112, sections 2.2
 * and 5.1). The library itself takes a space before the colon and a lone LF, and at a line that does not
 * begin with a name (a folded one, one of ": x") it silently drops all that follows, a Transfer-Encoding too.
 */
bool connection_head_is_strict(const struct mg_connection *connection);

/* What the client asked for: an HTTP/1.1 connection goes on unless it says otherwise. */
bool connection_wants_reuse(const struct mg_connection *connection);
/* Makes the library close the connection after this request, whatever stands in its buffer. */
void connection_forbid_reuse(struct mg_connection *connection);

enum body_result { BODY_COMPLETE, BODY_TOO_SLOW, BODY_CUT_OFF };
/* Reads exactly `size` bytes, all of which must arrive before the deadline. */
enum body_result connection_read(struct mg_connection *connection, struct watchdog *watchdog,
                                 uint64_t deadline_ns, uint8_t *body, size_t size);
/* Writes all of it before the deadline; false when the client is gone or too slow. */
bool connection_write(struct mg_connection *connection, struct watchdog *watchdog, uint64_t deadline_ns,
                      struct bytes head, struct bytes body);

/* Ends the sending side and takes in at most 1 MiB for at most 1 s, so that a client that is still sending
 * reads its answer instead of a reset. */
void connection_drain(struct mg_connection *connection);

#endif
