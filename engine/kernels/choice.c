#include "engine/kernels/choice.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/log.h"

enum { KEY_BYTES = 160, RECORDS_MAX = 64, RECORDS_BYTES_MAX = 1 << 16 };

/* All that asks for another trial when it changes. */
static void write_key(const struct gpu_device *device, const struct kernels_wish *wish, char key[KEY_BYTES])
{
    const struct trial_shape *shape = &wish->shape;
    snprintf(key, KEY_BYTES,
             "driver %08" PRIx32 ", shaders %016" PRIx64 ", D %u, FFN %u%s, T %u, B %u, precision %d",
             gpu_device_info(device)->driver_version, gpu_shaders_hash(), shape->width, shape->ffn_columns,
             shape->gated ? " gated" : "", shape->tokens, shape->batch, (int)wish->precision);
}

/* The device's records: an object from keys to names of rungs. Empty when there are none that can be read. */
static struct json *records_read(const char *path)
{
    struct bytes content = {0};
    struct json *records = NULL;
    if (path && !file_read(path, RECORDS_BYTES_MAX, NULL, &content) &&
        (json_parse(content, (struct json_limits){.depth = 2, .values = RECORDS_BYTES_MAX}, NULL, &records) ||
         !json_is_object(records)))
        json_destroy(&records);
    free((void *)content.data);
    return records ? records : json_object();
}

static void records_write(const char *path, const struct json *records)
{
    char *text = json_print(records, true);
    struct failure failure = {0};
    if (file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, &failure))
        log_message(LOG_WARNING, "The choice of kernels was not kept: %s", failure.sentence);
    free(text);
}

/* Makes and checks one candidate, and times it when there are others. False, and why in the log, when it is
 * not to be used. */
static bool try_candidate(struct gpu_device *device, const struct kernels_wish *wish, enum rung rung,
                          bool timed, struct failure *failure, struct kernels **kernels, double *milliseconds)
{
    enum element weights = rung_weights(gpu_device_info(device), rung, wish->precision);
    enum status status = kernels_create(device, rung, weights, failure, kernels);
    if (!status)
        status = trial_check(*kernels, failure);
    if (!status && timed)
        status = trial_time(*kernels, &wish->shape, failure, milliseconds);
    if (!status)
        return true;
    log_message(LOG_WARNING, "The %s kernels are not used: %s", rung_name(rung), failure->sentence);
    kernels_destroy(kernels);
    return false;
}

/* The fastest candidate that is right. On a CPU driver the first right one: the others take long to compile
 * there, and are known to be slower. */
static enum status try_all(struct gpu_device *device, const struct kernels_wish *wish,
                           struct failure *failure, struct kernels **out)
{
    const struct gpu_device_info *info = gpu_device_info(device);
    enum rung candidates[RUNG_COUNT];
    size_t count = rung_candidates(info, wish->precision, candidates);
    bool timed = info->kind != GPU_CPU && count > 1;
    const char *why_not;
    if (!count && !rung_supported(RUNG_PORTABLE, info, &why_not)) /* what asks for least, in any precision */
        return failure_set(failure, STATUS_NO_DEVICE, "%s cannot run the kernels: %s.", info->name, why_not);
    double best_ms = INFINITY;
    for (size_t i = 0; i < count && (timed || !*out); i++) {
        struct kernels *kernels = NULL;
        double milliseconds = 0;
        if (!try_candidate(device, wish, candidates[i], timed, failure, &kernels, &milliseconds))
            continue;
        if (timed)
            log_message(LOG_INFO, "A block takes %.3f ms with the %s kernels.", milliseconds,
                        rung_name(candidates[i]));
        if (milliseconds < best_ms) {
            kernels_destroy(out);
            *out = kernels;
            best_ms = milliseconds;
        } else {
            kernels_destroy(&kernels);
        }
    }
    return *out ? STATUS_OK : failure->status;
}

/* What was found before for the same key, or a trial whose result is noted. */
static enum status choose_by_record(struct gpu_device *device, const struct kernels_wish *wish,
                                    const char *path, struct failure *failure, struct kernels **out)
{
    const struct gpu_device_info *info = gpu_device_info(device);
    char key[KEY_BYTES];
    enum rung rung;
    struct json *records = records_read(path);
    write_key(device, wish, key);
    const char *recorded = json_text(json_member(records, key));
    enum status status;
    if (recorded && !rung_named(info, recorded, wish->precision, NULL, &rung)) {
        status = kernels_create(device, rung, rung_weights(info, rung, wish->precision), failure, out);
        goto done;
    }
    status = try_all(device, wish, failure, out);
    if (status || !path)
        goto done;
    if (recorded || json_length(records) >= RECORDS_MAX) { /* damaged or old: start afresh */
        json_destroy(&records);
        records = json_object();
    }
    json_add_text(records, key, rung_name(kernels_rung(*out)));
    records_write(path, records);
done:
    json_destroy(&records);
    return status;
}

enum status kernels_choose(struct gpu_device *device, const struct kernels_wish *wish,
                           struct failure *failure, struct kernels **out)
{
    const struct gpu_device_info *info = gpu_device_info(device);
    struct kernels *chosen = NULL;
    struct failure own = {0};
    enum status status;
    if (wish->rung) {
        enum rung rung;
        status = rung_named(info, wish->rung, wish->precision, &own, &rung);
        if (!status)
            status = kernels_create(device, rung, rung_weights(info, rung, wish->precision), &own, &chosen);
    } else {
        char *path = gpu_device_cache_file(device, "rungs");
        status = choose_by_record(device, wish, path, &own, &chosen);
        free(path);
    }
    if (!status)
        *out = chosen;
    else if (failure)
        *failure = own;
    return status;
}
