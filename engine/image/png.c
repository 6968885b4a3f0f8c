#include "engine/image/overlay.h"

#include <stdlib.h>
#include <zlib.h>

/* The encoder's hook for a zlib stream of `size` bytes: zlib itself, which is faster and packs tighter. Level
 * 4 because an answer waits for it. */
static unsigned char *deflate_whole(unsigned char *data, int size, int *out_size, int quality)
{
    (void)quality;
    uLongf packed_size = compressBound((uLong)size);
    unsigned char *packed = malloc(packed_size);
    if (!packed || compress2(packed, &packed_size, data, (uLong)size, 4) != Z_OK) {
        free(packed);
        return NULL;
    }
    *out_size = (int)packed_size;
    return packed;
}

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STBIW_ZLIB_COMPRESS     deflate_whole
#define STBIW_CRC32(data, size) ((unsigned)crc32(0, (data), (unsigned)(size)))
#include <stb_image_write.h>

struct sink {
    struct buffer *buffer;
    bool full;
};

static void sink_write(void *context, void *data, int size)
{
    struct sink *sink = context;
    sink->full |= !buffer_append(sink->buffer, data, (size_t)size);
}

enum status image_write_png(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels,
                            struct failure *failure, struct buffer *out)
{
    struct sink sink = {.buffer = out};
    if (!stbi_write_png_to_func(sink_write, &sink, (int)width, (int)height, (int)channels, pixels,
                                (int)(width * channels)))
        return failure_set(failure, STATUS_OUT_OF_MEMORY, "There is no memory to encode the picture.");
    if (sink.full)
        return failure_set(failure, STATUS_TOO_LARGE,
                           "The picture of the attention map is too large for the answer; ask for the grid "
                           "instead.");
    return STATUS_OK;
}
