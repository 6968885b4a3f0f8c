/* Images: encoded bytes to RGB pixels, and pixels to the input the network reads.
 *
 * image_decode takes bytes from anyone and trusts none of them: container, size and memory are checked before
 * the decoder sees a byte. image_prepare reproduces, to the bit, the resize and centre crop of Pillow that a
 * network was trained with. Nothing here keeps state: every function may be called from any thread.
 */
#ifndef CXRD_ENGINE_IMAGE_IMAGE_H
#define CXRD_ENGINE_IMAGE_IMAGE_H

#include "engine/dicom/facts.h"
#include "engine/image/format.h"
#include "engine/package/profile.h"

enum { IMAGE_SIDE_MIN = 16, IMAGE_SIDE_MAX = 32768 };
#define IMAGE_FILE_BYTES_MAX  ((size_t)32 << 20) /* of an encoded image */
#define IMAGE_PIXELS_MAX      100000000u         /* 100 megapixels */
#define IMAGE_LARGE_WORK      20000000u          /* see image_is_large */
#define IMAGE_PIXEL_BYTES_MAX ((size_t)IMAGE_PIXELS_MAX * 3)

/* Bits of image_info.warnings: what a reader of the result should know about the picture. */
enum image_warning {
    IMAGE_WARNING_RESCALED = 1 << 0,  /* 16 bits a sample, stretched to 8 between its minimum and maximum */
    IMAGE_WARNING_ALPHA = 1 << 1,     /* transparency was dropped, not composited */
    IMAGE_WARNING_ROTATION = 1 << 2,  /* an EXIF orientation is present and was not applied */
    IMAGE_WARNING_ANIMATION = 1 << 3, /* an animated PNG: only its default image was read */
    IMAGE_WARNING_LOOSE = 1 << 4,     /* a JPEG that breaks a rule of its standard, but not its pixels */
    IMAGE_WARNING_OUTLIERS = 1 << 5,  /* RESCALED, and a few extreme samples took most of the range */
    IMAGE_WARNING_INVERTED = 1 << 6,  /* bone looks dark and air bright; it was read as stored */
    IMAGE_WARNING_MORE = 1 << 7,      /* the file goes on after its image, and not with padding */
    IMAGE_WARNING_CROPPED = 1 << 8,   /* the network's input leaves out over a third of it */
    IMAGE_WARNING_DICOM = 1 << 9,     /* and on: enum dicom_remark */
    IMAGE_WARNING_END = IMAGE_WARNING_DICOM * DICOM_REMARK_END
};

/* RGB interleaved, 3 bytes a pixel, rows from the top; pixels is owned. */
struct image {
    uint32_t width, height;
    uint8_t *pixels;
};

/* What the header said. */
struct image_info {
    enum image_format format;
    uint32_t width, height;
    unsigned bits;            /* of a sample as stored: 1, 2, 4, 8 or 16 */
    unsigned channels;        /* as shown: 1 grey, 2 grey + alpha, 3 RGB (palettes too), 4 RGB + alpha */
    uint32_t warnings;        /* of enum image_warning */
    struct dicom_facts dicom; /* of a DICOM file; else zeros */
};

/* What a request wants of an image. */
struct image_options {
    enum dicom_profile dicom_profile; /* UNSAID: mimic */
    bool uids;                        /* in the facts of a DICOM file */
};

/* A rectangle in the pixels of the original image; pixel (0, 0) covers [0, 1) x [0, 1). Fractional, because
 * the centre crop is cut from the resized image and mapped back. */
struct region {
    double x, y, width, height;
};

/* What is made of an image: an input of that size, in the way of a profile, whose edge is no less than either
 * side. */
struct target {
    const struct profile *profile;
    uint32_t height, width;
};

/* The network's input before normalisation: RGB pixels and each channel's range over them. */
struct frame {
    uint32_t height, width;
    uint8_t *pixels; /* [height][width][3], owned */
    uint8_t minimum[3], maximum[3];
};

/* Takes the lowest bit out of *left and gives its sentence, in static storage; NULL when there is none. */
const char *image_warning_next(uint32_t *left);
/* The sentences of all bits, one after the other; the caller frees it. */
char *image_warnings_join(uint32_t warnings);

