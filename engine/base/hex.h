/* Hexadecimal digits. */
#ifndef CXRD_ENGINE_BASE_HEX_H
#define CXRD_ENGINE_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* As they are written here, and the only ones that hashes and identifiers may be sent with. */
#define HEX_DIGITS "0123456789abcdef"

/* The value of a digit of either case; -1 for what is none. */
static inline int hex_value(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

/* Writes two digits a byte and a zero after them: 2 * count + 1 characters. */
static inline void hex_print(const uint8_t *bytes, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++) {
        *out++ = HEX_DIGITS[bytes[i] >> 4];
        *out++ = HEX_DIGITS[bytes[i] & 15];
    }
    *out = '\0';
}

#endif
