/* A pipeline with specialisation and push constants, recorded once and replayed, with timings. */
#include "engine/gpu/recorder.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "tests/unit/gpu/gpu_test.h"

enum { COUNT = 1000, GROUP = 64, GROUPS = (COUNT + GROUP - 1) / GROUP };

struct fixture {
    struct gpu_device *device;
    struct gpu_pool *memory, *upload, *readback;
    struct gpu_pipeline *fill;
    struct gpu_slice words, sum;
};

static struct gpu_pool *pool_create(struct gpu_device *device, enum gpu_memory memory, size_t size_bytes,
                                    struct gpu_slice *slice)
{
    struct failure failure = {0};
    struct gpu_pool *pool = NULL;
    require_ok(gpu_pool_create(device, memory, &failure, &pool), &failure);
    require_ok(gpu_pool_allocate(pool, size_bytes, &failure, slice), &failure);
    return pool;
}

static struct gpu_pipeline *fill_create(struct gpu_device *device, uint32_t factor, uint32_t subgroup_size)
{
    struct failure failure = {0};
    struct gpu_pipeline *pipeline = NULL;
    const uint32_t constants[] = {GROUP, factor};
    const struct gpu_pipeline_options options = {.constants = constants,
                                                 .constant_count = 2,
                                                 .push_bytes = gpu_shader_push_bytes(&fill_shader),
                                                 .subgroup_size = subgroup_size};
    require_ok(gpu_pipeline_create(device, &fill_shader, &options, &failure, &pipeline), &failure);
    return pipeline;
}

static struct fixture fixture_create(void)
{
    struct failure failure = {0};
    struct fixture f = {.device = open_device(NULL)};
    f.memory = pool_create(f.device, GPU_MEMORY_DEVICE, COUNT * 4, &f.words);
    require_ok(gpu_pool_allocate(f.memory, COUNT * 4, &failure, &f.sum), &failure);
    f.fill = fill_create(f.device, 3, 0);
    return f;
}

static void fixture_destroy(struct fixture *f)
{
    gpu_pipeline_destroy(&f->fill);
    ck_assert_ptr_null(f->fill);
    gpu_pool_destroy(&f->memory);
    gpu_device_destroy(&f->device);
}

static struct gpu_recorder *recorder_create(struct gpu_device *device, bool timed)
{
    struct failure failure = {0};
    struct gpu_recorder *recorder = NULL;
    require_ok(gpu_recorder_create(device, timed, &failure, &recorder), &failure);
    return recorder;
}

static void finish(struct gpu_recorder *recorder)
{
    struct failure failure = {0};
    require_ok(gpu_recorder_finish(recorder, &failure), &failure);
}

static void run(struct gpu_recorder *recorder)
{
    struct failure failure = {0};
    require_ok(gpu_recorder_submit(recorder, &failure), &failure);
    require_ok(gpu_recorder_wait(recorder, UINT64_C(60000000000), &failure), &failure);
}

static struct fill_params params_of(const struct fixture *f, uint32_t value)
{
    return (struct fill_params){
        .words = f->words.address, .sum = f->sum.address, .count = COUNT, .value = value};
}

/* Every element of the slice equals base + i * step. */
static void expect(const struct fixture *f, const struct gpu_slice *slice, uint32_t base, uint32_t step)
{
    struct failure failure = {0};
    uint32_t words[COUNT + 1];
    require_ok(gpu_slice_read(f->device, slice, 0, words, sizeof words, &failure), &failure);
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert_uint_eq(words[i], base + i * step);
    ck_assert_uint_eq(words[COUNT], 0); /* beyond count nothing is written */
}

START_TEST(constants_and_push_constants_arrive_and_replays_repeat)
{
    struct fixture f = fixture_create();
    struct gpu_recorder *recorder = recorder_create(f.device, false);
    struct fill_params params = params_of(&f, 7);
    gpu_record_dispatch(recorder, f.fill, "fill", &params, GROUPS, 1, 1);
    params.value = 0; /* recorded, not referenced */
    finish(recorder);
    for (uint32_t replay = 1; replay <= 3; replay++) {
        run(recorder);
        expect(&f, &f.words, 21, 1);
        expect(&f, &f.sum, replay, 0);
    }
    gpu_recorder_destroy(&recorder);
    ck_assert_ptr_null(recorder);
    gpu_recorder_destroy(&recorder);
    fixture_destroy(&f);
}
END_TEST

