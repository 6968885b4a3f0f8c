#include "engine/checkpoint/preprocessor.h"

#include "engine/base/file.h"
#include "engine/checkpoint/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_MAX = 1 << 16 };

/* Pillow's numbers of its filters. */
enum { RESAMPLE_BILINEAR = 2, RESAMPLE_BICUBIC = 3, RESAMPLE_MAX = 5 };

static enum status refuse(struct failure *failure, const char *key, const char *what)
{
    return failure_set(failure, STATUS_INVALID_FILE, "\"%s\" %s.", key, what);
}

/* A boolean that may be absent. */
static enum status read_boolean(const struct json *object, const char *key, bool absent,
                                struct failure *failure, bool *out)
{
    const struct json *value = json_member(object, key);
    *out = absent;
    if (value && !json_is_null(value) && !json_boolean(value, out))
        return refuse(failure, key, "is neither true nor false");
    return STATUS_OK;
}

static bool read_side(const struct json *value, uint32_t *out)
{
    int64_t side;
    if (!json_integer(value, 1, SIDE_MAX, &side))
        return false;
    *out = (uint32_t)side;
    return true;
}

/* {"height": h, "width": w}, or one number for both. */
static bool read_rectangle(const struct json *value, uint32_t *height, uint32_t *width)
{
    if (!json_is_object(value))
        return read_side(value, height) && read_side(value, width);
    return read_side(json_member(value, "height"), height) && read_side(json_member(value, "width"), width);
}

/* Three numbers, or one for all channels. */
static enum status read_channels(const struct json *object, const char *key, double minimum, double maximum,
                                 struct failure *failure, double out[3])
{
    const struct json *value = json_member(object, key),
                      *item = json_is_array(value) ? json_first(value) : value;
    size_t count = json_is_array(value) ? json_length(value) : 1;
    if (!value || (count != 1 && count != 3))
        return refuse(failure, key, "is not a list of three numbers");
    for (int c = 0; c < 3; c++) {
        if (!json_number(item, &out[c]) || !(out[c] >= minimum && out[c] <= maximum))
            return refuse(failure, key, "holds what is no number that a profile may have");
        item = count == 3 ? json_next(item) : item;
    }
    return STATUS_OK;
}

static enum status read_filter(const struct json *object, struct failure *failure, struct profile *profile)
{
    int64_t filter = RESAMPLE_BICUBIC;
    const struct json *value = json_member(object, "resample");
    if (value && !json_is_null(value) && !json_integer(value, 0, RESAMPLE_MAX, &filter))
        return refuse(failure, "resample", "is not one of Pillow's filters, 0 to 5");
    if (filter != RESAMPLE_BICUBIC && filter != RESAMPLE_BILINEAR)
        return refuse(failure, "resample",
                      "asks for a filter that is not supported: 3 (bicubic) and 2 (bilinear) are");
    profile->filter = filter == RESAMPLE_BILINEAR ? PROFILE_BILINEAR : PROFILE_BICUBIC;
    return STATUS_OK;
}

static enum status read_values(const struct json *object, struct failure *failure, struct profile *profile)
{
    bool rescales, normalizes;
    enum status status = read_boolean(object, "do_rescale", true, failure, &rescales);
    if (!status)
        status = read_boolean(object, "do_normalize", true, failure, &normalizes);
    if (status)
        return status;
    const struct json *factor = json_member(object, "rescale_factor");
    profile->rescale = rescales ? 1.0 / 255 : 1;
    if (rescales && factor &&
        (!json_number(factor, &profile->rescale) ||
         !(profile->rescale >= PROFILE_RESCALE_MIN && profile->rescale <= PROFILE_RESCALE_MAX)))
        return refuse(failure, "rescale_factor", "is no number that a profile may have");
    for (int c = 0; c < 3; c++)
        profile->deviation[c] = 1;
    if (normalizes)
        status =
            read_channels(object, "image_mean", -PROFILE_MEAN_MAX, PROFILE_MEAN_MAX, failure, profile->mean);
    if (normalizes && !status)
        status = read_channels(object, "image_std", PROFILE_DEVIATION_MIN, PROFILE_DEVIATION_MAX, failure,
                               profile->deviation);
    return status;
}

/* The shorter side to an edge, and the centre of it; or straight to a size. */
static enum status read_geometry(const struct json *object, struct failure *failure, struct preprocessor *out)
{
    const struct json *size = json_member(object, "size"), *edge = json_member(size, "shortest_edge"),
                      *crop = json_member(object, "crop_size");
    bool resizes, crops, pads;
    enum status status = read_boolean(object, "do_resize", true, failure, &resizes);
    if (!status)
        status = read_boolean(object, "do_center_crop", crop || edge, failure, &crops);
    if (!status)
        status = read_boolean(object, "do_pad", false, failure, &pads);
    if (status)
        return status;
    if (!resizes || pads)
        return refuse(failure, pads ? "do_pad" : "do_resize",
                      pads ? "is true, and padding is not supported"
                           : "is false, and an input of any size is not supported");
    if (crops && !read_rectangle(crop, &out->height, &out->width))
        return refuse(failure, "crop_size", "is not a size in pixels");
    uint32_t height, width;
    if (edge || (crops && !json_is_object(size))) {
        if (!crops)
            return refuse(failure, "do_center_crop",
                          "is false, and an input as long as the image is not supported: choose a size with "
                          "--image-size and give the file of the weights, not the folder");
        return read_side(edge ? edge : size, &out->profile.edge)
                   ? STATUS_OK
                   : refuse(failure, "size", "is not a size in pixels");
    }
    if (!read_rectangle(size, &height, &width))
        return refuse(failure, "size", "is not a size in pixels");
    if (crops && (height != out->height || width != out->width))
        return refuse(failure, "crop_size",
                      "differs from \"size\", and a part of a stretched image is not supported");
    out->height = height;
    out->width = width;
    out->profile.resize = PROFILE_EXACT;
    return STATUS_OK;
}

