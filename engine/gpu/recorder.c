#include "engine/gpu/recorder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/gpu/vulkan_device.h"

enum { TIMED_DISPATCHES_MAX = 4096, QUERIES_RESET_AT_ONCE = 256 };

/* What is submitted at once. */
struct piece {
    VkCommandBuffer commands;
    const char *label; /* of its first dispatch, or NULL */
    bool repeats;      /* that dispatch repeats earlier ones */
};

struct gpu_recorder {
    struct gpu_device *device;
    VkCommandPool pool;
    VkCommandBuffer commands; /* being recorded: the last of: */
    struct piece *pieces;     /* [piece_count] */
    uint32_t piece_count, cut, piece_dispatches;
    VkSemaphore semaphore;
    uint64_t submissions; /* of pieces: the semaphore's value when the last is done */
    bool in_flight, finished;
    bool barrier_due; /* the next command must see what those before it wrote */
    bool together;
    bool repeats;        /* of the dispatches that come */
    VkQueryPool queries; /* two a dispatch; none when not timed */
    uint32_t dispatch_count;
    struct gpu_timing *timings; /* [TIMED_DISPATCHES_MAX] when timed */
    struct failure failure;     /* the first error while recording */
};

static enum status queries_create(struct gpu_recorder *recorder, struct failure *failure)
{
    if (recorder->device->physical.timestamp_bits == 0)
        return failure_set(failure, STATUS_DEVICE, "This device has no timestamps: run without timings.");
    const VkQueryPoolCreateInfo create = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                          .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                          .queryCount = 2 * TIMED_DISPATCHES_MAX};
    VkResult result = vkCreateQueryPool(recorder->device->handle, &create, NULL, &recorder->queries);
    if (result != VK_SUCCESS)
        return gpu_failure(recorder->device, result, "Making a query pool", failure);
    recorder->timings = memory_allocate(TIMED_DISPATCHES_MAX, sizeof *recorder->timings);
    return STATUS_OK;
}

static enum status piece_begin(struct gpu_recorder *recorder, struct failure *failure)
{
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkResult result = vkBeginCommandBuffer(recorder->commands, &begin);
    if (result != VK_SUCCESS)
        return gpu_failure(recorder->device, result, "Recording commands", failure);
    recorder->pieces = memory_resize(recorder->pieces, recorder->piece_count + 1, sizeof *recorder->pieces);
    recorder->pieces[recorder->piece_count++] = (struct piece){.commands = recorder->commands};
    recorder->piece_dispatches = 0;
    return STATUS_OK;
}

static enum status piece_end(struct gpu_recorder *recorder, struct failure *failure)
{
    VkResult result = vkEndCommandBuffer(recorder->commands);
    return result == VK_SUCCESS ? STATUS_OK
                                : gpu_failure(recorder->device, result, "Recording commands", failure);
}

enum status gpu_recorder_create(struct gpu_device *device, bool timed, struct failure *failure,
                                struct gpu_recorder **out)
{
    struct gpu_recorder *recorder = memory_allocate(1, sizeof *recorder);
    recorder->device = device;
    recorder->barrier_due = true; /* earlier submissions may have written what is read */
    enum status status = gpu_semaphore_create(device, failure, &recorder->semaphore);
    if (status != STATUS_OK)
        goto destroy;
    status = gpu_commands_create(device, failure, &recorder->pool, &recorder->commands);
    if (status != STATUS_OK)
        goto destroy;
    status = timed ? queries_create(recorder, failure) : STATUS_OK;
    if (status != STATUS_OK)
        goto destroy;
    status = piece_begin(recorder, failure);
    if (status != STATUS_OK)
        goto destroy;
    *out = recorder;
    return STATUS_OK;
destroy:
    gpu_recorder_destroy(&recorder);
    return status;
}

void gpu_recorder_destroy(struct gpu_recorder **recorder)
{
    struct gpu_recorder *old = *recorder;
    *recorder = NULL;
    if (!old)
        return;
    /* Nothing may be freed under a running device. A lost one returns from this, too. */
    if (old->in_flight)
        (void)vkDeviceWaitIdle(old->device->handle);
    vkDestroyQueryPool(old->device->handle, old->queries, NULL);
    vkDestroyCommandPool(old->device->handle, old->pool, NULL);
    vkDestroySemaphore(old->device->handle, old->semaphore, NULL);
    free(old->pieces);
    free(old->timings);
    free(old);
}

void gpu_recorder_cut(struct gpu_recorder *recorder, uint32_t dispatches)
{
    recorder->cut = dispatches;
}

void gpu_recorder_repeats(struct gpu_recorder *recorder, bool repeats)
{
    recorder->repeats = repeats;
}