START_TEST(each_command_sees_those_before_it)
{
    struct fixture f = fixture_create();
    struct failure failure = {0};
    struct gpu_slice copy = {0};
    require_ok(gpu_pool_allocate(f.memory, COUNT * 4, &failure, &copy), &failure);
    struct gpu_pipeline *other = fill_create(f.device, 1, gpu_device_info(f.device)->subgroup_size);
    struct gpu_recorder *recorder = recorder_create(f.device, false);
    for (uint32_t i = 0; i < 20; i++) {
        struct fill_params params = params_of(&f, i);
        gpu_record_dispatch(recorder, i == 19 ? other : f.fill, "fill", &params, GROUPS, 1, 1);
    }
    gpu_record_copy(recorder, &f.words, 0, &copy, 0, COUNT * 4);
    /* `sum` and `words` are refilled side by side from different sources, then read by a copy. */
    gpu_record_together_begin(recorder);
    gpu_record_copy(recorder, &copy, 0, &f.sum, 4, 4);
    gpu_record_copy(recorder, &copy, 4, &f.words, 0, 4);
    gpu_record_together_end(recorder);
    gpu_record_copy(recorder, &f.sum, 4, &f.words, 4, 4);
    finish(recorder);
    run(recorder);
    expect(&f, &copy, 19, 1);
    uint32_t words[2], sums[3];
    require_ok(gpu_slice_read(f.device, &f.words, 0, words, sizeof words, &failure), &failure);
    require_ok(gpu_slice_read(f.device, &f.sum, 0, sums, sizeof sums, &failure), &failure);
    ck_assert_mem_eq(words, ((uint32_t[]){20, 19}), sizeof words);
    ck_assert_mem_eq(sums, ((uint32_t[]){20, 19, 20}), sizeof sums);
    gpu_recorder_destroy(&recorder);
    gpu_pipeline_destroy(&other);
    fixture_destroy(&f);
}
END_TEST

START_TEST(a_cut_recording_does_what_a_whole_one_does)
{
    struct fixture f = fixture_create();
    struct failure failure = {0};
    struct gpu_recorder *recorder = recorder_create(f.device, true);
    gpu_recorder_cut(recorder, 3);
    for (uint32_t i = 0; i < 20; i++) { /* each adds one to the sum */
        struct fill_params params = params_of(&f, i);
        gpu_record_dispatch(recorder, f.fill, "fill", &params, GROUPS, 1, 1);
    }
    finish(recorder);
    for (uint32_t replay = 1; replay <= 3; replay++) {
        run(recorder);
        expect(&f, &f.words, 3 * 19, 1);
        expect(&f, &f.sum, 20 * replay, 0);
    }
    ck_assert_uint_eq(gpu_recorder_progress(recorder), 3 * 7);
    double *ms = NULL;
    size_t count = 0;
    require_ok(gpu_recorder_measure(recorder, &failure, &ms, &count), &failure);
    ck_assert_uint_eq(count, 7);
    for (size_t i = 0; i < count; i++)
        ck_assert(ms[i] > 0);
    expect(&f, &f.sum, 20 * 4, 0);
    const struct gpu_timing *timings = NULL;
    require_ok(gpu_recorder_timings(recorder, &failure, &timings, &count), &failure);
    ck_assert_uint_eq(count, 20);
    free(ms);
    gpu_recorder_destroy(&recorder);
    fixture_destroy(&f);
}
END_TEST

START_TEST(what_repeats_is_not_run_to_be_measured)
{
    struct fixture f = fixture_create();
    struct failure failure = {0};
    struct gpu_recorder *recorder = recorder_create(f.device, false);
    gpu_recorder_cut(recorder, 1);
    for (uint32_t i = 0; i < 6; i++) { /* each adds one to the sum; "other" is new although said to repeat */
        struct fill_params params = params_of(&f, i);
        gpu_recorder_repeats(recorder, i >= 2);
        gpu_record_dispatch(recorder, f.fill, i == 4 ? "other" : "fill", &params, GROUPS, 1, 1);
    }
    finish(recorder);
    double *ms = NULL;
    size_t count = 0;
    require_ok(gpu_recorder_measure(recorder, &failure, &ms, &count), &failure);
    ck_assert_uint_eq(count, 6);
    expect(&f, &f.sum, 3, 0); /* the first two and the other */
    for (size_t i = 2; i < count; i++)
        if (i != 4)
            ck_assert(ms[i] == ms[0]);
    run(recorder);
    expect(&f, &f.sum, 3 + 6, 0);
    free(ms);
    gpu_recorder_destroy(&recorder);
    fixture_destroy(&f);
}
END_TEST

