/* One case of kernelcheck: its arrays on the device, the run, the comparison. */
#include "tests/kernelcheck/kernelcheck.h"

#include "engine/base/half.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GUARD_BYTES = 1024,
    UNWRITTEN =
        0xff, /* fills guard zones and outputs: a NaN in both element types, and none that is computed */
    BENCH_RUNS = 10,
};
static const uint64_t timeout_ns = 120ull * 1000000000;

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
    size_t size_bytes = content_bytes + 2 * GUARD_BYTES;
    struct check_array *array = memory_allocate(1, sizeof *array);
    assert(check->array_count < sizeof check->arrays / sizeof *check->arrays);
    check->arrays[check->array_count++] = array;
    array->name = name;
    array->element = element;
    array->count = count;
    array->content_bytes = content_bytes;
    array->slice = check_memory_take(check, size_bytes);
    array->slice.size_bytes = size_bytes;
    array->address = array->slice.address + GUARD_BYTES;
    array->uploaded = memory_allocate(size_bytes, 1);
    memset(array->uploaded, UNWRITTEN, size_bytes);
    /* Rounding alone is 6e-8 and 4.9e-4; the rest is room for another order of summation. */
    array->bound = element == ELEMENT_F16 ? 1e-3 : 1e-5;
    return array;
}

static struct check_array *array_of_elements(struct check *check, const char *name, enum element element,
                                             size_t count)
{
    return array_create(check, name, element, count, count * element_size_bytes(element));
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
    memset(array->expected, UNWRITTEN, array->count * sizeof *array->expected);
}

struct check_array *check_input(struct check *check, enum element element, size_t count, float deviation)
{
    struct check_array *array = array_of_elements(check, NULL, element, count);
    fill_randomly(check, array, deviation);
    return array;
}

struct check_array *check_bytes(struct check *check, const void *data, size_t size_bytes)
{
    struct check_array *array = array_create(check, NULL, ELEMENT_F32, 0, size_bytes);
    memcpy(array->uploaded + GUARD_BYTES, data, size_bytes);
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

struct check_array *check_update(struct check *check, const char *name, enum element element, size_t count,
                                 float deviation)
{
    struct check_array *array = check_output(check, name, element, count);
    fill_randomly(check, array, deviation);
    return array;
}

static void upload(struct check *check, struct check_array *array)
{
    struct failure failure = {0};
    uint8_t *content = array->uploaded + GUARD_BYTES;
    for (size_t i = 0; array->values && i < array->count; i++) {
        if (array->element == ELEMENT_F16) {
            uint16_t bits = half_from_float(array->values[i]);
            memcpy(content + i * sizeof bits, &bits, sizeof bits);
            array->values[i] = half_to_float(bits);
        } else {
            memcpy(content + i * sizeof(float), &array->values[i], sizeof(float));
        }
    }
    if (array->values && array->expected)
        memcpy(array->expected, array->values, array->count * sizeof *array->values);
    check_demand(
        gpu_slice_write(check->device, &array->slice, 0, array->uploaded, array->slice.size_bytes, &failure),
        &failure);
}

static void submit(struct check *check)
{
    struct failure failure = {0};
    check_demand(gpu_recorder_submit(check->recorder, &failure), &failure);
    check_demand(gpu_recorder_wait(check->recorder, timeout_ns, &failure), &failure);
}

static void print_case(const struct check *check)
{
    const char *weights = kernels_weights(check->kernels) == ELEMENT_F16 ? "f16" : "f32";
    printf("%-10s %-9s %s  %-44s ", check->operation, rung_name(kernels_rung(check->kernels)), weights,
           check->name);
}

static void benchmark(struct check *check, const struct check_work *work)
{
    struct failure failure = {0};
    double best_ms = INFINITY;
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
    print_case(check);
    printf("%10.3f ms", best_ms);
    if (work->bytes > 0)
        printf("  %8.1f GB/s", work->bytes / best_ms * 1e-6);
    if (work->flops > 0)
        printf("  %8.1f GFLOP/s", work->flops / best_ms * 1e-6);
    putchar('\n');
    fflush(stdout);
}

bool check_run(struct check *check, const struct check_work *work)
{
    struct failure failure = {0};
    for (size_t i = 0; i < check->array_count; i++)
        upload(check, check->arrays[i]);
    check_demand(gpu_recorder_finish(check->recorder, &failure), &failure);
    if (check->bench) {
        benchmark(check, work);
        return false;
    }
    submit(check);
    for (size_t i = 0; i < check->array_count; i++) {
        struct check_array *array = check->arrays[i];
        array->result = memory_allocate(array->slice.size_bytes, 1);
        check_demand(
            gpu_slice_read(check->device, &array->slice, 0, array->result, array->slice.size_bytes, &failure),
            &failure);
    }
    return true;
}

static bool is_unwritten(const struct check_array *array, size_t i)
{
    size_t size_bytes = element_size_bytes(array->element);
    const uint8_t *bytes = array->result + GUARD_BYTES + i * size_bytes;
    for (size_t byte = 0; byte < size_bytes; byte++)
        if (bytes[byte] != UNWRITTEN)
            return false;
    return true;
}

static float element_got(const struct check_array *array, size_t i)
{
    const uint8_t *bytes = array->result + GUARD_BYTES + i * element_size_bytes(array->element);
    uint16_t half;
    float value;
    if (array->element == ELEMENT_F32) {
        memcpy(&value, bytes, sizeof value);
        return value;
    }
    memcpy(&half, bytes, sizeof half);
    return half_to_float(half);
}

static void element_put(struct check_array *array, size_t i, float value)
{
    uint8_t *bytes = array->result + GUARD_BYTES + i * element_size_bytes(array->element);
    uint16_t half = half_from_float(value);
    if (array->element == ELEMENT_F32)
        memcpy(bytes, &value, sizeof value);
    else
        memcpy(bytes, &half, sizeof half);
}

/* Root mean square of what is expected. */
static double scale_of(const struct check_array *array)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < array->count; i++)
        if (!isnan(array->expected[i])) {
            sum += (double)array->expected[i] * array->expected[i];
            count++;
        }
    return count ? sqrt(sum / (double)count) : 0;
}

