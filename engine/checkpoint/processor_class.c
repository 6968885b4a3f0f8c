#include "engine/checkpoint/processor_class.h"

#include "engine/checkpoint/preprocessor_values.h"

#include <string.h>

/* transformers/image_utils.py */
static const double clip_means[3] = {0.48145466, 0.4578275, 0.40821073},
                    clip_deviations[3] = {0.26862954, 0.26130258, 0.27577711}, halves[3] = {0.5, 0.5, 0.5};

#define BIT                                                                                                  \
    {                                                                                                        \
        .name = "BitImageProcessor", .edge = 224, .crop = 224, .filter = FILTER_BICUBIC, .mean = clip_means, \
        .deviation = clip_deviations                                                                         \
    }

const struct processor_class PROCESSOR_OF_DINOV2 = BIT;
const struct processor_class PROCESSOR_OF_ITS_OWN = {
    .name = "its own processor", .number = NUMBER_UNCLEAR, .filter = FILTER_NOT_SAID};

/* Arguments of __init__ in transformers/models/<name>/image_processing_<name>.py of version 4, and of the
 * "Fast" ones; version 5 has the same, but for the filter of ConvNext's, and reads one number for "size" of
 * Siglip's, which version 4 cannot. */
static const struct processor_class classes[] = {
    BIT,
    {.name = "CLIPImageProcessor",
     .edge = 224,
     .crop = 224,
     .filter = FILTER_BICUBIC,
     .mean = clip_means,
     .deviation = clip_deviations},
    {.name = "ViTImageProcessor",
     .number = NUMBER_SQUARE,
     .side = 224,
     .filter = FILTER_BILINEAR,
     .mean = halves,
     .deviation = halves},
    {.name = "DeiTImageProcessor",
     .number = NUMBER_SQUARE,
     .side = 256,
     .crop = 224,
     .filter = FILTER_BICUBIC,
     .mean = halves,
     .deviation = halves},
    {.name = "ConvNextImageProcessor",
     .edge = 384,
     .filter = FILTER_NOT_SAID,
     .mean = halves,
     .deviation = halves,
     .by_part = true},
    {.name = "SiglipImageProcessor",
     .number = NUMBER_UNCLEAR,
     .side = 224,
     .filter = FILTER_BICUBIC,
     .mean = halves,
     .deviation = halves},
    {.name = "DINOv3ViTImageProcessor",
     .number = NUMBER_SQUARE,
     .side = 224,
     .filter = FILTER_BILINEAR,
     .mean = IMAGENET_MEANS,
     .deviation = IMAGENET_DEVIATIONS},
};

/* "BitImageProcessorFast" and "BitFeatureExtractor" are "BitImageProcessor". */
const struct processor_class *processor_class_find(const char *type, bool *fast)
{
    static const char *const ends[] = {"ImageProcessor", "ImageProcessorFast", "ImageProcessorPil",
                                       "FeatureExtractor"};
    const size_t length = strlen(type);
    *fast = false;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const size_t start = strlen(classes[i].name) - strlen(ends[0]);
        if (length < start || strncmp(type, classes[i].name, start))
            continue;
        for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
            if (!strcmp(type + start, ends[k])) {
                *fast = k == 1;
                return &classes[i];
            }
    }
    return NULL;
}
