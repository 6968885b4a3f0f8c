/* The way of grey from stored values to what is shown: DICOM's grey-scale pipeline (PS3.3, C.11), and the way
 * the JPEGs of MIMIC-CXR were made.
 *
 * A stored value is at most 16 bits, so all of it is one table: what a stored value is shown as.
 */
#ifndef CXRD_ENGINE_DICOM_GREYSCALE_H
#define CXRD_ENGINE_DICOM_GREYSCALE_H

#include "engine/package/profile.h"

enum { STORED_VALUES = 1 << 16 };

/* A table of the file's own (PS3.3, C.11.1.1 and C.11.2.1.1). */
struct lookup {
    int32_t first;     /* the value that the first entry is for */
    uint32_t count;    /* 1 to 65536 entries; 0: there is no table */
    unsigned bits;     /* of an entry, 8 to 16 */
    uint16_t *entries; /* owned */
};

enum window_function { WINDOW_LINEAR, WINDOW_LINEAR_EXACT, WINDOW_SIGMOID };

struct window {
    enum window_function function;
    double centre, width; /* 0: there is no window that can be used */
};

/* What a file says about its stored values. */
struct greyscale {
    bool is_signed;   /* sign-extended to 16 bits, two's complement */
    bool is_inverted; /* MONOCHROME1: the least value is white */
    bool has_padding; /* of the values from padding_low to padding_high, which are no picture */
    int32_t padding_low, padding_high;
    struct lookup modality;
    double slope, intercept; /* without a table */
    struct lookup voi;
    struct window window; /* without a table */
};

void greyscale_finish(struct greyscale *greyscale);

/* Fills the table of a profile: what each stored value, as its 16 bits are read without a sign, is shown as,
 * 0 black to 255 white. `counts` says how often each stands in the image. Padding is black, and takes no part
 * in ranges and equalisation; so is an image of one value, in `mimic`. */
void greyscale_table(const struct greyscale *greyscale, const uint32_t counts[STORED_VALUES],
                     enum dicom_profile profile, uint8_t table[STORED_VALUES]);

#endif
