/* Trials and choices of kernels on the device at hand. */
#include <math.h>
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

static struct gpu_device *device;
static char folder[] = "/tmp/cxrd-choice-XXXXXX";

static struct kernels *choose(const struct kernels_wish *asked)
{
    struct failure failure = {0};
    struct kernels *kernels = NULL;
    struct rung_record *record = rung_record_open(device, asked->precision, &asked->shape);
    require_ok(kernels_choose(&device, asked, record, &failure, &kernels), &failure);
    rung_record_choose(record, kernels_rung(kernels));
    rung_record_close(&record);
    return kernels;
}

/* What the device's cache folder holds of choices; the caller frees it. */
static char *records(void)
{
    char *path = gpu_device_cache_file(device, "rungs");
    struct bytes content = {0};
    struct failure failure = {0};
    require_ok(file_read(path, 1 << 16, &failure, &content), &failure);
    free(path);
    char *text = memory_allocate(content.size + 1, 1);
    memcpy(text, content.data, content.size);
    free((void *)content.data);
    return text;
}

START_TEST(right_kernels_pass_and_take_time)
{
    static const struct tiled_shape shapes[] = {{GEMM_SWIGLU, 138, 704, 128}, {TILED_ATTENTION, 2, 2, 69}};
    struct failure failure = {0};
    struct trial_timer *timer = NULL;
    struct kernels *kernels = choose(&wish);
    require_ok(trial_check(kernels, &failure), &failure);
    require_ok(trial_timer_create(kernels, shapes, 2, &failure, &timer), &failure);
    for (size_t i = 0; i < 2; i++) {
        double milliseconds = 0, once = 0;
        require_ok(trial_time(timer, &shapes[i], 0, INFINITY, &failure, &milliseconds), &failure);
        require_ok(trial_time(timer, &shapes[i], 0, 0, &failure, &once), &failure);
        ck_assert(milliseconds > 0 && once > 0);
    }
    trial_timer_destroy(&timer);
    kernels_destroy(&kernels);
}
END_TEST

START_TEST(a_wrong_kernel_is_named)
{
    struct failure failure = {0};
    struct kernels *kernels = choose(&wish);
    struct gpu_pipeline *right = kernels->tiled[GEMM_GELU][0];
    kernels->tiled[GEMM_GELU][0] = kernels->tiled[GEMM_RELU][0];
    ck_assert_int_eq(trial_check(kernels, &failure), STATUS_DEVICE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "GELU"));
    ck_assert_ptr_nonnull(strstr(failure.sentence, rung_name(kernels->rung)));
    kernels->tiled[GEMM_GELU][0] = right;
    kernels_destroy(&kernels);
}
END_TEST

