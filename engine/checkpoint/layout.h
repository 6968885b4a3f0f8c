/* The layouts in which backbones of this kind are published: one row each. All of their networks have a
 * LayerNorm epsilon of 1e-6 (LAYER_NORM_EPSILON): DINOv2's and CheXFound's partial(nn.LayerNorm, eps=1e-6),
 * timm's LayerNorm, the layer_norm_eps of Dinov2Config and Dinov2WithRegistersConfig. */
#ifndef CXRD_ENGINE_CHECKPOINT_LAYOUT_H
#define CXRD_ENGINE_CHECKPOINT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

struct layout {
    const char *title;         /* "DINOv2's", for people */
    const char *profile;       /* of profile_known */
    unsigned needs;            /* all traits that its names show (names.h); 0: nothing tells it */
    bool bare;                 /* ... and nothing was stripped of them */
    double interpolate_offset; /* how the original resizes positions */
    bool interpolate_antialias;
    bool guessed; /* another origin could show no more */
};

/* The first row that fits; there is always one. `traits`: of all names together, and TRAIT_TIMM where
 * timm's config.json or shapes say so. */
const struct layout *layout_find(unsigned traits);

/* Whether names alone tell how pictures are prepared: not those that transformers and timm give to whatever
 * was trained, on pictures of any mean and deviation. */
bool layout_tells_pictures(const struct layout *layout);

/* Row i, or NULL behind the last. */
const struct layout *layout_at(size_t i);

/* The trait of an origin that whoever imports it may name: "chexfound", "dinov2" (its hub) or "timm"; 0:
 * there is none of that name. */
unsigned layout_option(const char *name);

#endif
