#include "engine/checkpoint/preprocessor.h"

#include "engine/base/file.h"
#include "engine/checkpoint/config.h"
#include "engine/checkpoint/document.h"
#include "engine/checkpoint/preprocessor_values.h"
#include "engine/checkpoint/processor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pillow's filters, by their numbers. */
static const char *const resamples[] = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};

static enum status read_filter(const struct processor *processor, struct failure *failure,
                               struct profile *profile)
{
    int64_t filter = processor->class->filter;
    const struct json *value = json_member(processor->object, "resample");
    const bool is_null = json_is_null(value);
    const size_t count = sizeof resamples / sizeof *resamples;
    if (value && !is_null && !json_integer(value, 0, (int64_t)count - 1, &filter))
        return preprocessor_refuse(failure, "resample", "is not one of Pillow's filters, 0 to 5");
    /* version 4 takes null for bilinear, but in its "Fast" classes */
    if (filter < 0 || (is_null && filter != FILTER_BILINEAR && !processor->fast))
        return preprocessor_refuse(failure, "resample",
                                   "is not said, which versions of transformers take for different filters: "
                                   "write 3 (bicubic) or 2 (bilinear)");
    if (filter != FILTER_BICUBIC && filter != FILTER_BILINEAR)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "\"resample\" asks for a filter that is not supported (%s): 3 (bicubic) and 2 "
                           "(bilinear) are.",
                           resamples[filter]);
    profile->filter = filter == FILTER_BILINEAR ? PROFILE_BILINEAR : PROFILE_BICUBIC;
    return STATUS_OK;
}

static enum status read_values(const struct processor *processor, struct failure *failure,
                               struct profile *profile)
{
    bool rescales, normalizes;
    enum status status = processor_switch(processor, "do_rescale", true, failure, &rescales);
    if (!status)
        status = processor_switch(processor, "do_normalize", true, failure, &normalizes);
    if (status)
        return status;
    const struct json *factor = preprocessor_member(processor->object, "rescale_factor");
    profile->rescale = rescales ? 1.0 / 255 : 1;
    if (rescales && factor &&
        (!json_number(factor, &profile->rescale) ||
         !(profile->rescale >= PROFILE_RESCALE_MIN && profile->rescale <= PROFILE_RESCALE_MAX)))
        return preprocessor_refuse(failure, "rescale_factor", "is no number that a profile may have");
    for (int c = 0; c < 3; c++)
        profile->deviation[c] = 1;
    if (normalizes)
        status = preprocessor_channels(processor->object, "image_mean", processor->class->mean,
                                       -PROFILE_MEAN_MAX, PROFILE_MEAN_MAX, failure, profile->mean);
    if (normalizes && !status)
        status =
            preprocessor_channels(processor->object, "image_std", processor->class->deviation,
                                  PROFILE_DEVIATION_MIN, PROFILE_DEVIATION_MAX, failure, profile->deviation);
    return status;
}

/* Whether a name is that of a switch of what is done to a picture: "do_...", "apply_...", and two of
 * CLIPImageProcessor and EfficientNetImageProcessor. */
static bool is_switch(const char *name)
{
    return !strncmp(name, "do_", 3) || !strncmp(name, "apply_", 6) || !strcmp(name, "use_square_size") ||
           !strcmp(name, "rescale_offset");
}

/* What is done to a picture has a switch each: one that is on and means nothing here changes the pixels. */
static enum status check_steps(const struct json *object, struct failure *failure)
{
    static const char *const known[] = {"do_resize",    "do_center_crop", "do_pad",
                                        "do_normalize", "do_rescale",     "do_convert_rgb"};
    for (const struct json *member = json_first(object); member; member = json_next(member)) {
        const char *name = json_name(member);
        bool on = false, is_known = !is_switch(name) || json_is_null(member);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known |= !strcmp(name, known[i]);
        if (!is_known && (!json_boolean(member, &on) || on))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "\"%.60s\" is %s, a step that this program does not know.", name,
                               on ? "true" : "not false");
    }
    return STATUS_OK;
}

