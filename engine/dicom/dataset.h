/* The data elements of a DICOM file that are asked for here, and no others: a patient's name is passed over
 * by its length. (PS3.5, section 7; PS3.10, section 7)
 *
 * Every length is held against the bytes that are there. Nothing is copied but a deflated dataset.
 */
#ifndef CXRD_ENGINE_DICOM_DATASET_H
#define CXRD_ENGINE_DICOM_DATASET_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

/* X(name, tag), in the order of the tags. */
#define ATTRIBUTE_TABLE(X)                    \
    X(MEDIA_SOP_CLASS, 0x00020002)            \
    X(TRANSFER_SYNTAX, 0x00020010)            \
    X(IMAGE_TYPE, 0x00080008)                 \
    X(SOP_CLASS, 0x00080016)                  \
    X(SOP_INSTANCE, 0x00080018)               \
    X(MODALITY, 0x00080060)                   \
    X(PRESENTATION_INTENT, 0x00080068)        \
    X(CODE_VALUE, 0x00080100)                 \
    X(CODE_SCHEME, 0x00080102)                \
    X(BODY_PART, 0x00180015)                  \
    X(IMAGER_PIXEL_SPACING, 0x00181164)       \
    X(VIEW_POSITION, 0x00185101)              \
    X(STUDY_INSTANCE, 0x0020000D)             \
    X(SERIES_INSTANCE, 0x0020000E)            \
    X(PATIENT_ORIENTATION, 0x00200020)        \
    X(SAMPLES_PER_PIXEL, 0x00280002)          \
    X(PHOTOMETRIC_INTERPRETATION, 0x00280004) \
    X(PLANAR_CONFIGURATION, 0x00280006)       \
    X(FRAMES, 0x00280008)                     \
    X(ROWS, 0x00280010)                       \
    X(COLUMNS, 0x00280011)                    \
    X(PIXEL_SPACING, 0x00280030)              \
    X(BITS_ALLOCATED, 0x00280100)             \
    X(BITS_STORED, 0x00280101)                \
    X(HIGH_BIT, 0x00280102)                   \
    X(PIXEL_REPRESENTATION, 0x00280103)       \
    X(PADDING_VALUE, 0x00280120)              \
    X(PADDING_LIMIT, 0x00280121)              \
    X(BURNED_IN, 0x00280301)                  \
    X(WINDOW_CENTRE, 0x00281050)              \
    X(WINDOW_WIDTH, 0x00281051)               \
    X(RESCALE_INTERCEPT, 0x00281052)          \
    X(RESCALE_SLOPE, 0x00281053)              \
    X(VOI_FUNCTION, 0x00281056)               \
    X(MODALITY_LUT, 0x00283000)               \
    X(LUT_DESCRIPTOR, 0x00283002)             \
    X(LUT_DATA, 0x00283006)                   \
    X(VOI_LUT, 0x00283010)                    \
    X(VIEW_CODE, 0x00540220)                  \
    X(PIXEL_DATA, 0x7FE00010)

enum attribute {
#define ATTRIBUTE_ENUM(name, tag) DICOM_##name,
    ATTRIBUTE_TABLE(ATTRIBUTE_ENUM)
#undef ATTRIBUTE_ENUM
        DICOM_ATTRIBUTES
};

enum { DICOM_UID_BYTES = 65, DICOM_CODE_BYTES = 17 }; /* of a UI and of a CS, with a NUL */

struct data_element {
    struct bytes value; /* what the file has of it */
    bool is_present;
    bool is_cut;       /* the file ends before it does */
    bool is_undefined; /* items or fragments up to a delimiter; the value is all that follows */
    char form[3];      /* its VR; "" where the file does not say */
};

struct dataset {
    struct data_element elements[DICOM_ATTRIBUTES];
    bool is_implicit, is_big_endian;
    char syntax[DICOM_UID_BYTES]; /* the transfer syntax that the file names; "": none */
    uint8_t *inflated;            /* of a deflated dataset; owned */
};

/* What the first DATASET_LOOK_MAX bytes of a file say, as far as they go; deflated attributes are not looked
 * at. No check of anything; owns nothing. */
enum { DATASET_LOOK_MAX = 1 << 20 };
void dataset_look(struct bytes encoded, struct dataset *out);
/* Whether the bytes begin as a DICOM file does: with a preamble, or as some programs write, with data
 * elements of group 2 or 8. */
bool dataset_recognise(struct bytes encoded);

/* Reads a file. Fails with UNPROCESSABLE (an element's length leads past the end, a deflated dataset that is
 * damaged or over DATASET_INFLATED_MAX). Release with dataset_finish; `encoded` must stay. */
#define DATASET_INFLATED_MAX ((size_t)640 << 20)
WARN_UNUSED enum status dataset_read(struct bytes encoded, struct failure *failure, struct dataset *out);
void dataset_finish(struct dataset *set);

bool dataset_has(const struct dataset *set, enum attribute attribute); /* with a value that is not empty */
/* Copies value `index` of a text with backslashes between values, without the blanks around it, and with '?'
 * for what is no printable ASCII. Returns its length; 0 and an empty text where there is none. */
size_t dataset_text(const struct dataset *set, enum attribute attribute, unsigned index, char *out,
                    size_t bytes);
/* How many values such a text has; 0 where there is none. */
unsigned dataset_count(const struct dataset *set, enum attribute attribute);
/* Value `index` of a text of decimal numbers (DS, IS); false where it is none, or not finite. */
bool dataset_decimal(const struct dataset *set, enum attribute attribute, unsigned index, double *out);
/* Value `index` of 16-bit words (US, SS, OW), as an unsigned one. */
bool dataset_word(const struct dataset *set, enum attribute attribute, unsigned index, uint16_t *out);
/* The first item of a sequence, which borrows from `set`. */
bool dataset_item(const struct dataset *set, enum attribute attribute, struct dataset *out);

/* Walks through the fragments of encapsulated pixel data (PS3.5, A.4): *at is 0 before the first, which is
 * the table of offsets. False behind the last, with *cut where the file ends in one or is no such list. */
bool dataset_fragment(const struct dataset *set, size_t *at, struct bytes *out, bool *cut);

#endif
