/* Vulkan devices: what there is, why one is refused, and one opened for compute.
 *
 * Choice: "auto" takes the first usable discrete device, then an integrated one, then a virtual one, and a
 * CPU driver only when there is nothing else; "cpu" a CPU driver; a number is an index in the list of `cxrd
 * devices`; anything else a UUID or a PCI address as printed there. The same GPU under two drivers is listed
 * once. Nothing falls back silently: a choice that cannot be met is an error.
 */
#ifndef CXRD_ENGINE_GPU_DEVICE_H
#define CXRD_ENGINE_GPU_DEVICE_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

enum gpu_kind { GPU_DISCRETE, GPU_INTEGRATED, GPU_VIRTUAL, GPU_CPU, GPU_OTHER, GPU_KINDS };
const char *gpu_kind_name(enum gpu_kind kind); /* "discrete", ... */

/* Of matrices that multiply float16 into float32: the sizes m x k times k x n, and for those of any size what
 * each size is a multiple of, in a workgroup of `invocations` (0: in a subgroup). */
struct gpu_matrix_shape {
    uint32_t m, n, k, invocations;
};
enum { GPU_MATRIX_SHAPES_MAX = 8 };

struct gpu_device_info {
    uint32_t index;
    char name[256], driver[256], driver_info[256];
    char uuid[37];        /* 8-4-4-4-12 hexadecimal digits */
    char pci_address[16]; /* "0000:01:00.0", or "" */
    char model[20];       /* "10de-2335": maker and model as PCI numbers them, the same of equal devices */
    enum gpu_kind kind;
    uint32_t driver_id;      /* VkDriverId */
    uint32_t driver_version; /* as the driver encodes it; Mesa: VK_MAKE_API_VERSION */
    uint32_t subgroup_size, subgroup_size_min, subgroup_size_max;
    bool subgroup_size_control; /* a pipeline can pin its subgroup size and ask for full subgroups */
    bool int64;                 /* 64-bit integers in shaders */
    bool half_storage;          /* 16-bit storage behind buffer addresses */
    bool half_arithmetic;       /* float16 arithmetic */
    bool half_denormals;        /* shaders are sure to keep those of float16 */
    /* Cooperative matrices of fixed shapes (VK_KHR_cooperative_matrix) and of any size
     * (VK_NV_cooperative_matrix2) that the kernels can use; if not, a sentence's end that says why. */
    bool cooperative_matrix, cooperative_matrix2;
    const char *matrix_lack, *matrix2_lack;
    const char *matrix_attention_lack; /* why attention is computed without those of fixed shapes; or NULL */
    struct gpu_matrix_shape matrix_shapes[GPU_MATRIX_SHAPES_MAX], matrix2_steps[GPU_MATRIX_SHAPES_MAX];
    uint32_t matrix_shape_count, matrix2_step_count;
    bool matrix2_workgroup; /* those of any size are a workgroup's, with tensor addressing; else a subgroup's
                             */
    uint32_t matrix2_invocations_max, matrix2_side_max; /* of a workgroup; rows or columns of a matrix */
    uint32_t shared_memory_bytes, push_constant_bytes;
    uint32_t workgroup_invocations_max; /* along x, as all kernels have them */
    uint64_t memory_bytes;              /* of the largest device-local heap */
    uint64_t allocation_bytes_max;      /* maxMemoryAllocationSize */
    bool usable;
    char refusal[160]; /* why not, when not usable */
};

/* Every physical device, sorted by preference. The caller frees *out. NO_DEVICE when the loader finds none.
 */
WARN_UNUSED enum status gpu_devices_list(struct failure *failure, struct gpu_device_info **out,
                                         size_t *count);

/* Opens one. `cache_folder` holds the pipeline cache (NULL: none on disk) and is made when it is
 * not there; Mesa's own cache is put there too, by an environment variable: call it before other threads read
 * the environment. The caller owns *out; every object made from it is destroyed before it. */
struct gpu_device;
WARN_UNUSED enum status gpu_device_create(const char *choice, const char *cache_folder,
                                          struct failure *failure, struct gpu_device **out);
void gpu_device_destroy(struct gpu_device **device); /* saves the pipelines too */

/* Writes the pipeline cache back to its folder when it grew: worth a call once every pipeline is made, so
 * that a process that is killed leaves it behind. Trouble is logged. Thread-safe. */
void gpu_device_save_pipelines(struct gpu_device *device);

/* Where a device's file of one kind lies in a cache folder: "FOLDER/KIND-UUID.cache", which the caller frees;
 * with a model for the UUID it is one of all devices of that model. NULL when a device keeps nothing on disk.
 */
char *gpu_cache_file(const char *folder, const char *kind, const char *uuid);
char *gpu_device_cache_file(const struct gpu_device *device, const char *kind);
const char *gpu_device_cache_folder(const struct gpu_device *device); /* NULL likewise */

const struct gpu_device_info *gpu_device_info(const struct gpu_device *device);
bool gpu_device_lost(const struct gpu_device *device); /* any call has returned VK_ERROR_DEVICE_LOST */

/* Opens a device that was lost again, its waits limited as before. Whatever was made from it is destroyed
 * before, and so is the device itself on failure. */
WARN_UNUSED enum status gpu_device_reopen(struct gpu_device **device, struct failure *failure);

/* From now on whoever waits longer than so long for the device fails with TIMEOUT; 0: nobody does. What was
 * waited for may still run: nothing that it uses may be destroyed. For one thread's use alone. */
void gpu_device_limit_waits(struct gpu_device *device, uint64_t limit_ns);

/* A drill: the device behaves as lost from the given number of submissions on, counted from now; 0: at once.
 * Real losses take the same path, so that what follows one can be tried on any device. Thread-safe. */
void gpu_device_lose_after(struct gpu_device *device, uint64_t submissions);

#endif
