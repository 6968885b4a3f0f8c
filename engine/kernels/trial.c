#include "engine/kernels/trial.h"

#include <math.h>
#include <stdlib.h>

#include "engine/kernels/trial_array.h"
#include "engine/reference/attention.h"
#include "engine/reference/gemm.h"

/* The sizes of a trial of all kinds: images, tokens of each, heads. Products are of batch * tokens rows and
 * of Q, K and V's columns. */
struct sizes {
    uint32_t batch, tokens, heads, k;
};

static uint32_t padded(const struct sizes *sizes)
{
    return (uint32_t)round_up(sizes->tokens, PANEL);
}

/* A product and what it is made of. */
struct product {
    struct array a, b, bias, addend;
    struct gemm_params params;
};

static bool is_exact(enum gemm_epilogue epilogue)
{
    return epilogue == GEMM_EXACT || epilogue == GEMM_ADD;
}

static struct product product_make(struct trial *trial, const struct sizes *sizes)
{
    const struct kernels *kernels = trial->kernels;
    const uint32_t m = sizes->batch * sizes->tokens, n = 3 * sizes->heads * HEAD_SIZE, k = sizes->k;
    struct product product = {.a = array_random(trial, kernels->activations, (size_t)m * k, 1),
                              .b = array_random(trial, kernels->weights, (size_t)n * k, 0.15f),
                              .bias = array_random(trial, ELEMENT_F32, n, 1),
                              .addend = array_random(trial, ELEMENT_F32, (size_t)m * n, 1)};
    product.a.layout = kernels_layout(kernels, m, k);
    array_upload(trial, &product.a);
    array_upload_packed(trial, &product.b, n, k);
    array_upload(trial, &product.bias);
    array_upload(trial, &product.addend);
    product.params = (struct gemm_params){.a = product.a.slice.address,
                                          .b = product.b.slice.address,
                                          .bias = product.bias.slice.address,
                                          .addend = product.addend.slice.address,
                                          .m = m,
                                          .n = n,
                                          .k = k,
                                          .a_columns = k,
                                          .group = m,
                                          .out_group = m,
                                          .out_rows = m,
                                          .addend_rows = m,
                                          .batch = sizes->batch,
                                          .heads = sizes->heads,
                                          .tokens = sizes->tokens,
                                          .tokens_padded = padded(sizes)};
    return product;
}

static void product_free(struct product *product)
{
    free(product->addend.values);
    free(product->bias.values);
    free(product->b.values);
    free(product->a.values);
}

/* Records the product with a tile into an array of its own. */
static struct array product_record(struct trial *trial, struct product *product, enum gemm_epilogue epilogue,
                                   uint32_t tile)
{
    const struct kernels *kernels = trial->kernels;
    const struct gemm_params *params = &product->params;
    const size_t columns = params->n / (epilogue == GEMM_SWIGLU ? 2 : 1);
    struct array out = {.element = is_exact(epilogue) ? ELEMENT_F32 : kernels->activations,
                        .count = params->m * columns};
    if (epilogue == GEMM_HEADS)
        out.count = (size_t)params->batch * params->tokens_padded * params->n;
    else if (!is_exact(epilogue))
        out.layout = kernels_layout(kernels, params->m, columns);
    array_reserve(trial, &out);
    product->params.out = out.slice.address;
    if (!trial->status)
        gemm_record_tile(kernels, trial->recorder, "trial", epilogue, tile, &product->params);
    return out;
}

static struct array qkv_make(struct trial *trial, const struct sizes *sizes)
{
    struct array qkv = array_random(trial, trial->kernels->activations,
                                    (size_t)3 * sizes->batch * sizes->heads * padded(sizes) * HEAD_SIZE, 1);
    for (size_t i = 0; i < qkv.count; i++)
        if (i / HEAD_SIZE % padded(sizes) >= sizes->tokens)
            qkv.values[i] = NAN; /* whatever is there must not count */
    array_upload(trial, &qkv);
    return qkv;
}

static struct array attention_run(struct trial *trial, const struct array *qkv, const struct sizes *sizes,
                                  uint32_t tile, struct attention_params *params)
{
    const struct kernels *kernels = trial->kernels;
    const size_t rows = (size_t)sizes->batch * sizes->tokens, columns = (size_t)sizes->heads * HEAD_SIZE;
    struct array out = {.element = kernels->activations,
                        .count = rows * columns,
                        .layout = kernels_layout(kernels, rows, columns)};
    const size_t scratch_bytes = attention_scratch_bytes(kernels, sizes->batch, sizes->heads, sizes->tokens);
    array_reserve(trial, &out);
    *params =
        (struct attention_params){.qkv = qkv->slice.address,
                                  .out = out.slice.address,
                                  .scratch = scratch_bytes ? trial_reserve(trial, scratch_bytes).address : 0,
                                  .batch = sizes->batch,
                                  .heads = sizes->heads,
                                  .tokens = sizes->tokens,
                                  .tokens_padded = padded(sizes)};
    if (!trial->status)
        attention_record_tile(kernels, trial->recorder, "trial", tile, params);
    return out;
}

