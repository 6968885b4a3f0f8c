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

static void read_object(struct reader *reader, const struct json *object, struct profile *profile)
{
    profile->name = reader_text(reader, object, WHERE, "name");
    profile->resize = reader_choice(reader, object, WHERE, "resize", "shortest_edge", "exact")
                          ? PROFILE_EXACT
                          : PROFILE_SHORTEST_EDGE;
    if (json_member(object, "edge"))
        profile->edge = reader_integer(reader, object, WHERE, "edge", 1, IMAGE_SIZE_MAX);
    profile->filter =
        optional_choice(reader, object, "filter", "bicubic", "bilinear") ? PROFILE_BILINEAR : PROFILE_BICUBIC;
    profile->centre =
        optional_choice(reader, object, "centre", "even", "down") ? PROFILE_CENTRE_DOWN : PROFILE_CENTRE_EVEN;
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
    uint32_t larger =
        backbone->image_height > backbone->image_width ? backbone->image_height : backbone->image_width;
    char wanted[96];
    snprintf(wanted, sizeof wanted, "at least %u, the larger side of \"image_size\", or absent", larger);
    if (card->profile.edge && card->profile.resize == PROFILE_EXACT)
        reader_refuse(reader, WHERE, "edge", "absent, since \"resize\" is \"exact\"");
    else if (card->profile.edge && card->profile.edge < larger)
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
