#include "engine/kernels/tuning.h"

#include <math.h>

/* A tile's first run of a shape also pays for what is cold and is followed by a few more. */
static const double runs_a_measurement = 5, enough = 2;

void tuning_add(struct tuning *tuning, const struct tiled_shape *shape)
{
    for (size_t i = 0; i < tuning->shape_count; i++)
        if (tiled_equal(&tuning->shapes[i], shape))
            return;
    if (tuning->shape_count < TUNING_SHAPES_MAX)
        tuning->shapes[tuning->shape_count++] = *shape;
}

void tuning_end_round(struct tuning *tuning)
{
    if (tuning->round_count < TUNING_ROUNDS_MAX)
        tuning->round_ends[tuning->round_count++] = tuning->shape_count;
}

static size_t round_start(const struct tuning *tuning, size_t round)
{
    return round ? tuning->round_ends[round - 1] : 0;
}

bool tuning_best(const struct tuning *tuning, size_t shape, uint32_t usable, uint32_t *tile)
{
    double best_ms = INFINITY;
    for (uint32_t i = 0; i < TILES_MAX; i++)
        if (usable >> i & 1 && tuning->ms[shape][i] > 0 && tuning->ms[shape][i] < best_ms) {
            best_ms = tuning->ms[shape][i];
            *tile = i;
        }
    return best_ms < INFINITY;
}

static double best_ms(const struct tuning *tuning, size_t shape)
{
    uint32_t tile = 0;
    return tuning_best(tuning, shape, UINT32_MAX, &tile) ? tuning->ms[shape][tile] : INFINITY;
}

double tuning_round_ms(const struct tuning *tuning, size_t round)
{
    double sum = 0;
    for (size_t i = round_start(tuning, round); i < tuning->round_ends[round]; i++)
        sum += best_ms(tuning, i);
    return sum;
}

/* By what a shape took already, or by the best rate of all that was measured; 0 where nothing was. */
static double expected_ms(const struct tuning *tuning, size_t shape)
{
    double own = best_ms(tuning, shape), rate = 0;
    if (own < INFINITY)
        return own;
    for (size_t i = 0; i < tuning->shape_count; i++)
        rate = fmax(rate, tiled_operations(&tuning->shapes[i]) / best_ms(tuning, i));
    return rate > 0 ? tiled_operations(&tuning->shapes[shape]) / rate : 0;
}

enum status tuning_search(struct tuning *tuning, const struct tuning_probe *probe, size_t rounds,
                          uint32_t tiles, double end_ms, struct failure *failure, bool *whole)
{
    *whole = false;
    for (size_t round = 0; round < rounds && round < tuning->round_count; round++)
        for (uint32_t tile = 0; tile < TILES_MAX && tile < tiles; tile++)
            for (size_t i = round_start(tuning, round); i < tuning->round_ends[round]; i++) {
                const struct tiled_shape *shape = &tuning->shapes[i];
                if (tuning->ms[i][tile] > 0 || !(probe->usable(probe->context, shape->kind) >> tile & 1))
                    continue;
                const double cost_ms = probe->making_ms(probe->context, shape->kind, tile) +
                                       runs_a_measurement * expected_ms(tuning, i);
                if (probe->now_ms(probe->context) + cost_ms >= end_ms)
                    return STATUS_OK;
                double ms = 0;
                enum status status =
                    probe->measure(probe->context, shape, tile, enough * best_ms(tuning, i), failure, &ms);
                if (status && status != STATUS_DEVICE)
                    return status;
                if (!status)
                    tuning->ms[i][tile] = ms;
            }
    *whole = true;
    return STATUS_OK;
}