START_TEST(host_memory_is_seen_on_both_sides)
{
    struct fixture f = fixture_create();
    struct gpu_slice from = {0}, to = {0};
    f.upload = pool_create(f.device, GPU_MEMORY_UPLOAD, COUNT * 4, &from);
    f.readback = pool_create(f.device, GPU_MEMORY_READBACK, COUNT * 4, &to);
    struct gpu_recorder *recorder = recorder_create(f.device, false);
    struct fill_params params = params_of(&f, 1);
    gpu_record_copy(recorder, &from, 0, &f.sum, 0, COUNT * 4);
    gpu_record_dispatch(recorder, f.fill, "fill", &params, GROUPS, 1, 1);
    gpu_record_copy(recorder, &f.sum, 0, &to, 0, COUNT * 4);
    finish(recorder);
    for (uint32_t replay = 0; replay < 3; replay++) {
        uint32_t *sent = from.mapped;
        const uint32_t *received = to.mapped;
        for (uint32_t i = 0; i < COUNT; i++)
            sent[i] = replay * 1000 + i;
        run(recorder);
        for (uint32_t i = 0; i < COUNT; i++)
            ck_assert_uint_eq(received[i], replay * 1000 + i + 1);
    }
    gpu_recorder_destroy(&recorder);
    gpu_pool_destroy(&f.upload);
    gpu_pool_destroy(&f.readback);
    fixture_destroy(&f);
}
END_TEST

START_TEST(timings_name_each_dispatch_and_fit_into_the_time_passed)
{
    struct fixture f = fixture_create();
    struct failure failure = {0};
    struct gpu_recorder *recorder = recorder_create(f.device, true);
    const char *const labels[] = {"first", "second", "third"};
    for (uint32_t i = 0; i < 3; i++) {
        struct fill_params params = params_of(&f, i);
        gpu_record_dispatch(recorder, f.fill, labels[i], &params, GROUPS, 1, 1);
    }
    finish(recorder);
    for (int replay = 0; replay < 3; replay++) {
        uint64_t start = clock_now_ns();
        run(recorder);
        double wall_ms = clock_elapsed_ms(start), sum_ms = 0;
        const struct gpu_timing *timings = NULL;
        size_t count = 0;
        require_ok(gpu_recorder_timings(recorder, &failure, &timings, &count), &failure);
        ck_assert_uint_eq(count, 3);
        for (size_t i = 0; i < count; i++) {
            ck_assert_str_eq(timings[i].label, labels[i]);
            ck_assert(timings[i].milliseconds >= 0);
            sum_ms += timings[i].milliseconds;
        }
        ck_assert(sum_ms > 0);
        ck_assert_msg(sum_ms <= wall_ms, "%g ms on the device in %g ms", sum_ms, wall_ms);
    }
    gpu_recorder_destroy(&recorder);
    fixture_destroy(&f);
}
END_TEST

START_TEST(a_recorder_in_flight_can_be_destroyed)
{
    struct fixture f = fixture_create();
    struct failure failure = {0};
    struct gpu_recorder *recorder = recorder_create(f.device, false);
    struct fill_params params = params_of(&f, 1);
    for (int i = 0; i < 200; i++)
        gpu_record_dispatch(recorder, f.fill, "fill", &params, GROUPS, 1, 1);
    finish(recorder);
    require_ok(gpu_recorder_submit(recorder, &failure), &failure);
    gpu_recorder_destroy(&recorder);
    expect(&f, &f.sum, 200, 0);
    fixture_destroy(&f);
}
END_TEST

START_TEST(a_device_can_be_lost_for_a_drill_while_it_computes)
{
    struct fixture f = fixture_create();
    struct failure failure = {0};
    struct gpu_recorder *recorder = recorder_create(f.device, false),
                        *other = recorder_create(f.device, false);
    struct fill_params params = params_of(&f, 1);
    for (int i = 0; i < 200; i++)
        gpu_record_dispatch(recorder, f.fill, "fill", &params, GROUPS, 1, 1);
    finish(recorder);
    finish(other);
    gpu_device_lose_after(f.device, 3);
    run(other);
    require_ok(gpu_recorder_submit(recorder, &failure), &failure);
    ck_assert(!gpu_device_lost(f.device));
    ck_assert_int_eq(gpu_recorder_submit(other, &failure), STATUS_DEVICE_LOST);
    ck_assert(gpu_device_lost(f.device));
    ck_assert_int_eq(gpu_recorder_wait(recorder, UINT64_MAX, &failure), STATUS_DEVICE_LOST);
    ck_assert_int_eq(gpu_recorder_submit(other, &failure), STATUS_DEVICE_LOST);
    gpu_recorder_destroy(&other);
    gpu_recorder_destroy(&recorder);
    fixture_destroy(&f);
}
END_TEST