/* Refuses sides and areas out of bounds: TOO_LARGE or UNPROCESSABLE. */
WARN_UNUSED enum status image_size_check(uint32_t width, uint32_t height, struct failure *failure);

/* What a file's header says of its size, to judge the work it will be; no check of anything. Zeros when it
 * does not say. */
void image_peek(struct bytes encoded, uint32_t *width, uint32_t *height);
/* The work that decoding a file will be, in pixels: as many as its header says, a quarter of those for each
 * scan of a JPEG with more than four, and IMAGE_PIXELS_MAX where a format that is read does not say its size.
 */
uint64_t image_work(struct bytes encoded);
/* True when that is more than any film is: it takes a second or more, and 0.6 GB. */
bool image_is_large(struct bytes encoded);

/* Decodes a PNG (every colour type, depth and interlacing), a JPEG (8 bits, grey or colour, baseline or
 * progressive) or a DICOM radiograph (dicom.h) to 8-bit RGB. Samples of 16 bits become (v - min) / (max -
 * min) * 255 truncated, min and max over the whole image and all its colour channels; alpha is dropped; EXIF
 * orientation is not applied. Pixels equal Pillow's to the bit.
 *
 * Any damage to a PNG is noticed by its checksums, that of its zlib stream included. A JPEG has none: missing
 * data, markers out of place and bytes left over that are no padding are noticed; most changed bits are not,
 * because they still read as codes and the decoder soon falls into step again, nor is a progressive file that
 * lost its last scans and was closed properly. A JPEG that only breaks a rule of its standard is read, with
 * IMAGE_WARNING_LOOSE.
 *
 * *info is always written: as much as was known when decoding ended, zeros for the rest. Fails with
 * UNSUPPORTED_MEDIA (another format, which the sentence names, or a kind of JPEG not read), TOO_LARGE (a side
 * over IMAGE_SIDE_MAX or over IMAGE_PIXELS_MAX), UNPROCESSABLE (empty, truncated, damaged, a side under
 * IMAGE_SIDE_MIN; of DICOM also what dicom_open and dicom_decode say). Release with image_finish. Compressed
 * DICOM belongs into a child (sandbox/pool.h): its decoders' assertions may end the process. */
WARN_UNUSED enum status image_decode(struct bytes encoded, struct failure *failure, struct image *out,
                                     struct image_info *info);
/* As image_decode, as `options` say, with the pixels in `room`: IMAGE_PIXEL_BYTES_MAX bytes that stay the
 * caller's. A JPEG's are never anywhere else. room NULL: in memory as of image_decode; options NULL: none. */
WARN_UNUSED enum status image_decode_into(struct bytes encoded, uint8_t *room,
                                          const struct image_options *options, struct failure *failure,
                                          struct image *out, struct image_info *info);
void image_finish(struct image *image);

/* Pillow's 8-bit resize to width x height, of which only the crop_width x crop_height pixels at
 * (crop_x, crop_y) are computed, into out [crop_height][crop_width][3]. Equal to Pillow's to the bit. Fails
 * with OUT_OF_MEMORY. */
struct resize {
    uint32_t width, height; /* of the whole resized image */
    uint32_t crop_x, crop_y, crop_width, crop_height;
    enum profile_filter filter;
};
WARN_UNUSED enum status image_resize(const struct image *image, const struct resize *resize,
                                     struct failure *failure, uint8_t *out);

/* Resizes as the profile says, cuts out the centre and measures each channel's range. Of a length L that goes
 * with one of l when l is resized to e, floor(e * L / l) is left. *region says which part of the original the
 * input shows. Fails with UNPROCESSABLE when that is of one value, and with min_max when any channel is: its
 * normalisation would divide by zero. Release with frame_finish. */
WARN_UNUSED enum status image_prepare(const struct image *image, const struct target *target,
                                      struct failure *failure, struct frame *out, struct region *region);
void frame_finish(struct frame *frame);
/* The region of an image of that size, whose sides are within IMAGE_SIDE_MIN and IMAGE_SIDE_MAX. */
struct region image_region(uint32_t width, uint32_t height, const struct target *target);
/* IMAGE_WARNING_CROPPED for an image of that size when image_prepare leaves out more than a third, else 0. */
uint32_t image_crop_warning(uint32_t width, uint32_t height, const struct target *target);

#endif
