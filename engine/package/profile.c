#include "engine/package/profile.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define IMAGENET_MEAN       \
    {                       \
        0.485, 0.456, 0.406 \
    }
#define IMAGENET_DEVIATION  \
    {                       \
        0.229, 0.224, 0.225 \
    }

const double IMAGENET_MEANS[3] = IMAGENET_MEAN, IMAGENET_DEVIATIONS[3] = IMAGENET_DEVIATION;

static const struct profile known[] = {
    {.name = "chexfound",
     .min_max = true,
     .rescale = 1.0 / 255,
     .mean = IMAGENET_MEAN,
     .deviation = IMAGENET_DEVIATION},
    {.name = "dinov2", .rescale = 1.0 / 255, .mean = IMAGENET_MEAN, .deviation = IMAGENET_DEVIATION},
};

const struct profile *profile_known(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].name, name))
            return &known[i];
    return NULL;
}

void profile_normalisation(const struct profile *profile, const uint8_t minimum[3], const uint8_t maximum[3],
                           float out[6])
{
    for (int c = 0; c < 3; c++) {
        double mean = profile->mean[c], deviation = profile->deviation[c];
        if (!profile->min_max) {
            out[c] = (float)(profile->rescale / deviation);
            out[3 + c] = (float)(-mean / deviation);
            continue;
        }
        assert(maximum[c] > minimum[c]);
        double range = maximum[c] - minimum[c];
        out[c] = (float)(1 / (range * deviation));
        out[3 + c] = (float)((-minimum[c] / range - mean) / deviation);
    }
}

bool profile_equal(const struct profile *a, const struct profile *b)
{
    bool equal = !strcmp(a->name, b->name) && a->resize == b->resize && a->edge_height == b->edge_height &&
                 a->edge_width == b->edge_width && a->filter == b->filter && a->centre == b->centre &&
                 a->rounding == b->rounding && a->min_max == b->min_max && a->rescale == b->rescale;
    for (int c = 0; c < 3; c++)
        equal = equal && a->mean[c] == b->mean[c] && a->deviation[c] == b->deviation[c];
    return equal;
}