START_TEST(a_grid_over_the_limit_fails_when_finished)
{
    struct fixture f = fixture_create();
    struct failure failure = {0};
    struct gpu_recorder *recorder = recorder_create(f.device, false);
    struct fill_params params = params_of(&f, 1);
    gpu_record_dispatch(recorder, f.fill, "fill", &params, GROUPS, UINT32_MAX, 1);
    ck_assert_int_eq(gpu_recorder_finish(recorder, &failure), STATUS_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "fill needs a grid of 16 x 4294967295 x 1"));
    gpu_recorder_destroy(&recorder);
    fixture_destroy(&f);
}
END_TEST

START_TEST(waiting_gives_up_in_time_and_can_go_on)
{
    struct fixture f = fixture_create();
    struct failure failure = {0};
    struct gpu_recorder *recorder = recorder_create(f.device, true);
    for (int i = 0; i < 1000; i++) { /* more queries than are reset at once */
        struct fill_params params = params_of(&f, 1);
        gpu_record_dispatch(recorder, f.fill, "fill", &params, GROUPS, 1, 1);
    }
    finish(recorder);
    require_ok(gpu_recorder_submit(recorder, &failure), &failure);
    enum status status = gpu_recorder_wait(recorder, 0, &failure);
    ck_assert(status == STATUS_TIMEOUT || status == STATUS_OK); /* a fast device may be done */
    require_ok(gpu_recorder_wait(recorder, UINT64_C(60000000000), &failure), &failure);
    const struct gpu_timing *timings = NULL;
    size_t count = 0;
    require_ok(gpu_recorder_timings(recorder, &failure, &timings, &count), &failure);
    ck_assert_uint_eq(count, 1000);
    gpu_recorder_destroy(&recorder);
    fixture_destroy(&f);
}
END_TEST

START_TEST(a_subgroup_size_the_device_lacks_is_refused)
{
    struct gpu_device *device = open_device(NULL);
    struct failure failure = {0};
    struct gpu_pipeline *pipeline = NULL;
    const struct gpu_pipeline_options options = {.push_bytes = sizeof(struct fill_params),
                                                 .subgroup_size =
                                                     2 * gpu_device_info(device)->subgroup_size_max};
    ck_assert_int_eq(gpu_pipeline_create(device, &fill_shader, &options, &failure, &pipeline), STATUS_DEVICE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "fill wants subgroups"));
    ck_assert_ptr_null(pipeline);
    gpu_device_destroy(&device);
}
END_TEST

START_TEST(a_workgroup_over_the_limits_is_refused)
{
    struct gpu_device *device = open_device(NULL);
    struct failure failure = {0};
    struct gpu_pipeline *pipeline = NULL;
    const uint32_t threads = gpu_device_info(device)->workgroup_invocations_max + 1;
    const struct gpu_pipeline_options options = {
        .constants = &threads, .constant_count = 1, .push_bytes = sizeof(struct fill_params)};
    ck_assert_int_eq(gpu_pipeline_create(device, &fill_shader, &options, &failure, &pipeline), STATUS_DEVICE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "fill wants workgroups"));
    ck_assert_ptr_null(pipeline);
    gpu_device_destroy(&device);
}
END_TEST

int main(void)
{
    return RUN_WITHOUT_FORKING(
        "recorder", constants_and_push_constants_arrive_and_replays_repeat, each_command_sees_those_before_it,
        a_cut_recording_does_what_a_whole_one_does, what_repeats_is_not_run_to_be_measured,
        host_memory_is_seen_on_both_sides, timings_name_each_dispatch_and_fit_into_the_time_passed,
        a_recorder_in_flight_can_be_destroyed, a_device_can_be_lost_for_a_drill_while_it_computes,
        a_grid_over_the_limit_fails_when_finished, waiting_gives_up_in_time_and_can_go_on,
        a_subgroup_size_the_device_lacks_is_refused, a_workgroup_over_the_limits_is_refused);
}
