/* What a file says about itself, checked byte by byte before the decoder may see it. Private to engine/image.
 *
 * The decoder checks neither checksums nor the end of the file, follows some lengths on trust and grows its
 * memory with the input, so each walk here proves the container whole and works out the memory it may take.
 */
#ifndef CXRD_ENGINE_IMAGE_CONTAINER_H
#define CXRD_ENGINE_IMAGE_CONTAINER_H

#include "engine/image/image.h"

/* Walks a PNG's chunks (PNG third edition, section 5): order, lengths, checksums, the end. On success *clean
 * holds a PNG of only what pixels need (IHDR, PLTE filled up to 256 entries, one IDAT, IEND; no tRNS), which
 * the caller frees, and *budget the bytes a decoder may allocate. */
WARN_UNUSED enum status png_inspect(struct bytes encoded, struct failure *failure, struct image_info *info,
                                    struct buffer *clean, size_t *budget);

/* Walks a JPEG's segments (ITU-T T.81, annex B): one frame of a kind we read, tables that fit their segment
 * and are there when a scan names them, a bounded number of scans, the end. */
WARN_UNUSED enum status jpeg_inspect(struct bytes encoded, struct failure *failure, struct image_info *info,
                                     size_t *budget);

/* Refuses sides and areas out of bounds: TOO_LARGE or UNPROCESSABLE. */
WARN_UNUSED enum status image_size_check(uint32_t width, uint32_t height, struct failure *failure);

/* True when a TIFF structure, as EXIF stores it, gives an orientation other than upright. Damage is false. */
bool exif_is_rotated(struct bytes tiff);

/* Big-endian reads; the caller has checked the bounds. */
static inline uint32_t read_u16(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 8 | bytes[1];
}

static inline uint32_t read_u32(const uint8_t *bytes)
{
    return read_u16(bytes) << 16 | read_u16(bytes + 2);
}

#endif