/* Ends a submission that has its dispatches. A barrier that is due goes into the next: it counts for all that
 * was submitted to the queue before. Where there is no further command buffer the submission goes on. */
static void piece_cut(struct gpu_recorder *recorder)
{
    VkCommandBuffer next;
    struct failure failure = {0};
    if (!recorder->cut || recorder->piece_dispatches < recorder->cut)
        return;
    enum status status = gpu_commands_add(recorder->device, recorder->pool, &failure, &next);
    if (status == STATUS_OK) {
        status = piece_end(recorder, &failure);
        recorder->commands = next;
    }
    if (status == STATUS_OK)
        status = piece_begin(recorder, &failure);
    if (status != STATUS_OK && recorder->failure.status == STATUS_OK)
        recorder->failure = failure;
}

/* Called before and after each command. Commands between together_begin and _end share one barrier. */
static void command_begin(struct gpu_recorder *recorder)
{
    assert(!recorder->finished);
    piece_cut(recorder);
    if (recorder->barrier_due)
        gpu_barrier(recorder->commands, GPU_BARRIER_DEVICE);
    recorder->barrier_due = false;
}

static void command_end(struct gpu_recorder *recorder)
{
    recorder->barrier_due = !recorder->together;
}

/* A timestamp once all commands before it are done. */
static void timestamp_record(struct gpu_recorder *recorder, uint32_t query)
{
    if (!recorder->queries)
        return;
    if (query % QUERIES_RESET_AT_ONCE == 0) /* each replay starts afresh */
        vkCmdResetQueryPool(recorder->commands, recorder->queries, query, QUERIES_RESET_AT_ONCE);
    vkCmdWriteTimestamp(recorder->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, recorder->queries, query);
}

/* Keeps the first error; a broken dispatch is not recorded. */
static bool dispatch_allowed(struct gpu_recorder *recorder, const char *label, uint32_t x, uint32_t y,
                             uint32_t z)
{
    const uint32_t *limit = recorder->device->physical.groups_max;
    enum status status = STATUS_OK;
    struct failure failure = {0};
    if (recorder->queries && recorder->dispatch_count == TIMED_DISPATCHES_MAX)
        status = failure_set(&failure, STATUS_INTERNAL, "More than %d dispatches are timed at once.",
                             TIMED_DISPATCHES_MAX);
    else if (x > limit[0] || y > limit[1] || z > limit[2])
        status =
            failure_set(&failure, STATUS_TOO_LARGE,
                        "%s needs a grid of %u x %u x %u workgroups, over this device's limit: lower the "
                        "batch size.",
                        label, x, y, z);
    if (status != STATUS_OK && recorder->failure.status == STATUS_OK)
        recorder->failure = failure;
    return status == STATUS_OK;
}

void gpu_record_dispatch(struct gpu_recorder *recorder, const struct gpu_pipeline *pipeline,
                         const char *label, const void *push, uint32_t x, uint32_t y, uint32_t z)
{
    if (!dispatch_allowed(recorder, label, x, y, z))
        return;
    command_begin(recorder);
    vkCmdBindPipeline(recorder->commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
    if (pipeline->push_bytes)
        vkCmdPushConstants(recorder->commands, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                           pipeline->push_bytes, push);
    timestamp_record(recorder, 2 * recorder->dispatch_count);
    vkCmdDispatch(recorder->commands, x, y, z);
    timestamp_record(recorder, 2 * recorder->dispatch_count + 1);
    if (recorder->timings)
        recorder->timings[recorder->dispatch_count].label = label;
    struct piece *piece = &recorder->pieces[recorder->piece_count - 1];
    if (!recorder->piece_dispatches++) {
        piece->label = label;
        piece->repeats = recorder->repeats;
    }
    recorder->dispatch_count++;
    command_end(recorder);
}

void gpu_record_copy(struct gpu_recorder *recorder, const struct gpu_slice *from, size_t from_offset,
                     const struct gpu_slice *to, size_t to_offset, size_t size_bytes)
{
    assert(size_bytes > 0);
    assert(from_offset <= from->size_bytes && size_bytes <= from->size_bytes - from_offset);
    assert(to_offset <= to->size_bytes && size_bytes <= to->size_bytes - to_offset);
    const VkBufferCopy copy = {
        .srcOffset = from->offset + from_offset, .dstOffset = to->offset + to_offset, .size = size_bytes};
    command_begin(recorder);
    vkCmdCopyBuffer(recorder->commands, from->region->buffer, to->region->buffer, 1, &copy);
    command_end(recorder);
}

void gpu_record_together_begin(struct gpu_recorder *recorder)
{
    assert(!recorder->together);
    recorder->together = true;
}

void gpu_record_together_end(struct gpu_recorder *recorder)
{
    assert(recorder->together);
    recorder->together = false;
    recorder->barrier_due = true;
}

enum status gpu_recorder_finish(struct gpu_recorder *recorder, struct failure *failure)
{
    assert(!recorder->finished && !recorder->together);
    gpu_barrier(recorder->commands, GPU_BARRIER_TO_HOST);
    enum status status = piece_end(recorder, failure);
    recorder->finished = true;
    if (status != STATUS_OK)
        return status;
    if (recorder->failure.status != STATUS_OK && failure)
        *failure = recorder->failure;
    return recorder->failure.status;
}

static enum status piece_submit(struct gpu_recorder *recorder, uint32_t piece, struct failure *failure)
{
    enum status status = gpu_queue_submit(recorder->device, recorder->pieces[piece].commands,
                                          recorder->semaphore, recorder->submissions + 1, failure);
    if (status != STATUS_OK)
        return status;
    recorder->submissions++;
    recorder->in_flight = true;
    return STATUS_OK;
}

enum status gpu_recorder_submit(struct gpu_recorder *recorder, struct failure *failure)
{
    assert(recorder->finished && !recorder->in_flight);
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < recorder->piece_count && status == STATUS_OK; i++)
        status = piece_submit(recorder, i, failure);
    if (status != STATUS_OK && recorder->in_flight) /* the caller knows of no submission to wait for */
        (void)!gpu_recorder_wait(recorder, UINT64_MAX, NULL);
    return status;
}

