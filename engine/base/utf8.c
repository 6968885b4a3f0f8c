#include "engine/base/utf8.h"

#include <string.h>

/* Bytes of the character that a byte above 0x7f leads; 0 when it leads none. */
static size_t length_by(unsigned char lead)
{
    return lead >= 0xc2 && lead <= 0xdf   ? 2
           : lead >= 0xe0 && lead <= 0xef ? 3
           : lead >= 0xf0 && lead <= 0xf4 ? 4
                                          : 0;
}

/* Unicode table 3-7 says which bytes may follow which. */
size_t utf8_character(const char *text, size_t left)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned char lead = at[0];
    if (lead < 0x80)
        return lead >= 0x20 && lead != 0x7f;
    const size_t length = length_by(lead);
    if (!length || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xf0 && at[1] < 0x90);
    bool surrogate = lead == 0xed && at[1] > 0x9f;
    bool beyond = lead == 0xf4 && at[1] > 0x8f;
    bool control = lead == 0xc2 && at[1] < 0xa0;
    return overlong || surrogate || beyond || control ? 0 : length;
}

bool utf8_is_plain(const char *text, size_t length)
{
    for (size_t at = 0, step; at < length; at += step) {
        step = utf8_character(text + at, length - at);
        if (!step)
            return false;
    }
    return true;
}

/* Whether what is left are the first bytes of one character. */
static bool is_cut_off(const unsigned char *text, size_t left)
{
    for (size_t i = 1; i < left; i++)
        if ((text[i] & 0xc0) != 0x80)
            return false;
    return left < length_by(text[0]);
}

void utf8_make_plain(char *text)
{
    size_t left = strlen(text);
    while (left) {
        size_t bytes = utf8_character(text, left);
        const unsigned char byte = (unsigned char)*text;
        if (!bytes && is_cut_off((const unsigned char *)text, left)) {
            *text = '\0';
            return;
        }
        if (!bytes)
            *text = byte < 0x20 || byte == 0x7f ? ' ' : '?';
        bytes = bytes ? bytes : 1;
        text += bytes;
        left -= bytes;
    }
}
