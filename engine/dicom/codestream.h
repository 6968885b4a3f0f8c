/* JPEG, JPEG-LS and JPEG 2000 in frames, decoded by GDCM: the C face of the project's only C++ file. */
#ifndef CXRD_ENGINE_DICOM_CODESTREAM_H
#define CXRD_ENGINE_DICOM_CODESTREAM_H

#include "engine/dicom/names.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bytes;

/* The form of a frame's samples. */
struct frame_form {
    uint32_t rows, columns;
    unsigned channels;  /* 1 or 3 */
    unsigned allocated; /* bits: 8 or 16 */
    unsigned stored;    /* bits, at most `allocated` */
    bool is_signed;
};

/* What a codestream of JPEG, JPEG-LS or JPEG 2000 says of itself in its header. */
struct codestream_header {
    uint32_t rows, columns;
    unsigned channels, precision; /* precision: bits of a sample */
};
/* False where it is no such codestream. */
bool codestream_look(enum coding coding, struct bytes codestream, struct codestream_header *out);
/* True where a codestream ends with its marker, perhaps with padding behind it; RLE has none. */
bool codestream_is_whole(enum coding coding, struct bytes codestream);

enum codestream_result { CODESTREAM_DONE, CODESTREAM_DAMAGED, CODESTREAM_NO_MEMORY };
/* Decodes a frame into `out`: rows from the top, channels interleaved, samples of one byte, or of two in
 * this machine's order where `form` has over 8 bits allocated: `size` bytes in all. A codestream is of the
 * size of `form`: who calls has looked. The decoder's
 * assertions may end the process, so this belongs into a child. */
WARN_UNUSED enum codestream_result codestream_decode(enum coding coding, const uint8_t *codestream,
                                                     size_t codestream_bytes, const struct frame_form *form,
                                                     uint8_t *out, size_t size);

#ifdef __cplusplus
}
#endif

#endif
