#include "server/head.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A character of a method or of a field's name (RFC 9110, section 5.6.2). */
static bool is_token_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *text)
{
    if (!*text)
        return false;
    while (is_token_character(*text))
        text++;
    return !*text;
}

enum head_progress head_scan(struct bytes received, size_t *at)
{
    const char *text = (const char *)received.data;
    if (received.size && !is_token_character(text[0]))
        return HEAD_MALFORMED;
    while (*at < received.size) {
        const char *feed = memchr(text + *at, '\n', received.size - *at);
        *at = feed ? (size_t)(feed - text) + 1 : received.size;
        if (feed && feed[-1] != '\r') /* the first byte is a character */
            return HEAD_MALFORMED;
        if (feed && feed[-2] == '\n')
            return HEAD_COMPLETE;
    }
    return HEAD_INCOMPLETE;
}

static enum status malformed(struct failure *failure, const char *what)
{
    return failure_set(failure, STATUS_BAD_REQUEST, "The request's head is malformed: %s.", what);
}

/* %00 to %1F and %7F. */
static bool has_encoded_control(const char *text)
{
    for (; (text = strchr(text, '%')); text++) {
        bool low = (text[1] == '0' || text[1] == '1') && text[2];
        if (low || !strncasecmp(text, "%7f", 3))
            return true;
    }
    return false;
}

/* Path and query of a target in origin form, or in the absolute form that is sent to proxies. */
static enum status parse_target(char *target, struct failure *failure, struct head *out)
{
    if (strlen(target) > API_TARGET_BYTES_MAX)
        return failure_set(failure, STATUS_BAD_REQUEST, "The address is longer than %d bytes.",
                           API_TARGET_BYTES_MAX);
    for (const char *at = target; *at; at++)
        if (*at < '!' || *at > '~')
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "The address holds control characters or bytes outside of ASCII.");
    if (!strncasecmp(target, "http://", 7))
        target += 7 + strcspn(target + 7, "/?");
    if (*target != '/')
        return malformed(failure, "its address has no path");
    char *query = strchr(target, '?');
    if (query)
        *query++ = '\0';
    out->path = target;
    out->query = query;
    if (has_encoded_control(target))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The address holds control characters or bytes outside of ASCII.");
    return STATUS_OK;
}

/* "METHOD SP target SP HTTP/1.x". */
static enum status parse_request_line(char *line, struct failure *failure, struct head *out, int *minor)
{
    char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version)
        return malformed(failure, "its first line is not a method, an address and a version");
    *target++ = *version++ = '\0';
    if (!is_token(line) || strlen(line) > HEAD_METHOD_BYTES_MAX)
        return malformed(failure, "its method is none");
    out->method = line;
    if (strcmp(version, "HTTP/1.0") && strcmp(version, "HTTP/1.1"))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "Only HTTP/1.0 and HTTP/1.1 are spoken here, not '%.60s'.", version);
    *minor = version[7] - '0';
    if (!*target)
        return malformed(failure, "its address is empty");
    return parse_target(target, failure, out);
}

/* "name: value", white space around the value dropped. Of controls a value may hold the tab only. */
static enum status parse_field(char *line, struct failure *failure, struct api_header *out)
{
    char *colon = strchr(line, ':');
    if (colon)
        *colon = '\0';
    if (!colon || !is_token(line))
        return malformed(failure, "it has a line that is no header field");
    char *value = colon + 1 + strspn(colon + 1, " \t"), *end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    for (const char *at = value; *at; at++)
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
            return malformed(failure, "a header field holds control characters");
    *out = (struct api_header){line, value};
    return STATUS_OK;
}

/* The only field of this name, NULL without one; *count: how many there are. */
static const char *find(const struct head *head, const char *name, size_t *count)
{
    const char *value = NULL;
    *count = 0;
    for (size_t i = 0; i < head->field_count; i++)
        if (!strcasecmp(head->fields[i].name, name)) {
            value = head->fields[i].value;
            ++*count;
        }
    return value;
}

/* True when a list of all fields of this name holds the word. */
static bool lists(const struct head *head, const char *name, const char *word)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const char *at = strcasecmp(head->fields[i].name, name) ? "" : head->fields[i].value;
        while (*at) {
            at += strspn(at, ", \t");
            size_t length = strcspn(at, ", \t");
            if (length == strlen(word) && !strncasecmp(at, word, length))
                return true;
            at += length;
        }
    }
    return false;
}

