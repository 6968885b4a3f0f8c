/* An image has one answer a rung, whatever company it is in.
 *
 * company_test PACKAGE RUNG WEIGHTS [mixed] runs the package's images and their negatives in random
 * order, in batches of random size, and fills all memory that a pass works in with something else before
 * each. Logits, attention, embeddings and patch tokens must be the same bits every time. Exit status 77: the
 * device does not have the rung.
 */
#include "tests/golden/golden.h"

#include "engine/model/model_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 8, ROUNDS = 30, ROUNDS_MIXED = 15 /* three of each filling */ };

static const char *const fillings[] = {"NaN", "infinity", "infinity of 16 bits", "garbage", "old data"};
enum { FILLINGS = sizeof fillings / sizeof *fillings, FILLING_GARBAGE = 3, FILLING_OLD = 4 };

struct company {
    struct golden golden;
    struct model_image images[2 * GOLDEN_IMAGES_MAX];
    uint8_t ranges[GOLDEN_IMAGES_MAX][2][3]; /* of the negatives */
    uint32_t image_count;
    float *first[2 * GOLDEN_IMAGES_MAX]; /* each image's answer when it was seen first */
    uint32_t random;
};

/* xorshift (Marsaglia, 2003). */
static uint32_t random_below(struct company *company, uint32_t limit)
{
    company->random ^= company->random << 13;
    company->random ^= company->random >> 17;
    company->random ^= company->random << 5;
    return company->random % limit;
}

static uint32_t filling_word(struct company *company, size_t filling)
{
    static const uint32_t words[] = {0xffffffff, 0x7f800000, 0x7c007c00};
    if (filling < sizeof words / sizeof *words)
        return words[filling];
    float value = (float)random_below(company, 2000) - 1000;
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    return word;
}

static enum status fill_slice(struct company *company, const struct gpu_slice *slice, size_t filling,
                              struct failure *failure)
{
    size_t count = slice->size_bytes / sizeof(uint32_t);
    uint32_t *words = memory_allocate(count + 1, sizeof *words);
    for (size_t i = 0; i < count; i++)
        words[i] = filling_word(company, filling);
    enum status status =
        count ? gpu_slice_write(company->golden.device, slice, 0, words, count * sizeof *words, failure)
              : STATUS_OK;
    free(words);
    return status;
}

/* Fills every array that a pass writes before it reads it. */
static enum status fill_memory(struct company *company, size_t filling, struct failure *failure)
{
    const struct model *model = company->golden.model;
    const struct vit_state *state = &model->state;
    const struct gpu_slice *backbone[] = {&state->columns, &state->x,       &state->y,
                                          &state->qkv,     &state->scratch, &state->hidden,
                                          &state->classes, &state->memory,  &model->mean};
    enum status status = STATUS_OK;
    if (filling == FILLING_OLD)
        return STATUS_OK;
    for (size_t i = 0; i < sizeof backbone / sizeof *backbone && !status; i++)
        status = fill_slice(company, backbone[i], filling, failure);
    for (size_t head = 0; head < model->head_count && !status; head++) {
        const struct glori_state *glori = &model->heads[head].glori_state;
        const struct gpu_slice *slices[] = {&glori->m, &glori->scores, &glori->weights, &glori->z,
                                            &glori->t, &glori->y,      &glori->inner};
        for (size_t i = 0; i < sizeof slices / sizeof *slices && !status; i++)
            status = fill_slice(company, slices[i], filling, failure);
    }
    return status;
}

/* How many values answer an image. */
static size_t answer_values(const struct golden *golden)
{
    const struct shape *shape = model_shape(golden->model);
    size_t values = (2 + (size_t)shape->patches) * shape->width;
    for (size_t head = 0; head < golden->card->head_count; head++)
        values += golden->card->heads[head].label_count * (1 + (size_t)shape->patches);
    return values;
}