static void finish_and_run(struct trial *trial)
{
    if (!trial->status)
        trial->status = gpu_recorder_finish(trial->recorder, trial->failure);
    trial_run(trial);
}

static const char *const kind_words[TILED_KINDS] = {[GEMM_EXACT] = "a product",
                                                    [GEMM_ADD] = "a product added to another",
                                                    [GEMM_RELU] = "a product and ReLU",
                                                    [GEMM_GELU] = "a product and GELU",
                                                    [GEMM_SWIGLU] = "a product and SwiGLU",
                                                    [GEMM_HEADS] = "queries, keys and values",
                                                    [TILED_ATTENTION] = "attention"};

/* Rounding of what is stored, and of what was summed up before. */
static void demand(struct trial *trial, uint32_t kind, const struct array *out, const float *expected)
{
    double bound = out->element == ELEMENT_F16 ? 4e-3 : 1e-4, error = array_error(trial, out, expected);
    if (!trial->status && !(error <= bound))
        trial->status =
            failure_set(trial->failure, STATUS_DEVICE,
                        "This device computes %s wrong with the %s kernels (error %.1e, bound %.0e).",
                        kind_words[kind], rung_name(trial->kernels->rung), error, bound);
}

static float *unwritten(size_t count)
{
    float *values = memory_allocate(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = NAN;
    return values;
}

static enum status check_gemm(const struct kernels *kernels, enum gemm_epilogue epilogue,
                              struct failure *failure)
{
    /* More than a tile of rows, the last one cut off; one head and two images of Q, K and V. */
    static const struct sizes sizes = {.batch = 2, .tokens = 70, .heads = 1, .k = 128};
    struct trial trial;
    trial_begin(&trial, kernels, failure);
    struct product product = product_make(&trial, &sizes);
    struct array out = product_record(&trial, &product, epilogue, kernels->gemm_default);
    finish_and_run(&trial);
    float *expected = unwritten(out.count);
    reference_gemm(epilogue, &product.params, product.a.values, product.b.values, product.bias.values,
                   product.addend.values, expected);
    demand(&trial, epilogue, &out, expected);
    free(expected);
    product_free(&product);
    return trial_end(&trial);
}

static enum status check_attention(const struct kernels *kernels, struct failure *failure)
{
    static const struct sizes sizes = {.batch = 1, .tokens = 70, .heads = 2};
    struct trial trial;
    struct attention_params params;
    trial_begin(&trial, kernels, failure);
    struct array qkv = qkv_make(&trial, &sizes);
    struct array out = attention_run(&trial, &qkv, &sizes, kernels->attention_default, &params);
    finish_and_run(&trial);
    float *expected = unwritten(out.count);
    reference_attention(&params, qkv.values, expected);
    demand(&trial, TILED_ATTENTION, &out, expected);
    free(expected);
    free(qkv.values);
    return trial_end(&trial);
}

enum status trial_check(const struct kernels *kernels, struct failure *failure)
{
    enum status status = STATUS_OK;
    for (enum gemm_epilogue epilogue = 0; !status && epilogue < GEMM_EPILOGUE_COUNT; epilogue++)
        status = check_gemm(kernels, epilogue, failure);
    return status ? status : check_attention(kernels, failure);
}

static void demand_same(struct trial *trial, uint32_t kind, uint32_t tile, const struct array outs[2])
{
    if (!array_same(trial, &outs[0], &outs[1]) && !trial->status)
        trial->status = failure_set(trial->failure, STATUS_DEVICE,
                                    "This device computes %s with other bits in tiles of %s.",
                                    kind_words[kind], kernels_tiles(trial->kernels, kind)->list[tile].name);
}

enum status trial_agrees(const struct kernels *kernels, uint32_t kind, uint32_t tile, struct failure *failure)
{
    /* A whole tile and a cut one of the largest there are, each way. */
    static const struct sizes sizes = {.batch = 2, .tokens = 150, .heads = 2, .k = 192};
    struct trial trial;
    trial_begin(&trial, kernels, failure);
    struct array outs[2];
    if (kind == TILED_ATTENTION) {
        struct attention_params params;
        struct array qkv = qkv_make(&trial, &sizes);
        outs[0] = attention_run(&trial, &qkv, &sizes, kernels->attention_default, &params);
        outs[1] = attention_run(&trial, &qkv, &sizes, tile, &params);
        finish_and_run(&trial);
        free(qkv.values);
    } else {
        struct product product = product_make(&trial, &sizes);
        outs[0] = product_record(&trial, &product, (enum gemm_epilogue)kind, kernels->gemm_default);
        outs[1] = product_record(&trial, &product, (enum gemm_epilogue)kind, tile);
        finish_and_run(&trial);
        product_free(&product);
    }
    demand_same(&trial, kind, tile, outs);
    return trial_end(&trial);
}
