#include "engine/kernels/choice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/kernels/set.h"
#include "engine/kernels/tune.h"
#include "engine/kernels/tuned.h"

enum { EXIT_DEVICE = 3, LOSSES_MAX = 3, WHOLE_ROUNDS = TUNING_ROUNDS_MAX };

/* A rung that takes so much longer than the best one with its default tiles does not gain it with others. */
static const double hopeless = 2;

/* What the functions below share. */
struct choice {
    struct gpu_device **device;
    const struct kernels_wish *wish;
    struct rung_record *record;
    struct failure *failure;
    struct kernels **best; /* the fastest so far */
    struct tuning *tuning; /* of the best one */
    double left_ms;        /* to tune in */
    bool spent;            /* some of the time was */
    bool tried;            /* something was, that may still be the end of the process */
    char network[NETWORK_NAME_BYTES];
};

static enum status create(const struct choice *choice, enum rung rung, struct kernels **out)
{
    struct gpu_device *device = *choice->device;
    return kernels_create(device, rung, rung_weights(gpu_device_info(device), rung, choice->wish->precision),
                          choice->failure, out);
}

static int wait_s(const struct gpu_device *device)
{
    return gpu_device_info(device)->kind == GPU_CPU ? CHOICE_WAIT_CPU_S : CHOICE_WAIT_S;
}

/* What the device is still at cannot be destroyed, nor the device closed: only the end of the process lets go
 * of it. */
static _Noreturn void end_process(const struct choice *choice, enum rung rung)
{
    log_message(
        LOG_ERROR,
        "The device has not answered for %d s with the %s kernels. Start again: they will be passed over.",
        wait_s(*choice->device), rung_name(rung));
    log_flush(1000);
    _exit(EXIT_DEVICE);
}

/* Opens a lost device again, once all that was made on it is gone. */
static enum status reopen(const struct choice *choice, struct kernels **kernels)
{
    kernels_destroy(kernels);
    kernels_destroy(choice->best);
    return gpu_device_reopen(choice->device, choice->failure);
}

/* A candidate failed. False when there is no device any more. */
static bool go_on(const struct choice *choice, enum rung rung, enum status status)
{
    struct kernels *none = NULL;
    log_message(LOG_WARNING, "The %s kernels are not used: %s", rung_name(rung), choice->failure->sentence);
    if (status != STATUS_OUT_OF_MEMORY && choice->record) /* which may be others' doing */
        rung_record_fail(choice->record, rung, choice->failure->sentence);
    if (status == STATUS_TIMEOUT)
        end_process(choice, rung);
    return status != STATUS_DEVICE_LOST || !reopen(choice, &none);
}

/* Measures tiles of a set, or makes it take the fastest (rounds 0). A tile that loses the device is noted and
 * passed over, and the set made again on the device as it is opened again. On failure there is no set. */
static enum status tune(struct choice *choice, size_t rounds, uint32_t tiles, double budget_ms,
                        struct tuning *tuning, struct kernels **kernels)
{
    const enum rung rung = kernels_rung(*kernels);
    enum status status = STATUS_DEVICE_LOST;
    for (int losses = 0; status == STATUS_DEVICE_LOST && losses < LOSSES_MAX; losses++) {
        const uint64_t start_ns = clock_now_ns();
        struct tuner *tuner = tuner_create(*kernels, tuning, choice->record);
        bool whole, blamed;
        status = rounds ? tuner_search(tuner, rounds, tiles, budget_ms, choice->failure, &whole)
                        : tuner_settle(tuner, choice->failure);
        blamed = tuner_blamed(tuner);
        if (status == STATUS_TIMEOUT)
            end_process(choice, rung);
        tuner_destroy(&tuner);
        if (isfinite(budget_ms)) { /* else it is no matter of tiles but of rungs */
            choice->left_ms -= clock_elapsed_ms(start_ns);
            choice->spent = choice->spent || rounds;
            budget_ms = fmin(budget_ms, choice->left_ms);
        }
        if (status != STATUS_DEVICE_LOST || !blamed)
            break;
        status = reopen(choice, kernels);
        if (!status)
            status = create(choice, rung, kernels);
        if (!status)
            status = STATUS_DEVICE_LOST; /* once more, without that tile */
    }
    if (status && *kernels)
        kernels_destroy(kernels);
    return status;
}

