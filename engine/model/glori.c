/* The GLoRI head, top to bottom as the paper writes it. Every step records one kernel. */
#include "engine/model/glori.h"

static const float NORM_EPSILON = 1e-5f;

/* out = epilogue(in W^T + b) over `rows` rows of a matrix of `in_columns`; with GEMM_ADD plus `addend`, whose
 * row r % addend_group (0: r) is taken. */
static void multiply(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                     enum gemm_epilogue epilogue, const struct dense *dense, uint32_t rows, uint64_t in,
                     uint32_t in_columns, uint64_t addend, uint32_t addend_group, uint64_t out)
{
    gemm_record(kernels, recorder, label, epilogue,
                &(struct gemm_params){.a = in,
                                      .b = dense->weights,
                                      .bias = dense->bias,
                                      .addend = addend,
                                      .out = out,
                                      .m = rows,
                                      .n = dense->n,
                                      .k = dense->k,
                                      .a_columns = in_columns,
                                      .group = rows,
                                      .out_group = rows,
                                      .out_rows = rows,
                                      .addend_group = addend_group,
                                      .addend_rows = addend_group ? addend_group : rows});
}

/* t = LN(t), also as activations in y when that is not 0. */
static void normalise(const struct kernels *kernels, struct gpu_recorder *recorder, const struct norm *norm,
                      uint32_t rows, uint32_t width, uint64_t t, uint64_t y)
{
    layernorm_record(kernels, recorder, "glori layernorm",
                     &(struct layernorm_params){.x = t,
                                                .weight = norm->weight,
                                                .bias = norm->bias,
                                                .out = y,
                                                .exact = t,
                                                .rows = rows,
                                                .width = width,
                                                .epsilon = NORM_EPSILON});
}

void glori_record(const struct glori *glori, const struct kernels *kernels, const struct head_input *input,
                  const struct glori_state *state, const struct head_output *output, uint32_t batch,
                  struct gpu_recorder *recorder, struct taps *taps)
{
    const struct shape *shape = input->shape;
    uint32_t patch_rows = batch * shape->patches, class_rows = batch * glori->classes;
    uint64_t memory = head_memory(input, glori->blocks, batch, kernels);

    /* m = relu(memory W_e^T + b_e) */
    multiply(kernels, recorder, "glori embedding", GEMM_RELU, &glori->embed, patch_rows, memory,
             shape->feature_blocks * shape->width, 0, 0, state->m.address);

    /* attention weights = softmax(q K^T / sqrt(E/8)), K folded into the queries; their mean is the class's
     * map */
    multiply(kernels, recorder, "glori scores", GEMM_EXACT, &glori->score, patch_rows, state->m.address,
             glori->width, 0, 0, state->scores.address);
    softmax_record(kernels, recorder, "glori softmax",
                   &(struct softmax_params){.scores = state->scores.address,
                                            .weights = state->weights.address,
                                            .mean = output->attention.address,
                                            .batch = batch,
                                            .patches = shape->patches,
                                            .columns = glori->columns,
                                            .classes = glori->classes});
    tap_record(taps, recorder, &state->weights,
               (struct layout){.rows = batch * glori->columns * shape->patches}, ELEMENT_F32, "%s.attention",
               glori->name);

    /* t = LN2(t + out_proj(attention weights V)), V folded into the output projection */
    pool_record(kernels, recorder, "glori pooling",
                &(struct pool_params){.weights = state->weights.address,
                                      .memory = state->m.address,
                                      .out = state->z.address,
                                      .batch = batch,
                                      .patches = shape->patches,
                                      .columns = glori->columns,
                                      .classes = glori->classes,
                                      .width = glori->width});
    multiply(kernels, recorder, "glori values", GEMM_ADD, &glori->value, class_rows, state->z.address,
             GLORI_HEADS * glori->width, glori->query, glori->classes, state->t.address);
    normalise(kernels, recorder, &glori->norm2, class_rows, glori->width, state->t.address, state->y.address);

    /* t = LN3(t + linear2(relu(linear1(t)))) */
    multiply(kernels, recorder, "glori ffn in", GEMM_RELU, &glori->ffn_in, class_rows, state->y.address,
             glori->width, 0, 0, state->inner.address);
    multiply(kernels, recorder, "glori ffn out", GEMM_ADD, &glori->ffn_out, class_rows, state->inner.address,
             glori->inner, state->t.address, 0, state->t.address);
    normalise(kernels, recorder, &glori->norm3, class_rows, glori->width, state->t.address, 0);

    /* logit[c] = [class tokens,] t[c] . pool[c] + bias[c] */
    logits_record(
        kernels, recorder, "glori logits",
        &(struct logits_params){.first = head_classes(input, glori->blocks),
                                .second = state->t.address,
                                .weights = glori->pool,
                                .bias = glori->pool_bias,
                                .out = output->logits.address,
                                .batch = batch,
                                .classes = glori->classes,
                                .first_count = glori->class_tokens ? glori->blocks * shape->width : 0,
                                .first_stride = shape->feature_blocks * shape->width,
                                .second_count = glori->width,
                                .per_class = 1});
}
