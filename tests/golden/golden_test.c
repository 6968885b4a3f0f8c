/* The golden test: every tap of a small network against a float64 reference (make_reference.py).
 *
 * golden_test PACKAGE RUNG WEIGHTS [mixed] runs all images of the package's expected.safetensors as one
 * batch, alone and with two batches in flight, compares the taps in the order they are computed and names the
 * first one that diverges. Exit status 77: the device does not have the rung.
 */
#include "tests/golden/golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double bound; /* on the largest difference, relative to the root mean square of what is expected */
static double worst; /* seen so far */

/* The expected values as float32, which the caller frees; NULL when the reference has no such tap. */
static float *expected_values(const struct golden *golden, uint32_t image, const char *tap, size_t *count)
{
    char name[96];
    snprintf(name, sizeof name, "%u.%s", image, tap);
    const struct tensor *tensor = safetensors_find(golden->expected, name);
    if (!tensor || !tensor_element_count(tensor, count))
        return NULL;
    float *values = memory_allocate(*count, sizeof *values);
    tensor_to_float(tensor, values);
    return values;
}

/* Compares one image's values of one tap; says where they part. */
static bool compare(struct golden *golden, const char *tap, uint32_t image, const float *found, size_t count)
{
    size_t expected_count = 0, at = 0;
    float *expected = expected_values(golden, image, tap, &expected_count);
    if (!expected || expected_count != count) {
        printf("FAIL %s of image %u: %zu values, the reference has %zu\n", tap, image, count, expected_count);
        free(expected);
        return false;
    }
    double square = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)found[i] - (double)expected[i]);
        square += (double)expected[i] * (double)expected[i];
        if (!(difference <= largest)) { /* NaN counts as the largest */
            largest = difference;
            at = i;
        }
    }
    double error = largest / sqrt(square / (double)count);
    bool good = error <= bound;
    if (!good)
        printf("FAIL %s of image %u diverges first: value %zu is %g, expected %g (error %.2g, bound %.2g)\n",
               tap, image, at, (double)found[at], (double)expected[at], error, bound);
    if (error > worst)
        worst = error;
    free(expected);
    return good;
}

/* A head's attention weights lie as [columns][patches] with column = class * 8 + head; the reference has
 * [8][classes][patches]. */
static bool compare_attention(struct golden *golden, const struct tap *tap, uint32_t image,
                              const float *values, size_t per_image)
{
    size_t count = 0, patches = model_shape(golden->model)->patches;
    float *expected = expected_values(golden, image, tap->name, &count);
    free(expected);
    if (!expected || count > per_image)
        return compare(golden, tap->name, image, values, per_image);
    size_t classes = count / patches / GLORI_HEADS;
    float *sorted = memory_allocate(count, sizeof *sorted);
    for (size_t h = 0; h < GLORI_HEADS; h++)
        for (size_t c = 0; c < classes; c++)
            memcpy(sorted + (h * classes + c) * patches, values + (c * GLORI_HEADS + h) * patches,
                   patches * sizeof *sorted);
    bool good = compare(golden, tap->name, image, sorted, count);
    free(sorted);
    return good;
}

/* One tap of a batch of `count` images starting at `first`. */
static bool compare_tap(struct golden *golden, const struct tap *tap, uint32_t first, uint32_t count)
{
    float *values = tap_values(tap);
    size_t per_image = tap->layout.rows * (tap->layout.columns ? tap->layout.columns : 1) / count;
    bool good = true;
    for (uint32_t i = 0; good && i < count; i++) {
        const float *mine = values + i * per_image;
        const char *attention = strstr(tap->name, ".attention");
        if (attention && strncmp(tap->name, "block.", 6))
            good = compare_attention(golden, tap, first + i, mine, per_image);
        else
            good = compare(golden, tap->name, first + i, mine, per_image);
    }
    free(values);
    return good;
}

/* The embeddings of the batch that ran last, nothing being in flight. */
static bool compare_embeddings(struct golden *golden, uint32_t first, uint32_t count)
{
    struct failure failure = {0};
    size_t width = model_shape(golden->model)->width, patches = model_shape(golden->model)->patches;
    float *values = memory_allocate((2 + patches) * width, sizeof *values);
    float *class_token = values, *mean = values + width, *rows = values + 2 * width;
    bool wanted[GOLDEN_IMAGES_MAX], good = true;
    struct rows patches_of[GOLDEN_IMAGES_MAX] = {0};
    for (uint32_t i = 0; i < count; i++)
        wanted[i] = count == 1 || i != 1; /* one among them is not */
    if (model_patches(golden->model, wanted, &failure, patches_of)) {
        printf("FAIL %s\n", failure.sentence);
        good = false;
    }
    for (uint32_t i = 0; good && i < count; i++) {
        model_embedding(golden->model, i, class_token, mean);
        good = compare(golden, "embedding.class", first + i, class_token, width) &&
               compare(golden, "embedding.mean", first + i, mean, width) && !patches_of[i].data == !wanted[i];
        if (good && wanted[i]) {
            rows_read(&patches_of[i], rows);
            good = compare(golden, "embedding.patch", first + i, rows, patches * width);
        }
    }
    for (uint32_t i = 0; i < count; i++)
        free(patches_of[i].data);
    free(values);
    return good;
}

