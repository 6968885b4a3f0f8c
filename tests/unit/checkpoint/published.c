#include "tests/unit/checkpoint/published.h"

#include "tests/unit/checkpoint/pth.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { W = PUBLISHED_WIDTH, H = PUBLISHED_HIDDEN };

float published_value(const char *name, size_t i)
{
    size_t seed = 0;
    for (; *name; name++)
        seed = 7 * seed + (unsigned char)*name;
    return pth_value(i + seed % 13);
}

void published_begin(struct published *published)
{
    *published = (struct published){.arena = arena_create()};
}

void published_add(struct published *published, const char *name, const char *ours, size_t offset,
                   size_t rank, const size_t *shape)
{
    ck_assert_uint_lt(published->count, PUBLISHED_TENSORS_MAX);
    struct tensor *tensor = &published->tensors[published->count++];
    size_t elements = 1;
    *tensor = (struct tensor){.name = arena_copy_text(published->arena, name, strlen(name)), .rank = rank};
    for (size_t i = 0; i < rank; i++)
        elements *= tensor->shape[i] = shape[i];
    float *values = arena_allocate(published->arena, elements, sizeof *values);
    for (size_t i = 0; i < elements; i++)
        values[i] = published_value(ours, offset + i);
    tensor->data = values;
    tensor->size_bytes = elements * sizeof *values;
}

/* Of the names below, one for each layout. */
struct names {
    const char *dinov2, *old, *newer, *timm;
};

static const char *choose(const struct names *names, enum published_layout layout)
{
    return layout == PUBLISHED_OLD     ? names->old
           : layout == PUBLISHED_NEWER ? names->newer
           : layout == PUBLISHED_TIMM  ? names->timm
                                       : names->dinov2;
}

/* A module's weight [rows, columns], or [rows] where there are no columns, and its bias: those rows of the
 * package's from `row` on. */
static void add_module(struct published *published, const char *name, const char *ours, size_t row,
                       size_t rows, size_t columns)
{
    char theirs[160], whole[160];
    snprintf(theirs, sizeof theirs, "%s.weight", name);
    snprintf(whole, sizeof whole, "%s.weight", ours);
    published_add(published, theirs, whole, row * (columns ? columns : 1), columns ? 2 : 1,
                  (size_t[]){rows, columns});
    snprintf(theirs, sizeof theirs, "%s.bias", name);
    snprintf(whole, sizeof whole, "%s.bias", ours);
    published_add(published, theirs, whole, row, 1, (size_t[]){rows});
}

/* As add_module, of a block. */
static void add_part(struct published *published, const char *prefix, const struct published_form *form,
                     size_t block, const struct names *names, size_t row, size_t rows, size_t columns)
{
    char name[160], ours[160];
    const char *part = choose(names, form->layout);
    if (!part)
        return;
    snprintf(name, sizeof name, "%s%s", prefix, part);
    snprintf(ours, sizeof ours, "blocks.%zu.%s", block, names->dinov2);
    add_module(published, name, ours, row, rows, columns);
}

static void add_attention(struct published *published, const char *prefix, const struct published_form *form,
                          size_t block)
{
    static const char *const old[] = {"attention.attention.query", "attention.attention.key",
                                      "attention.attention.value"},
                             *const newer[] = {"attention.q_proj", "attention.k_proj", "attention.v_proj"};
    const bool split = form->layout == PUBLISHED_OLD || form->layout == PUBLISHED_NEWER;
    for (size_t i = 0; split && i < 3; i++)
        add_part(published, prefix, form, block, &(struct names){"attn.qkv", old[i], newer[i], NULL}, i * W,
                 W, W);
    if (!split)
        add_part(published, prefix, form, block, &(struct names){"attn.qkv", NULL, NULL, "attn.qkv"}, 0,
                 3 * W, W);
    add_part(published, prefix, form, block,
             &(struct names){"attn.proj", "attention.output.dense", "attention.o_proj", "attn.proj"}, 0, W,
             W);
}

static void add_feed_forward(struct published *published, const char *prefix,
                             const struct published_form *form, size_t block)
{
    const struct names first = {"mlp.fc1", "mlp.fc1", "mlp.fc1", "mlp.fc1"},
                       second = {"mlp.fc2", "mlp.fc2", "mlp.fc2", "mlp.fc2"},
                       w12 = {"mlp.w12", "mlp.weights_in", NULL, "mlp.fc1"},
                       w3 = {"mlp.w3", "mlp.weights_out", "mlp.down_proj", "mlp.fc2"};
    add_part(published, prefix, form, block, form->gated ? &w12 : &first, 0, form->gated ? 2 * H : H, W);
    if (form->gated && form->layout == PUBLISHED_NEWER) {
        add_part(published, prefix, form, block, &(struct names){"mlp.w12", NULL, "mlp.gate_proj", NULL}, 0,
                 H, W);
        add_part(published, prefix, form, block, &(struct names){"mlp.w12", NULL, "mlp.up_proj", NULL}, H, H,
                 W);
    }
    add_part(published, prefix, form, block, form->gated ? &w3 : &second, 0, W, H);
}

