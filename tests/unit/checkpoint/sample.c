#include "tests/unit/checkpoint/sample.h"

#include <stdio.h>
#include <string.h>

static const char GLORI_PREFIX[] = "module.classifiers_dict.linear:blocks=2:avgpool=False:lr=0_0005.decoder.";

const struct sample_changes SAMPLE_AS_IS = {.scale = 1, .candidates = 1, .classes = 2};

static void put(struct pth *pth, const struct sample_changes *changes, const char *name, size_t rank,
                const size_t *shape, float scale)
{
    size_t sizes[4];
    memcpy(sizes, shape, rank * sizeof *sizes);
    if (changes->skip && !strcmp(changes->skip, name))
        return;
    if (changes->widen && !strcmp(changes->widen, name))
        sizes[rank - 1]++;
    char *key = arena_format(pth->arena, "backbone.%s", name);
    pth_tensor(pth, key, rank, sizes, scale);
}

/* Of the tensor that was put last, WIDTH wide. */
static void scale_last_row(struct pth *pth, float scale)
{
    const struct bytes content = pth->entries[pth->count - 1].content;
    float *end = (float *)(content.data + content.size);
    for (size_t i = 1; i <= WIDTH; i++)
        *(end - i) *= scale;
}

static void put_block(struct pth *pth, const struct sample_changes *changes, size_t block)
{
    const size_t hidden = changes->hidden ? changes->hidden : HIDDEN;
    const struct {
        const char *part;
        size_t rank, rows, columns;
        bool is_plain; /* there in a plain network, too */
    } parts[] = {
        {"norm1.weight", 1, WIDTH, 0, true},
        {"norm1.bias", 1, WIDTH, 0, true},
        {"norm2.weight", 1, WIDTH, 0, true},
        {"norm2.bias", 1, WIDTH, 0, true},
        {"attn.qkv.weight", 2, 3 * WIDTH, WIDTH, true},
        {"attn.qkv.bias", 1, 3 * WIDTH, 0, false},
        {"attn.proj.weight", 2, WIDTH, WIDTH, true},
        {"attn.proj.bias", 1, WIDTH, 0, false},
        {"ls1.gamma", 1, WIDTH, 0, false},
        {"ls2.gamma", 1, WIDTH, 0, false},
        {changes->gelu ? "mlp.fc1.weight" : "mlp.w12.weight", 2, changes->gelu ? hidden : 2 * hidden, WIDTH,
         true},
        {changes->gelu ? "mlp.fc1.bias" : "mlp.w12.bias", 1, changes->gelu ? hidden : 2 * hidden, 0, false},
        {changes->gelu ? "mlp.fc2.weight" : "mlp.w3.weight", 2, WIDTH, hidden, true},
        {changes->gelu ? "mlp.fc2.bias" : "mlp.w3.bias", 1, WIDTH, 0, false},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[64];
        bool scaled = block == 0 && !strcmp(parts[i].part, "attn.proj.weight");
        snprintf(name, sizeof name, "blocks.%zu.%s", block, parts[i].part);
        if (parts[i].is_plain || !changes->plain)
            put(pth, changes, name, parts[i].rank, (size_t[]){parts[i].rows, parts[i].columns},
                scaled ? changes->scale : 1);
        if (scaled && changes->last_row != 0)
            scale_last_row(pth, changes->last_row);
    }
}

