/* Making and destroying a set of kernels. */
#include <assert.h>
#include <math.h>
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
    assert(list->count < PIPELINES_MAX);
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

/* The pipeline `cpu_shader` where activations lie in strips, else "<stem>.f32" or "<stem>.f16" by the set's
 * activations. */
static enum status kernel_add(const struct kernels *kernels, struct pipeline_list *list, const char *stem,
                              const char *cpu_shader, uint32_t push_bytes, struct failure *failure,
                              struct gpu_pipeline **out)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", stem, kernels->activations == ELEMENT_F16 ? "f16" : "f32");
    const char *shader = kernels->row->strips ? cpu_shader : name;
    return variant_add(list, &(struct variant){.shader = shader}, push_bytes, failure, out);
}

const struct tiles *kernels_tiles(const struct kernels *kernels, uint32_t kind)
{
    return kind == TILED_ATTENTION ? &kernels->attention_tiles : &kernels->gemm_tiles;
}

/* Adds the pipelines of these kinds and tiles that are not made yet. */
static enum status tiles_request(struct kernels *kernels, uint32_t kinds, uint32_t tiles,
                                 struct pipeline_list *list, struct failure *failure)
{
    enum status status = STATUS_OK;
    /* The longest to compile come first. */
    for (uint32_t kind = TILED_KINDS; kind-- > 0;)
        for (uint32_t i = 0; i < kernels_tiles(kernels, kind)->count && !status; i++) {
            struct variant variant = kernels_tiles(kernels, kind)->list[i];
            if (!(kinds >> kind & 1) || !(tiles >> i & 1) || kernels->tiled[kind][i])
                continue;
            if (kind != TILED_ATTENTION)
                variant.constants[0] = kind; /* the epilogue */
            status = variant_add(list, &variant,
                                 kind == TILED_ATTENTION ? sizeof(struct attention_params)
                                                         : sizeof(struct gemm_params),
                                 failure, &kernels->tiled[kind][i]);
        }
    return status;
}

enum status kernels_make_tiles(struct kernels *kernels, uint32_t kinds, uint32_t tiles,
                               struct failure *failure)
{
    struct pipeline_list *list = memory_allocate(1, sizeof *list);
    enum status status = tiles_request(kernels, kinds, tiles, list, failure);
    if (!status)
        status = gpu_pipelines_create(kernels->device, list->requests, list->count, failure);
    free(list);
    return status;
}

void kernels_drop_tile(struct kernels *kernels, uint32_t kind, uint32_t tile)
{
    gpu_pipeline_destroy(&kernels->tiled[kind][tile]);
}

/* Everything with the default tiles. */
static enum status pipelines_create(struct kernels *kernels, struct failure *failure)
{
    const uint32_t attention = 1u << TILED_ATTENTION, gemms = attention - 1;
    struct pipeline_list *list = memory_allocate(1, sizeof *list);
    enum status status = tiles_request(kernels, attention, 1u << kernels->attention_default, list, failure);
    if (!status)
        status = tiles_request(kernels, gemms, 1u << kernels->gemm_default, list, failure);
    for (size_t i = 0; i < OPERATION_COUNT && !status; i++) {
        const struct operation *operation = &operations[i];
        status = kernel_add(kernels, list, operation->stem, operation->cpu_shader, operation->push_bytes,
                            failure, pipeline_at(kernels, operation));
    }
    if (!status)
        status = gpu_pipelines_create(kernels->device, list->requests, list->count, failure);
    free(list);
    return status;
}

struct tiles gemm_tiles(const struct gpu_device_info *device, enum rung rung, enum element weights)
{
    struct tiles tiles = {.count = 0};
    rung_row(rung)->gemm_tiles(device, weights, &tiles);
    return tiles;
}

struct tiles attention_tiles(const struct gpu_device_info *device, enum rung rung)
{
    struct tiles tiles = {.count = 0};
    rung_row(rung)->attention_tiles(device, &tiles);
    return tiles;
}

enum status kernels_create(struct gpu_device *device, enum rung rung, enum element weights,
                           struct failure *failure, struct kernels **out)
{
    return kernels_create_with(device, rung, weights, 0, 0, failure, out);
}

enum status kernels_create_with(struct gpu_device *device, enum rung rung, enum element weights,
                                uint32_t gemm_tile, uint32_t attention_tile, struct failure *failure,
                                struct kernels **out)
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
    kernels->row = rung_row(rung);
    kernels->activations = rung_takes(rung, ELEMENT_F32) ? ELEMENT_F32 : ELEMENT_F16;
    kernels->weights = weights;
    kernels->gemm_tiles = gemm_tiles(gpu_device_info(device), rung, weights);
    kernels->attention_tiles = attention_tiles(gpu_device_info(device), rung);
    kernels->gemm_default = gemm_tile;
    kernels->attention_default = attention_tile;
    assert(gemm_tile < kernels->gemm_tiles.count && attention_tile < kernels->attention_tiles.count);
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
    for (size_t kind = 0; kind < TILED_KINDS; kind++)
        for (size_t i = 0; i < TILES_MAX; i++)
            gpu_pipeline_destroy(&old->tiled[kind][i]);
    free(old);
}

uint32_t kernels_tile_for(const struct kernels *kernels, const struct tiled_shape *shape)
{
    uint32_t tile = shape->kind == TILED_ATTENTION ? kernels->attention_default : kernels->gemm_default;
    double nearest = INFINITY;
    for (size_t i = 0; i < kernels->choice_count; i++) {
        const struct tile_choice *choice = &kernels->choices[i];
        const double distance = tiled_distance(&choice->shape, shape);
        if (distance < nearest && kernels->tiled[shape->kind][choice->tile]) {
            nearest = distance;
            tile = choice->tile;
        }
    }
    return tile;
}

void kernels_each(const struct kernels *kernels,
                  void (*show)(void *context, const char *name, const struct gpu_pipeline *pipeline),
                  void *context)
{
    char name[TILE_NAME_BYTES + 32];
    for (uint32_t kind = 0; kind < TILED_KINDS; kind++)
        for (uint32_t i = 0; i < kernels_tiles(kernels, kind)->count; i++) {
            const char *tile = kernels_tiles(kernels, kind)->list[i].name;
            if (kind == TILED_ATTENTION)
                snprintf(name, sizeof name, "attention %s", tile);
            else
                snprintf(name, sizeof name, "gemm %s %s", gemm_epilogue_name((enum gemm_epilogue)kind), tile);
            if (kernels->tiled[kind][i])
                show(context, name, kernels->tiled[kind][i]);
        }
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
    return (struct layout){rows, columns, kernels->row->strips ? STRIP : rows};
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