/* Makes and checks one candidate, and times it when there are others: its default tiles, and where these are
 * no hopeless case as many others as half of the time allows. */
static enum status try_candidate(struct choice *choice, enum rung rung, bool timed, double best_ms,
                                 struct kernels **kernels, struct tuning *tuning, double *milliseconds)
{
    enum status status = create(choice, rung, kernels);
    if (!status)
        status = trial_check(*kernels, choice->failure);
    if (status && status != STATUS_TIMEOUT)
        kernels_destroy(kernels);
    tuning_plan(&choice->wish->shape, false, tuning);
    if (!status && timed) {
        status = tune(choice, 1, 1, INFINITY, tuning, kernels);
        *milliseconds = tuning_round_ms(tuning, 0);
    }
    if (!status && timed && *milliseconds < hopeless * best_ms && choice->left_ms > 0) {
        status = tune(choice, 1, TILES_MAX, choice->left_ms / 2, tuning, kernels);
        *milliseconds = tuning_round_ms(tuning, 0);
    }
    return status;
}

/* Whether nothing is known against a candidate; says what is. */
static bool untainted(const struct rung_record *record, enum rung rung)
{
    const char *known = rung_record_failure(record, rung);
    if (known)
        log_message(LOG_WARNING,
                    "The %s kernels are passed over: %s `cxrd devices --try-again` has them tried again.",
                    rung_name(rung), known);
    return !known;
}

/* The fastest candidate that is right. On a CPU driver the first right one: the others take long to compile
 * there, and are known to be slower. */
static enum status try_all(struct choice *choice)
{
    const struct gpu_device_info *info = gpu_device_info(*choice->device);
    enum rung candidates[RUNG_COUNT], best = RUNG_COUNT;
    size_t count = rung_candidates(info, choice->wish->precision, candidates);
    bool timed = info->kind != GPU_CPU && count > 1;
    const char *why_not;
    if (!count && !rung_supported(RUNG_PORTABLE, info, &why_not)) /* what asks for least, in any precision */
        return failure_set(choice->failure, STATUS_NO_DEVICE, "%s cannot run the kernels: %s.", info->name,
                           why_not);
    double best_ms = INFINITY;
    struct tuning *tuning = memory_allocate(1, sizeof *tuning);
    for (size_t i = 0; i < count && (timed || best == RUNG_COUNT); i++) {
        enum rung rung = candidates[i];
        struct kernels *kernels = NULL;
        double milliseconds = 0;
        if (!untainted(choice->record, rung))
            continue;
        rung_record_try(choice->record, rung);
        enum status status = try_candidate(choice, rung, timed, best_ms, &kernels, tuning, &milliseconds);
        if (status && !go_on(choice, rung, status)) {
            free(tuning);
            return choice->failure->status;
        }
        if (status)
            continue;
        if (timed)
            log_message(LOG_INFO, "A block takes %.3f ms with the %s kernels.", milliseconds,
                        rung_name(rung));
        if (milliseconds < best_ms || best == RUNG_COUNT) { /* it may have found no memory to be timed in */
            kernels_destroy(choice->best);
            *choice->best = kernels;
            *choice->tuning = *tuning;
            best = rung;
            best_ms = milliseconds;
        } else {
            kernels_destroy(&kernels);
        }
    }
    free(tuning);
    if (best == RUNG_COUNT)
        return choice->failure->status
                   ? choice->failure->status
                   : failure_set(choice->failure, STATUS_DEVICE, "No kernels have worked on this device.");
    return *choice->best ? STATUS_OK : create(choice, best, choice->best);
}

/* What was found before for the same network, or what trials find. When nothing is left that has not failed
 * before, everything is tried again: a failure may have been of the moment. */