static enum status parse_length(const char *text, struct failure *failure, struct head *out)
{
    if (!*text || strspn(text, "0123456789") != strlen(text))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The Content-Length '%.60s' is not a number of digits only.", text);
    unsigned long long size = strtoull(text, NULL, 10); /* saturates */
    if (size > API_BODY_BYTES_MAX)
        return failure_set(failure, STATUS_TOO_LARGE,
                           "The body is over %zu MiB; send fewer or smaller images.",
                           API_BODY_BYTES_MAX >> 20);
    out->framing = size ? BODY_SIZED : BODY_NONE;
    out->body_bytes = (size_t)size;
    return STATUS_OK;
}

/* How the body ends (RFC 9112, section 6.3), of which only what cannot be misread is taken. */
static enum status parse_framing(int minor, struct failure *failure, struct head *out)
{
    size_t lengths, codings, hosts;
    const char *length = find(out, "Content-Length", &lengths);
    const char *coding = find(out, "Transfer-Encoding", &codings);
    (void)find(out, "Host", &hosts);
    if (hosts > 1 || (!hosts && minor == 1))
        return failure_set(failure, STATUS_BAD_REQUEST, "The request needs exactly one Host header.");
    if (codings && (lengths || codings > 1 || strcasecmp(coding, "chunked") || minor == 0))
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "The Transfer-Encoding '%.60s' is not taken: it must be one 'chunked', in HTTP/1.1, without a "
            "Content-Length beside it.",
            coding);
    if (lengths > 1)
        return failure_set(failure, STATUS_BAD_REQUEST, "The request has several Content-Lengths.");
    if (codings)
        out->framing = BODY_CHUNKED;
    if (lengths)
        return parse_length(length, failure, out);
    if (!codings && !strcmp(out->method, "POST"))
        return failure_set(failure, STATUS_LENGTH_REQUIRED,
                           "A POST needs a Content-Length, or its body in chunks.");
    return STATUS_OK;
}

/* Cuts the next line, which ends in CR LF, off *rest. */
static char *take_line(char **rest)
{
    char *line = *rest, *end = strstr(line, "\r\n");
    assert(end);
    *end = '\0';
    *rest = end + 2;
    return line;
}

static enum status parse_fields(char *rest, struct failure *failure, struct head *out)
{
    size_t bytes = strlen(rest) - strlen("\r\n");
    if (bytes > HEAD_FIELD_BYTES_MAX)
        return failure_set(failure, STATUS_HEADERS_TOO_LARGE, "The request's header fields are over %d KiB.",
                           HEAD_FIELD_BYTES_MAX >> 10);
    for (char *line; *(line = take_line(&rest));) {
        if (out->field_count == HEAD_FIELDS_MAX)
            return failure_set(failure, STATUS_HEADERS_TOO_LARGE,
                               "The request has more than %d header fields.", HEAD_FIELDS_MAX);
        enum status status = parse_field(line, failure, &out->fields[out->field_count]);
        if (status)
            return status;
        out->field_count++;
    }
    return STATUS_OK;
}

enum status head_parse(char *text, size_t size, struct failure *failure, struct head *out)
{
    assert(size >= 4 && !memcmp(text + size - 4, "\r\n\r\n", 5));
    int minor = 0;
    char *rest = text;
    *out = (struct head){.method = "", .path = ""};
    if (strlen(text) != size)
        return malformed(failure, "it holds a NUL byte");
    struct failure later = {0}; /* the first fault is told, and the fields say to whom */
    enum status status = parse_request_line(take_line(&rest), failure, out, &minor);
    enum status fields = parse_fields(rest, status ? &later : failure, out);
    if (!status)
        status = fields;
    if (!status)
        status = parse_framing(minor, failure, out);
    if (status)
        return status;
    out->keeps_connection =
        minor == 1 ? !lists(out, "Connection", "close")
                   : lists(out, "Connection", "keep-alive") && !lists(out, "Connection", "close");
    out->expects_continue = minor == 1 && lists(out, "Expect", "100-continue");
    return STATUS_OK;
}
