/* Making and destroying a set of kernels. */
#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/kernels/set.h"

/* The operations that have one pipeline, without specialisation constants. */
static const struct operation {
    const char *stem, *cpu_shader; /* of the other rungs, and all of the cpu rung's name */
    size_t pipeline;               /* where in struct kernels */
    uint32_t push_bytes;
} operations[] = {
#define PLACE(name) offsetof(struct kernels, name), sizeof(struct name##_params)
    {"patchify", "patchify.f32_strips", PLACE(patchify)},
    {"tokens", "tokens.f32", PLACE(tokens)},
    {"layernorm", "layernorm_cpu.f32", PLACE(layernorm)},
    {"features", "features.f32_strips", PLACE(features)},
    {"softmax", "softmax.f32", PLACE(softmax)},
    {"pool", "pool_cpu.f32", PLACE(pool)},
    {"average", "average.f32_strips", PLACE(average)},
    {"logits", "logits.f32", PLACE(logits)},
#undef PLACE
};
enum { OPERATION_COUNT = sizeof operations / sizeof *operations };

/* What every Vulkan device takes. */
#define FITS(name) _Static_assert(sizeof(struct name##_params) <= 128, #name " has too many parameters")
FITS(gemm);
FITS(attention);
FITS(patchify);
FITS(tokens);
FITS(layernorm);
FITS(features);
FITS(softmax);
FITS(pool);
FITS(average);
FITS(logits);
#undef FITS

static struct gpu_pipeline **pipeline_at(struct kernels *kernels, const struct operation *operation)
{
    return (struct gpu_pipeline **)((char *)kernels + operation->pipeline);
}

enum status variant_add(struct pipeline_list *list, const struct variant *variant, uint32_t push_bytes,
                        struct failure *failure, struct gpu_pipeline **out)
{
    const struct gpu_shader *shader = gpu_shader_find(variant->shader);
    if (!shader)
        return failure_set(failure, STATUS_DEVICE,
                           "This build has no shader %s: build it with a newer glslc.", variant->shader);
    /* C pads a struct of addresses to 8 bytes, the shader does not. */
    assert(round_up(gpu_shader_push_bytes(shader), sizeof(uint64_t)) ==
           round_up(push_bytes, sizeof(uint64_t)));
    assert(list->count < VARIANTS_MAX);
    struct variant *kept = &list->variants[list->count];
    *kept = *variant;
    list->requests[list->count++] =
        (struct gpu_pipeline_request){.shader = shader,
                                      .options = {.constants = kept->constants,
                                                  .constant_count = kept->constant_count,
                                                  .push_bytes = push_bytes,
                                                  .subgroup_size = kept->subgroup_size},
                                      .out = out};
    return STATUS_OK;
}

enum status kernel_add(const struct kernels *kernels, struct pipeline_list *list, const char *stem,
                       const char *cpu_shader, uint32_t push_bytes, struct failure *failure,
                       struct gpu_pipeline **out)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", stem, kernels->activations == ELEMENT_F16 ? "f16" : "f32");
    const char *shader = kernels->rung == RUNG_CPU ? cpu_shader : name;
    return variant_add(list, &(struct variant){.shader = shader}, push_bytes, failure, out);
}

static enum status pipelines_create(struct kernels *kernels, struct failure *failure)
{
    /* The longest to compile come first. */
    struct pipeline_list list = {0};
    enum status status = attention_add(kernels, &list, failure);
    if (status == STATUS_OK)
        status = gemm_add(kernels, &list, failure);
    for (size_t i = 0; i < OPERATION_COUNT && status == STATUS_OK; i++) {
        const struct operation *operation = &operations[i];
        status = kernel_add(kernels, &list, operation->stem, operation->cpu_shader, operation->push_bytes,
                            failure, pipeline_at(kernels, operation));
    }
    return status == STATUS_OK ? gpu_pipelines_create(kernels->device, list.requests, list.count, failure)
                               : status;
}

