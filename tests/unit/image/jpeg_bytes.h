/* What the tests of JPEG share: finding segments, and making files of other files. */
#ifndef CXRD_TESTS_UNIT_IMAGE_JPEG_BYTES_H
#define CXRD_TESTS_UNIT_IMAGE_JPEG_BYTES_H

#include "tests/unit/image/support.h"

enum { APP0 = 0xE0, DHT = 0xC4, SOF0 = 0xC0, SOF2 = 0xC2, SOS = 0xDA, DQT = 0xDB };

/* Offset of the marker, from the segments' lengths up to the first scan. */
static inline size_t segment_find(struct bytes jpeg, uint8_t marker)
{
    for (size_t at = 2; at + 4 <= jpeg.size; at += 2 + ((size_t)jpeg.data[at + 2] << 8 | jpeg.data[at + 3]))
        if (jpeg.data[at + 1] == marker)
            return at;
    ck_abort_msg("no marker %x", marker);
    return 0;
}

/* `jpeg` with [at, at + size) replaced by `count` copies of `with`. */
static inline struct buffer spliced(struct bytes jpeg, size_t at, size_t size, struct bytes with,
                                    size_t count)
{
    struct buffer out = {.maximum = 1 << 24};
    bool fits = buffer_append(&out, jpeg.data, at);
    for (size_t i = 0; i < count; i++)
        fits = fits && buffer_append(&out, with.data, with.size);
    ck_assert(fits && buffer_append(&out, jpeg.data + at + size, jpeg.size - at - size));
    return out;
}

static inline size_t segment_size(struct bytes jpeg, size_t at)
{
    return 2 + ((size_t)jpeg.data[at + 2] << 8 | jpeg.data[at + 3]);
}

#endif
