/* Tiles on the device at hand: that they agree, that the fastest is taken, and what is kept of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/kernels/choice.h"
#include "engine/kernels/set.h"
#include "engine/kernels/tune.h"
#include "engine/kernels/tuned.h"
#include "tests/unit/gpu/gpu_test.h"

static const struct kernels_wish wish = {
    .shape = {.width = 128, .heads = 2, .ffn_columns = 704, .gated = true, .tokens = 69, .batch = 2}};

static struct kernels *choose(const struct kernels_wish *asked)
{
    struct failure failure = {0};
    struct kernels *kernels = NULL;
    struct rung_record *record = rung_record_open(test_device, asked->precision, &asked->shape);
    require_ok(kernels_choose(&test_device, asked, record, &failure, &kernels), &failure);
    rung_record_close(&record);
    return kernels;
}

/* What a file of the cache folder holds, its path being the caller's no more; the caller frees it. */
static char *text_of(char *path)
{
    struct bytes content = {0};
    struct failure failure = {0};
    require_ok(file_read(path, 1 << 20, &failure, &content), &failure);
    free(path);
    char *text = memory_allocate(content.size + 1, 1);
    memcpy(text, content.data, content.size);
    free((void *)content.data);
    return text;
}

static struct kernels *portable(void)
{
    struct failure failure = {0};
    struct kernels *kernels = NULL;
    require_ok(kernels_create(test_device, RUNG_PORTABLE, ELEMENT_F32, &failure, &kernels), &failure);
    return kernels;
}

/* The portable kernels with two tiles of everything. */
static struct kernels *two_tiles(void)
{
    struct failure failure = {0};
    struct kernels *kernels = portable();
    require_ok(kernels_make_tiles(kernels, (1u << TILED_KINDS) - 1, 3, &failure), &failure);
    return kernels;
}

START_TEST(tiles_agree_to_the_bit_and_one_that_does_not_is_named)
{
    struct failure failure = {0};
    struct kernels *kernels = two_tiles();
    for (uint32_t kind = 0; kind < TILED_KINDS; kind++)
        require_ok(trial_agrees(kernels, kind, 1, &failure), &failure);
    struct gpu_pipeline *right = kernels->tiled[GEMM_GELU][1];
    kernels->tiled[GEMM_GELU][1] = kernels->tiled[GEMM_EXACT][1];
    ck_assert_int_eq(trial_agrees(kernels, GEMM_GELU, 1, &failure), STATUS_DEVICE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "GELU"));
    ck_assert_ptr_nonnull(strstr(failure.sentence, kernels->gemm_tiles.list[1].name));
    kernels->tiled[GEMM_GELU][1] = right;
    kernels_destroy(&kernels);
}
END_TEST

/* Of the shapes that `wish` asks for, with figures by which the second tile is the faster one. */
static struct tuning *second_is_faster(void)
{
    struct tuning *tuning = memory_allocate(1, sizeof *tuning);
    tuning_plan(&wish.shape, false, tuning);
    for (size_t i = 0; i < tuning->shape_count; i++) {
        tuning->ms[i][0] = 2;
        tuning->ms[i][1] = 1;
    }
    return tuning;
}

