#include "engine/dicom/codestream.h"

#include "engine/base/memory.h"

#include <string.h>

static uint32_t read_u16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t read_u32(const uint8_t *at)
{
    return read_u16(at) << 16 | read_u16(at + 2);
}

/* The frame header of JPEG (ISO/IEC 10918-1, B.2.2) and JPEG-LS (ISO/IEC 14495-1, C.2.2). */
static bool look_jpeg(struct bytes codestream, struct codestream_header *out)
{
    for (size_t at = 2; at + 10 <= codestream.size && codestream.data[at] == 0xFF;) {
        const uint8_t *segment = codestream.data + at;
        uint8_t marker = segment[1];
        if (marker == 0xFF) { /* filling */
            at++;
            continue;
        }
        bool tables = marker == 0xC4 || marker == 0xC8 || marker == 0xCC;
        if ((marker >= 0xC0 && marker <= 0xCF && !tables) || marker == 0xF7) {
            *out = (struct codestream_header){read_u16(segment + 5), read_u16(segment + 7), segment[9],
                                              segment[4]};
            return true;
        }
        at += 2 + (size_t)read_u16(segment + 2);
    }
    return false;
}

/* The image and tile size of JPEG 2000 (ISO/IEC 15444-1, A.5.1), which begins the codestream. */
static bool look_jpeg_2000(struct bytes codestream, struct codestream_header *out)
{
    static const uint8_t begin[] = {0xFF, 0x4F, 0xFF, 0x51};
    if (codestream.size < 43 || memcmp(codestream.data, begin, sizeof begin) != 0)
        return false;
    const uint8_t *size = codestream.data + 8; /* behind both markers, Lsiz and Rsiz */
    uint32_t right = read_u32(size), bottom = read_u32(size + 4), left = read_u32(size + 8),
             top = read_u32(size + 12);
    if (right < left || bottom < top)
        return false;
    *out =
        (struct codestream_header){bottom - top, right - left, read_u16(size + 32), (size[34] & 0x7Fu) + 1u};
    return true;
}

bool codestream_look(enum coding coding, struct bytes codestream, struct codestream_header *out)
{
    if (coding == CODING_JPEG_2000)
        return look_jpeg_2000(codestream, out);
    return codestream.size >= 4 && codestream.data[0] == 0xFF && codestream.data[1] == 0xD8 &&
           look_jpeg(codestream, out);
}

static bool ends(struct bytes codestream, size_t size)
{
    return size >= 2 && codestream.data[size - 2] == 0xFF && codestream.data[size - 1] == 0xD9;
}

/* A byte of any value may make the length even, as some programs do not write it. */
bool codestream_is_whole(enum coding coding, struct bytes codestream)
{
    size_t size = codestream.size;
    if (coding == CODING_RLE || (size && ends(codestream, size - 1)))
        return true;
    while (size && (!codestream.data[size - 1] || codestream.data[size - 1] == 0xFF))
        size--;
    return ends(codestream, size);
}
