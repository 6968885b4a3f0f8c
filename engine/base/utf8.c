#include "engine/base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the character that a byte above 0x7f leads; 0 when it leads none. */
static size_t length_by(unsigned char lead)
{
    return lead >= 0xc2 && lead <= 0xdf   ? 2
           : lead >= 0xe0 && lead <= 0xef ? 3
           : lead >= 0xf0 && lead <= 0xf4 ? 4
                                          : 0;
}

/* What turns the direction of the text around it. */
static bool turns_text(const unsigned char *at, size_t length)
{
    if (length == 2)
        return at[0] == 0xd8 && at[1] == 0x9c;
    if (length != 3 || at[0] != 0xe2)
        return false;
    return at[1] == 0x80 ? at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xaa && at[2] <= 0xae)
                         : at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
}

/* Unicode table 3-7 says which bytes may follow which. */
size_t utf8_sequence(const char *text, size_t left)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned char lead = at[0];
    if (lead < 0x80)
        return 1;
    const size_t length = length_by(lead);
    if (!length || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xf0 && at[1] < 0x90);
    bool surrogate = lead == 0xed && at[1] > 0x9f;
    bool beyond = lead == 0xf4 && at[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

size_t utf8_character(const char *text, size_t left)
{
    const unsigned char *at = (const unsigned char *)text;
    const size_t length = utf8_sequence(text, left);
    const bool control =
        length == 1 ? at[0] < 0x20 || at[0] == 0x7f : length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
    return control || turns_text(at, length) ? 0 : length;
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

void utf8_escape(const char *text, char *out, size_t room)
{
    size_t left = strlen(text);
    while (left) {
        size_t bytes = utf8_character(text, left), taken = bytes ? bytes : 4;
        if (taken >= room)
            break;
        if (bytes)
            memcpy(out, text, bytes);
        else
            snprintf(out, room, "\\x%02x", (unsigned char)*text);
        out += taken;
        room -= taken;
        text += bytes ? bytes : 1;
        left -= bytes ? bytes : 1;
    }
    *out = '\0';
}

/* The code point at a plain text, which goes behind it; 0 at the end. */
static uint32_t next_point(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    size_t length = *at < 0x80 ? 1 : length_by(*at);
    uint32_t point = length == 1 ? *at : *at & (0x7fU >> length);
    for (size_t i = 1; i < length; i++)
        point = point << 6 | (at[i] & 0x3fU);
    *text += point ? length : 0;
    return point;
}

/* Unicode's White_Space. */
static bool is_space(uint32_t point)
{
    return point == ' ' || point == 0xa0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200a) ||
           point == 0x2028 || point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

/* Separates or joins without being seen. */
static bool has_no_width(uint32_t point)
{
    return point == 0xad || (point >= 0x200b && point <= 0x200d) || point == 0x2060 || point == 0xfeff;
}

void utf8_fold(const char *text, char *out)
{
    bool space = false;
    char *end = out;
    for (const char *at = text, *next = at; *at; at = next) {
        uint32_t point = next_point(&next);
        if (has_no_width(point))
            continue;
        if (is_space(point)) {
            space = true;
            continue;
        }
        if (space && end > out)
            *end++ = ' ';
        space = false;
        memcpy(end, at, (size_t)(next - at));
        if (point >= 'A' && point <= 'Z')
            *end = (char)(point - 'A' + 'a');
        end += next - at;
    }
    *end = '\0';
}

bool utf8_has_mark(const char *text)
{
    for (uint32_t point; (point = next_point(&text));)
        if ((point >= 0x300 && point <= 0x36f) || (point >= 0x1ab0 && point <= 0x1aff) ||
            (point >= 0x1dc0 && point <= 0x1dff) || (point >= 0x20d0 && point <= 0x20ff) ||
            (point >= 0xfe20 && point <= 0xfe2f))
            return true;
    return false;
}
