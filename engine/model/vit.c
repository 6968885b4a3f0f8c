/* The forward pass, top to bottom as the papers write it. Every step records one kernel. */
#include "engine/model/vit.h"

/* What the steps below share. */
struct pass {
    const struct shape *shape;
    const struct kernels *kernels;
    const struct vit_state *state;
    struct gpu_recorder *recorder;
    uint32_t batch, rows; /* rows: tokens of all images */
};

/* z = patches W^T + b + positions, stored after the class token and the registers of each image. */
static void embed(const struct pass *pass, const struct vit *vit)
{
    const struct shape *shape = pass->shape;
    const struct vit_state *state = pass->state;
    patchify_record(pass->kernels, pass->recorder, "patchify",
                    &(struct patchify_params){.pixels = state->pixels.address,
                                              .normalisation = state->normalisation.address,
                                              .out = state->columns.address,
                                              .batch = pass->batch,
                                              .patch = shape->patch,
                                              .patch_rows = shape->rows,
                                              .patch_columns = shape->columns,
                                              .columns = shape->pixels,
                                              .image_stride = state->image_stride});
    gemm_record(pass->kernels, pass->recorder, "patch embedding", GEMM_ADD,
                &(struct gemm_params){.a = state->columns.address,
                                      .b = vit->patch_embed.weights,
                                      .bias = vit->patch_embed.bias,
                                      .addend = vit->position,
                                      .out = state->x.address,
                                      .m = pass->batch * shape->patches,
                                      .n = vit->patch_embed.n,
                                      .k = vit->patch_embed.k,
                                      .a_columns = vit->patch_embed.k,
                                      .group = shape->patches,
                                      .out_group = shape->tokens,
                                      .out_offset = shape->prefix,
                                      .out_rows = pass->rows,
                                      .addend_group = shape->patches,
                                      .addend_rows = vit->position_rows});
    tokens_record(pass->kernels, pass->recorder, "tokens",
                  &(struct tokens_params){.prefix = vit->prefix,
                                          .out = state->x.address,
                                          .batch = pass->batch,
                                          .tokens = shape->tokens,
                                          .prefix_rows = shape->prefix,
                                          .width = shape->width});
}

/* y = LN(x) */
static void normalise(const struct pass *pass, const struct norm *norm)
{
    layernorm_record(pass->kernels, pass->recorder, "layernorm",
                     &(struct layernorm_params){.x = pass->state->x.address,
                                                .weight = norm->weight,
                                                .bias = norm->bias,
                                                .out = pass->state->y.address,
                                                .rows = pass->rows,
                                                .width = pass->shape->width,
                                                .epsilon = pass->shape->epsilon});
}

/* out = epilogue(in W^T + b), row by row; with GEMM_ADD out is the residual stream x, added to. */
static void multiply(const struct pass *pass, const char *label, enum gemm_epilogue epilogue,
                     const struct dense *dense, const struct gpu_slice *in, const struct gpu_slice *out)
{
    const struct shape *shape = pass->shape;
    gemm_record(pass->kernels, pass->recorder, label, epilogue,
                &(struct gemm_params){.a = in->address,
                                      .b = dense->weights,
                                      .bias = dense->bias,
                                      .addend = epilogue == GEMM_ADD ? out->address : 0,
                                      .out = out->address,
                                      .m = pass->rows,
                                      .n = dense->n,
                                      .k = dense->k,
                                      .a_columns = dense->k,
                                      .group = pass->rows,
                                      .out_group = pass->rows,
                                      .out_rows = pass->rows,
                                      .addend_rows = pass->rows,
                                      .batch = pass->batch,
                                      .heads = shape->heads,
                                      .tokens = shape->tokens,
                                      .tokens_padded = shape->tokens_padded});
}

/* y = softmax(q k^T / 8) v */
static void attend(const struct pass *pass)
{
    attention_record(pass->kernels, pass->recorder, "attention",
                     &(struct attention_params){.qkv = pass->state->qkv.address,
                                                .out = pass->state->y.address,
                                                .scratch = pass->state->scratch.address,
                                                .batch = pass->batch,
                                                .heads = pass->shape->heads,
                                                .tokens = pass->shape->tokens,
                                                .tokens_padded = pass->shape->tokens_padded});
}

