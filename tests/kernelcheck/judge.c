/* What a case of kernelcheck has left behind, beside what the reference expects. */
#include "tests/kernelcheck/kernelcheck.h"

#include "engine/base/half.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void check_print_case(const struct check *check)
{
    const char *weights = kernels_weights(check->kernels) == ELEMENT_F16 ? "f16" : "f32";
    printf("%-10s %-9s %s  %-44s ", check->operation, rung_name(kernels_rung(check->kernels)), weights,
           check->name);
}

static bool is_unwritten(const struct check_array *array, size_t at)
{
    size_t size_bytes = element_size_bytes(array->element);
    const uint8_t *bytes = array->results[FILLING_NAN] + CHECK_GUARD_BYTES + at * size_bytes;
    for (size_t byte = 0; byte < size_bytes; byte++)
        if (bytes[byte] != CHECK_UNWRITTEN)
            return false;
    return true;
}

static float element_got(const struct check_array *array, size_t i)
{
    const uint8_t *bytes = array->results[FILLING_NAN] + CHECK_GUARD_BYTES +
                           layout_place(&array->layout, i) * element_size_bytes(array->element);
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
    uint8_t *bytes = array->results[FILLING_NAN] + CHECK_GUARD_BYTES +
                     layout_place(&array->layout, i) * element_size_bytes(array->element);
    uint16_t half = half_from_float(value);
    if (array->element == ELEMENT_F32)
        memcpy(bytes, &value, sizeof value);
    else
        memcpy(bytes, &half, sizeof half);
}

/* Root mean square of the numbers that are expected. */
static double scale_of(const struct check_array *array)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < array->count; i++)
        if (isfinite(array->expected[i])) {
            sum += (double)array->expected[i] * array->expected[i];
            count++;
        }
    return count ? sqrt(sum / (double)count) : 0;
}

void check_damage(struct check *check)
{
    enum { WRONG, NOT_A_NUMBER, MISSING, TOO_MANY, AFTER, BEFORE, DEPENDENT, WAYS };
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
    if (isinf(expected) && (way == WRONG || way == NOT_A_NUMBER))
        element_put(array, written, 0);
    else if (way == WRONG)
        element_put(array, written,
                    (float)(expected + 4 * fmax(array->bound, 1e-6) * (fabs(expected) + scale_of(array))));
    else if (way == NOT_A_NUMBER)
        element_put(array, written, NAN);
    else if (way == MISSING)
        memset(array->results[FILLING_NAN] + CHECK_GUARD_BYTES +
                   layout_place(&array->layout, written) * size_bytes,
               CHECK_UNWRITTEN, size_bytes);
    else if (way == TOO_MANY)
        element_put(array, spare, 0);
    else if (way == DEPENDENT)
        array->results[1 + check->cases % (FILLINGS - 1)]
                      [CHECK_GUARD_BYTES + layout_place(&array->layout, written) * size_bytes] ^= 1;
    else
        array->results[FILLING_NAN]
                      [way == AFTER ? CHECK_GUARD_BYTES + array->content_bytes : CHECK_GUARD_BYTES - 1] ^= 1;
}

/* NULL, or what is wrong with an array outside of its elements after a run. */
static const char *misplaced_write(const struct check_array *array, enum filling filling)
{
    const uint8_t *before = array->uploaded[filling], *result = array->results[filling];
    size_t after = CHECK_GUARD_BYTES + array->content_bytes;
    if (memcmp(result, before, CHECK_GUARD_BYTES) != 0)
        return "written before its start";
    if (memcmp(result + after, before + after, CHECK_GUARD_BYTES) != 0)
        return "written past its end";
    if (!array->expected && !array->scratch && memcmp(result, before, after) != 0)
        return "an input was written";
    return NULL;
}

/* NULL, or what another filling than NaN has changed of an output. */
static const char *dependence(const struct check_array *array, enum filling filling)
{
    static const char *const complaints[FILLINGS] = {[FILLING_INFINITY] = "infinity beyond the rows decides",
                                                     [FILLING_GARBAGE] = "garbage beyond the rows decides",
                                                     [FILLING_OLD] = "old data beyond the rows decide"};
    size_t size_bytes = element_size_bytes(array->element);
    for (size_t at = 0; at < array->content_bytes / size_bytes; at++) {
        const uint8_t *should =
            is_unwritten(array, at) ? array->uploaded[filling] : array->results[FILLING_NAN];
        const size_t byte = CHECK_GUARD_BYTES + at * size_bytes;
        if (memcmp(array->results[filling] + byte, should + byte, size_bytes) != 0)
            return complaints[filling];
    }
    return NULL;
}

/* Whether something was written to the rows that fill the last strip up. */
static bool fills_up(const struct check_array *array)
{
    const struct layout *layout = &array->layout;
    for (size_t row = layout->rows; row % layout->strip; row++)
        for (size_t column = 0; column < layout->columns; column++)
            if (!is_unwritten(array, layout_index(layout, row, column)))
                return true;
    return false;
}

/* NULL, or what is wrong with an output; *error becomes its largest error. */
static const char *compare(const struct check_array *array, double *error)
{
    double scale = scale_of(array);
    for (size_t i = 0; i < array->count; i++) {
        double expected = array->expected[i], got = element_got(array, i);
        if (isnan(expected)) {
            if (!is_unwritten(array, layout_place(&array->layout, i)))
                return "written where nothing belongs";
            continue;
        }
        if (is_unwritten(array, layout_place(&array->layout, i)))
            return "an element was left out";
        if (isinf(expected)) {
            if (isfinite(got))
                return "a number where none can be";
            continue;
        }
        if (!isfinite(got))
            return "not finite";
        double difference = fabs(got - expected);
        if (difference > 0)
            *error = fmax(*error, difference / (fabs(expected) + scale));
    }
    if (array->layout.rows && fills_up(array))
        return "written where the last strip's rows end";
    return *error <= array->bound ? NULL : "wrong";
}

static bool same_bits(const struct check_array *a, const struct check_array *b)
{
    return a->content_bytes == b->content_bytes &&
           !memcmp(a->results[FILLING_NAN] + CHECK_GUARD_BYTES, b->results[FILLING_NAN] + CHECK_GUARD_BYTES,
                   a->content_bytes);
}

bool check_judge(const struct check *check, const struct check_array *array)
{
    double error = 0;
    const char *complaint = NULL;
    for (enum filling filling = 0; filling < FILLINGS && !complaint; filling++)
        complaint = misplaced_write(array, filling);
    if (!complaint && array->expected)
        complaint = compare(array, &error);
    for (enum filling filling = FILLING_NAN + 1; filling < FILLINGS && !complaint && array->expected;
         filling++)
        complaint = dependence(array, filling);
    if (!complaint && array->twin && !same_bits(array, array->twin))
        complaint = "other bits than its twin";
    if (complaint || array->expected) {
        check_print_case(check);
        printf("%-8s %.1e (bound %.0e)  %s\n", array->name ? array->name : "input", error, array->bound,
               complaint ? complaint : "ok");
    }
    return !complaint;
}
