/* The input gate: whether a picture is a frontal chest radiograph, upright, not inverted, exposed so that it
 * can be read. It is apart from the findings and changes none of them.
 */
#ifndef CXRD_ENGINE_QUALITY_H
#define CXRD_ENGINE_QUALITY_H

#include "engine/image/image.h"
#include "engine/package/card.h"

/* X(NAME, code, detail): why a picture may not be acceptable, in the order of answers. Codes are stable. Rows
 * of one code are one fault that is told from different things, from the file, the pixels or a head. */
#define QUALITY_TABLE(X)                                                                                     \
    X(FILE_LATERAL, "lateral",                                                                               \
      "The file says that this is a lateral view; frontal ones (PA, AP) are read here.")                     \
    X(FILE_FRONTAL, "frontal",                                                                               \
      "The file says that this is a frontal view, and it was sent as a lateral one.")                        \
    X(FILE_NOT_A_CHEST, "not_a_chest", "The file says that this is not a chest (Body Part Examined).")       \
    X(FILE_ORIENTATION, "orientation",                                                                       \
      "The file says that it is not upright as seen from the front (Patient Orientation).")                  \
    X(FILE_EXIF, "exif_orientation",                                                                         \
      "The file asks to be rotated or mirrored (EXIF orientation), and was read as stored: turn its "        \
      "pixels.")                                                                                             \
    X(FILE_FOR_PROCESSING, "for_processing",                                                                 \
      "The file holds raw data of a detector (FOR PROCESSING): send the image FOR PRESENTATION.")            \
    X(PIXELS_INVERTED, "inverted",                                                                           \
      "The middle is darker than the lungs beside it: the greys look inverted, and bone has to be bright.")  \
    X(PIXELS_COLOUR, "colour",                                                                               \
      "Over a tenth of what the network sees is in colour, as in a photograph; radiographs are grey.")       \
    X(PIXELS_CONTRAST, "low_contrast",                                                                       \
      "98 of 100 pixels that the network sees lie within an eighth of the range of greys.")                  \
    X(PIXELS_EXPOSURE, "exposure",                                                                           \
      "Over two thirds of what the network sees is black or white: it is under- or overexposed, or a page.") \
    X(PIXELS_PROPORTIONS, "proportions",                                                                     \
      "One side of the picture is over twice as long as the other, which no chest radiograph is.")           \
    X(SEEN_INVERTED, "inverted", "To the model its greys look inverted: bone has to be bright.")             \
    X(SEEN_ROTATED_90, "rotated_90", "To the model it looks turned clockwise by 90 degrees.")                \
    X(SEEN_ROTATED_180, "rotated_180", "To the model it looks upside down.")                                 \
    X(SEEN_ROTATED_270, "rotated_270", "To the model it looks turned anticlockwise by 90 degrees.")          \
    X(SEEN_MIRRORED, "mirrored",                                                                             \
      "To the model left and right look exchanged: it is mirrored, or the heart lies on the right.")         \
    X(SEEN_LATERAL, "lateral", "To the model it looks like a lateral view; frontal ones are read here.")     \
    X(SEEN_NOT_A_CHEST, "not_a_chest", "To the model it does not look like a chest radiograph.")             \
    X(SEEN_CROPPED, "cropped", "To the model it looks like a part of a chest.")

enum quality_reason {
#define QUALITY_PLACE(name, code, detail) QUALITY_PLACE_##name,
    QUALITY_TABLE(QUALITY_PLACE)
#undef QUALITY_PLACE
        QUALITY_REASONS,
#define QUALITY_BIT(name, code, detail) QUALITY_##name = 1 << QUALITY_PLACE_##name,
    QUALITY_TABLE(QUALITY_BIT)
#undef QUALITY_BIT
};

/* What is told of one picture, which is acceptable without reasons. */
struct quality {
    uint32_t reasons; /* of enum quality_reason */
    bool scored;      /* by a head */
    double score;     /* 0 to 1: the product of what each of the head's probabilities lacks to 1 */
};

/* The reasons in what a file says, as its warnings have it, and in the pixels: its proportions, and of what
 * the network sees the range (from the 1st to the 99th percentile of the channels' mean), the share of pixels
 * at most 2 from either end of it, and that of pixels with channels over 32 apart. */
uint32_t quality_look(const struct image_info *info, const struct frame *frame);

/* Adds what a quality head says: a reason for each label whose probability is at its threshold or over it,
 * and the score. probabilities: [labels]. */
void quality_hear(const struct head_card *head, const float *probabilities, struct quality *quality);

/* Takes the first reason out of *left and gives its code and detail, in static storage; false: there is none.
 */
bool quality_next(uint32_t *left, const char **code, const char **detail);
/* "CODE: DETAIL CODE: DETAIL", empty where there is none; the caller frees it. */
char *quality_join(const struct quality *quality);

/* Refuses a picture that is not acceptable, with all codes and the first detail: UNPROCESSABLE. */
WARN_UNUSED enum status quality_require(const struct quality *quality, struct failure *failure);

#endif
