#include "engine/package/tensors.h"

#include "engine/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GLORI_WIDTH_MAX = 2048, GLORI_WIDTH_STEP = 128, GLORI_INNER_MAX = 16384, INNER_STEP = 64 };

/* A check stops at its first failure; later steps do nothing. */
struct check {
    const struct tensor *tensors;
    size_t count;
    bool *used; /* [count] */
    struct failure *failure;
    enum status status;
};

static const struct tensor *find(const struct check *check, const char *name)
{
    for (size_t i = 0; i < check->count; i++)
        if (!strcmp(check->tensors[i].name, name))
            return &check->tensors[i];
    return NULL;
}

/* The tensor of that name, which must be there in this shape; NULL after a failure. */
static const struct tensor *need(struct check *check, size_t rank, const size_t *shape, const char *format,
                                 ...) PRINTF_LIKE(4, 5);
static const struct tensor *need(struct check *check, size_t rank, const size_t *shape, const char *format,
                                 ...)
{
    char name[TENSOR_NAME_BYTES];
    va_list arguments;
    if (check->status)
        return NULL;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    const struct tensor *tensor = find(check, name);
    check->status = tensor_check(tensor, name, rank, shape, check->failure);
    if (check->status)
        return NULL;
    check->used[tensor - check->tensors] = true;
    return tensor;
}

static void finish(struct check *check)
{
    for (size_t i = 0; !check->status && i < check->count; i++)
        if (!check->used[i])
            check->status = failure_set(check->failure, STATUS_INVALID_FILE,
                                        "Tensor '%.100s' is there, but the network as it is described does "
                                        "not use it: they do not belong together.",
                                        check->tensors[i].name);
    free(check->used);
}

static void check_block(struct check *check, const struct backbone_card *card, uint32_t block)
{
    const size_t D = card->width, H = card->ffn_hidden;
    const bool gated = card->ffn == FFN_SWIGLU;
    const struct {
        const char *part;
        size_t rank, rows, columns;
        bool optional;
    } parts[] = {
        {"norm1.weight", 1, D, 0, false},
        {"norm1.bias", 1, D, 0, false},
        {"norm2.weight", 1, D, 0, false},
        {"norm2.bias", 1, D, 0, false},
        {"attn.qkv.weight", 2, 3 * D, D, false},
        {"attn.proj.weight", 2, D, D, false},
        {gated ? "mlp.w12.weight" : "mlp.fc1.weight", 2, gated ? 2 * H : H, D, false},
        {gated ? "mlp.w3.weight" : "mlp.fc2.weight", 2, D, H, false},
        {"attn.qkv.bias", 1, 3 * D, 0, true},
        {"attn.proj.bias", 1, D, 0, true},
        {"ls1.gamma", 1, D, 0, true},
        {"ls2.gamma", 1, D, 0, true},
        {gated ? "mlp.w12.bias" : "mlp.fc1.bias", 1, gated ? 2 * H : H, 0, true},
        {gated ? "mlp.w3.bias" : "mlp.fc2.bias", 1, D, 0, true},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !check->status; i++) {
        char first[TENSOR_NAME_BYTES], name[TENSOR_NAME_BYTES];
        snprintf(first, sizeof first, "blocks.0.%s", parts[i].part);
        snprintf(name, sizeof name, "blocks.%u.%s", block, parts[i].part);
        if (!parts[i].optional || find(check, first))
            need(check, parts[i].rank, (size_t[]){parts[i].rows, parts[i].columns}, "%s", name);
        else if (find(check, name))
            check->status = failure_set(check->failure, STATUS_INVALID_FILE,
                                        "Tensor '%s' is there while '%s' is not.", name, first);
    }
}

enum status backbone_check(const struct backbone_card *card, const struct tensor *tensors, size_t count,
                           struct failure *failure)
{
    struct check check = {tensors, count, memory_allocate(count, sizeof(bool)), failure, STATUS_OK};
    const size_t D = card->width, P = card->patch_size, M = card->position_grid;
    need(&check, 3, (size_t[]){1, 1, D}, "cls_token");
    need(&check, 3, (size_t[]){1, 1 + M * M, D}, "pos_embed");
    need(&check, 4, (size_t[]){D, 3, P, P}, "patch_embed.proj.weight");
    need(&check, 1, (size_t[]){D}, "patch_embed.proj.bias");
    if (card->registers)
        need(&check, 3, (size_t[]){1, card->registers, D}, "register_tokens");
    for (uint32_t block = 0; block < card->depth; block++)
        check_block(&check, card, block);
    need(&check, 1, (size_t[]){D}, "norm.weight");
    need(&check, 1, (size_t[]){D}, "norm.bias");
    finish(&check);
    return check.status;
}