/* The resized image must cover the input; an edge that just does so needs no number. */
static enum status check_edge(struct failure *failure, struct preprocessor *out)
{
    const uint32_t larger = out->height > out->width ? out->height : out->width;
    if (out->profile.resize == PROFILE_SHORTEST_EDGE && out->profile.edge < larger)
        return refuse(failure, "crop_size", "is larger than the resized image, and padding is not supported");
    if (out->profile.edge == larger && out->height == out->width)
        out->profile.edge = 0;
    return STATUS_OK;
}

static enum status finish(struct json **document, enum status status, const struct preprocessor *found,
                          struct preprocessor *out)
{
    if (!status)
        *out = *found;
    json_destroy(document);
    return status;
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

enum status preprocessor_parse(struct bytes text, struct failure *failure, struct preprocessor *out)
{
    struct json *document;
    struct preprocessor found = {
        .profile = {.name = "preprocessor_config.json", .centre = PROFILE_CENTRE_DOWN}, .given = true};
    enum status status = config_document(text, failure, &document);
    if (status)
        return status;
    if (!json_is_object(document))
        status = failure_set(failure, STATUS_INVALID_FILE, "It is no JSON object.");
    found.has_code = json_member(document, "auto_map") != NULL;
    if (!status)
        status = check_steps(document, failure);
    if (!status)
        status = read_geometry(document, failure, &found);
    if (!status)
        status = check_edge(failure, &found);
    if (!status)
        status = read_filter(document, failure, &found.profile);
    if (!status)
        status = read_values(document, failure, &found.profile);
    return finish(&document, status, &found, out);
}

/* "input_size" [3, h, w]; "crop_pct" of the resized image's shorter side, rounded down as timm does; or
 * "squash". */
static enum status read_timm(const struct json *object, struct failure *failure, struct preprocessor *out)
{
    const struct json *size = json_member(object, "input_size"), *height = json_next(json_first(size));
    const char *mode = json_text(json_member(object, "crop_mode"));
    const char *filter = json_text(json_member(object, "interpolation"));
    double part = 1;
    if (!json_is_array(size) || json_length(size) != 3 || !read_side(height, &out->height) ||
        !read_side(json_next(height), &out->width))
        return refuse(failure, "input_size", "is not three sizes");
    if (filter && strcmp(filter, "bicubic") && strcmp(filter, "bilinear"))
        return refuse(failure, "interpolation",
                      "asks for a filter that is not supported: bicubic and bilinear are");
    out->profile.filter = filter && !strcmp(filter, "bilinear") ? PROFILE_BILINEAR : PROFILE_BICUBIC;
    if (json_member(object, "crop_pct") &&
        (!json_number(json_member(object, "crop_pct"), &part) || !(part > 0.1 && part <= 1)))
        return refuse(failure, "crop_pct", "is not a number over 0.1 and up to 1");
    if (mode && !strcmp(mode, "squash"))
        out->profile.resize = PROFILE_EXACT;
    else if (mode && strcmp(mode, "center"))
        return refuse(failure, "crop_mode", "asks for a crop that is not supported: center and squash are");
    if (out->profile.resize == PROFILE_EXACT && part < 1)
        return refuse(failure, "crop_pct", "of a stretched image is not supported");
    if (out->profile.resize != PROFILE_EXACT && out->height != out->width)
        return refuse(failure, "input_size",
                      "is not square, which is supported with the crop_mode squash only");
    out->profile.edge = out->profile.resize == PROFILE_EXACT ? 0 : (uint32_t)floor(out->height / part);
    out->profile.rescale = 1.0 / 255;
    enum status status =
        read_channels(object, "mean", -PROFILE_MEAN_MAX, PROFILE_MEAN_MAX, failure, out->profile.mean);
    if (!status)
        status = read_channels(object, "std", PROFILE_DEVIATION_MIN, PROFILE_DEVIATION_MAX, failure,
                               out->profile.deviation);
    return status ? status : check_edge(failure, out);
}

enum status preprocessor_parse_timm(struct bytes text, struct failure *failure, struct preprocessor *out)
{
    struct json *document;
    struct preprocessor found = {.profile = {.name = "timm"}};
    enum status status = config_document(text, failure, &document);
    if (status)
        return status;
    const struct json *object = json_member(document, "pretrained_cfg");
    found.given = json_is_object(object);
    if (found.given)
        status = read_timm(object, failure, &found);
    return finish(&document, status, &found, out);
}

enum status preprocessor_read(const char *path, bool timm, struct failure *failure, struct preprocessor *out)
{
    struct bytes text;
    enum status status = file_read_text(path, CONFIG_BYTES_MAX, failure, &text);
    if (status)
        return status;
    status = timm ? preprocessor_parse_timm(text, failure, out) : preprocessor_parse(text, failure, out);
    if (status)
        failure_prefix(failure, "%s", path);
    free((void *)text.data);
    return status;
}

struct profile preprocessor_profile(const struct preprocessor *preprocessor, uint32_t height, uint32_t width)
{
    struct profile profile = preprocessor->profile;
    const uint32_t before =
        preprocessor->height > preprocessor->width ? preprocessor->height : preprocessor->width;
    const uint32_t larger = height > width ? height : width;
    if (profile.edge)
        profile.edge = (uint32_t)lround((double)profile.edge * larger / before);
    return profile;
}
