/* The classes of transformers' image processors whose files are read: what each does where its file says
 * nothing. */
#ifndef CXRD_ENGINE_CHECKPOINT_PROCESSOR_CLASS_H
#define CXRD_ENGINE_CHECKPOINT_PROCESSOR_CLASS_H

#include "engine/package/profile.h"

/* What one number for "size" is. */
enum processor_number { NUMBER_EDGE, NUMBER_SQUARE, NUMBER_UNCLEAR };

/* Pillow's numbers of its filters. */
enum { FILTER_NOT_SAID = -1, FILTER_BILINEAR = 2, FILTER_BICUBIC = 3 };

struct processor_class {
    const char *name; /* without what says how it computes: "Fast", "Pil" */
    enum processor_number number;
    uint32_t edge, side;     /* its "size": a shortest edge, or else both sides; 0, 0: none */
    uint32_t crop;           /* its "crop_size", both sides; 0: it does not cut out the centre */
    int filter;              /* its "resample": one of Pillow's numbers */
    const double *mean;      /* [3] */
    const double *deviation; /* [3] */
    bool by_part;            /* the edge is crop_pct of what is cut out of it */
};

/* The class that image_processor_type (or feature_extractor_type) names; NULL: it is not known. *fast: it is
 * one that computes with torch ("...Fast"). */
const struct processor_class *processor_class_find(const char *type, bool *fast);

/* The class of a file that names none, as AutoImageProcessor has it for Dinov2; one that leaves nothing out.
 */
extern const struct processor_class PROCESSOR_OF_DINOV2, PROCESSOR_OF_ITS_OWN;

#endif