static bool compare_answers(struct golden *golden, uint32_t first, uint32_t count)
{
    bool good = true;
    for (size_t head = 0; good && head < golden->card->head_count; head++) {
        const struct head_card *card = &golden->card->heads[head];
        size_t patches = model_shape(golden->model)->patches;
        char name[64];
        for (uint32_t i = 0; good && i < count; i++) {
            snprintf(name, sizeof name, "%s.logits", card->name);
            good = compare(golden, name, first + i, model_logits(golden->model, head, i), card->label_count);
            snprintf(name, sizeof name, "%s.map", card->name);
            if (good && model_attention(golden->model, head, i))
                good = compare(golden, name, first + i, model_attention(golden->model, head, i),
                               card->label_count * patches);
        }
    }
    return good;
}

/* Runs images first..first+count-1 with taps and without; the answers must be the same bits. */
static bool check_batch(struct golden *golden, uint32_t first, uint32_t count)
{
    struct failure failure = {0};
    struct taps *taps = memory_allocate(1, sizeof *taps);
    bool good = false;
    if (gpu_pool_create(golden->device, GPU_MEMORY_READBACK, &failure, &taps->pool) ||
        model_trace(golden->model, golden->images + first, count, taps, &failure))
        goto done;
    good = true;
    for (size_t i = 0; good && i < taps->count; i++)
        good = compare_tap(golden, &taps->list[i], first, count);
    good = good && compare_answers(golden, first, count);
    if (good)
        good = !model_run(golden->model, golden->images + first, count, &failure) &&
               compare_answers(golden, first, count) && compare_embeddings(golden, first, count);
done:
    if (failure.status)
        printf("FAIL %s\n", failure.sentence);
    gpu_pool_destroy(&taps->pool);
    free(taps);
    return good;
}

/* Runs the images alone, each submitted while the one before it is in flight. */
static bool check_in_flight(struct golden *golden)
{
    struct failure failure = {0};
    bool good = true;
    for (uint32_t i = 0; good && i <= golden->image_count; i++) {
        if (i < golden->image_count)
            good = !model_submit(golden->model, &golden->images[i], 1, &failure);
        if (i > 0)
            good =
                good && !model_wait(golden->model, UINT64_MAX, &failure) && compare_answers(golden, i - 1, 1);
    }
    if (failure.status)
        printf("FAIL %s\n", failure.sentence);
    return good;
}

/* A corner that is the whole image is answered as the image is; every case but those of a larger grid has
 * such a one. */
static bool check_corner(struct golden *golden)
{
    struct failure failure = {0};
    const struct shape corner = shape_corner(model_shape(golden->model));
    if (corner.patches < model_shape(golden->model)->patches)
        return true;
    bool good =
        !model_run_corner(golden->model, &golden->images[0], &failure) && compare_answers(golden, 0, 1);
    if (failure.status)
        printf("FAIL %s\n", failure.sentence);
    return good;
}

/* What float32 and float16 allow after some ten layers; measured errors are about half of these. */
static double bound_of(enum rung rung, enum element weights)
{
    if (!rung_takes(rung, ELEMENT_F32)) /* float16 activations */
        return 3e-2;
    return weights == ELEMENT_F16 ? 1e-2 : 1e-4;
}

int main(int argc, char **argv)
{
    struct golden golden = {0};
    int exit_code = golden_open(&golden, argc, argv, 0);
    if (exit_code >= 0)
        return exit_code;
    bound = bound_of(kernels_rung(golden.kernels), kernels_weights(golden.kernels));
    bool good = golden.image_count > 0 && check_batch(&golden, 0, golden.image_count) &&
                check_batch(&golden, golden.image_count - 1, 1) && check_in_flight(&golden) &&
                check_corner(&golden);
    printf("%s: %s with %s weights: largest error %.2g, bound %.2g\n", good ? "ok" : "FAIL", argv[2], argv[3],
           worst, bound);
    golden_close(&golden);
    return good ? 0 : 1;
}