static enum status choose_rung(struct choice *choice)
{
    const struct gpu_device_info *info = gpu_device_info(*choice->device);
    const char *recorded = rung_record_choice(choice->record);
    enum rung rung;
    enum status status;
    if (recorded && !rung_named(info, recorded, choice->wish->precision, NULL, &rung)) {
        status = create(choice, rung, choice->best);
        if (!status || !go_on(choice, rung, status))
            return status;
    }
    choice->tried = true;
    status = try_all(choice);
    if (status && *choice->device && rung_record_forgive(choice->record))
        status = try_all(choice);
    return status;
}

/* Each shape gets its tile: by what is on file of the network, or what is measured in the time that is left.
 */
static enum status choose_tiles(struct choice *choice)
{
    struct kernels *kernels = *choice->best;
    const char *folder = gpu_device_cache_folder(*choice->device);
    bool known = false;
    *choice->best = NULL; /* which a loss would destroy */
    if (choice->wish->thorough)
        tuning_plan(&choice->wish->shape, true, choice->tuning);
    else
        known = tuned_read(folder, kernels, choice->network, choice->tuning);
    /* Trying rungs may have taken all the time there is: then that was it. */
    const bool searched = !known && (choice->left_ms > 0 || choice->spent);
    enum status status = STATUS_OK;
    choice->tried = choice->tried || searched;
    if (searched && choice->left_ms > 0)
        status = tune(choice, WHOLE_ROUNDS, TILES_MAX, choice->left_ms, choice->tuning, &kernels);
    if (!status)
        status = tune(choice, 0, 0, 0, choice->tuning, &kernels);
    if (!status && searched)
        tuned_write(gpu_device_cache_folder(*choice->device), kernels, choice->network, choice->tuning);
    *choice->best = kernels;
    return status;
}

/* The rung, then its tiles. Where these show that the rung is none, another. */
static enum status choose_both(struct choice *choice)
{
    enum status status;
    enum rung rung;
    do {
        status = choose_rung(choice);
        if (status)
            return status;
        rung = kernels_rung(*choice->best);
        status = choose_tiles(choice);
    } while (status == STATUS_DEVICE_LOST && *choice->device && go_on(choice, rung, status));
    if (!status && choice->tried)
        rung_record_try(choice->record, rung); /* on what comes next */
    else
        rung_record_rest(choice->record);
    return status;
}

static enum status choose_named(struct choice *choice)
{
    enum rung rung;
    enum status status = rung_named(gpu_device_info(*choice->device), choice->wish->rung,
                                    choice->wish->precision, choice->failure, &rung);
    if (!status)
        status = create(choice, rung, choice->best);
    if (!status)
        status = choose_tiles(choice);
    if (choice->record)
        rung_record_rest(choice->record);
    return status;
}

static double tuning_budget(const struct kernels_wish *wish, const struct gpu_device_info *info)
{
    if (wish->tuning_ms != 0)
        return wish->tuning_ms;
    return info->kind == GPU_CPU ? TUNING_CPU_MS : TUNING_GPU_MS;
}

enum status kernels_choose(struct gpu_device **device, const struct kernels_wish *wish,
                           struct rung_record *record, struct failure *failure, struct kernels **out)
{
    const struct trial_shape *shape = &wish->shape;
    struct kernels *chosen = NULL;
    struct failure own = {0};
    struct choice choice = {.device = device,
                            .wish = wish,
                            .record = record,
                            .failure = &own,
                            .best = &chosen,
                            .tuning = memory_allocate(1, sizeof *choice.tuning),
                            .left_ms = tuning_budget(wish, gpu_device_info(*device))};
    snprintf(choice.network, sizeof choice.network, "D %u, FFN %u%s, T %u, B %u", shape->width,
             shape->ffn_columns, shape->gated ? " gated" : "", shape->tokens, shape->batch);
    tuning_plan(shape, false, choice.tuning);
    gpu_device_limit_waits(*device, (uint64_t)wait_s(*device) * 1000000000);
    enum status status = wish->rung ? choose_named(&choice) : choose_both(&choice);
    if (*device)
        gpu_device_limit_waits(*device, 0);
    if (!status && wish->thorough)
        *wish->thorough = *choice.tuning;
    free(choice.tuning);
    if (!status)
        *out = chosen;
    else if (failure)
        *failure = own;
    return status;
}
