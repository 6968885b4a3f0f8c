#include "api/multipart.h"

#include "api/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_boundary_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("'()+_,-./:=? ", c));
}

/* Copies a parameter's value, quoted or not, to `value` (NULL: nowhere) and returns where it ends; NULL when
 * it has no end or no room. In quotes a backslash is none before a quote or another one only, since browsers
 * once sent whole paths of Windows. */
static const char *read_value(const char *at, char *value, size_t capacity)
{
    size_t used = 0;
    bool quoted = *at == '"';
    at += quoted;
    while (*at && (quoted ? *at != '"' : !strchr("; \t", *at))) {
        at += quoted && *at == '\\' && (at[1] == '"' || at[1] == '\\');
        if (value && used + 1 >= capacity)
            return NULL;
        if (value)
            value[used++] = *at;
        at++;
    }
    if (value)
        value[used] = '\0';
    return quoted && !*at ? NULL : at + quoted;
}

/* Copies the value of a parameter ("; name=value" or "; name=\"value\"") of a header's value. */
static bool parameter(const char *header, const char *name, char *value, size_t capacity)
{
    size_t name_length = strlen(name);
    const char *at = strchr(header, ';');
    while (at) {
        at += 1 + strspn(at + 1, " \t");
        bool match = !strncasecmp(at, name, name_length) && at[name_length] == '=';
        at += strcspn(at, "=;");
        at = *at == '=' ? read_value(at + 1, match ? value : NULL, capacity) : at;
        if (match || !at)
            return at;
        at = strchr(at, ';');
    }
    return false;
}

static const uint8_t *find(const struct multipart *multipart, size_t from, const char *needle, size_t length)
{
    return memmem(multipart->body.data + from, multipart->body.size - from, needle, length);
}

enum status multipart_start(const char *content_type, struct bytes body, struct failure *failure,
                            struct multipart *out)
{
    char boundary[MULTIPART_BOUNDARY_BYTES_MAX + 1];
    bool found = parameter(content_type, "boundary", boundary, sizeof boundary) && *boundary;
    for (const char *at = boundary; found && *at; at++)
        found = is_boundary_character(*at);
    if (!found)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The Content-Type '%.100s' has no usable boundary of 1 to %d characters.",
                           content_type, MULTIPART_BOUNDARY_BYTES_MAX);
    struct multipart multipart = {.body = body};
    snprintf(multipart.delimiter, sizeof multipart.delimiter, "\r\n--%s", boundary);
    const char *first =
        multipart.delimiter + 2; /* the first one may open the body, without a line before it */
    size_t length = strlen(first);
    if (body.size >= length && !memcmp(body.data, first, length)) {
        multipart.at = length;
    } else {
        const uint8_t *at = find(&multipart, 0, multipart.delimiter, length + 2);
        if (!at)
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "The multipart body does not contain its boundary.");
        multipart.at = (size_t)(at - body.data) + length + 2;
    }
    *out = multipart;
    return STATUS_OK;
}

/* Browsers send a quote in a name as %22 (HTML, "multipart/form-data encoding algorithm") and leave '%'. */
static void restore_quotes(char *text)
{
    for (char *at = text; (at = strstr(at, "%22")); at++) {
        *at = '"';
        memmove(at + 1, at + 3, strlen(at + 3) + 1);
    }
}

/* The text of an extended value, UTF-8'LANGUAGE'PERCENT-ENCODED (RFC 8187, 3.2.1); NULL when it is none,
 * which counts as not sent. */
static const char *extended_value(const char *value, struct arena *arena)
{
    static const char charset[] = "UTF-8'";
    const char *end =
        strncasecmp(value, charset, sizeof charset - 1) ? NULL : strchr(value + sizeof charset - 1, '\'');
    char *text = NULL;
    if (!end || text_percent_decode(arena, end + 1, strlen(end + 1), false, NULL, &text))
        return NULL;
    return text;
}

static enum status content_disposition(const char *value, struct arena *arena, struct failure *failure,
                                       struct multipart_part *part)
{
    char name[MULTIPART_NAME_BYTES_MAX + 1], text[MULTIPART_HEADER_BYTES_MAX];
    if (!text_is_type(value, "form-data") || !parameter(value, "name", name, sizeof name))
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "A part's Content-Disposition '%.100s' is not form-data with a name of at most %d bytes.", value,
            MULTIPART_NAME_BYTES_MAX);
    restore_quotes(name);
    part->name = text_escape(arena, name);
    if (parameter(value, "filename*", text, sizeof text))
        part->filename = extended_value(text, arena);
    if (!part->filename && parameter(value, "filename", text, sizeof text)) {
        restore_quotes(text);
        part->filename = arena_copy_text(arena, text, strlen(text));
    }
    return STATUS_OK;
}

