/* The layouts in which backbones of this kind are published: one row each. */
#ifndef CXRD_ENGINE_CHECKPOINT_LAYOUT_H
#define CXRD_ENGINE_CHECKPOINT_LAYOUT_H

#include <stdbool.h>

struct layout {
    const char *title;         /* "DINOv2's", for people */
    const char *profile;       /* of profile_known */
    unsigned needs;            /* all features that its names show (names.h) */
    bool bare;                 /* ... and nothing was stripped of them */
    double interpolate_offset; /* how the original resizes positions */
    bool interpolate_antialias;
};

/* The first row that fits; there is always one. `features`: of all names together, and FEATURE_TIMM where
 * timm's config.json or shapes say so. */
const struct layout *layout_find(unsigned features);

#endif
