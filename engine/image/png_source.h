/* What the PNG decoder reads in place of the file: the same image, its pixels not compressed. zlib inflates
 * them faster than the decoder would and checks them, which it would not; it is left with copying. The text
 * is made while it is read, so that no more of it is in memory than a few bytes. */
#ifndef CXRD_ENGINE_IMAGE_PNG_SOURCE_H
#define CXRD_ENGINE_IMAGE_PNG_SOURCE_H

#include "engine/image/container.h"

#include <zlib.h>

/* The longest text between pixels: signature, IHDR, PLTE, and the heads of IDAT and of its zlib stream. */
enum {
    PNG_FRAME_BYTES_MAX =
        PNG_SIGNATURE_BYTES + 2 * PNG_CHUNK_OVERHEAD + PNG_HEADER_BYTES + PNG_PALETTE_BYTES + 8 + 2
};

struct png_source {
    struct bytes encoded; /* the file */
    size_t offset;        /* of the chunk to inflate next */
    z_stream inflater;
    uint8_t frame[PNG_FRAME_BYTES_MAX]; /* what comes before the next pixels, or behind the last ones */
    size_t frame_size, frame_read;
    size_t block; /* bytes of pixels until the next frame */
    size_t left;  /* and from there on */
    bool is_whole;
    enum status status; /* why reading ended early, with the sentence in `failure` */
    struct failure *failure;
};

/* The size of the IDAT chunk that will be read. */
size_t png_source_data_bytes(const struct png *png);

/* The source keeps `encoded`, whose container png_inspect found whole, and `failure`. Fails with
 * OUT_OF_MEMORY. */
WARN_UNUSED enum status png_source_init(struct bytes encoded, const struct png *png, struct failure *failure,
                                        struct png_source *source);
/* Returns how many bytes were read: fewer than `size` at the end, and where status says why:
 * UNPROCESSABLE when the pixels are damaged or are not as many as the header says, OUT_OF_MEMORY. The end of
 * the IDAT chunk is read only if they are whole. */
size_t png_source_read(struct png_source *source, uint8_t *out, size_t size);
void png_source_finish(struct png_source *source);

#endif
