/* Commands recorded once and replayed: dispatches, copies and timestamps, cut into several submissions where
 * one would take a slow device too long.
 *
 * Every command sees the writes of those before it: the recorder puts a memory barrier between them, except
 * inside gpu_record_together_begin/end, whose commands must not depend on one another.
 */
#ifndef CXRD_ENGINE_GPU_RECORDER_H
#define CXRD_ENGINE_GPU_RECORDER_H

#include "engine/gpu/memory.h"
#include "engine/gpu/pipeline.h"

struct gpu_recorder;
/* Starts recording. `timed`: a timestamp is taken around every dispatch. Errors while recording are kept and
 * come out of gpu_recorder_finish. */
WARN_UNUSED enum status gpu_recorder_create(struct gpu_device *device, bool timed, struct failure *failure,
                                            struct gpu_recorder **out);
void gpu_recorder_destroy(struct gpu_recorder **recorder);

/* From here on a submission ends after so many dispatches (0: none ends) and the next one goes on. They run
 * in order; to whoever submits and waits they are one. */
void gpu_recorder_cut(struct gpu_recorder *recorder, uint32_t dispatches);

/* Says of the dispatches from here on whether they do, on other data, what earlier ones of the same label do:
 * gpu_recorder_measure takes the time of those for them. At first they do not. */
void gpu_recorder_repeats(struct gpu_recorder *recorder, bool repeats);

/* One dispatch of x * y * z workgroups. `push` has the size the pipeline was made with. `label` (static
 * storage) names the operation in timings and debug labels. */
void gpu_record_dispatch(struct gpu_recorder *recorder, const struct gpu_pipeline *pipeline,
                         const char *label, const void *push, uint32_t x, uint32_t y, uint32_t z);
void gpu_record_copy(struct gpu_recorder *recorder, const struct gpu_slice *from, size_t from_offset,
                     const struct gpu_slice *to, size_t to_offset, size_t size_bytes);
void gpu_record_together_begin(struct gpu_recorder *recorder);
void gpu_record_together_end(struct gpu_recorder *recorder);

/* Ends recording: from here it can be submitted any number of times, one submission in flight at a time. Host
 * writes before a submission and device writes of it are made visible to each other. */
WARN_UNUSED enum status gpu_recorder_finish(struct gpu_recorder *recorder, struct failure *failure);
WARN_UNUSED enum status gpu_recorder_submit(struct gpu_recorder *recorder, struct failure *failure);
/* Waits for the submission. TIMEOUT when it is not done in time, DEVICE_LOST when the device is gone. */
WARN_UNUSED enum status gpu_recorder_wait(struct gpu_recorder *recorder, uint64_t timeout_ns,
                                          struct failure *failure);

/* How many submissions have been finished since the recorder was made: it grows while a device works. */
uint64_t gpu_recorder_progress(const struct gpu_recorder *recorder);
/* Runs what was recorded once, waiting for each submission it was cut into, and fills *out, which the caller
 * frees, with the wall time of each in milliseconds. A submission that begins with a repeating dispatch whose
 * label began an earlier one is not run. */
WARN_UNUSED enum status gpu_recorder_measure(struct gpu_recorder *recorder, struct failure *failure,
                                             double **out, size_t *count);

struct gpu_timing {
    const char *label;
    double milliseconds;
};
/* Of the last submission, which has been waited for; one entry a dispatch in order, valid until the next
 * submission. Dispatches recorded together overlap: only the sum of theirs means something. The recorder was
 * made timed. */
WARN_UNUSED enum status gpu_recorder_timings(struct gpu_recorder *recorder, struct failure *failure,
                                             const struct gpu_timing **out, size_t *count);

#endif
