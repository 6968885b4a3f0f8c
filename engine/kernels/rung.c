/* The one table of rungs, and which of them a device can run: by what it reports, never by its name. */
#include <assert.h>
#include <string.h>

#include "engine/kernels/matrix.h"
#include "engine/kernels/row.h"
#include "shaders/params/attention.h"

enum {
    DRIVER_ID_MESA_LLVMPIPE = 13, /* VK_DRIVER_ID_MESA_LLVMPIPE */
    CPU_MESA_MAJOR = 26,
    CPU_SUBGROUP_SIZE = 8,
    /* What the kernels that have one size take: rownorm.glsl and others; pool.comp. */
    INVOCATIONS_NEEDED = 256,
    SHARED_BYTES_NEEDED = 12800,
};

/* VK_API_VERSION_MAJOR of a version as Mesa encodes it. */
static uint32_t mesa_major(uint32_t driver_version)
{
    return driver_version >> 22 & 0x7f;
}

/* Of the kernels that all rungs have. */
static const char *common_lacks(const struct gpu_device_info *device)
{
    if (device->workgroup_invocations_max < INVOCATIONS_NEEDED)
        return "its workgroups are smaller than 256 invocations";
    if (device->shared_memory_bytes < SHARED_BYTES_NEEDED)
        return "it has less than 12.5 KiB of shared memory";
    return NULL;
}

static const char *portable_lacks(const struct gpu_device_info *device)
{
    struct tiles gemms = {.count = 0}, attentions = {.count = 0};
    gemm_tiles_portable(device, ELEMENT_F32, &gemms);
    attention_tiles_portable(device, &attentions);
    return gemms.count && attentions.count ? NULL : "its shared memory is too small for the tiles";
}

static const char *half_lacks(const struct gpu_device_info *device)
{
    return device->half_storage ? portable_lacks(device) : "it has no 16-bit storage";
}

/* The kernels of this rung are written for the code one compiler makes of them. Mesa 26 turns a select chain
 * over the lanes of a subgroup into one vector load and keeps the accumulators of a GEMM in registers; Mesa
 * 25 takes most of a minute to compile the same shader and then runs it 70 times slower. With another
 * subgroup size than 8 the results would be wrong: a lane owns two of 16 columns. 64-bit integers are needed
 * for addresses that the shader computes. */
static const char *cpu_lacks(const struct gpu_device_info *device)
{
    if (device->driver_id != DRIVER_ID_MESA_LLVMPIPE)
        return "it is not Mesa's CPU driver";
    if (mesa_major(device->driver_version) < CPU_MESA_MAJOR)
        return "its Mesa is older than 26";
    if (device->subgroup_size != CPU_SUBGROUP_SIZE)
        return "its subgroups are not of 8";
    if (!device->int64)
        return "it has no 64-bit integers";
    return NULL;
}

static bool on_any(const struct gpu_device_info *device)
{
    (void)device;
    return true;
}

static bool on_gpus(const struct gpu_device_info *device)
{
    return device->kind != GPU_CPU; /* a CPU driver converts 16 bits in software, and takes matrices apart */
}

static bool on_workgroups(const struct gpu_device_info *device)
{
    return on_gpus(device) && device->matrix2_workgroup;
}

static bool on_cpu_drivers(const struct gpu_device_info *device)
{
    return device->kind == GPU_CPU;
}

static const struct rung_row rungs[RUNG_COUNT] = {
    [RUNG_PORTABLE] = {.name = "portable",
                       .lacks = portable_lacks,
                       .promising = on_any,
                       .prefers_f32 = on_cpu_drivers,
                       .takes_f32 = true,
                       .takes_f16 = true,
                       .order = &weights_in_panels,
                       .grid = GRID_ROWS,
                       .gemm_tiles = gemm_tiles_portable,
                       .attention_tiles = attention_tiles_portable,
                       .pool_rows = 32,
                       .pool_columns = 64},
    [RUNG_HALF] = {.name = "half",
                   .lacks = half_lacks,
                   .promising = on_gpus,
                   .takes_f16 = true,
                   .order = &weights_in_panels,
                   .grid = GRID_ROWS,
                   .gemm_tiles = gemm_tiles_half,
                   .attention_tiles = attention_tiles_half,
                   .pool_rows = 32,
                   .pool_columns = 64},
    [RUNG_MATRIX] = {.name = "matrix",
                     .lacks = matrix_lacks,
                     .promising = on_gpus,
                     .takes_f16 = true,
                     .order = &weights_in_fragments,
                     .grid = GRID_BANDS,
                     .gemm_tiles = matrix_gemm_tiles,
                     .attention_tiles = matrix_attention_tiles,
                     .pool_rows = 32,
                     .pool_columns = 64},
    [RUNG_MATRIX2] = {.name = "matrix2",
                      .lacks = matrix2_lacks,
                      .promising = on_workgroups,
                      .takes_f16 = true,
                      .order = &weights_in_rows,
                      .grid = GRID_BANDS,
                      .gemm_tiles = matrix2_gemm_tiles,
                      .attention_tiles = matrix2_attention_tiles,
                      .pool_rows = 32,
                      .pool_columns = 64},
    [RUNG_CPU] = {.name = "cpu",
                  .lacks = cpu_lacks,
                  .promising = on_cpu_drivers,
                  .prefers_f32 = on_any,
                  .takes_f32 = true,
                  .strips = true,
                  .order = &weights_in_pairs,
                  .grid = GRID_BLOCKS,
                  .gemm_tiles = gemm_tiles_cpu,
                  .attention_tiles = attention_tiles_cpu,
                  .scratch_bytes = ATTENTION_CPU_SCRATCH,
                  .pool_rows = 24,
                  .pool_columns = PANEL},
};