static void add_scale(struct published *published, const char *prefix, const struct published_form *form,
                      size_t block, int which)
{
    char name[160], ours[160];
    const bool hugging = form->layout == PUBLISHED_OLD || form->layout == PUBLISHED_NEWER;
    snprintf(name, sizeof name, hugging ? "%slayer_scale%d.lambda1" : "%sls%d.gamma", prefix, which);
    snprintf(ours, sizeof ours, "blocks.%zu.ls%d.gamma", block, which);
    published_add(published, name, ours, 0, 1, (size_t[]){W});
}

static void add_block(struct published *published, const struct published_form *form, size_t block)
{
    char prefix[96];
    if (form->layout == PUBLISHED_CHUNKS)
        snprintf(prefix, sizeof prefix, "%sblocks.%zu.%zu.", form->prefix, block / 2, block);
    else
        snprintf(prefix, sizeof prefix, "%s%s.%zu.", form->prefix,
                 form->layout == PUBLISHED_OLD || form->layout == PUBLISHED_NEWER ? "encoder.layer"
                                                                                  : "blocks",
                 block);
    for (int which = 1; which <= 2; which++) {
        const char *norm = which == 1 ? "norm1" : "norm2";
        add_part(published, prefix, form, block, &(struct names){norm, norm, norm, norm}, 0, W, 0);
        add_scale(published, prefix, form, block, which);
    }
    add_attention(published, prefix, form, block);
    add_feed_forward(published, prefix, form, block);
}

static void add_embeddings(struct published *published, const struct published_form *form)
{
    const bool hugging = form->layout == PUBLISHED_OLD || form->layout == PUBLISHED_NEWER;
    const bool no_class_row = form->layout == PUBLISHED_TIMM && form->registers;
    const size_t patches = PUBLISHED_GRID * PUBLISHED_GRID;
    const char *prefix = form->prefix;
#define NAME(text) arena_format(published->arena, "%s%s", prefix, text)
    published_add(published, NAME(hugging ? "embeddings.cls_token" : "cls_token"), "cls_token", 0, 3,
                  (size_t[]){1, 1, W});
    published_add(published, NAME(hugging ? "embeddings.position_embeddings" : "pos_embed"), "pos_embed",
                  no_class_row ? W : 0, 3, (size_t[]){1, patches + !no_class_row, W});
    if (form->registers)
        published_add(published,
                      NAME(hugging                          ? "embeddings.register_tokens"
                           : form->layout == PUBLISHED_TIMM ? "reg_token"
                                                            : "register_tokens"),
                      "register_tokens", 0, 3, (size_t[]){1, form->registers, W});
    if (form->layout != PUBLISHED_TIMM) /* timm leaves out what only training uses */
        published_add(published, NAME(hugging ? "embeddings.mask_token" : "mask_token"), "mask_token", 0, 2,
                      (size_t[]){1, W});
    const char *patch = hugging ? "embeddings.patch_embeddings.projection" : "patch_embed.proj";
    published_add(published, arena_format(published->arena, "%s%s.weight", prefix, patch),
                  "patch_embed.proj.weight", 0, 4, (size_t[]){W, 3, PUBLISHED_PATCH, PUBLISHED_PATCH});
    published_add(published, arena_format(published->arena, "%s%s.bias", prefix, patch),
                  "patch_embed.proj.bias", 0, 1, (size_t[]){W});
    add_module(published, NAME(hugging ? "layernorm" : "norm"), "norm", 0, W, 0);
#undef NAME
}

void published_network(struct published *published, const struct published_form *form)
{
    add_embeddings(published, form);
    for (size_t block = 0; block < PUBLISHED_DEPTH; block++)
        add_block(published, form, block);
}

void published_write(const struct published *published, size_t first, size_t count, const char *path)
{
    struct failure failure;
    enum status status =
        safetensors_write(path, published->tensors + first, count, NULL, NULL, NULL, &failure);
    ck_assert_msg(!status, "%s", failure.sentence);
}

void published_end(struct published *published)
{
    arena_destroy(&published->arena);
}
