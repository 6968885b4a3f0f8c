/* What stands between a file's bytes and its pixels, one piece a format. Private to engine/image.
 *
 * The PNG decoder checks neither checksums nor the end of the file, follows some lengths on trust and grows
 * its memory with the input, so a walk first proves the container whole and works out the memory it may take.
 * The JPEG decoder does all this itself.
 */
#ifndef CXRD_ENGINE_IMAGE_CONTAINER_H
#define CXRD_ENGINE_IMAGE_CONTAINER_H

#include "engine/image/image.h"

/* Walks a PNG's chunks (PNG third edition, section 5): order, lengths, checksums, the end. On success *clean
 * holds a PNG of only what pixels need (IHDR, PLTE filled up to 256 entries, one IDAT, IEND; no tRNS), which
 * the caller frees, and *budget the bytes a decoder may allocate. */
WARN_UNUSED enum status png_inspect(struct bytes encoded, struct failure *failure, struct image_info *info,
                                    struct buffer *clean, size_t *budget);

/* Decodes a JPEG as image_decode_into does; *pixels are RGB rows: room, or what the caller frees. */
WARN_UNUSED enum status image_decode_jpeg(struct bytes encoded, uint8_t *room, struct failure *failure,
                                          struct image_info *info, uint8_t **pixels);

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
