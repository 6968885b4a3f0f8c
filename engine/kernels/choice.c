#include "engine/kernels/choice.h"

#include <math.h>
#include <unistd.h>

#include "engine/base/log.h"

enum { EXIT_DEVICE = 3 };

static enum status create(struct gpu_device *device, enum rung rung, const struct kernels_wish *wish,
                          struct failure *failure, struct kernels **out)
{
    return kernels_create(device, rung, rung_weights(gpu_device_info(device), rung, wish->precision), failure,
                          out);
}

/* Makes and checks one candidate, and times it when there are others. */
static enum status try_candidate(struct gpu_device *device, const struct kernels_wish *wish, enum rung rung,
                                 bool timed, struct failure *failure, struct kernels **kernels,
                                 double *milliseconds)
{
    enum status status = create(device, rung, wish, failure, kernels);
    if (!status)
        status = trial_check(*kernels, failure);
    if (!status && timed)
        status = trial_time(*kernels, &wish->shape, failure, milliseconds);
    if (status && status != STATUS_TIMEOUT)
        kernels_destroy(kernels);
    return status;
}

/* What the device is still at cannot be destroyed, nor the device closed: only the end of the process lets go
 * of it. */
static _Noreturn void end_process(enum rung rung)
{
    log_message(
        LOG_ERROR,
        "The device has not answered for %d s with the %s kernels. Start again: they will be passed over.",
        TRIAL_WAIT_S, rung_name(rung));
    log_flush(1000);
    _exit(EXIT_DEVICE);
}

/* A candidate failed. False when there is no device any more. */
static bool go_on(struct gpu_device **device, struct rung_record *record, enum rung rung, enum status status,
                  struct failure *failure, struct kernels **best)
{
    log_message(LOG_WARNING, "The %s kernels are not used: %s", rung_name(rung), failure->sentence);
    if (status != STATUS_OUT_OF_MEMORY) /* which may be others' doing */
        rung_record_fail(record, rung, failure->sentence);
    if (status == STATUS_TIMEOUT)
        end_process(rung);
    if (status != STATUS_DEVICE_LOST)
        return true;
    kernels_destroy(best);
    return !gpu_device_reopen(device, failure);
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
static enum status try_all(struct gpu_device **device, const struct kernels_wish *wish,
                           struct rung_record *record, struct failure *failure, struct kernels **out)
{
    const struct gpu_device_info *info = gpu_device_info(*device);
    enum rung candidates[RUNG_COUNT], best = RUNG_COUNT;
    size_t count = rung_candidates(info, wish->precision, candidates);
    bool timed = info->kind != GPU_CPU && count > 1;
    const char *why_not;
    if (!count && !rung_supported(RUNG_PORTABLE, info, &why_not)) /* what asks for least, in any precision */
        return failure_set(failure, STATUS_NO_DEVICE, "%s cannot run the kernels: %s.", info->name, why_not);
    double best_ms = INFINITY;
    for (size_t i = 0; i < count && (timed || best == RUNG_COUNT); i++) {
        enum rung rung = candidates[i];
        struct kernels *kernels = NULL;
        double milliseconds = 0;
        if (!untainted(record, rung))
            continue;
        rung_record_try(record, rung);
        enum status status = try_candidate(*device, wish, rung, timed, failure, &kernels, &milliseconds);
        if (status && !go_on(device, record, rung, status, failure, out))
            return failure->status;
        if (status)
            continue;
        if (timed)
            log_message(LOG_INFO, "A block takes %.3f ms with the %s kernels.", milliseconds,
                        rung_name(rung));
        if (milliseconds < best_ms) {
            kernels_destroy(out);
            *out = kernels;
            best = rung;
            best_ms = milliseconds;
        } else {
            kernels_destroy(&kernels);
        }
    }
    if (best == RUNG_COUNT)
        return failure->status
                   ? failure->status
                   : failure_set(failure, STATUS_DEVICE, "No kernels have worked on this device.");
    return *out ? STATUS_OK : create(*device, best, wish, failure, out);
}

/* What was found before for the same network, or what trials find. When nothing is left that has not failed
 * before, everything is tried again: a failure may have been of the moment. */
static enum status choose_by_record(struct gpu_device **device, const struct kernels_wish *wish,
                                    struct rung_record *record, struct failure *failure, struct kernels **out)
{
    const struct gpu_device_info *info = gpu_device_info(*device);
    const char *choice = rung_record_choice(record);
    enum rung rung;
    enum status status;
    if (choice && !rung_named(info, choice, wish->precision, NULL, &rung)) {
        status = create(*device, rung, wish, failure, out);
        if (!status || !go_on(device, record, rung, status, failure, out))
            return status;
    }
    status = try_all(device, wish, record, failure, out);
    if (status && *device && rung_record_forgive(record))
        status = try_all(device, wish, record, failure, out);
    if (!status)
        rung_record_try(record, kernels_rung(*out)); /* on what comes next */
    return status;
}

enum status kernels_choose(struct gpu_device **device, const struct kernels_wish *wish,
                           struct rung_record *record, struct failure *failure, struct kernels **out)
{
    struct kernels *chosen = NULL;
    struct failure own = {0};
    enum status status;
    if (wish->rung) {
        enum rung rung;
        status = rung_named(gpu_device_info(*device), wish->rung, wish->precision, &own, &rung);
        if (!status)
            status = create(*device, rung, wish, &own, &chosen);
    } else {
        status = choose_by_record(device, wish, record, &own, &chosen);
    }
    if (!status)
        *out = chosen;
    else if (failure)
        *failure = own;
    return status;
}
