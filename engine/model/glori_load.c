#include "engine/model/glori.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The host's copies of the attention's tensors. */
struct attention {
    float *in, *in_bias;   /* [3E][E], [3E]: Q, K, V */
    float *out, *out_bias; /* [E][E], [E] */
};

/* E and the inner width come from the tensors, which head_check has checked; with random weights they are the
 * published ones. */
static void read_sizes(struct loader *loader, struct glori *glori)
{
    const struct tensor *tensor = NULL;
    static const size_t any[2] = {0, 0};
    glori->width = 768;
    glori->inner = 2048;
    if (!loader->file || loader->status)
        return;
    loader->status =
        tensor_require(loader->file, 2, any, loader->failure, &tensor, "layers.0.linear1.weight");
    if (loader->status)
        return;
    glori->inner = (uint32_t)tensor->shape[0];
    glori->width = (uint32_t)tensor->shape[1];
}

/* t = LN1(2 query): with no dropout and a self-attention that was left out, the decoder's first step. */
static float *normed_queries(struct loader *loader, const struct glori *glori)
{
    size_t width = glori->width;
    float *t = loader_read(loader, glori->classes, width, "query_embed");
    float *weight = loader_read(loader, width, 0, "layers.0.norm1.weight");
    float *bias = loader_read(loader, width, 0, "layers.0.norm1.bias");
    for (size_t c = 0; bias && c < glori->classes; c++) {
        float *row = t + c * width;
        double mean = 0, variance = 0;
        for (size_t i = 0; i < width; i++)
            mean += 2 * (double)row[i] / (double)width;
        for (size_t i = 0; i < width; i++)
            variance += (2 * (double)row[i] - mean) * (2 * (double)row[i] - mean) / (double)width;
        for (size_t i = 0; i < width; i++)
            row[i] = (float)((2 * (double)row[i] - mean) / sqrt(variance + 1e-5) * (double)weight[i] +
                             (double)bias[i]);
    }
    free(bias);
    free(weight);
    return t;
}

/* The constant t in panels [E/16][C][16], to be added to every image's rows. */
static uint64_t query_panels(struct loader *loader, const struct glori *glori, const float *t)
{
    size_t classes = glori->classes, width = glori->width;
    float *panels = memory_allocate(classes * width, sizeof *panels);
    for (size_t c = 0; t && c < classes; c++)
        for (size_t i = 0; i < width; i++)
            panels[(i / PANEL * classes + c) * PANEL + i % PANEL] = t[c * width + i];
    uint64_t address = loader_floats(loader, panels, classes * width);
    free(panels);
    return address;
}

/* Row c*8+h: (W_q[h] t[c] + b_q[h]) W_k[h], times 1/sqrt(E/8) * log2(e), so that softmax2 of it times m is
 * the head's attention. */
static struct dense fold_scores(struct loader *loader, const struct glori *glori, const struct attention *at,
                                const float *t)
{
    size_t width = glori->width, head_width = width / GLORI_HEADS,
           rows = (size_t)glori->classes * GLORI_HEADS;
    const double scale = 1.4426950408889634074 / sqrt((double)head_width);
    float *folded = memory_allocate(rows * width, sizeof *folded);
    double *sum = memory_allocate(width, sizeof *sum);
    for (size_t row = 0; !loader->status && row < rows; row++) {
        size_t c = row / GLORI_HEADS, h = row % GLORI_HEADS;
        memset(sum, 0, width * sizeof *sum);
        for (size_t d = h * head_width; d < (h + 1) * head_width; d++) {
            double q = (double)at->in_bias[d];
            for (size_t i = 0; i < width; i++)
                q += (double)at->in[d * width + i] * (double)t[c * width + i];
            const float *key = at->in + (width + d) * width;
            for (size_t i = 0; i < width; i++)
                sum[i] += q * scale * (double)key[i];
        }
        for (size_t i = 0; i < width; i++)
            folded[row * width + i] = (float)sum[i];
    }
    struct dense dense =
        loader_dense(loader, &(struct gemm_weights){.values = folded, .n = rows, .k = width}, NULL);
    free(sum);
    free(folded);
    return dense;
}

