#include "engine/model/cost.h"

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

static void add(struct list *list, const char *label, double operations, double bytes)
{
    list->costs[list->count++] = (struct cost){label, operations, bytes};
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

/* All GLoRI heads of one model carry the same labels: their costs add up. */
static void add_glori(struct list *list, const struct shape *s, const struct model_card *card,
                      const uint32_t *widths, double batch)
{
    const double rows = batch * s->patches, half = list->activation_bytes, weight = list->weight_bytes;
    struct cost embedding = {.label = "glori embedding"}, scores = {.label = "glori scores"},
                softmax = {.label = "glori softmax"}, pooling = {.label = "glori pooling"},
                values = {.label = "glori values"};
    for (size_t i = 0; i < card->head_count; i++) {
        if (card->heads[i].type != HEAD_GLORI)
            continue;
        const double width = widths[i], columns = (double)GLORI_HEADS * (double)card->heads[i].label_count;
        const double k = (double)card->heads[i].blocks * s->width,
                     classes = (double)card->heads[i].label_count;
        embedding.operations += 2 * rows * width * k;
        embedding.bytes += rows * (k + width) * half + width * k * weight;
        scores.operations += 2 * rows * columns * width;
        scores.bytes += rows * width * half + columns * width * weight + rows * columns * 4;
        softmax.bytes += rows * columns * 8;
        pooling.operations += 2 * rows * columns * width;
        pooling.bytes += rows * (columns * 4 + width * half);
        values.operations += 2 * batch * classes * width * GLORI_HEADS * width;
        values.bytes +=
            batch * classes * width * (GLORI_HEADS * half + 8) + width * GLORI_HEADS * width * weight;
    }
    const struct cost all[] = {embedding, scores, softmax, pooling, values};
    for (size_t i = 0; i < sizeof all / sizeof *all && all[0].operations > 0; i++)
        list->costs[list->count++] = all[i];
}

size_t cost_list(const struct shape *shape, const struct model_card *card, const uint32_t *glori_widths,
                 uint32_t batch, double weight_bytes, double activation_bytes, struct cost *out)
{
    struct list list = {.costs = out, .weight_bytes = weight_bytes, .activation_bytes = activation_bytes};
    add_backbone(&list, shape, batch);
    add_glori(&list, shape, card, glori_widths, batch);
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
