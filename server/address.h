/* Where to listen, and where a request came from, for the log: the connection's other end, or what trusted
 * proxies say of it. */
#ifndef CXRD_SERVER_ADDRESS_H
#define CXRD_SERVER_ADDRESS_H

#include "api/api.h"

#include <netinet/in.h>

enum { ADDRESS_PROXIES_MAX = 16, ADDRESS_BYTES = INET6_ADDRSTRLEN, ADDRESS_HOST_BYTES = 256 };

#define ADDRESS_FORM "ADDRESS:PORT, such as 127.0.0.1:8080 or [::]:8080"
/* Splits what ADDRESS_FORM says, brackets taken off: the address may be a name, and the port is 0 to 65535.
 * False when the text is NULL or of another form; `host` and `port` are then undefined. */
bool address_split(const char *text, char host[ADDRESS_HOST_BYTES], int *port);

/* Addresses whose first `bits` bits are those of `bytes`; IPv4 as in RFC 4291, section 2.5.5.2. */
struct network {
    uint8_t bytes[16];
    unsigned bits;
};

struct address_policy {
    bool logged; /* else no address is asked for */
    struct network proxies[ADDRESS_PROXIES_MAX];
    size_t proxy_count;
};

/* Reads ADDRESS[/BITS] with commas between them; NULL: none. Fails with BAD_REQUEST. */
WARN_UNUSED enum status address_read_proxies(const char *text, struct failure *failure,
                                             struct address_policy *out);
/* The client's address as text, "" when none is to be logged or it is not known. A proxy's X-Forwarded-For is
 * followed from its end as long as the addresses in it are trusted proxies. */
void address_of_client(const struct address_policy *policy, int socket, const struct api_request *request,
                       char out[ADDRESS_BYTES]);

#endif