START_TEST(the_fastest_tile_is_taken_unless_it_is_wrong)
{
    struct failure failure = {0};
    struct tuning *tuning = second_is_faster();
    const struct tiled_shape known = tuning->shapes[0], near = {GEMM_RELU, 9, 48, 64};
    struct kernels *kernels = two_tiles();
    struct tuner *tuner = tuner_create(kernels, tuning, NULL);
    ck_assert_uint_eq(kernels_tile_for(kernels, &known), 0);
    require_ok(tuner_settle(tuner, &failure), &failure);
    ck_assert_uint_eq(kernels_tile_for(kernels, &known), 1);
    ck_assert_uint_eq(kernels_tile_for(kernels, &near), 1);
    tuner_destroy(&tuner);
    kernels_destroy(&kernels);

    kernels = two_tiles();
    struct gpu_pipeline *right = kernels->tiled[GEMM_RELU][1];
    kernels->tiled[GEMM_RELU][1] = kernels->tiled[GEMM_EXACT][0]; /* a kind that was not timed */
    tuner = tuner_create(kernels, tuning, NULL);
    /* It lets go of the whole tile, and so of the pipeline that is in two places. */
    require_ok(tuner_settle(tuner, &failure), &failure);
    ck_assert_uint_eq(kernels_tile_for(kernels, &known), 0);
    ck_assert(!(tuner_usable(tuner, GEMM_RELU) >> 1 & 1));
    ck_assert(tuner_usable(tuner, TILED_ATTENTION) >> 1 & 1);
    kernels->tiled[GEMM_EXACT][0] = NULL;
    gpu_pipeline_destroy(&right);
    tuner_destroy(&tuner);
    kernels_destroy(&kernels);
    free(tuning);
}
END_TEST

static char *tiles_on_file(void)
{
    return text_of(tuned_path(test_folder, gpu_device_info(test_device)));
}

/* Has a start pass over all tiles but the first two of products and the first of attention: a CPU driver
 * compiles each for a second. */
static void fail_tiles(void)
{
    struct kernels *kernels = portable();
    struct rung_record *record = rung_record_open(test_device, wish.precision, &wish.shape);
    char label[TILE_LABEL_BYTES];
    for (uint32_t i = 2; i < kernels->gemm_tiles.count; i++) {
        snprintf(label, sizeof label, "portable: gemm %s", kernels->gemm_tiles.list[i].name);
        rung_record_fail_tile(record, label, "It is not for this test.");
    }
    for (uint32_t i = 1; i < kernels->attention_tiles.count; i++) {
        snprintf(label, sizeof label, "portable: attention %s", kernels->attention_tiles.list[i].name);
        rung_record_fail_tile(record, label, "It is not for this test.");
    }
    rung_record_close(&record);
    kernels_destroy(&kernels);
}

START_TEST(a_start_measures_once_and_the_next_believes_it)
{
    struct kernels_wish timed = wish;
    timed.rung = "portable";
    timed.tuning_ms = 60000;
    fail_tiles();
    ck_assert_uint_eq(tuned_count(test_folder, gpu_device_info(test_device), RUNG_PORTABLE), 0);
    struct kernels *kernels = choose(&timed);
    const size_t count = kernels->choice_count;
    ck_assert_uint_gt(count, 0);
    ck_assert_uint_eq(tuned_count(test_folder, gpu_device_info(test_device), RUNG_PORTABLE), count);
    char *once = tiles_on_file();
    kernels_destroy(&kernels);
    struct kernels *again = choose(&timed);
    ck_assert_uint_eq(again->choice_count, count);
    char *twice = tiles_on_file();
    ck_assert_str_eq(once, twice);
    kernels_destroy(&again);
    timed.shape.width = 192; /* another network, of which nothing is measured now */
    timed.shape.heads = 3;
    timed.tuning_ms = -1;
    again = choose(&timed);
    ck_assert_uint_eq(again->choice_count, 0);
    kernels_destroy(&again);
    free(twice);
    free(once);
}
END_TEST

