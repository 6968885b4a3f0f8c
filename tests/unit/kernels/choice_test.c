/* Trials and choices of kernels on the device at hand. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/kernels/choice.h"
#include "engine/kernels/set.h"
#include "engine/kernels/trial.h"
#include "tests/unit/gpu/gpu_test.h"

static const struct kernels_wish wish = {
    .shape = {.width = 128, .heads = 2, .ffn_columns = 704, .gated = true, .tokens = 69, .batch = 2}};

static struct kernels *choose(const struct kernels_wish *asked)
{
    struct failure failure = {0};
    struct kernels *kernels = NULL;
    struct rung_record *record = rung_record_open(test_device, asked->precision, &asked->shape);
    require_ok(kernels_choose(&test_device, asked, record, &failure, &kernels), &failure);
    rung_record_choose(record, kernels_rung(kernels));
    rung_record_close(&record);
    return kernels;
}

/* What the device's cache folder holds of choices; the caller frees it. */
static char *records(void)
{
    char *path = gpu_device_cache_file(test_device, "rungs");
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
    char *path = gpu_device_cache_file(test_device, "rungs");
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const struct bytes damage = {(const uint8_t *)damages[i], strlen(damages[i])};
        require_ok(file_write(path, damage, &failure), &failure);
        struct rung_record *record = rung_record_open(test_device, wish.precision, &wish.shape);
        ck_assert_ptr_null(rung_record_choice(record));
        rung_record_choose(record, RUNG_PORTABLE);
        rung_record_close(&record);
        char *text = records();
        ck_assert_ptr_nonnull(strstr(text, "portable"));
        free(text);
    }
    unlink(path); /* a choice that no trial made */
    free(path);
}
END_TEST

START_TEST(a_record_counts)
{
    struct failure failure = {0};
    char *path = gpu_device_cache_file(test_device, "rungs");
    struct kernels *kernels = choose(&wish);
    char *text = records(), *name = strstr(text, rung_name(kernels_rung(kernels)));
    ck_assert_ptr_nonnull(name);
    char *changed = memory_allocate(strlen(text) + 16, 1);
    sprintf(changed, "%.*shalf%s", (int)(name - text), text, name + strlen(rung_name(kernels_rung(kernels))));
    const char *why_not;
    if (rung_supported(RUNG_HALF, gpu_device_info(test_device), &why_not)) {
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
    char *path = gpu_device_cache_file(test_device, "rungs");
    unlink(path);
    struct rung_record *record = rung_record_open(test_device, wish.precision, &wish.shape);
    rung_record_try(record, RUNG_PORTABLE);
    char *text = records();
    rung_record_close(&record);
    record = rung_record_open(test_device, wish.precision, &wish.shape);
    ck_assert_ptr_null(rung_record_failure(record, RUNG_PORTABLE)); /* the process lived */
    rung_record_close(&record);
    require_ok(file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, &failure), &failure);
    record = rung_record_open(test_device, wish.precision, &wish.shape);
    ck_assert_ptr_nonnull(strstr(rung_record_failure(record, RUNG_PORTABLE), "did not survive"));
    rung_record_fail(record, RUNG_HALF, "It is wrong.");
    ck_assert(!rung_record_forgive(record)); /* one failed just now */
    rung_record_close(&record);
    struct json *failures = rung_record_failures(test_folder, gpu_device_info(test_device));
    ck_assert_uint_eq(json_length(failures), 2);
    json_destroy(&failures);
    record = rung_record_open(test_device, wish.precision, &wish.shape);
    ck_assert_str_eq(rung_record_failure(record, RUNG_HALF), "It is wrong.");
    ck_assert(rung_record_forgive(record) && !rung_record_forgive(record));
    ck_assert_ptr_null(rung_record_failure(record, RUNG_HALF));
    rung_record_close(&record);
    ck_assert(rung_record_remove(test_folder, gpu_device_info(test_device)));
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
    ck_assert_int_eq(kernels_choose(&test_device, &forced, NULL, &failure, &kernels), STATUS_BAD_REQUEST);
    ck_assert_ptr_null(kernels);
}
END_TEST

START_TEST(a_device_that_lacks_all_kernels_is_told_why)
{
    struct failure failure = {0};
    struct kernels *kernels = NULL;
    struct gpu_device_info *info = (struct gpu_device_info *)gpu_device_info(test_device);
    const uint32_t shared_memory_bytes = info->shared_memory_bytes;
    info->shared_memory_bytes = 12799;
    struct rung_record *record = rung_record_open(test_device, wish.precision, &wish.shape);
    ck_assert_int_eq(kernels_choose(&test_device, &wish, record, &failure, &kernels), STATUS_NO_DEVICE);
    rung_record_close(&record);
    info->shared_memory_bytes = shared_memory_bytes;
    ck_assert_ptr_nonnull(strstr(failure.sentence, "shared memory"));
    ck_assert_ptr_null(kernels);
}
END_TEST

int main(void)
{
    return RUN_ON_DEVICE("choice", right_kernels_pass_and_take_time, a_wrong_kernel_is_named,
                         a_choice_is_kept_by_its_shape, a_damaged_record_is_made_anew, a_record_counts,
                         a_trial_that_nobody_survived_is_known_to_the_next_start,
                         a_named_rung_is_taken_as_it_is, a_device_that_lacks_all_kernels_is_told_why);
}