/* The portable kernels with two tiles of everything. */
static struct kernels *two_tiles(void)
{
    struct failure failure = {0};
    struct kernels *kernels = NULL;
    require_ok(kernels_create(device, RUNG_PORTABLE, ELEMENT_F32, &failure, &kernels), &failure);
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

/* What the cache folder holds of tiles; the caller frees it. */
static char *tiles_on_file(void)
{
    char *path = tuned_path(folder, gpu_device_info(device));
    struct bytes content = {0};
    struct failure failure = {0};
    require_ok(file_read(path, 1 << 20, &failure, &content), &failure);
    free(path);
    char *text = memory_allocate(content.size + 1, 1);
    memcpy(text, content.data, content.size);
    free((void *)content.data);
    return text;
}

START_TEST(a_start_measures_once_and_the_next_believes_it)
{
    struct kernels_wish timed = wish;
    timed.rung = "portable";
    timed.tuning_ms = 60000;
    ck_assert_uint_eq(tuned_count(folder, gpu_device_info(device), RUNG_PORTABLE), 0);
    struct kernels *kernels = choose(&timed);
    const size_t count = kernels->choice_count;
    ck_assert_uint_gt(count, 0);
    ck_assert_uint_eq(tuned_count(folder, gpu_device_info(device), RUNG_PORTABLE), count);
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
    struct kernels *kernels = two_tiles();
    struct tuning *written = second_is_faster(), *read = memory_allocate(1, sizeof *read);
    tuned_remove(folder, gpu_device_info(device));
    tuned_write(folder, kernels, "a network", written);
    tuning_plan(&wish.shape, false, read);
    ck_assert(tuned_read(folder, kernels, "a network", read));
    ck_assert(!tuned_read(folder, kernels, "another", read));
    ck_assert(!memcmp(read->ms, written->ms, sizeof read->ms));
    struct trial_shape larger = wish.shape;
    larger.batch = 4; /* batches of 1 and 2 are known, and one of 4 is not */
    tuning_plan(&larger, false, read);
    ck_assert(tuned_read(folder, kernels, "a network", read));
    ck_assert(read->ms[0][1] == 0 && read->ms[read->round_ends[0]][1] == 1);
    larger.width = 256; /* nothing in common */
    tuning_plan(&larger, false, read);
    const size_t count = read->shape_count;
    (void)tuned_read(folder, kernels, "a network", read);
    ck_assert_uint_eq(read->shape_count, count);

    static const char *const damages[] = {"", "{", "[1]", "{\"a\": 1}"};
    char *path = tuned_path(folder, gpu_device_info(device));
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const struct bytes damage = {(const uint8_t *)damages[i], strlen(damages[i])};
        require_ok(file_write(path, damage, &failure), &failure);
        ck_assert(!tuned_read(folder, kernels, "a network", read));
        ck_assert_uint_eq(tuned_count(folder, gpu_device_info(device), RUNG_PORTABLE), 0);
        tuned_write(folder, kernels, "a network", written);
        ck_assert(tuned_read(folder, kernels, "a network", read));
    }
    ck_assert(tuned_remove(folder, gpu_device_info(device)) && tuned_remove(folder, gpu_device_info(device)));
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
    struct kernels *kernels = two_tiles();
    struct tuning *tuning = second_is_faster();
    char label[TILE_LABEL_BYTES], *path = gpu_device_cache_file(device, "rungs");
    snprintf(label, sizeof label, "%s%s", tile, kernels->gemm_tiles.list[1].name);
    unlink(path);
    struct rung_record *record = rung_record_open(device, wish.precision, &wish.shape);
    rung_record_choose(record, RUNG_PORTABLE);
    rung_record_try_tile(record, label);
    char *text = records();
    rung_record_close(&record);
    require_ok(file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, &failure), &failure);
    record = rung_record_open(device, wish.precision, &wish.shape); /* as if that start had died */
    ck_assert_ptr_nonnull(strstr(rung_record_tile_failure(record, label), "did not survive"));
    ck_assert_str_eq(rung_record_choice(record), "portable");
    ck_assert_ptr_null(rung_record_failure(record, RUNG_PORTABLE));
    struct tuner *tuner = tuner_create(kernels, tuning, record);
    ck_assert(!(tuner_usable(tuner, GEMM_EXACT) >> 1 & 1));
    require_ok(tuner_settle(tuner, &failure), &failure);
    ck_assert_uint_eq(kernels_tile_for(kernels, &tuning->shapes[0]), 0);
    tuner_destroy(&tuner);
    rung_record_close(&record);
    struct json *failures = rung_record_failures(folder, gpu_device_info(device));
    ck_assert_uint_eq(json_length(failures), 1);
    json_destroy(&failures);
    unlink(path);
    free(text);
    free(path);
    free(tuning);
    kernels_destroy(&kernels);
}
END_TEST

START_TEST(a_choice_is_kept_by_its_shape)
{
    struct kernels *kernels = choose(&wish);
    const char *name = rung_name(kernels_rung(kernels));
    char *once = records();
    ck_assert_ptr_nonnull(strstr(once, name));
    struct kernels *again = choose(&wish);
    char *twice = records();
    ck_assert_str_eq(once, twice);
    ck_assert_int_eq(kernels_rung(again), kernels_rung(kernels));
    struct kernels_wish other = wish;
    other.shape.tokens = 70;
    struct kernels *third = choose(&other);
    char *grown = records();
    ck_assert_uint_gt(strlen(grown), strlen(once));
    free(grown);
    free(twice);
    free(once);
    kernels_destroy(&third);
    kernels_destroy(&again);
    kernels_destroy(&kernels);
}
END_TEST

START_TEST(a_damaged_record_is_made_anew)
{
    static const char *const damages[] = {"", "{", "[1, 2]", "{\"a\": {\"b\": {\"c\": 1}}}"};
    struct failure failure = {0};
    char *path = gpu_device_cache_file(device, "rungs");
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const struct bytes damage = {(const uint8_t *)damages[i], strlen(damages[i])};
        require_ok(file_write(path, damage, &failure), &failure);
        struct kernels *kernels = choose(&wish);
        char *text = records();
        ck_assert_ptr_nonnull(strstr(text, rung_name(kernels_rung(kernels))));
        free(text);
        kernels_destroy(&kernels);
    }
    free(path);
}
END_TEST

