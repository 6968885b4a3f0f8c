#include "server/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool address_split(const char *text, char host[ADDRESS_HOST_BYTES], int *port)
{
    enum { DIGITS_MAX = 5 };
    const char *colon = text ? strrchr(text, ':') : NULL;
    size_t digits = colon ? strlen(colon + 1) : 0;
    if (!digits || digits > DIGITS_MAX || strspn(colon + 1, "0123456789") != digits)
        return false;
    size_t length = (size_t)(colon - text);
    bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (!bracketed && memchr(text, ':', length))
        return false; /* which colon of an IPv6 address begins the port? */
    size_t bytes = bracketed ? length - 2 : length;
    if (!bytes || bytes >= ADDRESS_HOST_BYTES)
        return false;
    snprintf(host, ADDRESS_HOST_BYTES, "%.*s", (int)bytes, text + bracketed);
    *port = atoi(colon + 1);
    return *port <= UINT16_MAX;
}

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

/* An address as 16 bytes, IPv4 mapped; false, and `out` as it was, when the text is none. */
static bool parse(const char *text, size_t length, uint8_t out[16])
{
    char copy[ADDRESS_BYTES] = "";
    uint8_t address[16];
    if (!length || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    memcpy(address, mapped, sizeof mapped);
    if (inet_pton(AF_INET, copy, address + sizeof mapped) != 1 && inet_pton(AF_INET6, copy, address) != 1)
        return false;
    memcpy(out, address, sizeof address);
    return true;
}

static void print(const uint8_t address[16], char out[ADDRESS_BYTES])
{
    bool is_mapped = !memcmp(address, mapped, sizeof mapped);
    inet_ntop(is_mapped ? AF_INET : AF_INET6, address + (is_mapped ? sizeof mapped : 0), out, ADDRESS_BYTES);
}

static bool within(const uint8_t address[16], const struct network *network)
{
    size_t whole = network->bits / 8;
    unsigned rest = network->bits % 8;
    return !memcmp(address, network->bytes, whole) &&
           (!rest || !((address[whole] ^ network->bytes[whole]) >> (8 - rest)));
}

static bool is_proxy(const struct address_policy *policy, const uint8_t address[16])
{
    for (size_t i = 0; i < policy->proxy_count; i++)
        if (within(address, &policy->proxies[i]))
            return true;
    return false;
}

static bool parse_network(const char *text, size_t length, struct network *out)
{
    const char *slash = memchr(text, '/', length);
    size_t address = slash ? (size_t)(slash - text) : length, digits = slash ? length - address - 1 : 0;
    if (!parse(text, address, out->bytes))
        return false;
    unsigned widest = memchr(text, ':', address) ? 128 : 32, bits = widest;
    if (slash) {
        char *end = NULL;
        bits = (unsigned)strtoul(slash + 1, &end, 10);
        if (!digits || digits > 3 || strspn(slash + 1, "0123456789") < digits || end != slash + 1 + digits ||
            bits > widest)
            return false;
    }
    out->bits = bits + 128 - widest;
    return true;
}

enum status address_read_proxies(const char *text, struct failure *failure, struct address_policy *out)
{
    for (const char *at = text ? text : ""; *at;) {
        at += strspn(at, ", ");
        size_t length = strcspn(at, ", ");
        if (!length)
            break;
        if (out->proxy_count == ADDRESS_PROXIES_MAX)
            return failure_set(failure, STATUS_BAD_REQUEST, "There can be %d trusted proxies.",
                               ADDRESS_PROXIES_MAX);
        if (!parse_network(at, length, &out->proxies[out->proxy_count]))
            return failure_set(
                failure, STATUS_BAD_REQUEST,
                "A trusted proxy must be ADDRESS or ADDRESS/BITS, such as 10.0.0.0/8, not '%.*s'.",
                (int)length, at);
        out->proxy_count++;
        at += length;
    }
    return STATUS_OK;
}

static bool peer_of(int socket, uint8_t out[16])
{
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof peer;
    if (getpeername(socket, (struct sockaddr *)&peer, &size))
        return false;
    memcpy(out, mapped, sizeof mapped);
    if (peer.ss_family == AF_INET)
        memcpy(out + sizeof mapped, &((struct sockaddr_in *)&peer)->sin_addr, 4);
    else
        memcpy(out, &((struct sockaddr_in6 *)&peer)->sin6_addr, 16);
    return true;
}

/* Follows one field from its end on; false when that led to an address that is no proxy, or to none. */
static bool follow(const struct address_policy *policy, const char *field, uint8_t address[16])
{
    size_t end = strlen(field);
    while (end) {
        size_t start = end;
        while (start && field[start - 1] != ',')
            start--;
        const char *text = field + start + strspn(field + start, " \t");
        size_t length = strcspn(text, ", \t");
        if (!is_proxy(policy, address) || !parse(text, length, address))
            return false;
        end = start ? start - 1 : 0;
    }
    return true;
}

void address_of_client(const struct address_policy *policy, int socket, const struct api_request *request,
                       char out[ADDRESS_BYTES])
{
    uint8_t address[16];
    *out = '\0';
    if (!policy->logged || !peer_of(socket, address))
        return;
    for (size_t i = request->header_count; i-- > 0;)
        if (!strcasecmp(request->headers[i].name, "X-Forwarded-For") &&
            !follow(policy, request->headers[i].value, address))
            break;
    print(address, out);
}
