/* File formats: what a file is by its content, and what is known of its kind. Each is one row of the table in
 * format.c; a format that is read here is a row with a reader.
 */
#ifndef CXRD_ENGINE_IMAGE_FORMAT_H
#define CXRD_ENGINE_IMAGE_FORMAT_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

/* Files are held against the formats in this order: what is certain first, and text of any kind last. */
enum image_format {
    IMAGE_UNKNOWN,
    IMAGE_PNG,
    IMAGE_JPEG,
    IMAGE_DICOMDIR, /* whose preamble may be the head of a TIFF */
    IMAGE_DICOM,
    IMAGE_GIF,
    IMAGE_BMP,
    IMAGE_TIFF,
    IMAGE_WEBP,
    IMAGE_AVIF,
    IMAGE_HEIF,
    IMAGE_JPEG_2000,
    IMAGE_JPEG_XL,
    IMAGE_NIFTI,
    IMAGE_NUMPY,
    IMAGE_PDF,
    IMAGE_ZIP,
    IMAGE_GZIP,
    IMAGE_LFS_POINTER,
    IMAGE_BASE64,
    IMAGE_SVG,
    IMAGE_HTML,
    IMAGE_XML,
    IMAGE_JSON,
    IMAGE_TEXT,
    IMAGE_FORMATS
};

/* The format by the file's content, whatever its name says. A file cut off inside the fixed signature of a
 * format that is read still counts as of that format; an empty one is IMAGE_UNKNOWN. */
enum image_format image_sniff(struct bytes encoded);
/* The format by its media type ("image/png"; case and parameters do not matter), or IMAGE_UNKNOWN. */
enum image_format image_format_by_media_type(const char *type);
/* The format by the ending of a file's name (".jfif"; case does not matter), or IMAGE_UNKNOWN. */
enum image_format image_format_by_ending(const char *name);

/* As answers have it: "png", "jpeg", "dicom", "unknown"; static storage. */
const char *image_format_name(enum image_format format);
bool image_format_is_read(enum image_format format);
/* Whether a file that begins with these bytes may be a picture that is read: of a format that is, and no
 * DICOM file that says it is a report or the like. */
bool image_may_be_read(struct bytes begin);

/* The formats that are read, as sentences have them: "PNG, JPEG or DICOM". */
struct image_format_list {
    char text[96];
};
struct image_format_list image_formats_read(void);
/* The endings of names of such files: ".png, .jpg or .jif". */
struct image_format_list image_endings_read(void);

/* Refuses a file of a format that is not read, by its name and with what to do: UNSUPPORTED_MEDIA. */
WARN_UNUSED enum status image_format_refuse(enum image_format format, struct failure *failure);

#endif