const struct rung_row *rung_row(enum rung rung)
{
    return &rungs[rung];
}

const char *rung_name(enum rung rung)
{
    return rungs[rung].name;
}

static const char *lacks(enum rung rung, const struct gpu_device_info *device)
{
    const char *lack = rungs[rung].lacks(device);
    return lack ? lack : common_lacks(device);
}

bool rung_supported(enum rung rung, const struct gpu_device_info *device, const char **why_not)
{
    const char *lack = lacks(rung, device);
    if (lack)
        *why_not = lack;
    return !lack;
}

static const char *const precision_names[] = {
    [PRECISION_AUTO] = "auto", [PRECISION_FP16] = "fp16", [PRECISION_FP32] = "fp32"};
static_assert(sizeof precision_names / sizeof *precision_names == PRECISIONS, "a name a precision");

const char *precision_name(enum precision precision)
{
    return precision_names[precision];
}

bool precision_read(const char *name, enum precision *out)
{
    for (size_t i = 0; i < PRECISIONS; i++)
        if (!strcmp(name, precision_names[i])) {
            *out = (enum precision)i;
            return true;
        }
    return false;
}

bool rung_takes(enum rung rung, enum element weights)
{
    return weights == ELEMENT_F32 ? rungs[rung].takes_f32 : rungs[rung].takes_f16;
}

static bool allows(enum rung rung, enum precision precision)
{
    return precision == PRECISION_AUTO ||
           rung_takes(rung, precision == PRECISION_FP32 ? ELEMENT_F32 : ELEMENT_F16);
}

size_t rung_candidates(const struct gpu_device_info *device, enum precision precision,
                       enum rung candidates[RUNG_COUNT])
{
    static const enum rung by_speed[] = {RUNG_CPU, RUNG_MATRIX, RUNG_MATRIX2, RUNG_HALF, RUNG_PORTABLE};
    size_t count = 0;
    for (size_t i = 0; i < sizeof by_speed / sizeof *by_speed; i++)
        if (rungs[by_speed[i]].promising(device) && !lacks(by_speed[i], device) &&
            allows(by_speed[i], precision))
            candidates[count++] = by_speed[i];
    return count;
}

enum status rung_named(const struct gpu_device_info *device, const char *name, enum precision precision,
                       struct failure *failure, enum rung *out)
{
    const char *why_not = NULL;
    enum rung rung = 0;
    while (rung < RUNG_COUNT && strcmp(name, rung_name(rung)))
        rung++;
    if (rung == RUNG_COUNT)
        return failure_set(failure, STATUS_BAD_REQUEST, "There is no rung \"%s\"; see `cxrd devices`.", name);
    if (!rung_supported(rung, device, &why_not))
        return failure_set(failure, STATUS_NO_DEVICE, "%s cannot run rung \"%s\": %s.", device->name, name,
                           why_not);
    if (!allows(rung, precision))
        return failure_set(failure, STATUS_BAD_REQUEST, "Rung \"%s\" does not compute in %s.", name,
                           precision == PRECISION_FP16 ? "fp16" : "fp32");
    *out = rung;
    return STATUS_OK;
}

enum element rung_weights(const struct gpu_device_info *device, enum rung rung, enum precision precision)
{
    const struct rung_row *row = &rungs[rung];
    bool full = precision == PRECISION_FP32 ||
                (precision == PRECISION_AUTO && row->prefers_f32 && row->prefers_f32(device));
    return full || !row->takes_f16 ? ELEMENT_F32 : ELEMENT_F16;
}
