#include "engine/kernels/peak.h"

#include <assert.h>

#include "shaders/params/copy.h"
#include "shaders/params/peak.h"

static uint32_t groups(const struct gpu_device *device)
{
    return gpu_device_info(device)->kind == GPU_CPU ? 64 : 8192;
}

enum status peak_create(struct gpu_device *device, struct failure *failure, struct gpu_pipeline **out)
{
    const struct gpu_pipeline_options options = {.push_bytes = sizeof(struct peak_params)};
    return gpu_pipeline_create(device, gpu_shader_find("peak.f32"), &options, failure, out);
}

size_t peak_out_bytes(const struct gpu_device *device)
{
    return groups(device) * PEAK_THREADS * sizeof(float);
}

double peak_record(const struct gpu_device *device, struct gpu_recorder *recorder,
                   const struct gpu_pipeline *pipeline, uint64_t out)
{
    /* So small a factor that the sums stay finite. */
    const struct peak_params params = {
        .out = out, .rounds = gpu_device_info(device)->kind == GPU_CPU ? 512 : 128, .factor = -1e-3F};
    gpu_record_dispatch(recorder, pipeline, "peak", &params, groups(device), 1, 1);
    return 2.0 * groups(device) * PEAK_THREADS * params.rounds * PEAK_SUMS * PEAK_UNROLLED;
}

enum status copy_create(struct gpu_device *device, struct failure *failure, struct gpu_pipeline **out)
{
    const struct gpu_pipeline_options options = {.push_bytes = sizeof(struct copy_params)};
    return gpu_pipeline_create(device, gpu_shader_find("copy.f32"), &options, failure, out);
}

void copy_record(struct gpu_recorder *recorder, const struct gpu_pipeline *pipeline, uint64_t from,
                 uint64_t to, size_t size_bytes)
{
    enum { GROUP_BYTES = COPY_THREADS * COPY_VECTORS * 16 };
    assert(size_bytes % GROUP_BYTES == 0);
    const struct copy_params params = {.from = from, .to = to};
    gpu_record_dispatch(recorder, pipeline, "copy", &params, (uint32_t)(size_bytes / GROUP_BYTES), 1, 1);
}
