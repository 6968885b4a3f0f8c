/* DICOM radiographs: a file's bytes to stored values, and what is said of them. The folder's public face.
 *
 * Read are the kinds of objects and transfer syntaxes of names.h, of 8 or 16 bits allocated, 2 to 16 of them
 * stored, with or without a sign; of colour ones RGB and YBR of 8 bits, as grey.
 */
#ifndef CXRD_ENGINE_DICOM_DICOM_H
#define CXRD_ENGINE_DICOM_DICOM_H

#include "engine/dicom/codestream.h"
#include "engine/dicom/facts.h"

enum dicom_colour { DICOM_GREY, DICOM_RGB, DICOM_YBR /* its first channel is the grey */ };

/* A file that was looked through: what its first frame is like. */
struct dicom {
    struct dataset set;
    enum coding coding;
    struct frame_form form;
    unsigned high_bit;
    bool is_planar; /* channels one after the other */
    enum dicom_colour colour;
    struct bytes frame; /* native pixels, or a codestream */
    uint8_t *joined;    /* a codestream that was in several fragments; owned */
    struct greyscale greyscale;
    struct dicom_facts facts;
    uint32_t remarks; /* of enum dicom_remark */
};

/* Looks through a file; `encoded` must stay. With `uids` the facts have them. Fails with UNSUPPORTED_MEDIA
 * (another kind of object or transfer syntax, or a form of pixels that is not read), UNPROCESSABLE (damaged
 * or truncated, or a grey scale that means nothing), OUT_OF_MEMORY. On failure nothing is owned, and the
 * form's rows and columns are what was known. Release with dicom_finish. */
WARN_UNUSED enum status dicom_open(struct bytes encoded, bool uids, struct failure *failure,
                                   struct dicom *out);
void dicom_finish(struct dicom *dicom);

/* Decodes the frame: [rows][columns] stored values of 16 bits into `out`, sign-extended where they have a
 * sign, of colours their grey. Fails with UNPROCESSABLE (damaged), OUT_OF_MEMORY. */
WARN_UNUSED enum status dicom_decode(const struct dicom *dicom, struct failure *failure, uint16_t *out);
/* True for JPEG of 8 bits in grey or YCbCr, which another decoder than GDCM may read. One of RGB need not say
 * so itself, and would be taken for YCbCr. */
bool dicom_is_plain_jpeg(const struct dicom *dicom);

/* The kind of object by what a file begins with. */
enum object_kind dicom_kind(struct bytes encoded);
/* Its size as the header says, as far as `encoded` has it; 0: it does not say. */
void dicom_size(struct bytes encoded, uint32_t *width, uint32_t *height);

#endif