enum status gpu_recorder_wait(struct gpu_recorder *recorder, uint64_t timeout_ns, struct failure *failure)
{
    assert(recorder->submissions > 0);
    enum status status =
        gpu_semaphore_wait(recorder->device, recorder->semaphore, recorder->submissions, timeout_ns, failure);
    if (status == STATUS_OK)
        recorder->in_flight = false;
    return status;
}

uint64_t gpu_recorder_progress(const struct gpu_recorder *recorder)
{
    uint64_t value = 0;
    (void)vkGetSemaphoreCounterValue(recorder->device->handle, recorder->semaphore, &value);
    return value;
}

/* The first piece before `piece` that does the same as it; `piece` itself when it is to be run. */
static uint32_t piece_alike(const struct gpu_recorder *recorder, uint32_t piece)
{
    const struct piece *pieces = recorder->pieces;
    for (uint32_t i = 0; pieces[piece].repeats && i < piece; i++)
        if (pieces[i].label && !strcmp(pieces[i].label, pieces[piece].label))
            return i;
    return piece;
}

enum status gpu_recorder_measure(struct gpu_recorder *recorder, struct failure *failure, double **out,
                                 size_t *count)
{
    assert(recorder->finished && !recorder->in_flight);
    enum status status = STATUS_OK;
    double *ms = memory_allocate(recorder->piece_count, sizeof *ms);
    for (uint32_t i = 0; i < recorder->piece_count && status == STATUS_OK; i++) {
        uint32_t alike = piece_alike(recorder, i);
        if (alike < i) {
            ms[i] = ms[alike];
            continue;
        }
        uint64_t start_ns = clock_now_ns();
        status = piece_submit(recorder, i, failure);
        if (status == STATUS_OK)
            status = gpu_recorder_wait(recorder, UINT64_MAX, failure);
        ms[i] = clock_elapsed_ms(start_ns);
    }
    if (status != STATUS_OK) {
        free(ms);
        return status;
    }
    *out = ms;
    *count = recorder->piece_count;
    return STATUS_OK;
}

enum status gpu_recorder_timings(struct gpu_recorder *recorder, struct failure *failure,
                                 const struct gpu_timing **out, size_t *count)
{
    assert(recorder->queries && recorder->submissions > 0 && !recorder->in_flight);
    uint32_t query_count = 2 * recorder->dispatch_count;
    if (query_count > 0) {
        const struct gpu_physical *physical = &recorder->device->physical;
        uint64_t *ticks = memory_allocate(query_count, sizeof *ticks);
        VkResult result = vkGetQueryPoolResults(recorder->device->handle, recorder->queries, 0, query_count,
                                                query_count * sizeof *ticks, ticks, sizeof *ticks,
                                                VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
        uint64_t mask =
            physical->timestamp_bits >= 64 ? UINT64_MAX : (UINT64_C(1) << physical->timestamp_bits) - 1;
        for (uint32_t i = 0; i < recorder->dispatch_count && result == VK_SUCCESS; i++)
            recorder->timings[i].milliseconds =
                (double)((ticks[2 * i + 1] - ticks[2 * i]) & mask) * physical->timestamp_period_ns * 1e-6;
        free(ticks);
        if (result != VK_SUCCESS)
            return gpu_failure(recorder->device, result, "Reading timestamps", failure);
    }
    *out = recorder->timings;
    *count = recorder->dispatch_count;
    return STATUS_OK;
}
