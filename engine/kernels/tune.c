#include "engine/kernels/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/kernels/set.h"
#include "engine/kernels/trial.h"

enum { GEMM, ATTENTION, FAMILIES, GEMM_KINDS = (1 << TILED_ATTENTION) - 1 };

struct tuner {
    struct kernels *kernels;
    struct tuning *results;
    struct rung_record *record;
    struct trial_timer *timer; /* made when first needed */
    uint32_t kinds;            /* of the shapes, a bit each */
    uint32_t failed[FAMILIES]; /* tiles, a bit each */
    uint32_t agreed[TILED_KINDS];
    double making_ms; /* the longest that a tile took to be made and proved */
    char tried[TILE_LABEL_BYTES];
    bool blamed;
};

static void plan_batch(const struct trial_shape *shape, uint32_t batch, struct tuning *out)
{
    const uint32_t m = batch * shape->tokens, width = shape->width,
                   hidden = shape->ffn_columns / (shape->gated ? 2 : 1);
    const struct tiled_shape shapes[] = {
        {shape->gated ? GEMM_SWIGLU : GEMM_GELU, m, shape->ffn_columns, width},
        {GEMM_ADD, m, width, hidden},
        {GEMM_HEADS, m, 3 * width, width},
        {GEMM_ADD, m, width, width},
        {GEMM_ADD, batch * shape->patches, width, shape->pixels},
        {TILED_ATTENTION, batch, shape->heads, shape->tokens},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].m && shapes[i].k)
            tuning_add(out, &shapes[i]);
    tuning_end_round(out);
}

void tuning_plan(const struct trial_shape *shape, bool every_batch, struct tuning *out)
{
    *out = (struct tuning){.shape_count = 0};
    plan_batch(shape, shape->batch, out);
    if (shape->batch > 1)
        plan_batch(shape, 1, out);
    for (uint32_t batch = 2; batch < shape->batch; batch += every_batch ? 1 : batch)
        plan_batch(shape, batch, out);
}

static int family_of(uint32_t kind)
{
    return kind == TILED_ATTENTION ? ATTENTION : GEMM;
}

static uint32_t default_of(const struct kernels *kernels, uint32_t kind)
{
    return kind == TILED_ATTENTION ? kernels->attention_default : kernels->gemm_default;
}

/* A tile's name in the record; the default ones stand for their rung. */
static void label(const struct kernels *kernels, uint32_t kind, uint32_t tile, char text[TILE_LABEL_BYTES])
{
    if (tile == default_of(kernels, kind))
        snprintf(text, TILE_LABEL_BYTES, "%s", rung_name(kernels->rung));
    else
        snprintf(text, TILE_LABEL_BYTES, "%s: %s %s", rung_name(kernels->rung),
                 kind == TILED_ATTENTION ? "attention" : "gemm",
                 kernels_tiles(kernels, kind)->list[tile].name);
}

static void pass_over(struct tuner *tuner, uint32_t kind)
{
    const struct tiles *tiles = kernels_tiles(tuner->kernels, kind);
    const uint32_t first = default_of(tuner->kernels, kind);
    for (uint32_t i = 0; i < tiles->count; i++) {
        char text[TILE_LABEL_BYTES];
        label(tuner->kernels, kind, i, text);
        const char *known = i == first ? NULL : rung_record_tile_failure(tuner->record, text);
        if (known)
            log_message(LOG_WARNING,
                        "The tile %s is passed over: %s `cxrd devices --try-again` has it tried again.", text,
                        known);
        if (known || tiles->list[i].family != tiles->list[first].family)
            tuner->failed[family_of(kind)] |= 1u << i;
    }
}

struct tuner *tuner_create(struct kernels *kernels, struct tuning *results, struct rung_record *record)
{
    struct tuner *tuner = memory_allocate(1, sizeof *tuner);
    *tuner = (struct tuner){.kernels = kernels, .results = results, .record = record};
    for (size_t i = 0; i < results->shape_count; i++)
        tuner->kinds |= 1u << results->shapes[i].kind;
    pass_over(tuner, GEMM_EXACT);
    pass_over(tuner, TILED_ATTENTION);
    return tuner;
}

void tuner_destroy(struct tuner **handle)
{
    struct tuner *tuner = *handle;
    *handle = NULL;
    if (!tuner)
        return;
    trial_timer_destroy(&tuner->timer);
    free(tuner);
}

bool tuner_blamed(const struct tuner *tuner)
{
    return tuner->blamed;
}

uint32_t tuner_usable(const struct tuner *tuner, uint32_t kind)
{
    const uint32_t all = (1u << kernels_tiles(tuner->kernels, kind)->count) - 1;
    return all & ~tuner->failed[family_of(kind)];
}

static uint32_t usable(void *context, uint32_t kind)
{
    return tuner_usable(context, kind);
}

/* Writes down what is tried next, before. */
static void note(struct tuner *tuner, uint32_t kind, uint32_t tile)
{
    char text[TILE_LABEL_BYTES];
    label(tuner->kernels, kind, tile, text);
    if (strcmp(text, tuner->tried))
        rung_record_try_tile(tuner->record, text);
    snprintf(tuner->tried, sizeof tuner->tried, "%s", text);
}

static bool is_gone(enum status status)
{
    return status == STATUS_DEVICE_LOST || status == STATUS_TIMEOUT;
}

/* What a failure means for the tile at hand: DEVICE, unless the device is gone. */
static enum status judge(struct tuner *tuner, uint32_t kind, uint32_t tile, enum status status,
                         const struct failure *failure)
{
    if (!status)
        return STATUS_OK;
    tuner->blamed = tile != default_of(tuner->kernels, kind);
    if (tuner->blamed) {
        tuner->failed[family_of(kind)] |= 1u << tile;
        log_message(LOG_WARNING, "The tile %s is not used: %s", tuner->tried, failure->sentence);
        if (status != STATUS_OUT_OF_MEMORY) /* which may be others' doing */
            rung_record_fail_tile(tuner->record, tuner->tried, failure->sentence);
    }
    return is_gone(status) ? status : STATUS_DEVICE;
}

