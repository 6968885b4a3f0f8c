#include "engine/checkpoint/preprocessor_values.h"

#include <math.h>
#include <string.h>

/* What timm fills in (PretrainedCfg of timm/models/_pretrained.py): input_size, crop_pct. */
enum { INPUT_SIDE = 224 };
static const double CROP_PART = 0.875;

/* [channels, height, width]. */
static enum status read_input(const struct json *object, struct failure *failure, struct preprocessor *out)
{
    const struct json *size = preprocessor_member(object, "input_size"),
                      *height = json_next(json_first(size));
    int64_t channels;
    out->height = out->width = INPUT_SIDE;
    if (!size)
        return STATUS_OK;
    if (!json_is_array(size) || json_length(size) != 3 || !preprocessor_side(height, &out->height) ||
        !preprocessor_side(json_next(height), &out->width))
        return preprocessor_refuse(failure, "input_size", "is not three sizes");
    if (!json_integer(json_first(size), 3, 3, &channels))
        return preprocessor_refuse(failure, "input_size", "is not of 3 channels, which alone are supported");
    return STATUS_OK;
}

static enum status read_filter(const struct json *object, struct failure *failure, struct profile *profile)
{
    const struct json *value = preprocessor_member(object, "interpolation");
    const char *asked = json_text(value);
    profile->filter = PROFILE_BICUBIC;
    for (enum profile_filter filter = 0; asked && filter < PROFILE_FILTERS; filter++)
        if (!strcmp(asked, profile_filter_name(filter))) {
            profile->filter = filter;
            return STATUS_OK;
        }
    return !value ? STATUS_OK
                  : preprocessor_refuse(failure, "interpolation",
                                        "asks for a filter that is not supported: bicubic and bilinear are");
}

static enum status read_crop(const struct json *object, struct failure *failure, struct preprocessor *out)
{
    const struct json *part = preprocessor_member(object, "crop_pct"),
                      *mode = preprocessor_member(object, "crop_mode");
    const char *name = mode ? json_text(mode) : "center";
    out->part = CROP_PART;
    if (part && (!json_number(part, &out->part) || !(out->part > 0.1 && out->part <= 1)))
        return preprocessor_refuse(failure, "crop_pct", "is not a number over 0.1 and up to 1");
    if (!name || (strcmp(name, "center") && strcmp(name, "squash")))
        return preprocessor_refuse(failure, "crop_mode",
                                   "asks for a crop that is not supported: center and squash are");
    out->profile.resize = strcmp(name, "squash") ? PROFILE_SHORTEST_EDGE : PROFILE_EXACT;
    return STATUS_OK;
}

enum status preprocessor_read_timm(const struct json *object, struct failure *failure,
                                   struct preprocessor *out)
{
    struct preprocessor found = {.profile = {.name = "timm", .rescale = 1.0 / 255}, .given = true};
    enum status status = read_input(object, failure, &found);
    if (!status)
        status = read_filter(object, failure, &found.profile);
    if (!status)
        status = read_crop(object, failure, &found);
    if (!status)
        status = preprocessor_channels(object, "mean", IMAGENET_MEANS, -PROFILE_MEAN_MAX, PROFILE_MEAN_MAX,
                                       failure, found.profile.mean);
    if (!status)
        status = preprocessor_channels(object, "std", IMAGENET_DEVIATIONS, PROFILE_DEVIATION_MIN,
                                       PROFILE_DEVIATION_MAX, failure, found.profile.deviation);
    if (status)
        return status;
    found.profile = preprocessor_profile(&found, found.height, found.width);
    *out = found;
    return STATUS_OK;
}