/* What the kernels take of a head's own sizes: width E, inner width of its feed-forward. */
static void check_sizes(struct check *check, size_t width, size_t inner)
{
    if (!check->status && (width % GLORI_WIDTH_STEP || width > GLORI_WIDTH_MAX || inner % INNER_STEP ||
                           inner > GLORI_INNER_MAX))
        check->status =
            failure_set(check->failure, STATUS_INVALID_FILE,
                        "Its width of %zu and inner width of %zu are not multiples of %d up to %d and "
                        "of %d up to %d, which a GLoRI head needs here.",
                        width, inner, GLORI_WIDTH_STEP, GLORI_WIDTH_MAX, INNER_STEP, GLORI_INNER_MAX);
}

/* duplicate_pooling [C, E or E and the class tokens, 1] tells whether the class tokens join in. */
static void check_pool(struct check *check, size_t classes, size_t width, size_t class_tokens)
{
    const struct tensor *pool = need(check, 3, (size_t[]){classes, 0, 1}, "duplicate_pooling");
    if (pool && pool->shape[1] != width && pool->shape[1] != class_tokens + width)
        check->status =
            failure_set(check->failure, STATUS_INVALID_FILE,
                        "Tensor 'duplicate_pooling' takes %zu values a class where %zu, or %zu with "
                        "class tokens, are needed.",
                        pool->shape[1], width, class_tokens + width);
}

/* Of a GLoRI head, whose sizes are those of its own tensors. */
enum glori_size { OUTPUTS, WIDTH, TRIPLE, INNER, FEATURES };
static const struct {
    const char *name;
    size_t rank; /* 0: more than one shape is right (check_pool) */
    enum glori_size rows, columns;
} glori_tensors[] = {
    {"embed_standart.weight", 2, WIDTH, FEATURES},
    {"embed_standart.bias", 1, WIDTH},
    {"query_embed", 2, OUTPUTS, WIDTH},
    {"layers.0.multihead_attn.in_proj_weight", 2, TRIPLE, WIDTH},
    {"layers.0.multihead_attn.in_proj_bias", 1, TRIPLE},
    {"layers.0.multihead_attn.out_proj.weight", 2, WIDTH, WIDTH},
    {"layers.0.multihead_attn.out_proj.bias", 1, WIDTH},
    {"layers.0.norm1.weight", 1, WIDTH},
    {"layers.0.norm1.bias", 1, WIDTH},
    {"layers.0.norm2.weight", 1, WIDTH},
    {"layers.0.norm2.bias", 1, WIDTH},
    {"layers.0.norm3.weight", 1, WIDTH},
    {"layers.0.norm3.bias", 1, WIDTH},
    {"layers.0.linear1.weight", 2, INNER, WIDTH},
    {"layers.0.linear1.bias", 1, INNER},
    {"layers.0.linear2.weight", 2, WIDTH, INNER},
    {"layers.0.linear2.bias", 1, WIDTH},
    {"duplicate_pooling", 0},
    {"duplicate_pooling_bias", 1, OUTPUTS},
};
enum { GLORI_TENSORS = sizeof glori_tensors / sizeof *glori_tensors };

const char *glori_tensor_name(size_t i)
{
    return i < GLORI_TENSORS ? glori_tensors[i].name : NULL;
}

static void check_glori(struct check *check, const struct head_card *card, size_t features)
{
    const struct tensor *embed = need(check, 2, (size_t[]){0, features}, "embed_standart.weight");
    const struct tensor *linear1 = need(check, 2, (size_t[]){0, 0}, "layers.0.linear1.weight");
    const size_t E = embed ? embed->shape[0] : 0, I = linear1 ? linear1->shape[0] : 0;
    check_sizes(check, E, I);
    const size_t sizes[] = {
        [OUTPUTS] = card->label_count, [WIDTH] = E, [TRIPLE] = 3 * E, [INNER] = I, [FEATURES] = features};
    for (size_t i = 0; i < GLORI_TENSORS; i++)
        if (glori_tensors[i].rank)
            need(check, glori_tensors[i].rank,
                 (size_t[]){sizes[glori_tensors[i].rows], sizes[glori_tensors[i].columns]}, "%s",
                 glori_tensors[i].name);
    check_pool(check, card->label_count, E, features);
}

enum status head_check(const struct head_card *card, uint32_t width, const struct tensor *tensors,
                       size_t count, struct failure *failure)
{
    struct check check = {tensors, count, memory_allocate(count, sizeof(bool)), failure, STATUS_OK};
    size_t features = (size_t)card->blocks * width;
    if (card->type == HEAD_GLORI) {
        check_glori(&check, card, features);
    } else {
        features += card->average_pool ? width : 0;
        features *= card->two_views ? 2 : 1;
        need(&check, 2, (size_t[]){card->label_count, features}, "linear.weight");
        need(&check, 1, (size_t[]){card->label_count}, "linear.bias");
    }
    finish(&check);
    return check.status;
}
