#include "engine/checkpoint/processor.h"

#include "engine/checkpoint/preprocessor_values.h"

/* A switch that may be absent. Version 4 of transformers takes null for off, but in its "Fast" classes;
 * these, and version 5, take it for what the class does. */
enum status processor_switch(const struct processor *processor, const char *key, bool absent,
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
    if (edge && (height || width))
        return preprocessor_refuse(failure, key, "has a shortest_edge and sides, of which one is too many");
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
    enum status status = processor_switch(processor, "do_center_crop", absent, failure, &crops);
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
    enum status status = processor_switch(processor, "do_center_crop", false, failure, &crops);
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
enum status processor_geometry(const struct processor *processor, struct failure *failure,
                               struct preprocessor *out)
{
    const struct processor_class *class = processor->class;
    const struct json *value = preprocessor_member(processor->object, "size");
    struct size size = {class->edge, class->side, class->side}, crop;
    bool resizes, pads;
    enum status status = processor_switch(processor, "do_resize", true, failure, &resizes);
    if (!status)
        status = processor_switch(processor, "do_pad", false, failure, &pads);
    if (status)
        return status;
    if (!resizes || pads)
        return preprocessor_refuse(failure, pads ? "do_pad" : "do_resize",
                                   pads ? "is true, and padding is not supported"
                                        : "is false, and an input of any size is not supported");
    if (preprocessor_member(processor->object, "default_to_square") && !json_is_object(value))
        return preprocessor_refuse(failure, "default_to_square",
                                   "is said, which one class of transformers follows and another does not: "
                                   "write shortest_edge, or height and width, into \"size\"");
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
