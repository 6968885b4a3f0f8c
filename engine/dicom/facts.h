/* What an answer says of a DICOM file, and what its reader should know of it. Nothing here names a patient.
 */
#ifndef CXRD_ENGINE_DICOM_FACTS_H
#define CXRD_ENGINE_DICOM_FACTS_H

#include "engine/dicom/dataset.h"
#include "engine/dicom/greyscale.h"

/* Texts are printable ASCII; "" is what the file does not say. */
struct dicom_facts {
    char modality[DICOM_CODE_BYTES], view_position[DICOM_CODE_BYTES];
    char photometric_interpretation[DICOM_CODE_BYTES], presentation_intent[DICOM_CODE_BYTES];
    char transfer_syntax[DICOM_UID_BYTES];
    double pixel_spacing_mm[2]; /* from row to row and from column to column; 0: not known */
    enum dicom_profile profile; /* by which its greys became the network's */
    struct window window;       /* the one that was used; a width of 0: none was */
    char study_uid[DICOM_UID_BYTES], series_uid[DICOM_UID_BYTES]; /* only where they are asked for */
    char instance_uid[DICOM_UID_BYTES];
};

/* X(name, sentence): bits of remarks. */
#define DICOM_REMARK_TABLE(X)                                                                               \
    X(FRAMES, "The DICOM file has several frames; only the first was read.")                                \
    X(LATERAL, "The DICOM file says that this is a lateral view (View Position, View Code); it was read "   \
               "as a frontal one.")                                                                         \
    X(FRONTAL, "The DICOM file says that this is a frontal view (View Position, View Code); it was read "   \
               "as the lateral one.")                                                                       \
    X(VIEW_UNKNOWN, "The DICOM file does not say which view this is, or in no word of the standard (View "  \
                    "Position, View Code); it was read as a frontal one.")                                  \
    X(NOT_CHEST, "The DICOM file says that this is not a chest (Body Part Examined).")                      \
    X(DERIVED, "The DICOM file says that its pixels were derived from another image (Image Type DERIVED).") \
    X(BURNED_IN, "The DICOM file says that text is burnt into its pixels (Burned In Annotation): it may "   \
                 "name the patient, and it is part of what the network sees.")                              \
    X(FOR_PROCESSING, "The DICOM file holds raw data of a detector (Presentation Intent FOR PROCESSING), "  \
                      "which are not meant to be looked at; send the image FOR PRESENTATION.")              \
    X(ORIENTATION, "The DICOM file's Patient Orientation is not that of an upright frontal view seen from " \
                   "the front (L and F); it was read as stored.")                                           \
    X(MONOCHROME1, "The DICOM file stores white as its least value (MONOCHROME1); it was inverted.")        \
    X(NO_WINDOW, "The DICOM file has no window or table of grey values that can be used; all its values "   \
                 "were stretched to 8 bits between their minimum and maximum.")                             \
    X(WINDOWS, "The DICOM file has several windows or tables of grey values; the first was used.")          \
    X(COLOUR, "The DICOM file is in colour; it was read as grey.")

enum dicom_remark {
#define DICOM_REMARK_PLACE(name, sentence) DICOM_REMARK_PLACE_##name,
    DICOM_REMARK_TABLE(DICOM_REMARK_PLACE)
#undef DICOM_REMARK_PLACE
        DICOM_REMARKS,
#define DICOM_REMARK_BIT(name, sentence) DICOM_REMARK_##name = 1 << DICOM_REMARK_PLACE_##name,
    DICOM_REMARK_TABLE(DICOM_REMARK_BIT)
#undef DICOM_REMARK_BIT
        DICOM_REMARK_END = 1 << DICOM_REMARKS
};

/* The sentence of remark number `place`, below DICOM_REMARKS; static storage. */
const char *dicom_remark_sentence(unsigned place);

/* Gathers what an answer says of a file; the pixel's own (profile, window) stays. Returns remarks. */
uint32_t facts_gather(const struct dataset *set, bool uids, struct dicom_facts *out);

/* Whether the texts are what they are said to be: who made them may lie. */
bool facts_make_sense(const struct dicom_facts *facts);

#endif