/* All of them for one image of the batch that ran last; the rest stays 0. */
static void gather(const struct golden *golden, uint32_t place, const struct rows *patches, float *out)
{
    const struct shape *shape = model_shape(golden->model);
    model_embedding(golden->model, place, out, out + shape->width);
    rows_read(patches, out + 2 * (size_t)shape->width);
    out += (2 + (size_t)shape->patches) * shape->width;
    for (size_t head = 0; head < golden->card->head_count; head++) {
        const size_t labels = golden->card->heads[head].label_count;
        const float *attention = model_attention(golden->model, head, place);
        memcpy(out, model_logits(golden->model, head, place), labels * sizeof *out);
        if (attention)
            memcpy(out + labels, attention, labels * shape->patches * sizeof *out);
        out += labels * (1 + (size_t)shape->patches);
    }
}

/* Keeps an image's first answer; compares a later one with it, and takes it over. */
static bool same_answer(struct company *company, uint32_t image, float *answer, size_t values)
{
    size_t others = 0;
    if (!company->first[image]) {
        company->first[image] = answer;
        return true;
    }
    for (size_t i = 0; i < values; i++)
        others += memcmp(&answer[i], &company->first[image][i], sizeof *answer) != 0;
    free(answer);
    if (others)
        printf("FAIL image %u: %zu of %zu values are others than before\n", image, others, values);
    return !others;
}

static bool run_batch(struct company *company, uint32_t count, size_t filling)
{
    struct golden *golden = &company->golden;
    struct failure failure = {0};
    struct model_image batch[BATCH_MAX];
    struct rows patches[BATCH_MAX] = {0};
    uint32_t numbers[BATCH_MAX];
    bool wanted[BATCH_MAX], good = true;
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = random_below(company, company->image_count);
        batch[i] = company->images[numbers[i]];
        wanted[i] = true;
    }
    if (fill_memory(company, filling, &failure) || model_run(golden->model, batch, count, &failure) ||
        model_patches(golden->model, wanted, &failure, patches)) {
        printf("FAIL %s\n", failure.sentence);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        float *answer = memory_allocate(answer_values(golden), sizeof *answer);
        gather(golden, i, &patches[i], answer);
        free(patches[i].data);
        if (!same_answer(company, numbers[i], answer, answer_values(golden))) {
            printf("FAIL at place %u of %u, among %s\n", i, count, fillings[filling]);
            good = false;
        }
    }
    return good;
}

static void make_negatives(struct company *company)
{
    struct golden *golden = &company->golden;
    const size_t bytes = shape_image_bytes(model_shape(golden->model));
    for (uint32_t i = 0; i < golden->image_count; i++) {
        uint8_t *pixels = memory_allocate(bytes, 1);
        for (size_t at = 0; at < bytes; at++)
            pixels[at] = 255 - golden->images[i].pixels[at];
        for (size_t c = 0; c < 3; c++) {
            company->ranges[i][0][c] = 255 - golden->ranges[i][1][c];
            company->ranges[i][1][c] = 255 - golden->ranges[i][0][c];
        }
        company->images[company->image_count++] = golden->images[i];
        company->images[company->image_count++] =
            (struct model_image){pixels, company->ranges[i][0], company->ranges[i][1]};
    }
}

static void finish(struct company *company)
{
    for (uint32_t i = 0; i < company->image_count; i++) {
        free(company->first[i]);
        if (i % 2)
            free((void *)company->images[i].pixels);
    }
    golden_close(&company->golden);
}

int main(int argc, char **argv)
{
    struct company company = {.random = 1};
    int exit_code = golden_open(&company.golden, argc, argv, BATCH_MAX);
    if (exit_code >= 0)
        return exit_code;
    const int rounds = argc == 5 ? ROUNDS_MIXED : ROUNDS;
    bool good = true;
    make_negatives(&company);
    for (int round = 0; round < rounds; round++)
        good = run_batch(&company, 1 + random_below(&company, BATCH_MAX), (size_t)round % FILLINGS) && good;
    for (uint32_t i = 0; i < company.image_count; i++)
        good = good && company.first[i]; /* each was seen */
    printf("%s: %s with %s weights, %u images in %d batches\n", good ? "ok" : "FAIL", argv[2], argv[3],
           company.image_count, rounds);
    finish(&company);
    return good ? 0 : 1;
}
