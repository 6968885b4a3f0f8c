/* The search for the fastest tiles on a made-up device: its figures and its clock are these. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/tune.h"
#include "tests/unit/suite.h"

enum { TILES = 4 };

/* What each tile takes of a shape, besides what an operation does. */
struct device {
    double now_ms, making_ms;
    uint32_t usable, measured; /* tiles, a bit each; measurements so far */
    uint32_t broken, lost;     /* tiles */
    double enough_ms;          /* of the last measurement */
};

static struct tuning tuning;

/* Tile i makes i + 1 rows of workgroups of so many rows: large ones waste on small shapes. */
static double cost_ms(const struct tiled_shape *shape, uint32_t tile)
{
    const double side = 32 << tile, rows = ceil(shape->m / side);
    return rows * side * shape->n * shape->k * 1e-9 * (1 + 1.0 / side);
}

static uint32_t usable(void *context, uint32_t kind)
{
    (void)kind;
    return ((struct device *)context)->usable;
}

static double making_ms(void *context, uint32_t kind, uint32_t tile)
{
    (void)kind;
    (void)tile;
    return ((struct device *)context)->making_ms;
}

static double now_ms(void *context)
{
    return ((struct device *)context)->now_ms;
}

static enum status measure(void *context, const struct tiled_shape *shape, uint32_t tile, double enough_ms,
                           struct failure *failure, double *ms)
{
    struct device *device = context;
    device->measured++;
    device->enough_ms = enough_ms;
    if (device->lost >> tile & 1)
        return failure_set(failure, STATUS_DEVICE_LOST, "It is gone.");
    if (device->broken >> tile & 1) {
        device->usable &= ~(1u << tile);
        return failure_set(failure, STATUS_DEVICE, "It is wrong.");
    }
    *ms = cost_ms(shape, tile);
    device->now_ms += 4 * *ms;
    return STATUS_OK;
}

static enum status search(struct device *device, size_t rounds, uint32_t tiles, double budget_ms, bool *whole)
{
    const struct tuning_probe probe = {usable, measure, making_ms, now_ms, device};
    struct failure failure = {0};
    return tuning_search(&tuning, &probe, rounds, tiles, device->now_ms + budget_ms, &failure, whole);
}

static struct device fresh(uint32_t batch)
{
    static const struct trial_shape network = {.width = 1024,
                                               .heads = 16,
                                               .ffn_columns = 5504,
                                               .gated = true,
                                               .tokens = 1029,
                                               .patches = 1024,
                                               .pixels = 768};
    struct trial_shape shape = network;
    shape.batch = batch;
    tuning_plan(&shape, false, &tuning);
    return (struct device){.usable = (1u << TILES) - 1};
}

START_TEST(each_shape_gets_its_fastest_tile)
{
    struct device device = fresh(8);
    bool whole = false;
    ck_assert_int_eq(search(&device, TUNING_ROUNDS_MAX, TILES, 1e9, &whole), STATUS_OK);
    ck_assert(whole);
    ck_assert_uint_eq(device.measured, tuning.shape_count * TILES);
    for (size_t i = 0; i < tuning.shape_count; i++) {
        uint32_t tile = TILES, best = 0;
        ck_assert(tuning_best(&tuning, i, device.usable, &tile));
        for (uint32_t other = 1; other < TILES; other++)
            if (cost_ms(&tuning.shapes[i], other) < cost_ms(&tuning.shapes[i], best))
                best = other;
        ck_assert_uint_eq(tile, best);
        ck_assert(tuning_best(&tuning, i, device.usable & ~(1u << best), &tile) && tile != best);
        ck_assert(!tuning_best(&tuning, i, 0, &tile));
    }
}
END_TEST

START_TEST(what_is_measured_is_not_measured_again)
{
    struct device device = fresh(8);
    bool whole = false;
    ck_assert_int_eq(search(&device, 1, 1, INFINITY, &whole), STATUS_OK);
    const uint32_t first = device.measured;
    ck_assert_uint_eq(first, tuning.round_ends[0]);
    ck_assert(tuning_round_ms(&tuning, 0) < INFINITY);
    ck_assert(isinf(tuning_round_ms(&tuning, 1)));
    ck_assert_int_eq(search(&device, 1, TILES, INFINITY, &whole), STATUS_OK);
    ck_assert_uint_eq(device.measured, first * TILES);
    ck_assert_int_eq(search(&device, 1, TILES, INFINITY, &whole), STATUS_OK);
    ck_assert_uint_eq(device.measured, first * TILES);
}
END_TEST

START_TEST(the_budget_is_kept)
{
    bool whole = true;
    for (double budget_ms = 1; budget_ms < 1e6; budget_ms *= 3) {
        struct device device = fresh(8);
        ck_assert_int_eq(search(&device, TUNING_ROUNDS_MAX, TILES, budget_ms, &whole), STATUS_OK);
        /* Of the first one nothing is known before. */
        ck_assert(device.now_ms <= budget_ms || device.measured == 1);
        ck_assert_int_eq(whole, device.measured == tuning.shape_count * TILES);
    }
    ck_assert(whole);
    struct device device = fresh(8);
    device.making_ms = 100; /* which counts, too */
    ck_assert_int_eq(search(&device, TUNING_ROUNDS_MAX, TILES, 99, &whole), STATUS_OK);
    ck_assert_uint_eq(device.measured, 0);
    ck_assert_int_eq(search(&device, TUNING_ROUNDS_MAX, TILES, 0, &whole), STATUS_OK);
    ck_assert_uint_eq(device.measured, 0);
}
END_TEST

