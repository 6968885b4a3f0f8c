#include "engine/package/card_parts.h"

#include <assert.h>

static const char WHERE[] = "\"backbone\"";

/* "image_size": pixels along both sides, or [height, width]. */
static void read_image_size(struct reader *reader, const struct json *object, struct backbone_card *backbone)
{
    static const char name[] = "image_size", wanted[] = "two whole numbers, [height, width], from 16 to 4096";
    static_assert(IMAGE_SIZE_MIN == 16 && IMAGE_SIZE_MAX == 4096, "as the sentence says");
    const struct json *member = json_member(object, name);
    if (!json_is_array(member)) {
        backbone->image_height = reader_integer(reader, object, WHERE, name, IMAGE_SIZE_MIN, IMAGE_SIZE_MAX);
        backbone->image_width = backbone->image_height;
        return;
    }
    int64_t height = 0, width = 0;
    member = reader_take(reader, object, name);
    if (json_length(member) != 2 ||
        !json_integer(json_first(member), IMAGE_SIZE_MIN, IMAGE_SIZE_MAX, &height) ||
        !json_integer(json_next(json_first(member)), IMAGE_SIZE_MIN, IMAGE_SIZE_MAX, &width))
        reader_refuse(reader, WHERE, name, wanted);
    backbone->image_height = (uint32_t)height;
    backbone->image_width = (uint32_t)width;
}

static void read_positions(struct reader *reader, const struct json *object, struct backbone_card *backbone)
{
    backbone->position_grid = reader_integer(reader, object, WHERE, "position_grid", 1, IMAGE_SIZE_MAX);
    backbone->interpolate_offset = reader_number(reader, object, WHERE, "interpolate_offset", 0, 1);
    backbone->interpolate_antialias = reader_boolean(reader, object, WHERE, "interpolate_antialias");
}

void card_read_backbone(struct reader *reader, const struct json *root, struct backbone_card *backbone)
{
    const struct json *object = reader_take(reader, root, "backbone");
    backbone->weights = reader_file_name(reader, object, WHERE);
    backbone->width = reader_integer(reader, object, WHERE, "width", CARD_HEAD_WIDTH, CARD_WIDTH_MAX);
    backbone->depth = reader_integer(reader, object, WHERE, "depth", 1, CARD_DEPTH_MAX);
    backbone->heads = reader_integer(reader, object, WHERE, "heads", 1, CARD_WIDTH_MAX / CARD_HEAD_WIDTH);
    backbone->patch_size = reader_integer(reader, object, WHERE, "patch_size", 1, CARD_PATCH_MAX);
    read_image_size(reader, object, backbone);
    backbone->registers = reader_integer(reader, object, WHERE, "registers", 0, CARD_REGISTERS_MAX);
    backbone->ffn =
        reader_choice(reader, object, WHERE, "ffn", ffn_kind_name(FFN_SWIGLU), ffn_kind_name(FFN_GELU))
            ? FFN_GELU
            : FFN_SWIGLU;
    backbone->ffn_hidden = reader_integer(reader, object, WHERE, "ffn_hidden", 1, CARD_HIDDEN_MAX);
    backbone->layer_norm_epsilon =
        reader_optional_number(reader, object, WHERE, "layer_norm_epsilon", LAYER_NORM_EPSILON_MIN,
                               LAYER_NORM_EPSILON_MAX, LAYER_NORM_EPSILON);
    read_positions(reader, object, backbone);
    if (reader->status)
        return;
    if (backbone->width != CARD_HEAD_WIDTH * backbone->heads)
        reader_refuse(reader, WHERE, "width", "64 times \"heads\"");
    if (backbone->image_height % backbone->patch_size || backbone->image_width % backbone->patch_size)
        reader_refuse(reader, WHERE, "image_size", "a multiple of \"patch_size\"");
    if (backbone->ffn == FFN_GELU && backbone->ffn_hidden % 64)
        reader_refuse(reader, WHERE, "ffn_hidden", "a multiple of 64");
}