static enum status find_class(struct processor *processor, bool has_code, struct failure *failure)
{
    const struct json *type = preprocessor_member(processor->object, "image_processor_type");
    type = type ? type : preprocessor_member(processor->object, "feature_extractor_type");
    const char *name = json_text(type);
    processor->class = !type  ? &PROCESSOR_OF_DINOV2
                       : name ? processor_class_find(name, &processor->fast)
                              : NULL;
    if (!processor->class && has_code)
        processor->class = &PROCESSOR_OF_ITS_OWN;
    return processor->class ? STATUS_OK
                            : failure_set(failure, STATUS_INVALID_FILE,
                                          "It is of the class '%.60s', which is not known here: choose how "
                                          "pictures are "
                                          "prepared with --profile.",
                                          name ? name : "?");
}

static enum status read_processor(const struct json *object, struct failure *failure,
                                  struct preprocessor *out)
{
    struct processor processor = {.object = object};
    struct preprocessor found = {.given = true, .has_code = json_member(object, "auto_map") != NULL};
    enum status status = find_class(&processor, found.has_code, failure);
    if (!status)
        status = check_steps(object, failure);
    if (status)
        return status;
    found.profile.name = processor.class->name;
    found.profile.centre = PROFILE_CENTRE_DOWN;
    status = processor_geometry(&processor, failure, &found);
    if (!status)
        status = preprocessor_check_edge(failure, &found);
    if (!status)
        status = read_filter(&processor, failure, &found.profile);
    if (!status)
        status = read_values(&processor, failure, &found.profile);
    if (!status)
        *out = found;
    return status;
}

static enum status read_document(const struct json *document, struct failure *failure,
                                 struct preprocessor *out)
{
    const struct json *nested = json_member(document, "image_processor");
    const struct json *timm = document_timm_data(document);
    const char *twice = document_timm_contradiction(document);
    if (twice)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "It says %s beside its pretrained_cfg, and not the same within: remove the one that is "
            "wrong, or choose how pictures are prepared with --profile.",
            twice);
    if (timm)
        return preprocessor_read_timm(timm, failure, out);
    if (nested || document_says_pictures(document))
        return read_processor(json_is_object(nested) ? nested : document, failure, out);
    if (!document_is_timm(document) && !json_member(document, "processor_class"))
        return document_refuse(document, DOCUMENT_PREPROCESSOR, failure);
    *out = (struct preprocessor){.given = false};
    return STATUS_OK;
}

enum status preprocessor_parse(struct bytes text, struct failure *failure, struct preprocessor *out)
{
    struct json *document;
    enum status status = config_document(text, failure, &document);
    if (status)
        return status;
    status = read_document(document, failure, out);
    json_destroy(&document);
    return status;
}

enum status preprocessor_read(const char *path, struct failure *failure, struct preprocessor *out)
{
    struct bytes text;
    enum status status = file_read_text(path, CONFIG_BYTES_MAX, failure, &text);
    if (status)
        return status;
    status = preprocessor_parse(text, failure, out);
    if (status)
        failure_prefix(failure, "%s", path);
    free((void *)text.data);
    return status;
}

/* Of an input of other proportions than the published one nothing says how it was cut out: each side keeps
 * its margin. timm's edge is math.floor(side / crop_pct) of each side, and where these differ it resizes with
 * ResizeKeepRatio (transforms_imagenet_eval of timm/data/transforms_factory.py). */
struct profile preprocessor_profile(const struct preprocessor *preprocessor, uint32_t height, uint32_t width)
{
    struct preprocessor changed = *preprocessor;
    struct profile *profile = &changed.profile;
    changed.height = height;
    changed.width = width;
    if (preprocessor->part > 0) {
        profile->edge_height = (uint32_t)floor(height / preprocessor->part);
        profile->edge_width = (uint32_t)floor(width / preprocessor->part);
        profile->rounding =
            profile->edge_height == profile->edge_width ? PROFILE_ROUND_DOWN : PROFILE_ROUND_NEAREST;
    } else if (profile->edge_height) {
        profile->edge_height = (uint32_t)lround((double)profile->edge_height * height / preprocessor->height);
        profile->edge_width = (uint32_t)lround((double)profile->edge_width * width / preprocessor->width);
    }
    if (profile->edge_height == height && profile->edge_width == width)
        profile->edge_height = profile->edge_width = 0;
    return *profile;
}

bool preprocessor_equal(const struct preprocessor *a, const struct preprocessor *b)
{
    struct profile left = a->profile, right = b->profile;
    left.name = right.name = ""; /* "BitImageProcessor" and "CLIPImageProcessor" may do the same */
    return a->height == b->height && a->width == b->width && profile_equal(&left, &right);
}
