/* Preprocessing: how an image becomes the network's input, as plain values. */
#ifndef CXRD_ENGINE_PACKAGE_PROFILE_H
#define CXRD_ENGINE_PACKAGE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

enum profile_resize {
    PROFILE_SHORTEST_EDGE, /* until it just covers the edge, then the centre of the input's size */
    PROFILE_EXACT,         /* to the edge, whatever becomes of the proportions, then the centre */
};

/* Both as Pillow does them, stretched by the scale when shrinking. */
enum profile_filter { PROFILE_BICUBIC, PROFILE_BILINEAR, PROFILE_FILTERS };

/* Where the centre begins when an odd number of pixels is left over. */
enum profile_centre {
    PROFILE_CENTRE_EVEN, /* half of it, rounded to even: torchvision */
    PROFILE_CENTRE_DOWN, /* half of it, rounded down: transformers' NumPy processors */
};

/* The side that is longer than the edge's. */
enum profile_rounding {
    PROFILE_ROUND_DOWN, /* int(edge * long / short): torchvision's and transformers' resize by one number */
    PROFILE_ROUND_NEAREST, /* round(long / (short / edge)), halves to even: timm's ResizeKeepRatio */
};

/* How the greys of a DICOM file become the network's 8 bits (engine/dicom/greyscale.h). */
enum dicom_profile {
    DICOM_PROFILE_UNSAID, /* of a request: as the package says */
    DICOM_PROFILE_MIMIC,  /* as the JPEGs of MIMIC-CXR were made: stretched and equalised */
    DICOM_PROFILE_VOI     /* as displayed: through the file's own window or table */
};

/* What a profile may say. */
#define PROFILE_RESCALE_MIN   1e-6
#define PROFILE_RESCALE_MAX   1e3
#define PROFILE_MEAN_MAX      1e6
#define PROFILE_DEVIATION_MIN 1e-6
#define PROFILE_DEVIATION_MAX 1e6

/* value = (x - mean) / deviation for each channel, where x is byte * rescale, or with min_max the place of
 * the byte between the channel's minimum and maximum over what the network sees. */
struct profile {
    const char *name;
    enum profile_resize resize;
    uint32_t edge_height, edge_width; /* before the centre is cut out, no less than the input's sides; one
                                         number for both is a shortest edge; 0, 0: the input's own sides */
    enum profile_filter filter;
    enum profile_centre centre;
    enum profile_rounding rounding;
    bool min_max;
    double rescale;
    double mean[3], deviation[3];
};

/* "mimic" or "voi"; "" for DICOM_PROFILE_UNSAID. */
static inline const char *dicom_profile_name(enum dicom_profile profile)
{
    return profile == DICOM_PROFILE_MIMIC ? "mimic" : profile == DICOM_PROFILE_VOI ? "voi" : "";
}

/* Of ImageNet's pictures: those of both profiles, of transformers and timm (IMAGENET_DEFAULT_MEAN, ...). */
extern const double IMAGENET_MEANS[3], IMAGENET_DEVIATIONS[3];

/* "bicubic", "bilinear": as model.json, Pillow and timm call them. */
static inline const char *profile_filter_name(enum profile_filter filter)
{
    return filter == PROFILE_BILINEAR ? "bilinear" : "bicubic";
}

/* The profile of that name, "chexfound" or "dinov2", in static storage; NULL: there is none. */
const struct profile *profile_known(const char *name);
/* What makes a byte of each channel the network's value, as one multiplication and one addition: scale R G B,
 * shift R G B. `minimum` and `maximum` are the channels' over what the network sees; they differ where the
 * profile has min_max. */
void profile_normalisation(const struct profile *profile, const uint8_t minimum[3], const uint8_t maximum[3],
                           float out[6]);
/* True when both mean the same and have the same name. */
bool profile_equal(const struct profile *a, const struct profile *b);

#endif
