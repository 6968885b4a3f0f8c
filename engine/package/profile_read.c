#include "engine/package/card_parts.h"

#include <stdio.h>

static const char WHERE[] = "\"profile\"";

/* One number for each channel. */
static void read_channels(struct reader *reader, const struct json *object, const char *name, double minimum,
                          double maximum, double out[3])
{
    size_t count, c = 0;
    const struct json *list = reader_array(reader, object, WHERE, name, 3, 3, &count);
    for (const struct json *at = json_first(list); at && c < count; at = json_next(at), c++)
        out[c] = reader_number_in(reader, at, WHERE, name, minimum, maximum);
}

/* The first word when the member is absent. */
static int optional_choice(struct reader *reader, const struct json *object, const char *name,
                           const char *first, const char *second)
{
    return json_member(object, name) ? reader_choice(reader, object, WHERE, name, first, second) : 0;
}

/* One number, or height and width. */
static void read_edge(struct reader *reader, const struct json *object, struct profile *profile)
{
    size_t count;
    int64_t sides[2] = {0, 0};
    if (!json_is_array(json_member(object, "edge"))) {
        profile->edge_height = profile->edge_width =
            reader_integer(reader, object, WHERE, "edge", 1, IMAGE_SIZE_MAX);
        return;
    }
    const struct json *list = reader_array(reader, object, WHERE, "edge", 2, 2, &count);
    if (reader->status)
        return;
    if (!json_integer(json_first(list), 1, IMAGE_SIZE_MAX, &sides[0]) ||
        !json_integer(json_next(json_first(list)), 1, IMAGE_SIZE_MAX, &sides[1]))
        reader_refuse(reader, WHERE, "edge", "a whole number from 1 to 4096, or two of those");
    profile->edge_height = (uint32_t)sides[0];
    profile->edge_width = (uint32_t)sides[1];
}

static void read_object(struct reader *reader, const struct json *object, struct profile *profile)
{
    profile->name = reader_text(reader, object, WHERE, "name");
    profile->resize = reader_choice(reader, object, WHERE, "resize", "shortest_edge", "exact")
                          ? PROFILE_EXACT
                          : PROFILE_SHORTEST_EDGE;
    if (json_member(object, "edge"))
        read_edge(reader, object, profile);
    profile->filter = optional_choice(reader, object, "filter", profile_filter_name(PROFILE_BICUBIC),
                                      profile_filter_name(PROFILE_BILINEAR))
                          ? PROFILE_BILINEAR
                          : PROFILE_BICUBIC;
    profile->centre =
        optional_choice(reader, object, "centre", "even", "down") ? PROFILE_CENTRE_DOWN : PROFILE_CENTRE_EVEN;
    profile->rounding = optional_choice(reader, object, "rounding", "down", "nearest") ? PROFILE_ROUND_NEAREST
                                                                                       : PROFILE_ROUND_DOWN;
    profile->min_max = reader_boolean(reader, object, WHERE, "min_max");
    profile->rescale = reader_optional_number(reader, object, WHERE, "rescale", PROFILE_RESCALE_MIN,
                                              PROFILE_RESCALE_MAX, 1.0 / 255);
    read_channels(reader, object, "mean", -PROFILE_MEAN_MAX, PROFILE_MEAN_MAX, profile->mean);
    read_channels(reader, object, "deviation", PROFILE_DEVIATION_MIN, PROFILE_DEVIATION_MAX,
                  profile->deviation);
    if (!reader->status && profile_known(profile->name))
        reader_refuse(reader, WHERE, "name", "another than that of a known profile");
}

/* The resized image must cover the input, whatever its proportions: nothing is filled in beside it. */
static void check_edge(struct reader *reader, const struct model_card *card)
{
    const struct backbone_card *backbone = &card->backbone;
    const uint32_t height = card->profile.edge_height, width = card->profile.edge_width;
    char wanted[96];
    snprintf(wanted, sizeof wanted, "at least %u high and %u wide, as \"image_size\" is, or absent",
             backbone->image_height, backbone->image_width);
    if (height && (height < backbone->image_height || width < backbone->image_width))
        reader_refuse(reader, WHERE, "edge", wanted);
}

void card_read_profile(struct reader *reader, const struct json *root, struct model_card *card)
{
    static const char where[] = "\"preprocessing\"";
    const struct json *object = reader_take(reader, root, "preprocessing");
    const struct json *member = json_member(object, "profile");
    card->profile = (struct profile){.name = ""};
    if (json_is_object(member)) {
        read_object(reader, reader_take(reader, object, "profile"), &card->profile);
    } else {
        const struct profile *known = profile_known(reader_text(reader, object, where, "profile"));
        if (known)
            card->profile = *known;
        else
            reader_refuse(reader, where, "profile", "\"chexfound\", \"dinov2\" or an object");
    }
    card->dicom_profile = DICOM_PROFILE_MIMIC;
    if (json_member(object, "dicom_profile") &&
        reader_choice(reader, object, where, "dicom_profile", "mimic", "voi"))
        card->dicom_profile = DICOM_PROFILE_VOI;
    if (!reader->status)
        check_edge(reader, card);
}