START_TEST(a_record_counts)
{
    struct failure failure = {0};
    char *path = gpu_device_cache_file(device, "rungs");
    struct kernels *kernels = choose(&wish);
    char *text = records(), *name = strstr(text, rung_name(kernels_rung(kernels)));
    ck_assert_ptr_nonnull(name);
    char *changed = memory_allocate(strlen(text) + 16, 1);
    sprintf(changed, "%.*shalf%s", (int)(name - text), text, name + strlen(rung_name(kernels_rung(kernels))));
    const char *why_not;
    if (rung_supported(RUNG_HALF, gpu_device_info(device), &why_not)) {
        require_ok(file_write(path, (struct bytes){(const uint8_t *)changed, strlen(changed)}, &failure),
                   &failure);
        struct kernels *recorded = choose(&wish);
        ck_assert_int_eq(kernels_rung(recorded), RUNG_HALF);
        kernels_destroy(&recorded);
    }
    unlink(path);
    free(changed);
    free(text);
    free(path);
    kernels_destroy(&kernels);
}
END_TEST

START_TEST(a_trial_that_nobody_survived_is_known_to_the_next_start)
{
    struct failure failure = {0};
    char *path = gpu_device_cache_file(device, "rungs");
    unlink(path);
    struct rung_record *record = rung_record_open(device, wish.precision, &wish.shape);
    rung_record_try(record, RUNG_PORTABLE);
    char *text = records();
    rung_record_close(&record);
    record = rung_record_open(device, wish.precision, &wish.shape);
    ck_assert_ptr_null(rung_record_failure(record, RUNG_PORTABLE)); /* the process lived */
    rung_record_close(&record);
    require_ok(file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, &failure), &failure);
    record = rung_record_open(device, wish.precision, &wish.shape);
    ck_assert_ptr_nonnull(strstr(rung_record_failure(record, RUNG_PORTABLE), "did not survive"));
    rung_record_fail(record, RUNG_HALF, "It is wrong.");
    ck_assert(!rung_record_forgive(record)); /* one failed just now */
    rung_record_close(&record);
    struct json *failures = rung_record_failures(folder, gpu_device_info(device));
    ck_assert_uint_eq(json_length(failures), 2);
    json_destroy(&failures);
    record = rung_record_open(device, wish.precision, &wish.shape);
    ck_assert_str_eq(rung_record_failure(record, RUNG_HALF), "It is wrong.");
    ck_assert(rung_record_forgive(record) && !rung_record_forgive(record));
    ck_assert_ptr_null(rung_record_failure(record, RUNG_HALF));
    rung_record_close(&record);
    ck_assert(rung_record_remove(folder, gpu_device_info(device)));
    free(text);
    free(path);
}
END_TEST

START_TEST(a_named_rung_is_taken_as_it_is)
{
    struct failure failure = {0};
    struct kernels *kernels = NULL;
    struct kernels_wish forced = wish;
    forced.rung = "portable";
    kernels = choose(&forced);
    ck_assert_int_eq(kernels_rung(kernels), RUNG_PORTABLE);
    kernels_destroy(&kernels);
    forced.rung = "fastest";
    ck_assert_int_eq(kernels_choose(&device, &forced, NULL, &failure, &kernels), STATUS_BAD_REQUEST);
    ck_assert_ptr_null(kernels);
}
END_TEST

START_TEST(a_device_that_lacks_all_kernels_is_told_why)
{
    struct failure failure = {0};
    struct kernels *kernels = NULL;
    struct gpu_device_info *info = (struct gpu_device_info *)gpu_device_info(device);
    const uint32_t shared_memory_bytes = info->shared_memory_bytes;
    info->shared_memory_bytes = 16384;
    struct rung_record *record = rung_record_open(device, wish.precision, &wish.shape);
    ck_assert_int_eq(kernels_choose(&device, &wish, record, &failure, &kernels), STATUS_NO_DEVICE);
    rung_record_close(&record);
    info->shared_memory_bytes = shared_memory_bytes;
    ck_assert_ptr_nonnull(strstr(failure.sentence, "shared memory"));
    ck_assert_ptr_null(kernels);
}
END_TEST

START_TEST(the_device_opens)
{
    device = open_device(folder);
}
END_TEST

START_TEST(the_device_closes)
{
    gpu_device_destroy(&device);
}
END_TEST

int main(void)
{
    if (!mkdtemp(folder))
        return EXIT_FAILURE;
    int result = RUN_WITHOUT_FORKING(
        "choice", the_device_opens, right_kernels_pass_and_take_time, a_wrong_kernel_is_named,
        tiles_agree_to_the_bit_and_one_that_does_not_is_named,
        the_fastest_tile_is_taken_unless_it_is_wrong, a_start_measures_once_and_the_next_believes_it,
        what_is_on_file_counts_and_nothing_else, a_tile_that_killed_a_start_is_passed_over_and_its_rung_is_not,
        a_choice_is_kept_by_its_shape, a_damaged_record_is_made_anew, a_record_counts,
        a_trial_that_nobody_survived_is_known_to_the_next_start, a_named_rung_is_taken_as_it_is,
        a_device_that_lacks_all_kernels_is_told_why, the_device_closes);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? result : EXIT_FAILURE;
}
