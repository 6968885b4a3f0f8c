#include "api/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of a digit, or -1. */
static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

enum status base64_decode(struct arena *arena, const char *text, size_t length, struct failure *failure,
                          struct bytes *out)
{
    size_t padding = length && text[length - 1] == '=' ? 1 + (length > 1 && text[length - 2] == '=') : 0;
    size_t digits = length - padding;
    if (length % 4)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The base64 is %zu characters long, not a multiple of 4; pad it with '='.",
                           length);
    uint8_t *decoded = arena_allocate(arena, length / 4 * 3 + 1, 1);
    size_t used = 0;
    uint32_t bits = 0;
    unsigned held = 0; /* bits not yet written */
    for (size_t i = 0; i < digits; i++) {
        int value = digit_value(text[i]);
        if (value < 0)
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "The base64 has a character at position %zu that is not of its alphabet.", i);
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            decoded[used++] = (uint8_t)(bits >> held);
        }
    }
    if (bits & ((1u << held) - 1))
        return failure_set(failure, STATUS_BAD_REQUEST, "The base64 ends in the middle of a byte.");
    *out = (struct bytes){decoded, used};
    return STATUS_OK;
}

char *base64_encode(struct bytes bytes)
{
    char *text = memory_allocate((bytes.size + 2) / 3 * 4 + 1, 1), *at = text;
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
    return text;
}
