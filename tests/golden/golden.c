#include "tests/golden/golden.h"

#include "engine/base/file.h"
#include "engine/kernels/set.h"
#include "engine/kernels/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_SKIPPED = 77 };

static void find_images(struct golden *golden)
{
    for (; golden->image_count < GOLDEN_IMAGES_MAX; golden->image_count++) {
        char name[32];
        snprintf(name, sizeof name, "%u.pixels", golden->image_count);
        const struct tensor *tensor = safetensors_find(golden->expected, name);
        if (!tensor)
            return;
        const uint8_t *pixels = tensor->data;
        uint8_t(*range)[3] = golden->ranges[golden->image_count];
        memset(range[0], 255, 3);
        for (size_t i = 0; i < tensor->size_bytes; i++) {
            if (pixels[i] < range[0][i % 3])
                range[0][i % 3] = pixels[i];
            if (pixels[i] > range[1][i % 3])
                range[1][i % 3] = pixels[i];
        }
        golden->images[golden->image_count] = (struct model_image){pixels, range[0], range[1]};
    }
}

/* How many tiles are mixed: on a CPU driver, which compiles each for a second, so many that a shape's tile is
 * another one in each size of batch and the next; kernelcheck holds all against each other. */
static uint32_t mixed_count(const struct golden *golden, uint32_t tiles)
{
    enum { MIXED_ON_CPU = 3 };
    return gpu_device_info(golden->device)->kind == GPU_CPU && tiles > MIXED_ON_CPU ? MIXED_ON_CPU : tiles;
}

/* Has every shape of every size of batch take another tile than the one before. */
static enum status mix_tiles(struct golden *golden, uint32_t max_batch, struct failure *failure)
{
    struct kernels *kernels = golden->kernels;
    const uint32_t gemms = (1u << TILED_ATTENTION) - 1,
                   count = mixed_count(golden, kernels->gemm_tiles.count);
    const struct tiles *attentions = &kernels->attention_tiles;
    const struct shape shape = shape_of(golden->card);
    const struct trial_shape trial = shape_for_trial(&shape, max_batch);
    struct tuning *plan = memory_allocate(1, sizeof *plan);
    uint32_t family = 0; /* how many tiles of attention are candidates: they come first */
    while (family < attentions->count && attentions->list[family].family == attentions->list[0].family)
        family++;
    family = mixed_count(golden, family);
    enum status status = kernels_make_tiles(kernels, gemms, (1u << count) - 1, failure);
    if (!status)
        status = kernels_make_tiles(kernels, 1u << TILED_ATTENTION, (1u << family) - 1, failure);
    tuning_plan(&trial, true, plan);
    for (size_t i = 0; !status && i < plan->shape_count; i++) {
        const bool attention = plan->shapes[i].kind == TILED_ATTENTION;
        const size_t kinds = plan->round_ends[0]; /* the rounds are the batches */
        const uint32_t number = (uint32_t)(i % kinds + i / kinds);
        const uint32_t tile = number % (attention ? family : count);
        kernels->choices[kernels->choice_count++] = (struct tile_choice){plan->shapes[i], tile};
    }
    free(plan);
    return status;
}

static enum status open_model(struct golden *golden, const char *folder, enum rung rung, enum element weights,
                              bool mixed, uint32_t max_batch, struct failure *failure)
{
    char *path = file_join(folder, "expected.safetensors");
    enum status status = safetensors_open(path, failure, &golden->expected);
    free(path);
    if (!status)
        status = package_open(folder, failure, &golden->package);
    if (!status)
        status = package_verify(golden->package, failure);
    if (status)
        return status;
    find_images(golden);
    golden->card = package_card(golden->package);
    const struct safetensors *heads[32];
    for (size_t i = 0; i < golden->card->head_count; i++)
        heads[i] = package_head(golden->package, i);
    max_batch = max_batch ? max_batch : golden->image_count;
    status = kernels_create(golden->device, rung, weights, failure, &golden->kernels);
    if (!status && mixed)
        status = mix_tiles(golden, max_batch, failure);
    if (!status)
        status = model_create(golden->device, golden->kernels, golden->card,
                              &(struct model_weights){package_backbone(golden->package), heads},
                              &(struct model_options){.max_batch = max_batch, .in_flight = 2}, failure,
                              &golden->model);
    return status;
}

void golden_close(struct golden *golden)
{
    model_destroy(&golden->model);
    kernels_destroy(&golden->kernels);
    package_close(&golden->package);
    safetensors_close(&golden->expected);
    gpu_device_destroy(&golden->device);
}

int golden_open(struct golden *golden, int argc, char **argv, uint32_t max_batch)
{
    struct failure failure = {0};
    const char *why_not = "";
    enum rung rung = 0;
    const bool mixed = argc == 5 && !strcmp(argv[4], "mixed");
    if (argc != (mixed ? 5 : 4))
        return 2;
    while (rung < RUNG_COUNT && strcmp(rung_name(rung), argv[2]))
        rung++;
    enum element weights = strcmp(argv[3], "f16") ? ELEMENT_F32 : ELEMENT_F16;
    if (rung == RUNG_COUNT)
        return 2;
    if (gpu_device_create("auto", NULL, &failure, &golden->device)) {
        printf("skipped: %s\n", failure.sentence);
        return failure.status == STATUS_NO_DEVICE ? EXIT_SKIPPED : 1;
    }
    int exit_code = -1;
    if (!rung_supported(rung, gpu_device_info(golden->device), &why_not)) {
        printf("skipped: %s\n", why_not);
        exit_code = EXIT_SKIPPED;
    } else if (open_model(golden, argv[1], rung, weights, mixed, max_batch, &failure)) {
        printf("FAIL %s\n", failure.sentence);
        exit_code = 1;
    }
    if (exit_code >= 0)
        golden_close(golden);
    return exit_code;
}