/* One header line, as NUL-terminated text. */
static enum status header_line(const char *line, struct arena *arena, struct failure *failure,
                               struct multipart_part *part)
{
    const char *colon = strchr(line, ':');
    if (!colon || colon == line)
        return failure_set(failure, STATUS_BAD_REQUEST, "A part has a header line without a colon.");
    size_t length = (size_t)(colon - line);
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    if (length == strlen("Content-Disposition") && !strncasecmp(line, "Content-Disposition", length))
        return part->name ? failure_set(failure, STATUS_BAD_REQUEST, "A part has two Content-Dispositions.")
                          : content_disposition(value, arena, failure, part);
    if (length == strlen("Content-Transfer-Encoding") &&
        !strncasecmp(line, "Content-Transfer-Encoding", length) && strcasecmp(value, "binary") &&
        strcasecmp(value, "8bit") && strcasecmp(value, "7bit"))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "A part has the Content-Transfer-Encoding '%.60s'; send its bytes as they are.",
                           value);
    return STATUS_OK;
}

/* Reads header lines up to the empty one; multipart->at then stands at the content. */
static enum status part_headers(struct multipart *multipart, struct arena *arena, struct failure *failure,
                                struct multipart_part *part)
{
    char line[MULTIPART_HEADER_BYTES_MAX];
    size_t budget = sizeof line - 1;
    for (;;) {
        const uint8_t *start = multipart->body.data + multipart->at;
        const uint8_t *end = find(multipart, multipart->at, "\r\n", 2);
        size_t length = end ? (size_t)(end - start) : 0;
        if (!end || length > budget)
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "A part's headers do not end within %d bytes; is the body cut off?",
                               MULTIPART_HEADER_BYTES_MAX);
        multipart->at += length + 2;
        if (!length)
            break;
        budget -= length;
        memcpy(line, start, length);
        line[length] = '\0';
        if (strlen(line) != length)
            return failure_set(failure, STATUS_BAD_REQUEST, "A part's headers hold a NUL byte.");
        enum status status = header_line(line, arena, failure, part);
        if (status)
            return status;
    }
    if (!part->name)
        return failure_set(failure, STATUS_BAD_REQUEST, "A part has no Content-Disposition.");
    return STATUS_OK;
}

enum status multipart_next(struct multipart *multipart, struct arena *arena, struct failure *failure,
                           struct multipart_part *out, bool *more)
{
    struct bytes body = multipart->body;
    size_t left = body.size - multipart->at;
    if (left >= 2 && !memcmp(body.data + multipart->at, "--", 2)) {
        *more = false;
        return STATUS_OK;
    }
    /* White space may pad a delimiter's line (RFC 2046, 5.1.1). */
    while (multipart->at < body.size && (body.data[multipart->at] == ' ' || body.data[multipart->at] == '\t'))
        multipart->at++;
    left = body.size - multipart->at;
    if (left < 2 || memcmp(body.data + multipart->at, "\r\n", 2))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The multipart body does not end in its closing boundary; is it cut off?");
    if (++multipart->parts > MULTIPART_PARTS_MAX)
        return failure_set(failure, STATUS_TOO_LARGE, "The form has more than %d parts.",
                           MULTIPART_PARTS_MAX);
    multipart->at += 2;
    struct multipart_part part = {0};
    enum status status = part_headers(multipart, arena, failure, &part);
    if (status)
        return status;
    /* An empty content shares its line end with the headers' empty line: look from that line end on. */
    size_t start = multipart->at, length = strlen(multipart->delimiter);
    const uint8_t *end = find(multipart, start - 2, multipart->delimiter, length);
    if (!end)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The multipart body does not end in its closing boundary; is it cut off?");
    size_t stop = (size_t)(end - body.data);
    part.content = (struct bytes){body.data + start, stop > start ? stop - start : 0};
    multipart->at = stop + length;
    *out = part;
    *more = true;
    return STATUS_OK;
}