/* [E][8*E]: column h*E + i of row r is sum over d of W_o[r][h,d] W_v[h,d][i]; bias W_o b_v + b_o. */
static struct dense fold_values(struct loader *loader, const struct glori *glori, const struct attention *at)
{
    size_t width = glori->width, head_width = width / GLORI_HEADS, columns = GLORI_HEADS * width;
    float *folded = memory_allocate(width * columns, sizeof *folded);
    float *bias = memory_allocate(width, sizeof *bias);
    double *sum = memory_allocate(width, sizeof *sum);
    for (size_t row = 0; !loader->status && row < width; row++) {
        double constant = (double)at->out_bias[row];
        for (size_t h = 0; h < GLORI_HEADS; h++) {
            memset(sum, 0, width * sizeof *sum);
            for (size_t d = h * head_width; d < (h + 1) * head_width; d++) {
                double out = (double)at->out[row * width + d];
                const float *value = at->in + (2 * width + d) * width;
                constant += out * (double)at->in_bias[2 * width + d];
                for (size_t i = 0; i < width; i++)
                    sum[i] += out * (double)value[i];
            }
            for (size_t i = 0; i < width; i++)
                folded[row * columns + h * width + i] = (float)sum[i];
        }
        bias[row] = (float)constant;
    }
    struct dense dense =
        loader_dense(loader, &(struct gemm_weights){.values = folded, .n = width, .k = columns}, bias);
    free(sum);
    free(bias);
    free(folded);
    return dense;
}

static void load_attention(struct loader *loader, struct glori *glori)
{
    size_t width = glori->width;
    struct attention at = {
        .in = loader_read(loader, 3 * width, width, "layers.0.multihead_attn.in_proj_weight"),
        .in_bias = loader_read(loader, 3 * width, 0, "layers.0.multihead_attn.in_proj_bias"),
        .out = loader_read(loader, width, width, "layers.0.multihead_attn.out_proj.weight"),
        .out_bias = loader_read(loader, width, 0, "layers.0.multihead_attn.out_proj.bias"),
    };
    float *t = normed_queries(loader, glori);
    glori->query = query_panels(loader, glori, t);
    glori->score = fold_scores(loader, glori, &at, t);
    glori->value = fold_values(loader, glori, &at);
    free(t);
    free(at.out_bias);
    free(at.out);
    free(at.in_bias);
    free(at.in);
}

static struct dense load_linear(struct loader *loader, size_t n, size_t k, const char *name)
{
    float *bias = loader_read(loader, n, 0, "%s.bias", name);
    struct dense dense =
        loader_dense_tensor(loader, &(struct gemm_weights){.n = n, .k = k}, bias, "%s.weight", name);
    free(bias);
    return dense;
}

/* duplicate_pooling [C, E or nD+E, 1] tells whether the class tokens join in. */
static void load_pool(struct loader *loader, const struct shape *shape, struct glori *glori)
{
    size_t class_width = (size_t)glori->blocks * shape->width, width = glori->width;
    const struct tensor *tensor = loader->file ? safetensors_find(loader->file, "duplicate_pooling") : NULL;
    glori->class_tokens =
        !loader->file || (tensor && tensor->rank >= 2 && tensor->shape[1] == class_width + width);
    if (glori->class_tokens)
        width += class_width;
    float *pool = loader_read(loader, glori->classes, width, "duplicate_pooling");
    float *bias = loader_read(loader, glori->classes, 0, "duplicate_pooling_bias");
    glori->pool = loader_floats(loader, pool, glori->classes * width);
    glori->pool_bias = loader_floats(loader, bias, glori->classes);
    free(bias);
    free(pool);
}

void glori_load(struct loader *loader, const struct shape *shape, const struct head_card *card,
                struct glori *glori)
{
    *glori =
        (struct glori){.name = card->name, .blocks = card->blocks, .classes = (uint32_t)card->label_count};
    read_sizes(loader, glori);
    if (loader->status)
        return;
    glori->columns = (uint32_t)round_up(glori->classes * GLORI_HEADS, PANEL);
    glori->embed = load_linear(loader, glori->width, (size_t)card->blocks * shape->width, "embed_standart");
    load_attention(loader, glori);
    glori->norm2 = loader_norm(loader, glori->width, "layers.0.norm2");
    glori->ffn_in = load_linear(loader, glori->inner, glori->width, "layers.0.linear1");
    glori->ffn_out = load_linear(loader, glori->width, glori->inner, "layers.0.linear2");
    glori->norm3 = loader_norm(loader, glori->width, "layers.0.norm3");
    load_pool(loader, shape, glori);
}
