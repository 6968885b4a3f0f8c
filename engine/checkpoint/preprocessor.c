#include "engine/checkpoint/preprocessor_values.h"

#include "engine/base/file.h"
#include "engine/checkpoint/config.h"
#include "engine/checkpoint/document.h"
#include "engine/checkpoint/processor_class.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_MAX = 1 << 16 };

const double IMAGENET_MEANS[3] = {0.485, 0.456, 0.406}, IMAGENET_DEVIATIONS[3] = {0.229, 0.224, 0.225};

/* Pillow's numbers of its filters. */
enum { RESAMPLE_BILINEAR = 2, RESAMPLE_BICUBIC = 3 };
static const char *const resamples[] = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};

/* What is read, and what it is read as. */
struct processor {
    const struct json *object;
    const struct processor_class *class;
    bool fast;
};

enum status preprocessor_refuse(struct failure *failure, const char *key, const char *what)
{
    return failure_set(failure, STATUS_INVALID_FILE, "\"%s\" %s.", key, what);
}

const struct json *preprocessor_member(const struct json *object, const char *key)
{
    const struct json *value = json_member(object, key);
    return json_is_null(value) ? NULL : value;
}

bool preprocessor_side(const struct json *value, uint32_t *out)
{
    int64_t side;
    if (!json_integer(value, 1, SIDE_MAX, &side))
        return false;
    *out = (uint32_t)side;
    return true;
}

enum status preprocessor_channels(const struct json *object, const char *key, const double absent[3],
                                  double minimum, double maximum, struct failure *failure, double out[3])
{
    const struct json *value = preprocessor_member(object, key),
                      *item = json_is_array(value) ? json_first(value) : value;
    size_t count = json_is_array(value) ? json_length(value) : 1;
    if (!value && absent) {
        memcpy(out, absent, 3 * sizeof *out);
        return STATUS_OK;
    }
    if (!value || (count != 1 && count != 3))
        return preprocessor_refuse(failure, key, "is not a list of three numbers");
    for (int c = 0; c < 3; c++) {
        if (!json_number(item, &out[c]) || !(out[c] >= minimum && out[c] <= maximum))
            return preprocessor_refuse(failure, key, "holds what is no number that a profile may have");
        item = count == 3 ? json_next(item) : item;
    }
    return STATUS_OK;
}

/* A switch that may be absent. Version 4 of transformers takes null for off, but in its "Fast" classes;
 * these, and version 5, take it for what the class does. */
static enum status read_switch(const struct processor *processor, const char *key, bool absent,
                               struct failure *failure, bool *out)
{
    const struct json *value = json_member(processor->object, key);
    *out = absent;
    if (json_is_null(value) && absent && !processor->fast)
        return preprocessor_refuse(failure, key,
                                   "is null, which one version of transformers takes for true and another "
                                   "for false: write which");
    if (value && !json_is_null(value) && !json_boolean(value, out))
        return preprocessor_refuse(failure, key, "is neither true nor false");
    return STATUS_OK;
}

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
    if (filter < 0 || (is_null && filter != RESAMPLE_BILINEAR && !processor->fast))
        return preprocessor_refuse(failure, "resample",
                                   "is not said, which versions of transformers take for different filters: "
                                   "write 3 (bicubic) or 2 (bilinear)");
    if (filter != RESAMPLE_BICUBIC && filter != RESAMPLE_BILINEAR)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "\"resample\" asks for a filter that is not supported (%s): 3 (bicubic) and 2 "
                           "(bilinear) are.",
                           resamples[filter]);
    profile->filter = filter == RESAMPLE_BILINEAR ? PROFILE_BILINEAR : PROFILE_BICUBIC;
    return STATUS_OK;
}

static enum status read_values(const struct processor *processor, struct failure *failure,
                               struct profile *profile)
{
    bool rescales, normalizes;
    enum status status = read_switch(processor, "do_rescale", true, failure, &rescales);
    if (!status)
        status = read_switch(processor, "do_normalize", true, failure, &normalizes);
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

/* A "size" or "crop_size": a shortest edge, or both sides. */
struct size {
    uint32_t edge, height, width; /* edge 0: the sides */
};

/* In any form; one number is what `number` says. What is there and unknown is refused by name. */
static enum status read_size(const struct json *value, const char *key, enum processor_number number,
                             struct failure *failure, struct size *out)
{
    const struct json *edge = preprocessor_member(value, "shortest_edge"),
                      *height = preprocessor_member(value, "height"),
                      *width = preprocessor_member(value, "width");
    *out = (struct size){0};
    for (const struct json *member = json_is_object(value) ? json_first(value) : NULL; member;
         member = json_next(member))
        if (!json_is_null(member) && member != edge && member != height && member != width)
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "\"%s\" has \"%.40s\", which is not supported: shortest_edge, or height and width "
                "are.",
                key, json_name(member));
    if (json_is_array(value) && json_length(value) == 2) {
        height = json_first(value);
        width = json_next(height);
    } else if (!json_is_object(value) && number == NUMBER_UNCLEAR) {
        return preprocessor_refuse(failure, key,
                                   "is one number, which this class does not take: write height and width");
    } else if (!json_is_object(value)) {
        edge = number == NUMBER_EDGE ? value : NULL;
        height = width = value;
    }
    const bool right = edge
                           ? preprocessor_side(edge, &out->edge)
                           : preprocessor_side(height, &out->height) && preprocessor_side(width, &out->width);
    return right ? STATUS_OK : preprocessor_refuse(failure, key, "is not a size in pixels");
}