/* Damages what was read back of the case's last output as a faulty kernel would, in one of six ways by turns.
 */
static void damage(struct check *check)
{
    enum { WRONG, NOT_A_NUMBER, MISSING, TOO_MANY, AFTER, BEFORE, WAYS };
    size_t last = check->array_count - 1;
    while (!check->arrays[last]->expected)
        last--;
    struct check_array *array = check->arrays[last];
    unsigned way = check->cases % WAYS;
    size_t size_bytes = element_size_bytes(array->element), written = 0, spare = 0;
    while (written < array->count && isnan(array->expected[written]))
        written++;
    while (spare < array->count && !isnan(array->expected[spare]))
        spare++;
    if (way == TOO_MANY && spare == array->count)
        way = WRONG;
    float expected = array->expected[written];
    if (way == WRONG)
        element_put(array, written,
                    (float)(expected + 4 * fmax(array->bound, 1e-6) * (fabs(expected) + scale_of(array))));
    else if (way == NOT_A_NUMBER)
        element_put(array, written, NAN);
    else if (way == MISSING)
        memset(array->result + GUARD_BYTES + written * size_bytes, UNWRITTEN, size_bytes);
    else if (way == TOO_MANY)
        element_put(array, spare, 0);
    else
        array->result[way == AFTER ? GUARD_BYTES + array->content_bytes : GUARD_BYTES - 1] ^= 1;
}

/* NULL, or what is wrong with an array outside of its elements. */
static const char *misplaced_write(const struct check_array *array)
{
    size_t after = GUARD_BYTES + array->content_bytes;
    if (memcmp(array->result, array->uploaded, GUARD_BYTES) != 0)
        return "written before its start";
    if (memcmp(array->result + after, array->uploaded + after, GUARD_BYTES) != 0)
        return "written past its end";
    if (!array->expected && !array->scratch && memcmp(array->result, array->uploaded, after) != 0)
        return "an input was written";
    return NULL;
}

/* NULL, or what is wrong with an output; *error becomes its largest error. */
static const char *compare(const struct check_array *array, double *error)
{
    double scale = scale_of(array);
    for (size_t i = 0; i < array->count; i++) {
        double expected = array->expected[i], got = element_got(array, i);
        if (isnan(expected)) {
            if (!is_unwritten(array, i))
                return "written where nothing belongs";
            continue;
        }
        if (is_unwritten(array, i))
            return "an element was left out";
        if (!isfinite(got))
            return "not finite";
        double difference = fabs(got - expected);
        if (difference > 0)
            *error = fmax(*error, difference / (fabs(expected) + scale));
    }
    return *error <= array->bound ? NULL : "wrong";
}

/* Prints one line; true when the array is as it must be. */
static bool judge(const struct check *check, const struct check_array *array)
{
    double error = 0;
    const char *complaint = misplaced_write(array);
    if (!complaint && array->expected)
        complaint = compare(array, &error);
    if (complaint || array->expected) {
        print_case(check);
        printf("%-8s %.1e (bound %.0e)  %s\n", array->name ? array->name : "input", error, array->bound,
               complaint ? complaint : "ok");
    }
    return !complaint;
}

void check_case_end(struct check *check)
{
    bool good = true;
    if (check->corrupt && !check->bench)
        damage(check);
    for (size_t i = 0; i < check->array_count; i++) {
        struct check_array *array = check->arrays[i];
        if (!check->bench && !judge(check, array))
            good = false;
        free(array->values);
        free(array->expected);
        free(array->uploaded);
        free(array->result);
        free(array);
    }
    check->cases++;
    if (good == check->corrupt)
        check->wrong++;
    check->array_count = 0;
    gpu_recorder_destroy(&check->recorder);
    fflush(stdout);
}
