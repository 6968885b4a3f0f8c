#include "cli/bench_ceiling.h"

#include "engine/base/clock.h"
#include "engine/kernels/peak.h"

#include <stdlib.h>
#include <string.h>

enum { REPEATS = 5, COPY_BYTES = 128 << 20, COPIES = 8 /* at once: submitting takes as long as one does */ };
static const double PATIENCE_S = 2; /* a slow device is measured fewer times */

/* Best wall time of several submissions, in seconds. */
static enum status best_time(struct gpu_recorder *recorder, struct failure *failure, double *seconds)
{
    enum status status = gpu_recorder_finish(recorder, failure);
    double total = 0;
    *seconds = 1e30;
    for (int i = 0; !status && i < REPEATS && total < PATIENCE_S; i++) {
        uint64_t start_ns = clock_now_ns();
        status = gpu_recorder_submit(recorder, failure);
        if (!status)
            status = gpu_recorder_wait(recorder, UINT64_MAX, failure);
        double elapsed = clock_elapsed_ms(start_ns) / 1e3;
        total += elapsed;
        if (elapsed < *seconds)
            *seconds = elapsed;
    }
    return status;
}

static enum status measure_peak(struct gpu_device *device, struct gpu_pool *pool, struct failure *failure,
                                double *gflops)
{
    struct gpu_slice out;
    struct gpu_pipeline *pipeline = NULL;
    struct gpu_recorder *recorder = NULL;
    enum status status = gpu_pool_allocate(pool, peak_out_bytes(device), failure, &out);
    if (!status)
        status = peak_create(device, failure, &pipeline);
    if (!status)
        status = gpu_recorder_create(device, false, failure, &recorder);
    if (!status) {
        double seconds, operations = peak_record(device, recorder, pipeline, out.address);
        status = best_time(recorder, failure, &seconds);
        *gflops = operations / seconds / 1e9;
    }
    gpu_recorder_destroy(&recorder);
    gpu_pipeline_destroy(&pipeline);
    return status;
}

static enum status measure_gemm(struct gpu_device *device, const struct kernels *kernels,
                                struct gpu_pool *pool, struct failure *failure, double *gflops)
{
    uint32_t size = gpu_device_info(device)->kind == GPU_CPU ? 1024 : 8192;
    struct gpu_slice a, b, bias, out;
    struct gpu_recorder *recorder = NULL;
    enum status status = gpu_pool_allocate(pool, kernels_activation_bytes(kernels, size, size), failure, &a);
    if (!status)
        status = gpu_pool_allocate(pool, gemm_packed_size_bytes(kernels, size, size), failure, &b);
    if (!status)
        status = gpu_pool_allocate(pool, size * sizeof(float), failure, &bias);
    if (!status)
        status = gpu_pool_allocate(pool, (size_t)size * size * sizeof(float), failure, &out);
    if (!status)
        status = gpu_recorder_create(device, false, failure, &recorder);
    if (status)
        return status;
    gemm_record(kernels, recorder, "ceiling", GEMM_EXACT,
                &(struct gemm_params){.a = a.address,
                                      .b = b.address,
                                      .bias = bias.address,
                                      .out = out.address,
                                      .m = size,
                                      .n = size,
                                      .k = size,
                                      .a_columns = size,
                                      .group = size,
                                      .out_group = size,
                                      .out_rows = size});
    double seconds;
    status = best_time(recorder, failure, &seconds);
    gpu_recorder_destroy(&recorder);
    *gflops = 2.0 * size * size * size / seconds / 1e9;
    return status;
}

/* By a kernel: some drivers' own copies take a slower way. */
static enum status measure_copy(struct gpu_device *device, struct gpu_pool *pool, struct failure *failure,
                                double *gbytes)
{
    struct gpu_slice from, to;
    struct gpu_pipeline *pipeline = NULL;
    struct gpu_recorder *recorder = NULL;
    enum status status = gpu_pool_allocate(pool, COPY_BYTES, failure, &from);
    if (!status)
        status = gpu_pool_allocate(pool, COPY_BYTES, failure, &to);
    if (!status)
        status = copy_create(device, failure, &pipeline);
    if (!status)
        status = gpu_recorder_create(device, false, failure, &recorder);
    if (!status) {
        double seconds;
        for (int i = 0; i < COPIES; i++)
            copy_record(recorder, pipeline, from.address, to.address, COPY_BYTES);
        status = best_time(recorder, failure, &seconds);
        *gbytes = 2.0 * COPY_BYTES * COPIES / seconds / 1e9;
    }
    gpu_recorder_destroy(&recorder);
    gpu_pipeline_destroy(&pipeline);
    return status;
}

enum status ceilings_measure(struct gpu_device *device, const struct kernels *kernels,
                             struct failure *failure, struct ceilings *out)
{
    struct gpu_pool *pool = NULL;
    enum status status = gpu_pool_create(device, GPU_MEMORY_DEVICE, failure, &pool);
    if (!status)
        status = measure_peak(device, pool, failure, &out->peak_gflops);
    if (!status)
        status = measure_gemm(device, kernels, pool, failure, &out->gemm_gflops);
    if (!status)
        status = measure_copy(device, pool, failure, &out->copy_gbytes);
    gpu_pool_destroy(&pool);
    return status;
}
