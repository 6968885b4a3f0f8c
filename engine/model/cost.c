#include "engine/model/cost.h"

#include <string.h>

#include "shaders/params/params.h"

/* A GEMM of m rows, n columns and depth k, done `times` times. */
struct product {
    double m, n, k, times;
};

struct list {
    struct cost *costs;
    size_t count;
    double weight_bytes, activation_bytes;
};

/* Costs of one label add up: all GLoRI heads of a model carry the same ones. */
static void add(struct list *list, const char *label, double operations, double bytes)
{
    size_t at = 0;
    while (at < list->count && strcmp(list->costs[at].label, label))
        at++;
    if (at == list->count)
        list->costs[list->count++] = (struct cost){.label = label};
    list->costs[at].operations += operations;
    list->costs[at].bytes += bytes;
}

static void add_product(struct list *list, const char *label, struct product p, double out_bytes)
{
    double bytes =
        p.m * p.k * list->activation_bytes + p.n * p.k * list->weight_bytes + p.m * p.n * out_bytes;
    add(list, label, 2 * p.m * p.n * p.k * p.times, bytes * p.times);
}

static void add_backbone(struct list *list, const struct shape *s, double batch)
{
    double rows = batch * s->tokens, patch_rows = batch * s->patches, width = s->width, depth = s->depth;
    double ffn_columns = s->ffn == FFN_SWIGLU ? 2.0 * s->hidden : s->hidden, half = list->activation_bytes;
    add_product(list, "patch embedding", (struct product){patch_rows, width, 3.0 * s->patch * s->patch, 1},
                4);
    add(list, "layernorm", 0, 2 * depth * rows * width * (4 + half));
    add_product(list, "qkv", (struct product){rows, 3 * width, width, depth}, half);
    add(list, "attention", 4 * depth * batch * s->tokens * (double)s->tokens * width,
        4 * depth * rows * width * half);
    add_product(list, "projection", (struct product){rows, width, width, depth}, 8);
    add_product(list, "ffn in", (struct product){rows, ffn_columns, width, depth},
                half * s->hidden / ffn_columns);
    add_product(list, "ffn out", (struct product){rows, width, s->hidden, depth}, 8);
    add(list, "features", 0, s->feature_blocks * rows * width * (4 + half));
}

/* A head of so many classes on so many blocks, `width` being its E. */
static void add_glori(struct list *list, const struct shape *s, const struct head_card *card, double width,
                      double batch)
{
    const double rows = batch * s->patches, half = list->activation_bytes;
    const double classes = (double)card->label_count, columns = GLORI_HEADS * classes;
    add_product(list, "glori embedding", (struct product){rows, width, (double)card->blocks * s->width, 1},
                half);
    add_product(list, "glori scores", (struct product){rows, columns, width, 1}, 4);
    add(list, "glori softmax", 0, rows * columns * 8);
    add(list, "glori pooling", 2 * rows * columns * width, rows * (columns * 4 + width * half));
    add_product(list, "glori values", (struct product){batch * classes, width, GLORI_HEADS * width, 1}, 8);
}

size_t cost_list(const struct shape *shape, const struct model_card *card, const uint32_t *glori_widths,
                 uint32_t batch, double weight_bytes, double activation_bytes, struct cost *out)
{
    struct list list = {.costs = out, .weight_bytes = weight_bytes, .activation_bytes = activation_bytes};
    add_backbone(&list, shape, batch);
    for (size_t i = 0; i < card->head_count; i++)
        if (card->heads[i].type == HEAD_GLORI)
            add_glori(&list, shape, &card->heads[i], glori_widths[i], batch);
    return list.count;
}

double cost_image(const struct shape *shape)
{
    struct cost costs[COSTS_MAX];
    struct list list = {.costs = costs, .weight_bytes = 4, .activation_bytes = 4};
    add_backbone(&list, shape, 1);
    double sum = 0;
    for (size_t i = 0; i < list.count; i++)
        sum += costs[i].operations;
    return sum;
}