enum status kernels_create(struct gpu_device *device, enum rung rung, enum element weights,
                           struct failure *failure, struct kernels **out)
{
    return kernels_create_with(device, rung, weights, 0, failure, out);
}

enum status kernels_create_with(struct gpu_device *device, enum rung rung, enum element weights,
                                uint32_t attention_index, struct failure *failure, struct kernels **out)
{
    const char *why_not;
    if (!rung_supported(rung, gpu_device_info(device), &why_not))
        return failure_set(failure, STATUS_DEVICE, "The device cannot run the %s kernels: %s.",
                           rung_name(rung), why_not);
    if (!rung_takes(rung, weights))
        return failure_set(failure, STATUS_DEVICE, "The %s kernels take weights of %s bits only.",
                           rung_name(rung), weights == ELEMENT_F32 ? "16" : "32");
    struct kernels *kernels = memory_allocate(1, sizeof *kernels);
    kernels->device = device;
    kernels->rung = rung;
    kernels->activations = rung_takes(rung, ELEMENT_F32) ? ELEMENT_F32 : ELEMENT_F16;
    kernels->weights = weights;
    kernels->attention_index = attention_index;
    enum status status = pipelines_create(kernels, failure);
    if (status != STATUS_OK) {
        kernels_destroy(&kernels);
        return status;
    }
    *out = kernels;
    return STATUS_OK;
}

void kernels_destroy(struct kernels **kernels)
{
    struct kernels *old = *kernels;
    *kernels = NULL;
    if (!old)
        return;
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        gpu_pipeline_destroy(pipeline_at(old, &operations[i]));
    for (size_t size = 0; size < TILE_SIZES; size++)
        for (size_t i = 0; i < GEMM_EPILOGUE_COUNT; i++)
            gpu_pipeline_destroy(&old->gemm[size][i]);
    gpu_pipeline_destroy(&old->attention);
    free(old);
}

void kernels_each(const struct kernels *kernels,
                  void (*show)(void *context, const char *name, const struct gpu_pipeline *pipeline),
                  void *context)
{
    char name[64];
    for (size_t size = 0; size < TILE_SIZES; size++)
        for (size_t i = 0; i < GEMM_EPILOGUE_COUNT; i++) {
            snprintf(name, sizeof name, "gemm %s %" PRIu32 " x %" PRIu32,
                     gemm_epilogue_name((enum gemm_epilogue)i), kernels->gemm_variants[size].rows,
                     kernels->gemm_variants[size].columns);
            if (kernels->gemm[size][i])
                show(context, name, kernels->gemm[size][i]);
        }
    snprintf(name, sizeof name, "attention %" PRIu32 " x %" PRIu32, kernels->attention_variant.rows,
             kernels->attention_variant.columns);
    show(context, name, kernels->attention);
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        show(context, operations[i].stem, *pipeline_at((struct kernels *)kernels, &operations[i]));
}

enum rung kernels_rung(const struct kernels *kernels)
{
    return kernels->rung;
}

enum element kernels_activations(const struct kernels *kernels)
{
    return kernels->activations;
}

struct layout kernels_layout(const struct kernels *kernels, size_t rows, size_t columns)
{
    return (struct layout){rows, columns, kernels->rung == RUNG_CPU ? STRIP : rows};
}

size_t kernels_activation_bytes(const struct kernels *kernels, size_t rows, size_t columns)
{
    struct layout layout = kernels_layout(kernels, rows, columns);
    return layout_count(&layout) * element_size_bytes(kernels->activations);
}

size_t kernels_column_bytes(const struct kernels *kernels, size_t rows, size_t columns, size_t column)
{
    struct layout layout = kernels_layout(kernels, rows, columns);
    return layout_index(&layout, 0, column) * element_size_bytes(kernels->activations);
}

enum element kernels_weights(const struct kernels *kernels)
{
    return kernels->weights;
}

bool kernels_values_across(const struct kernels *kernels)
{
    return kernels->rung != RUNG_CPU;
}
