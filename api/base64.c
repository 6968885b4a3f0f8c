#include "api/base64.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The digits' values, by their ASCII codes; NONE for what is no digit. Two have a form for addresses too. */
enum { NONE = 64 };
static const uint8_t values[128] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 62, 64, 63, 52, 53, 54, 55,
    56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64, 64, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
    13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 63, 64, 26, 27, 28, 29, 30, 31, 32,
    33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
};

/* The length of "data:TYPE;base64," before the digits, 0 when it is not there. */
static enum status prefix_length(const char *text, size_t length, struct failure *failure, size_t *out)
{
    static const char scheme[] = "data:", coding[] = ";base64";
    *out = 0;
    if (length < sizeof scheme - 1 || strncasecmp(text, scheme, sizeof scheme - 1))
        return STATUS_OK;
    const char *comma = memchr(text, ',', length);
    size_t before = comma ? (size_t)(comma - text) : 0;
    if (before < sizeof coding - 1 || strncasecmp(comma - (sizeof coding - 1), coding, sizeof coding - 1))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "What begins with data: must go on as data:TYPE;base64, and the base64.");
    *out = before + 1;
    return STATUS_OK;
}

enum status base64_decode_inside(char *text, size_t length, struct failure *failure, struct bytes *out)
{
    uint8_t *decoded = (uint8_t *)text;
    size_t used = 0, held = 0, padding = 0; /* held: digits not yet written */
    uint32_t bits = 0;
    size_t at = 0;
    enum status status = prefix_length(text, length, failure, &at);
    for (; !status && at < length; at++) {
        unsigned char c = (unsigned char)text[at];
        unsigned value = c < 128 ? values[c] : NONE;
        if (value < NONE && !padding) {
            bits = bits << 6 | value;
            if (++held < 4)
                continue;
            decoded[used++] = (uint8_t)(bits >> 16);
            decoded[used++] = (uint8_t)(bits >> 8);
            decoded[used++] = (uint8_t)bits;
            held = 0;
        } else if (c == '=' && held > 1 && padding < 4 - held) {
            padding++;
        } else if (!c || !strchr(" \t\r\n", c)) {
            status =
                failure_set(failure, STATUS_BAD_REQUEST,
                            "The base64 has a character at position %zu that does not belong there.", at);
        }
    }
    if (status)
        return status;
    if (padding && padding + held != 4)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The base64 ends in one '=' where there must be two or none.");
    if (held == 1 || (held && bits & ((1u << (held == 2 ? 4 : 2)) - 1)))
        return failure_set(failure, STATUS_BAD_REQUEST, "The base64 ends in the middle of a byte.");
    if (held > 1)
        decoded[used++] = (uint8_t)(bits >> (held == 2 ? 4 : 10));
    if (held == 3)
        decoded[used++] = (uint8_t)(bits >> 2);
    *out = (struct bytes){decoded, used};
    return STATUS_OK;
}

enum status base64_decode(struct arena *arena, const char *text, size_t length, struct failure *failure,
                          struct bytes *out)
{
    void *copy = NULL;
    enum status status = arena_take(arena, length, failure, &copy);
    if (status)
        return status;
    if (length)
        memcpy(copy, text, length);
    return base64_decode_inside(copy, length, failure, out);
}

static size_t encoded_length(struct bytes bytes)
{
    return (bytes.size + 2) / 3 * 4;
}

static void encode(struct bytes bytes, char *at)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        group |= left > 2 ? bytes.data[i + 2] : 0;
        *at++ = alphabet[group >> 18];
        *at++ = alphabet[group >> 12 & 63];
        *at++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        *at++ = left > 2 ? alphabet[group & 63] : '=';
    }
    *at = '\0';
}

char *base64_encode(struct bytes bytes)
{
    char *text = memory_allocate(encoded_length(bytes) + 1, 1);
    encode(bytes, text);
    return text;
}

enum status base64_encode_within(struct arena *arena, struct bytes bytes, struct failure *failure,
                                 const char **out)
{
    void *text = NULL;
    enum status status = arena_take(arena, encoded_length(bytes) + 1, failure, &text);
    if (status)
        return status;
    encode(bytes, text);
    *out = text;
    return STATUS_OK;
}