void sample_backbone(const char *path, const struct sample_changes *changes)
{
    struct pth pth;
    pth_begin(&pth, "teacher");
    put(&pth, changes, "cls_token", 3, (size_t[]){1, 1, WIDTH}, 1);
    put(&pth, changes, "pos_embed", 3, (size_t[]){1, 1 + GRID * GRID, WIDTH}, 1);
    put(&pth, changes, "mask_token", 2, (size_t[]){1, WIDTH}, 1);
    if (!changes->plain)
        put(&pth, changes, "register_tokens", 3, (size_t[]){1, 4, WIDTH}, 1);
    put(&pth, changes, "patch_embed.proj.weight", 4, (size_t[]){WIDTH, 3, PATCH, PATCH}, 1);
    put(&pth, changes, "patch_embed.proj.bias", 1, (size_t[]){WIDTH}, 1);
    for (size_t i = 0; i < DEPTH; i++)
        put_block(&pth, changes, i);
    put(&pth, changes, "norm.weight", 1, (size_t[]){WIDTH}, 1);
    put(&pth, changes, "norm.bias", 1, (size_t[]){WIDTH}, 1);
    pth_tensor(&pth, "dino_head.mlp.0.weight", 2, (size_t[]){2, WIDTH}, 1);
    if (changes->add)
        pth_tensor(&pth, changes->add, 1, (size_t[]){WIDTH}, 1);
    if (changes->member.size)
        pth_member(&pth, changes->member);
    if (changes->root.size) {
        pickle_bytes(&pth.pickle, "s", 1); /* the state dict is whole */
        pickle_bytes(&pth.pickle, (const char *)changes->root.data, changes->root.size);
        pth_beside(&pth, "optimizer");
    }
    if (changes->beside) {
        pth_beside(&pth, changes->beside);
        pth_tensor(&pth, "norm.weight", 1, (size_t[]){WIDTH}, 1);
    }
    pth_end(&pth, path);
}

void sample_glori(const char *path, size_t classes, size_t memory, bool class_tokens)
{
    const struct {
        const char *name;
        size_t rank, shape[3];
    } parts[] = {
        {"embed_standart.weight", 2, {EMBED, memory}},
        {"embed_standart.bias", 1, {EMBED}},
        {"query_embed.weight", 2, {classes, EMBED}},
        {"layers.0.multihead_attn.in_proj_weight", 2, {3 * EMBED, EMBED}},
        {"layers.0.multihead_attn.in_proj_bias", 1, {3 * EMBED}},
        {"layers.0.multihead_attn.out_proj.weight", 2, {EMBED, EMBED}},
        {"layers.0.multihead_attn.out_proj.bias", 1, {EMBED}},
        {"layers.0.norm1.weight", 1, {EMBED}},
        {"layers.0.norm1.bias", 1, {EMBED}},
        {"layers.0.norm2.weight", 1, {EMBED}},
        {"layers.0.norm2.bias", 1, {EMBED}},
        {"layers.0.norm3.weight", 1, {EMBED}},
        {"layers.0.norm3.bias", 1, {EMBED}},
        {"layers.0.linear1.weight", 2, {INNER, EMBED}},
        {"layers.0.linear1.bias", 1, {INNER}},
        {"layers.0.linear2.weight", 2, {EMBED, INNER}},
        {"layers.0.linear2.bias", 1, {EMBED}},
        {"duplicate_pooling", 3, {classes, class_tokens ? memory + EMBED : EMBED, 1}},
        {"duplicate_pooling_bias", 1, {classes}},
    };
    struct pth pth;
    pth_begin(&pth, "model");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        pth_tensor(&pth, arena_format(pth.arena, "%s%s", GLORI_PREFIX, parts[i].name), parts[i].rank,
                   parts[i].shape, 1);
    pth_end(&pth, path);
}

void sample_linear(const char *path, const struct sample_changes *changes)
{
    struct pth pth;
    pth_begin(&pth, "model");
    for (size_t i = 0; i < changes->candidates; i++) {
        const char *prefix =
            arena_format(pth.arena, "classifiers_dict.linear:blocks=1:avgpool=True:lr=0_%zu.linear", i + 1);
        pth_tensor(&pth, arena_format(pth.arena, "%s.weight", prefix), 2,
                   (size_t[]){changes->classes, 2 * WIDTH}, (float)(i + 1));
        pth_tensor(&pth, arena_format(pth.arena, "%s.bias", prefix), 1, (size_t[]){changes->classes}, 1);
    }
    if (changes->add)
        pth_tensor(&pth, changes->add, 1, (size_t[]){WIDTH}, 1);
    if (changes->member.size)
        pth_member(&pth, changes->member);
    pth_end(&pth, path);
}
