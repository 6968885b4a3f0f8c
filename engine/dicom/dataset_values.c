#include "engine/dicom/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool dataset_has(const struct dataset *set, enum attribute attribute)
{
    return set->elements[attribute].value.size > 0;
}

/* The bytes of value `index`, without the blanks and zeros around it. */
static struct bytes value_at(const struct dataset *set, enum attribute attribute, unsigned index)
{
    struct bytes left = set->elements[attribute].value, value = {0};
    for (unsigned i = 0; i <= index && left.size; i++) {
        const uint8_t *end = memchr(left.data, '\\', left.size);
        value = (struct bytes){left.data, end ? (size_t)(end - left.data) : left.size};
        if (i < index)
            value.size = 0;
        left = end ? (struct bytes){end + 1, left.size - (size_t)(end - left.data) - 1} : (struct bytes){0};
    }
    while (value.size && (value.data[value.size - 1] == ' ' || !value.data[value.size - 1]))
        value.size--;
    for (; value.size && value.data[0] == ' '; value.data++)
        value.size--;
    return value;
}

size_t dataset_text(const struct dataset *set, enum attribute attribute, unsigned index, char *out,
                    size_t bytes)
{
    const struct bytes value = value_at(set, attribute, index);
    size_t length = value.size < bytes - 1 ? value.size : bytes - 1;
    for (size_t i = 0; i < length; i++)
        out[i] = value.data[i] >= ' ' && value.data[i] <= '~' ? (char)value.data[i] : '?';
    out[length] = '\0';
    return length;
}

unsigned dataset_count(const struct dataset *set, enum attribute attribute)
{
    const struct bytes value = set->elements[attribute].value;
    unsigned count = value.size > 0;
    for (size_t i = 0; i < value.size; i++)
        count += value.data[i] == '\\';
    return count;
}

bool dataset_decimal(const struct dataset *set, enum attribute attribute, unsigned index, double *out)
{
    char text[40], *end;
    size_t length = dataset_text(set, attribute, index, text, sizeof text);
    if (!length || strspn(text, "+-.0123456789eE") != length)
        return false;
    double value = strtod(text, &end);
    if (*end || !isfinite(value))
        return false;
    *out = value;
    return true;
}

bool dataset_word(const struct dataset *set, enum attribute attribute, unsigned index, uint16_t *out)
{
    const struct bytes value = set->elements[attribute].value;
    if (value.size / 2 <= index)
        return false;
    const uint8_t *at = value.data + 2 * (size_t)index;
    *out = (uint16_t)(set->is_big_endian ? at[0] << 8 | at[1] : at[1] << 8 | at[0]);
    return true;
}