/* The final LayerNorm of the last blocks' outputs: class tokens and patch tokens, block beside block. */
static void collect(const struct pass *pass, const struct vit *vit, uint32_t slot)
{
    const struct shape *shape = pass->shape;
    const struct vit_state *state = pass->state;
    uint32_t columns = shape->feature_blocks * shape->width;
    size_t first_bytes =
        kernels_column_bytes(pass->kernels, pass->batch * shape->patches, columns, slot * shape->width);
    features_record(pass->kernels, pass->recorder, "features",
                    &(struct features_params){.x = state->x.address,
                                              .weight = vit->norm.weight,
                                              .bias = vit->norm.bias,
                                              .classes = state->classes.address,
                                              .patches = state->memory.address + first_bytes,
                                              .batch = pass->batch,
                                              .tokens = shape->tokens,
                                              .prefix_rows = shape->prefix,
                                              .width = shape->width,
                                              .class_stride = shape->feature_blocks * shape->width,
                                              .class_offset = slot * shape->width,
                                              .patch_columns = columns,
                                              .epsilon = shape->epsilon});
}

void vit_record(const struct vit *vit, const struct kernels *kernels, const struct vit_state *state,
                uint32_t batch, struct gpu_recorder *recorder, struct taps *taps)
{
    const struct shape *shape = &vit->shape;
    const struct pass *pass = &(struct pass){.shape = shape,
                                             .kernels = kernels,
                                             .state = state,
                                             .recorder = recorder,
                                             .batch = batch,
                                             .rows = batch * shape->tokens};
    enum element element = kernels_activations(kernels);
    struct layout stream = layout_panels(pass->rows, shape->width),
                  activations = kernels_layout(kernels, pass->rows, shape->width);
    enum gemm_epilogue activation = shape->ffn == FFN_SWIGLU ? GEMM_SWIGLU : GEMM_GELU;
    uint32_t first_feature = shape->depth - shape->feature_blocks;

    embed(pass, vit);
    tap_record(taps, recorder, &state->x, stream, ELEMENT_F32, "tokens");
    for (uint32_t i = 0; i < shape->depth; i++) {
        const struct vit_block *block = &vit->blocks[i];
        gpu_recorder_repeats(recorder, i > 0);

        /* x += gamma1 * proj(attention(LN1(x))) */
        normalise(pass, &block->norm1);
        tap_record(taps, recorder, &state->y, activations, element, "block.%02u.norm1", i);
        multiply(pass, "qkv", GEMM_HEADS, &block->qkv, &state->y, &state->qkv);
        attend(pass);
        tap_record(taps, recorder, &state->y, activations, element, "block.%02u.attention", i);
        multiply(pass, "projection", GEMM_ADD, &block->projection, &state->y, &state->x);

        /* x += gamma2 * ffn(LN2(x)); ffn is w3(silu(gate) * up), or fc2(gelu(fc1)) */
        normalise(pass, &block->norm2);
        tap_record(taps, recorder, &state->y, activations, element, "block.%02u.norm2", i);
        multiply(pass, "ffn in", activation, &block->ffn_in, &state->y, &state->hidden);
        multiply(pass, "ffn out", GEMM_ADD, &block->ffn_out, &state->hidden, &state->x);
        tap_record(taps, recorder, &state->x, stream, ELEMENT_F32, "block.%02u", i);

        gpu_recorder_repeats(recorder, false);
        if (i >= first_feature)
            collect(pass, vit, i - first_feature);
    }
    tap_record(taps, recorder, &state->classes,
               (struct layout){.rows = batch * shape->feature_blocks * shape->width}, ELEMENT_F32, "class");
    tap_record(taps, recorder, &state->memory,
               kernels_layout(kernels, batch * shape->patches, shape->feature_blocks * shape->width), element,
               "patches");
}
