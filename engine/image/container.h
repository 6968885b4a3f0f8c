/* What stands between a file's bytes and its pixels, one piece a format. Private to engine/image.
 *
 * The PNG decoder checks neither checksums nor the end of the file and follows some lengths on trust, so a
 * walk first proves the container whole. The JPEG decoder does all this itself.
 */
#ifndef CXRD_ENGINE_IMAGE_CONTAINER_H
#define CXRD_ENGINE_IMAGE_CONTAINER_H

#include "engine/image/image.h"

enum png_colour {
    PNG_GREY = 0,
    PNG_RGB = 2,
    PNG_PALETTE = 3,
    PNG_GREY_ALPHA = 4,
    PNG_RGB_ALPHA = 6,
};
enum { PNG_SIGNATURE_BYTES = 8, PNG_HEADER_BYTES = 13, PNG_PALETTE_BYTES = 3 * 256, PNG_CHUNK_OVERHEAD = 12 };

/* A PNG whose container is whole. */
struct png {
    uint32_t width, height, depth, colour;
    bool interlaced, has_palette, has_transparency;
    uint8_t palette[PNG_PALETTE_BYTES]; /* RGB; entries the file lacks stay black */
    size_t data_bytes;                  /* of all IDAT chunks */
    size_t raw_bytes;                   /* of all rows with their filters: what those inflate to */
};

/* Samples a pixel as stored. */
uint32_t png_channels(const struct png *png);

/* Walks a PNG's chunks (PNG third edition, section 5): order, lengths, checksums, the end. */
WARN_UNUSED enum status png_inspect(struct bytes encoded, struct failure *failure, struct image_info *info,
                                    struct png *out);
/* "The PNG file is damaged: WHAT. Export it again.": UNPROCESSABLE. */
WARN_UNUSED enum status png_damaged(struct failure *failure, const char *what);

/* A decoded image as its file stores it: rows from the top, channels interleaved. Its size is in the
 * image_info beside it. */
struct samples {
    unsigned channels; /* 1 grey or 3 RGB */
    unsigned bits;     /* 8, or 16 in this machine's order */
    void *values;      /* [height][width][channels]: in the room, or what samples_finish frees */
    bool borrowed;     /* in the room */
    /* What DICOM's stored values, of 1 channel and 16 bits, mean; owned. NULL: samples are grey levels. */
    struct greyscale *greyscale;
};
void samples_finish(struct samples *samples);

/* Decodes one format, and fails as image_decode_into does. `room` may take the samples, where 3 bytes a pixel
 * are enough for them. */
typedef enum status image_decoder(struct bytes encoded, uint8_t *room, const struct image_options *options,
                                  struct failure *failure, struct image_info *info, struct samples *out);
WARN_UNUSED image_decoder image_decode_png;
WARN_UNUSED image_decoder image_decode_jpeg;
WARN_UNUSED image_decoder image_decode_dicom;

/* Makes the network's RGB of 8 bits out of samples, of which it takes the memory: *pixels are in `room`, or
 * what the caller frees. Adds warnings to *info. Fails with OUT_OF_MEMORY, when `samples` stays whole. */
WARN_UNUSED enum status image_present(struct samples *samples, uint8_t *room, struct failure *failure,
                                      struct image_info *info, uint8_t **pixels);

/* How a format is read. */
struct image_reader {
    image_decoder *decode;                  /* NULL: the format is not read */
    uint64_t (*peek)(struct bytes encoded); /* width << 32 | height as the header says; 0: it does not */
    /* The work that decoding will be, of as many pixels; NULL: as many. */
    uint64_t (*work)(struct bytes encoded, uint64_t pixels);
};
const struct image_reader *image_format_reader(enum image_format format);
uint64_t image_peek_png(struct bytes encoded);
uint64_t image_peek_jpeg(struct bytes encoded);
uint64_t image_peek_dicom(struct bytes encoded);
uint64_t image_work_jpeg(struct bytes encoded, uint64_t pixels);

/* Whether a file is of the format by its content, where fixed bytes cannot tell. */
bool is_bmp(struct bytes encoded);
bool is_webp(struct bytes encoded);
bool is_avif(struct bytes encoded);
bool is_heif(struct bytes encoded);
bool is_dicom(struct bytes encoded);
bool is_dicomdir(struct bytes encoded);
bool is_base64(struct bytes encoded);
bool is_svg(struct bytes encoded);
bool is_html(struct bytes encoded);
bool is_xml(struct bytes encoded);
bool is_json(struct bytes encoded);
bool is_text(struct bytes encoded);

/* True when a chest X-ray's bone looks dark and its air bright. Cautious: many inverted ones go unnoticed. */
bool image_looks_inverted(const struct image *image);

/* Warns of what follows the image's end in its file, unless it is padding: zeros, FFs and white space. */
void image_note_rest(struct bytes rest, struct image_info *info);

/* "There is no memory to decode the image.": OUT_OF_MEMORY. */
WARN_UNUSED enum status image_no_memory(struct failure *failure);

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
