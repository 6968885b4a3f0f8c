#include "engine/checkpoint/preprocessor_values.h"

#include <string.h>

enum { SIDE_MAX = 1 << 16 };

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