START_TEST(what_is_on_file_counts_and_nothing_else)
{
    struct failure failure = {0};
    struct kernels *kernels = portable();
    struct tuning *written = second_is_faster(), *read = memory_allocate(1, sizeof *read);
    tuned_remove(test_folder, gpu_device_info(test_device));
    tuned_write(test_folder, kernels, "a network", written);
    tuning_plan(&wish.shape, false, read);
    ck_assert(tuned_read(test_folder, kernels, "a network", read));
    ck_assert(!tuned_read(test_folder, kernels, "another", read));
    ck_assert(!memcmp(read->ms, written->ms, sizeof read->ms));
    struct trial_shape larger = wish.shape;
    larger.batch = 4; /* batches of 1 and 2 are known, and one of 4 is not */
    tuning_plan(&larger, false, read);
    ck_assert(tuned_read(test_folder, kernels, "a network", read));
    ck_assert(read->ms[0][1] == 0 && read->ms[read->round_ends[0]][1] == 1);
    larger.width = 256; /* nothing in common */
    tuning_plan(&larger, false, read);
    const size_t count = read->shape_count;
    (void)tuned_read(test_folder, kernels, "a network", read);
    ck_assert_uint_eq(read->shape_count, count);

    static const char *const damages[] = {"", "{", "[1]", "{\"a\": 1}"};
    char *path = tuned_path(test_folder, gpu_device_info(test_device));
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const struct bytes damage = {(const uint8_t *)damages[i], strlen(damages[i])};
        require_ok(file_write(path, damage, &failure), &failure);
        ck_assert(!tuned_read(test_folder, kernels, "a network", read));
        ck_assert_uint_eq(tuned_count(test_folder, gpu_device_info(test_device), RUNG_PORTABLE), 0);
        tuned_write(test_folder, kernels, "a network", written);
        ck_assert(tuned_read(test_folder, kernels, "a network", read));
    }
    ck_assert(tuned_remove(test_folder, gpu_device_info(test_device)) &&
              tuned_remove(test_folder, gpu_device_info(test_device)));
    free(path);
    free(read);
    free(written);
    kernels_destroy(&kernels);
}
END_TEST

START_TEST(a_tile_that_killed_a_start_is_passed_over_and_its_rung_is_not)
{
    static const char tile[] = "portable: gemm ";
    struct failure failure = {0};
    struct kernels *kernels = portable();
    struct tuning *tuning = second_is_faster();
    char label[TILE_LABEL_BYTES], *path = gpu_device_cache_file(test_device, "rungs");
    snprintf(label, sizeof label, "%s%s", tile, kernels->gemm_tiles.list[1].name);
    unlink(path);
    struct rung_record *record = rung_record_open(test_device, wish.precision, &wish.shape);
    rung_record_choose(record, RUNG_PORTABLE);
    rung_record_try_tile(record, label);
    char *text = text_of(gpu_device_cache_file(test_device, "rungs"));
    rung_record_close(&record);
    require_ok(file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, &failure), &failure);
    record = rung_record_open(test_device, wish.precision, &wish.shape); /* as if that start had died */
    ck_assert_ptr_nonnull(strstr(rung_record_tile_failure(record, label), "did not survive"));
    ck_assert_str_eq(rung_record_choice(record), "portable");
    ck_assert_ptr_null(rung_record_failure(record, RUNG_PORTABLE));
    struct tuner *tuner = tuner_create(kernels, tuning, record);
    ck_assert(!(tuner_usable(tuner, GEMM_EXACT) >> 1 & 1));
    require_ok(tuner_settle(tuner, &failure), &failure);
    ck_assert_uint_eq(kernels_tile_for(kernels, &tuning->shapes[0]), 0);
    tuner_destroy(&tuner);
    rung_record_close(&record);
    struct json *failures = rung_record_failures(test_folder, gpu_device_info(test_device));
    ck_assert_uint_eq(json_length(failures), 1);
    json_destroy(&failures);
    unlink(path);
    free(text);
    free(path);
    free(tuning);
    kernels_destroy(&kernels);
}
END_TEST

int main(void)
{
    return RUN_ON_DEVICE("tiles", tiles_agree_to_the_bit_and_one_that_does_not_is_named,
                         the_fastest_tile_is_taken_unless_it_is_wrong,
                         a_start_measures_once_and_the_next_believes_it,
                         what_is_on_file_counts_and_nothing_else,
                         a_tile_that_killed_a_start_is_passed_over_and_its_rung_is_not);
}