/* What is cut out of the resized picture; its sides are 0 where nothing is. */
static enum status read_crop(const struct processor *processor, const struct size *size,
                             struct failure *failure, struct size *out)
{
    const struct processor_class *class = processor->class;
    const struct json *value = preprocessor_member(processor->object, "crop_size");
    /* a class that is not known by name does what its file says */
    const bool of_its_own = class == &PROCESSOR_OF_ITS_OWN,
               absent = of_its_own ? value || size->edge : class->crop;
    bool crops;
    enum status status = read_switch(processor, "do_center_crop", absent, failure, &crops);
    *out = (struct size){.height = class->crop, .width = class->crop};
    if (status || !crops) {
        *out = (struct size){0};
        return status;
    }
    if (value)
        status = read_size(value, "crop_size", NUMBER_SQUARE, failure, out);
    if (!status && !out->height)
        return preprocessor_refuse(failure, "crop_size", "is not a size in pixels");
    /* version 4 looks at do_center_crop in none of these classes but the "Fast" ones */
    if (!status && !class->crop && !of_its_own && !processor->fast &&
        (size->edge || out->height != size->height || out->width != size->width))
        return preprocessor_refuse(failure, "do_center_crop",
                                   "is true, which one version of transformers follows in this class and "
                                   "another does not");
    return status;
}

/* Of ConvNext's the edge is what is left: below 384 pixels it is crop_pct of the resized one, int(edge /
 * crop_pct), and from there on the picture is stretched to it (ConvNextImageProcessor.resize). */
static enum status read_part(const struct processor *processor, const struct size *size,
                             struct failure *failure, struct preprocessor *out)
{
    enum { WHOLE_FROM = 384 };
    const struct json *value = preprocessor_member(processor->object, "crop_pct");
    double part = 224.0 / 256;
    bool crops;
    enum status status = read_switch(processor, "do_center_crop", false, failure, &crops);
    if (status)
        return status;
    if (crops || !size->edge)
        return preprocessor_refuse(failure, crops ? "do_center_crop" : "size",
                                   crops ? "is true, which this class does not follow"
                                         : "is no shortest_edge, which this class needs");
    if (value && (!json_number(value, &part) || !(part > 0.1 && part <= 1)))
        return preprocessor_refuse(failure, "crop_pct", "is not a number over 0.1 and up to 1");
    out->height = out->width = size->edge;
    if (size->edge >= WHOLE_FROM)
        out->profile.resize = PROFILE_EXACT;
    else
        out->profile.edge_height = out->profile.edge_width = (uint32_t)(size->edge / part);
    return STATUS_OK;
}

/* The shorter side to an edge, or both sides to a size; and the centre of that. */
static enum status read_geometry(const struct processor *processor, struct failure *failure,
                                 struct preprocessor *out)
{
    const struct processor_class *class = processor->class;
    const struct json *value = preprocessor_member(processor->object, "size");
    struct size size = {class->edge, class->side, class->side}, crop;
    bool resizes, pads;
    enum status status = read_switch(processor, "do_resize", true, failure, &resizes);
    if (!status)
        status = read_switch(processor, "do_pad", false, failure, &pads);
    if (status)
        return status;
    if (!resizes || pads)
        return preprocessor_refuse(failure, pads ? "do_pad" : "do_resize",
                                   pads ? "is true, and padding is not supported"
                                        : "is false, and an input of any size is not supported");
    if (value || (!size.edge && !size.height))
        status = read_size(value, "size", class->number, failure, &size);
    if (!status && class->by_part)
        return read_part(processor, &size, failure, out);
    if (!status)
        status = read_crop(processor, &size, failure, &crop);
    if (status)
        return status;
    if (size.edge && !crop.height)
        return preprocessor_refuse(failure, "do_center_crop",
                                   "is false, and an input as long as the image is not supported: choose how "
                                   "pictures are prepared with --profile, and --image-size");
    out->profile.resize = size.edge ? PROFILE_SHORTEST_EDGE : PROFILE_EXACT;
    out->profile.edge_height = size.edge ? size.edge : size.height;
    out->profile.edge_width = size.edge ? size.edge : size.width;
    out->height = crop.height ? crop.height : size.height;
    out->width = crop.height ? crop.width : size.width;
    return STATUS_OK;
}

enum status preprocessor_check_edge(struct failure *failure, struct preprocessor *out)
{
    struct profile *profile = &out->profile;
    if (profile->edge_height && (profile->edge_height < out->height || profile->edge_width < out->width))
        return preprocessor_refuse(failure, "crop_size",
                                   "is larger than the resized image, and padding is not supported");
    if (profile->edge_height == out->height && profile->edge_width == out->width)
        profile->edge_height = profile->edge_width = 0;
    return STATUS_OK;
}

/* What is done to a picture has a switch each: one that is on and means nothing here changes the pixels. */
static enum status check_steps(const struct json *object, struct failure *failure)
{
    static const char *const known[] = {"do_resize",    "do_center_crop", "do_pad",
                                        "do_normalize", "do_rescale",     "do_convert_rgb"};
    for (const struct json *member = json_first(object); member; member = json_next(member)) {
        const char *name = json_name(member);
        bool on = false, is_known = strncmp(name, "do_", 3) != 0;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known |= !strcmp(name, known[i]);
        if (!is_known && json_boolean(member, &on) && on)
            return failure_set(failure, STATUS_INVALID_FILE,
                               "\"%.60s\" is true, a step that this program does not know.", name);
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
    status = read_geometry(&processor, failure, &found);
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