START_TEST(the_largest_batch_comes_first_and_then_one_image)
{
    fresh(8);
    static const uint32_t batches[] = {8, 1, 2, 4};
    ck_assert_uint_eq(tuning.round_count, 4);
    for (size_t round = 0, shape = 0; round < 4; shape = tuning.round_ends[round++])
        ck_assert_uint_eq(tuning.shapes[shape].m, batches[round] * 1029);
    struct trial_shape every = {.width = 384,
                                .heads = 6,
                                .ffn_columns = 1536,
                                .tokens = 261,
                                .batch = 64,
                                .patches = 256,
                                .pixels = 768};
    tuning_plan(&every, true, &tuning);
    ck_assert_uint_eq(tuning.round_count, 64);
    ck_assert_uint_eq(tuning.shape_count, 64 * 6);
    ck_assert_uint_eq(tuning.round_ends[63], tuning.shape_count);
}
END_TEST

START_TEST(a_wrong_tile_costs_no_other_its_turn)
{
    struct device device = fresh(1);
    bool whole = false;
    device.broken = 1u << 2;
    ck_assert_int_eq(search(&device, TUNING_ROUNDS_MAX, TILES, 1e9, &whole), STATUS_OK);
    ck_assert(whole);
    ck_assert_uint_eq(device.measured, tuning.shape_count * (TILES - 1) + 1);
    for (size_t i = 0; i < tuning.shape_count; i++) {
        uint32_t tile;
        ck_assert(tuning.ms[i][2] == 0);
        ck_assert(tuning_best(&tuning, i, device.usable, &tile));
    }
}
END_TEST

START_TEST(a_lost_device_ends_the_search_and_keeps_what_was_found)
{
    struct device device = fresh(1);
    bool whole = true;
    device.lost = 1u << 1;
    ck_assert_int_eq(search(&device, TUNING_ROUNDS_MAX, TILES, 1e9, &whole), STATUS_DEVICE_LOST);
    ck_assert(!whole);
    for (size_t i = 0; i < tuning.shape_count; i++)
        ck_assert(tuning.ms[i][0] > 0 && tuning.ms[i][1] == 0);
}
END_TEST

START_TEST(a_tile_that_is_far_behind_need_not_be_known_well)
{
    struct device device = fresh(1);
    bool whole = true;
    ck_assert_int_eq(search(&device, 1, 1, INFINITY, &whole), STATUS_OK);
    ck_assert(isinf(device.enough_ms));
    ck_assert_int_eq(search(&device, 1, 2, INFINITY, &whole), STATUS_OK);
    ck_assert(device.enough_ms > cost_ms(&tuning.shapes[tuning.round_ends[0] - 1], 0));
    ck_assert(device.enough_ms < INFINITY);
}
END_TEST

START_TEST(shapes_have_names_that_can_be_read)
{
    struct tiled_shape read;
    char name[TILED_NAME_BYTES];
    fresh(8);
    for (size_t i = 0; i < tuning.shape_count; i++) {
        tiled_name(&tuning.shapes[i], name);
        ck_assert(tiled_read(name, &read));
        ck_assert(tiled_equal(&read, &tuning.shapes[i]));
    }
    ck_assert_str_eq((tiled_name(&tuning.shapes[0], name), name), "swiglu 8232x5504x1024");
    static const char *const wrong[] = {"",
                                        "swiglu",
                                        "swiglu 1x2",
                                        "swiglu 0x2x3",
                                        "swiglu 1x2x3 ",
                                        "sw 1x2x3",
                                        "swiglu 01x2x3",
                                        "swiglu 1x2x99999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!tiled_read(wrong[i], &read), "\"%s\"", wrong[i]);
}
END_TEST

START_TEST(near_shapes_are_near)
{
    const struct tiled_shape asked = {GEMM_ADD, 5 * 1029, 1024, 1024};
    const struct tiled_shape near = {GEMM_ADD, 4 * 1029, 1024, 1024}, far = {GEMM_ADD, 1029, 1024, 1024},
                             other = {GEMM_RELU, 5 * 1029, 1024, 1024},
                             attention = {TILED_ATTENTION, 5, 16, 1029};
    ck_assert(tiled_distance(&asked, &asked) == 0);
    ck_assert(tiled_distance(&asked, &near) < tiled_distance(&asked, &far));
    ck_assert(tiled_distance(&asked, &other) < tiled_distance(&asked, &near));
    ck_assert(tiled_distance(&asked, &other) > 0);
    ck_assert(isinf(tiled_distance(&asked, &attention)));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("tuning");
    tcase_add_test(cases, each_shape_gets_its_fastest_tile);
    tcase_add_test(cases, what_is_measured_is_not_measured_again);
    tcase_add_test(cases, the_budget_is_kept);
    tcase_add_test(cases, the_largest_batch_comes_first_and_then_one_image);
    tcase_add_test(cases, a_wrong_tile_costs_no_other_its_turn);
    tcase_add_test(cases, a_lost_device_ends_the_search_and_keeps_what_was_found);
    tcase_add_test(cases, a_tile_that_is_far_behind_need_not_be_known_well);
    tcase_add_test(cases, shapes_have_names_that_can_be_read);
    tcase_add_test(cases, near_shapes_are_near);
    return suite_run("tuning", cases);
}