/* Makes a tile's kernels of these kinds and holds them against the default ones. */
static enum status prove(struct tuner *tuner, uint32_t kinds, uint32_t tile, struct failure *failure)
{
    struct kernels *kernels = tuner->kernels;
    enum status status = kernels_make_tiles(kernels, kinds, 1u << tile, failure);
    for (uint32_t kind = 0; kind < TILED_KINDS && !status; kind++) {
        if (!(kinds >> kind & 1) || tuner->agreed[kind] >> tile & 1 || tile == default_of(kernels, kind))
            continue;
        status = trial_agrees(kernels, kind, tile, failure);
        if (!status)
            tuner->agreed[kind] |= 1u << tile;
    }
    return status;
}

static double now_ms(void *context)
{
    (void)context;
    return (double)clock_now_ns() * 1e-6;
}

static enum status measure(void *context, const struct tiled_shape *shape, uint32_t tile, double enough_ms,
                           struct failure *failure, double *ms)
{
    struct tuner *tuner = context;
    const uint32_t kinds = tuner->kinds & (shape->kind == TILED_ATTENTION ? ~GEMM_KINDS : GEMM_KINDS);
    const double start_ms = now_ms(NULL);
    note(tuner, shape->kind, tile);
    enum status status = prove(tuner, kinds, tile, failure);
    if (now_ms(NULL) - start_ms > tuner->making_ms)
        tuner->making_ms = now_ms(NULL) - start_ms;
    if (!status)
        status = trial_time(tuner->timer, shape, tile, enough_ms, failure, ms);
    return judge(tuner, shape->kind, tile, status, failure);
}

static double making_ms(void *context, uint32_t kind, uint32_t tile)
{
    const struct tuner *tuner = context;
    return tuner->kernels->tiled[kind][tile] ? 0 : tuner->making_ms;
}

enum status tuner_search(struct tuner *tuner, size_t rounds, uint32_t tiles, double budget_ms,
                         struct failure *failure, bool *whole)
{
    const struct tuning_probe probe = {usable, measure, making_ms, now_ms, tuner};
    const double end_ms = now_ms(NULL) + budget_ms;
    enum status status = STATUS_OK;
    *whole = false;
    if (!tuner->timer)
        status = trial_timer_create(tuner->kernels, tuner->results->shapes, tuner->results->shape_count,
                                    failure, &tuner->timer);
    if (status && !is_gone(status)) {
        log_message(LOG_WARNING, "Tiles are not measured: %s", failure->sentence);
        return STATUS_OK;
    }
    return status ? status : tuning_search(tuner->results, &probe, rounds, tiles, end_ms, failure, whole);
}

/* The fastest usable tile of each shape; which these are in all, a bit each. */
static void choose(struct tuner *tuner, uint32_t used[FAMILIES])
{
    struct kernels *kernels = tuner->kernels;
    kernels->choice_count = 0;
    used[GEMM] = used[ATTENTION] = 0;
    for (size_t i = 0; i < tuner->results->shape_count; i++) {
        const struct tiled_shape *shape = &tuner->results->shapes[i];
        uint32_t tile;
        if (!tuning_best(tuner->results, i, tuner_usable(tuner, shape->kind), &tile))
            continue;
        kernels->choices[kernels->choice_count++] = (struct tile_choice){*shape, tile};
        used[family_of(shape->kind)] |= 1u << tile;
    }
}

/* Proves the chosen tiles in all kinds; *again when one is not good and another is to be chosen. */
static enum status prove_chosen(struct tuner *tuner, const uint32_t used[FAMILIES], struct failure *failure,
                                bool *again)
{
    *again = false;
    for (uint32_t tile = 0; tile < TILES_MAX; tile++)
        for (int family = 0; family < FAMILIES; family++) {
            const uint32_t kind = family == ATTENTION ? TILED_ATTENTION : GEMM_EXACT,
                           kinds = family == ATTENTION ? 1u << TILED_ATTENTION : GEMM_KINDS;
            if (!(used[family] >> tile & 1) || tile == default_of(tuner->kernels, kind))
                continue;
            char text[TILE_LABEL_BYTES];
            label(tuner->kernels, kind, tile, text);
            if (!rung_record_tile_proved(tuner->record, text)) /* else the device has survived it */
                note(tuner, kind, tile);
            snprintf(tuner->tried, sizeof tuner->tried, "%s", text);
            enum status status = judge(tuner, kind, tile, prove(tuner, kinds, tile, failure), failure);
            if (!status)
                rung_record_prove_tile(tuner->record, text);
            if (is_gone(status))
                return status;
            *again = *again || status;
        }
    return STATUS_OK;
}

enum status tuner_settle(struct tuner *tuner, struct failure *failure)
{
    struct kernels *kernels = tuner->kernels;
    uint32_t used[FAMILIES];
    bool again = true;
    enum status status = STATUS_OK;
    while (again && !status) {
        choose(tuner, used);
        status = prove_chosen(tuner, used, failure, &again);
    }
    if (status)
        return status;
    for (uint32_t kind = 0; kind < TILED_KINDS; kind++)
        for (uint32_t tile = 0; tile < TILES_MAX; tile++)
            if (!(used[family_of(kind)] >> tile & 1) && tile != default_of(kernels, kind))
                kernels_drop_tile(kernels, kind, tile);
    return STATUS_OK;
}
