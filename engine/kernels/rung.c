/* Which rungs a device can run: by what it reports, never by its name. */
#include <assert.h>
#include <string.h>

#include "engine/kernels/matrix.h"

enum {
    DRIVER_ID_MESA_LLVMPIPE = 13, /* VK_DRIVER_ID_MESA_LLVMPIPE */
    CPU_MESA_MAJOR = 26,
    CPU_SUBGROUP_SIZE = 8,
    INVOCATIONS_NEEDED = 256,
    SHARED_BYTES_NEEDED = 32 << 10,
};

/* VK_API_VERSION_MAJOR of a version as Mesa encodes it. */
static uint32_t mesa_major(uint32_t driver_version)
{
    return driver_version >> 22 & 0x7f;
}

static const char *portable_lacks(const struct gpu_device_info *device)
{
    if (device->workgroup_invocations_max < INVOCATIONS_NEEDED)
        return "its workgroups are smaller than 256 invocations";
    if (device->shared_memory_bytes < SHARED_BYTES_NEEDED)
        return "it has less than 32 KiB of shared memory";
    return NULL;
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
    return portable_lacks(device);
}

static const struct {
    const char *name;
    const char *(*lacks)(const struct gpu_device_info *device); /* NULL, or the first thing missing */
} rungs[RUNG_COUNT] = {
    [RUNG_PORTABLE] = {"portable", portable_lacks},
    [RUNG_HALF] = {"half", half_lacks},
    [RUNG_MATRIX] = {"matrix", matrix_lacks},
    [RUNG_MATRIX2] = {"matrix2", matrix2_lacks},
    [RUNG_CPU] = {"cpu", cpu_lacks},
};

const char *rung_name(enum rung rung)
{
    return rungs[rung].name;
}

bool rung_supported(enum rung rung, const struct gpu_device_info *device, const char **why_not)
{
    const char *lack = rungs[rung].lacks(device);
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
    return rung == RUNG_PORTABLE || (rung == RUNG_CPU) == (weights == ELEMENT_F32);
}

static bool allows(enum rung rung, enum precision precision)
{
    return precision == PRECISION_AUTO ||
           rung_takes(rung, precision == PRECISION_FP32 ? ELEMENT_F32 : ELEMENT_F16);
}

/* Whether a rung is worth trying. Those of matrices are not on a CPU driver, which takes them apart and is
 * long in compiling them, nor are 16 bits, which it converts in software. */
static bool promising(enum rung rung, const struct gpu_device_info *device)
{
    if (device->kind == GPU_CPU)
        return rung == RUNG_CPU || rung == RUNG_PORTABLE;
    return rung != RUNG_MATRIX2 || device->matrix2_workgroup;
}

size_t rung_candidates(const struct gpu_device_info *device, enum precision precision,
                       enum rung candidates[RUNG_COUNT])
{
    static const enum rung by_speed[] = {RUNG_CPU, RUNG_MATRIX, RUNG_MATRIX2, RUNG_HALF, RUNG_PORTABLE};
    size_t count = 0;
    for (size_t i = 0; i < sizeof by_speed / sizeof *by_speed; i++)
        if (promising(by_speed[i], device) && !rungs[by_speed[i]].lacks(device) &&
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
    bool full = rung == RUNG_CPU || precision == PRECISION_FP32 ||
                (precision == PRECISION_AUTO && rung == RUNG_PORTABLE && device->kind == GPU_CPU);
    return full ? ELEMENT_F32 : ELEMENT_F16;
}
