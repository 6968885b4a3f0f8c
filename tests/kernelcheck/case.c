/* One case of kernelcheck: its arrays on the device, the run, the comparison. */
#include "tests/kernelcheck/kernelcheck.h"

#include "engine/base/clock.h"
#include "engine/base/half.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BENCH_RUNS = 10, WARM_MS = 100 };
static const uint64_t timeout_ns = 280ull * 1000000000; /* a driver may compile at first use */

void check_demand(enum status status, const struct failure *failure)
{
    if (status == STATUS_OK)
        return;
    fflush(stdout);
    fprintf(stderr, "kernelcheck: %s\n", failure->sentence);
    exit(EXIT_FAILURE);
}

/* SplitMix64 (Steele, Lea and Flood, 2014). */
static uint64_t random_next(struct check *check)
{
    uint64_t z = check->random += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static double random_uniform(struct check *check)
{
    return (double)(random_next(check) >> 11) * 0x1p-53;
}

/* By Irwin and Hall: the sum of twelve uniform numbers less six. */
static float random_normal(struct check *check)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += random_uniform(check);
    return (float)sum;
}

uint32_t check_random_below(struct check *check, uint32_t limit)
{
    return (uint32_t)(random_uniform(check) * limit);
}

void check_case_begin(struct check *check, const char *format, ...)
{
    struct failure failure = {0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(check->name, sizeof check->name, format, arguments);
    va_end(arguments);
    check->random = 0;
    for (const char *c = check->name; *c; c++)
        check->random = check->random * 31 + (unsigned char)*c;
    check->array_count = 0;
    check_memory_clear(check);
    check_demand(gpu_recorder_create(check->device, check->bench, &failure, &check->recorder), &failure);
}

static struct check_array *array_create(struct check *check, const char *name, enum element element,
                                        size_t count, size_t content_bytes)
{
    size_t size_bytes = content_bytes + 2 * CHECK_GUARD_BYTES;
    struct check_array *array = memory_allocate(1, sizeof *array);
    assert(check->array_count < sizeof check->arrays / sizeof *check->arrays);
    check->arrays[check->array_count++] = array;
    array->name = name;
    array->element = element;
    array->count = count;
    array->content_bytes = content_bytes;
    array->slice = check_memory_take(check, size_bytes);
    array->slice.size_bytes = size_bytes;
    array->address = array->slice.address + CHECK_GUARD_BYTES;
    /* Rounding alone is 6e-8 and 4.9e-4; the rest is room for another order of summation. */
    array->bound = element == ELEMENT_F16 ? 1e-3 : 1e-5;
    return array;
}

static struct check_array *array_of_elements(struct check *check, const char *name, enum element element,
                                             size_t count)
{
    return array_create(check, name, element, count, count * element_size_bytes(element));
}

static struct check_array *array_of_activations(struct check *check, const char *name, size_t rows,
                                                size_t columns)
{
    struct check_array *array = array_create(check, name, kernels_activations(check->kernels), rows * columns,
                                             kernels_activation_bytes(check->kernels, rows, columns));
    array->layout = kernels_layout(check->kernels, rows, columns);
    return array;
}

static void fill_randomly(struct check *check, struct check_array *array, float deviation)
{
    array->values = memory_allocate(array->count, sizeof *array->values);
    for (size_t i = 0; i < array->count; i++)
        array->values[i] = deviation * random_normal(check);
}

static void expect_unwritten(struct check_array *array)
{
    array->expected = memory_allocate(array->count, sizeof *array->expected);
    memset(array->expected, CHECK_UNWRITTEN, array->count * sizeof *array->expected);
}

struct check_array *check_input(struct check *check, enum element element, size_t count, float deviation)
{
    struct check_array *array = array_of_elements(check, NULL, element, count);
    fill_randomly(check, array, deviation);
    return array;
}

struct check_array *check_input_activations(struct check *check, size_t rows, size_t columns, float deviation)
{
    struct check_array *array = array_of_activations(check, NULL, rows, columns);
    fill_randomly(check, array, deviation);
    return array;
}

uint64_t check_column_address(const struct check_array *array, size_t column)
{
    return array->address + layout_index(&array->layout, 0, column) * element_size_bytes(array->element);
}

struct check_array *check_bytes(struct check *check, const void *data, size_t size_bytes)
{
    struct check_array *array = array_create(check, NULL, ELEMENT_F32, 0, size_bytes);
    array->bytes = memory_allocate(size_bytes, 1);
    memcpy(array->bytes, data, size_bytes);
    return array;
}

uint64_t check_scratch(struct check *check, size_t size_bytes)
{
    struct check_array *array = array_create(check, NULL, ELEMENT_F32, 0, size_bytes);
    array->scratch = true;
    return array->address;
}

struct check_array *check_output(struct check *check, const char *name, enum element element, size_t count)
{
    struct check_array *array = array_of_elements(check, name, element, count);
    expect_unwritten(array);
    return array;
}

struct check_array *check_output_activations(struct check *check, const char *name, size_t rows,
                                             size_t columns)
{
    struct check_array *array = array_of_activations(check, name, rows, columns);
    expect_unwritten(array);
    return array;
}

struct check_array *check_update(struct check *check, const char *name, enum element element, size_t count,
                                 float deviation)
{
    struct check_array *array = check_output(check, name, element, count);
    fill_randomly(check, array, deviation);
    return array;
}

static void put(const struct check_array *array, uint8_t *to, float value)
{
    uint16_t half = half_from_float(value);
    if (array->element == ELEMENT_F32)
        memcpy(to, &value, sizeof value);
    else
        memcpy(to, &half, sizeof half);
}

/* Makes what is uploaded for a run, as if nothing belonged anywhere. */
static uint8_t *fill(struct check *check, const struct check_array *array, enum filling filling)
{
    size_t size_bytes = array->slice.size_bytes, step = element_size_bytes(array->element);
    uint8_t *bytes = memory_allocate(round_up(size_bytes, step), 1);
    if (filling == FILLING_NAN)
        memset(bytes, CHECK_UNWRITTEN, size_bytes);
    else if (filling == FILLING_OLD)
        memcpy(bytes, array->results[filling - 1], size_bytes);
    else
        for (size_t at = 0; at < size_bytes; at += step)
            put(array, bytes + at, filling == FILLING_INFINITY ? INFINITY : 1e3F * random_normal(check));
    return bytes;
}

/* The value of an element, or what the filling has in its place: false, when that is there already. */
static bool value_of(const struct check_array *array, size_t i, enum filling filling, float *out)
{
    if (isnan(array->values[i]) && filling == FILLING_OLD)
        i = i * 31 % array->count; /* far away from it */
    *out = array->values[i];
    return !isnan(*out);
}

static void upload(struct check *check, struct check_array *array, enum filling filling)
{
    struct failure failure = {0};
    uint8_t *bytes = array->uploaded[filling] = fill(check, array, filling);
    uint8_t *content = bytes + CHECK_GUARD_BYTES;
    if (array->bytes)
        memcpy(content, array->bytes, array->content_bytes);
    for (size_t i = 0; array->values && i < array->count; i++) {
        float value;
        if (array->element == ELEMENT_F16)
            array->values[i] = half_to_float(half_from_float(array->values[i]));
        if (value_of(array, i, filling, &value))
            put(array, content + layout_place(&array->layout, i) * element_size_bytes(array->element), value);
    }
    if (array->values && array->expected)
        memcpy(array->expected, array->values, array->count * sizeof *array->values);
    check_demand(gpu_slice_write(check->device, &array->slice, 0, bytes, array->slice.size_bytes, &failure),
                 &failure);
}

static void submit(struct check *check)
{
    struct failure failure = {0};
    check_demand(gpu_recorder_submit(check->recorder, &failure), &failure);
    check_demand(gpu_recorder_wait(check->recorder, timeout_ns, &failure), &failure);
}

static void benchmark(struct check *check, const struct check_work *work)
{
    struct failure failure = {0};
    double best_ms = INFINITY;
    const uint64_t warm_ns = clock_now_ns();
    do /* an idle GPU clocks down to a fifth */
        submit(check);
    while (clock_elapsed_ms(warm_ns) < WARM_MS);
    for (int run = 0; run < BENCH_RUNS; run++) {
        const struct gpu_timing *timings;
        size_t count;
        double milliseconds = 0;
        submit(check);
        check_demand(gpu_recorder_timings(check->recorder, &failure, &timings, &count), &failure);
        for (size_t i = 0; i < count; i++)
            milliseconds += timings[i].milliseconds;
        best_ms = fmin(best_ms, milliseconds);
    }
    check_print_case(check);
    printf("%10.3f ms", best_ms);
    if (work->bytes > 0)
        printf("  %8.1f GB/s", work->bytes / best_ms * 1e-6);
    if (work->flops > 0)
        printf("  %8.1f GFLOP/s", work->flops / best_ms * 1e-6);
    putchar('\n');
    fflush(stdout);
}

static void read_back(struct check *check, struct check_array *array, enum filling filling)
{
    struct failure failure = {0};
    uint8_t *bytes = array->results[filling] = memory_allocate(array->slice.size_bytes, 1);
    check_demand(gpu_slice_read(check->device, &array->slice, 0, bytes, array->slice.size_bytes, &failure),
                 &failure);
}

bool check_run(struct check *check, const struct check_work *work)
{
    struct failure failure = {0};
    check_demand(gpu_recorder_finish(check->recorder, &failure), &failure);
    for (enum filling filling = 0; filling < (check->bench ? 1 : FILLINGS); filling++) {
        for (size_t i = 0; i < check->array_count; i++)
            upload(check, check->arrays[i], filling);
        if (check->bench) {
            benchmark(check, work);
            return false;
        }
        submit(check);
        for (size_t i = 0; i < check->array_count; i++)
            read_back(check, check->arrays[i], filling);
    }
    return true;
}

static void array_destroy(struct check_array *array)
{
    for (enum filling filling = 0; filling < FILLINGS; filling++) {
        free(array->uploaded[filling]);
        free(array->results[filling]);
    }
    free(array->values);
    free(array->expected);
    free(array->bytes);
    free(array);
}

void check_case_end(struct check *check)
{
    bool good = true;
    if (check->corrupt && !check->bench)
        check_damage(check);
    for (size_t i = 0; i < check->array_count && !check->bench; i++)
        good = check_judge(check, check->arrays[i]) && good;
    for (size_t i = 0; i < check->array_count; i++) /* once all are judged: twins look at each other */
        array_destroy(check->arrays[i]);
    check->cases++;
    if (good == check->corrupt)
        check->wrong++;
    check->array_count = 0;
    gpu_recorder_destroy(&check->recorder);
    fflush(stdout);
}
