#include "engine/dicom/rle.h"

enum { SEGMENTS_MAX = 15, HEADER_BYTES = 64 };

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* What may stand behind the last run: a byte that makes a segment's length even, or runs of nothing. */
static bool is_padding(struct bytes rest)
{
    for (size_t i = 0; i < rest.size; i++)
        if (rest.data[i] != 0 && rest.data[i] != 0x80)
            return false;
    return true;
}

/* Annex G.3.2: bytes of a segment to every `step`-th byte of `out`, `count` of them. */
static bool segment_decode(struct bytes segment, size_t count, size_t step, uint8_t *out)
{
    size_t at = 0, done = 0;
    while (done < count && at < segment.size) {
        const uint8_t control = segment.data[at++];
        if (control == 0x80)
            continue;
        const bool repeats = control > 0x80;
        const size_t run = repeats ? 257u - control : control + 1u, bytes = repeats ? 1 : run;
        if (bytes > segment.size - at || run > count - done)
            return false;
        for (size_t i = 0; i < run; i++, done++)
            out[done * step] = segment.data[repeats ? at : at + i];
        at += bytes;
    }
    return done == count && is_padding((struct bytes){segment.data + at, segment.size - at});
}

bool rle_decode(struct bytes frame, const struct frame_form *form, uint8_t *out)
{
    const size_t bytes = form->allocated / 8, segments = form->channels * bytes,
                 pixels = (size_t)form->rows * form->columns;
    if (frame.size < HEADER_BYTES || segments > SEGMENTS_MAX || read_u32(frame.data) != segments)
        return false;
    for (size_t i = 0; i < segments; i++) {
        const size_t begin = read_u32(frame.data + 4 + 4 * i),
                     end = i + 1 < segments ? read_u32(frame.data + 8 + 4 * i) : frame.size;
        if (begin < HEADER_BYTES || end < begin || end > frame.size)
            return false;
        /* Channel by channel, the most significant byte first (annex G.2). */
        const size_t place = i / bytes * bytes + (bytes - 1 - i % bytes);
        if (!segment_decode((struct bytes){frame.data + begin, end - begin}, pixels, segments, out + place))
            return false;
    }
    return true;
}
