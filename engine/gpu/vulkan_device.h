/* Inside gpu/: what a device is made of, and the few Vulkan idioms its files share. */
#ifndef CXRD_ENGINE_GPU_VULKAN_DEVICE_H
#define CXRD_ENGINE_GPU_VULKAN_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <vulkan/vulkan.h>

#include "engine/gpu/memory.h"
#include "engine/gpu/pipeline.h"

/* What shaders ask of a device's arithmetic, where it is offered. Denormals of float16: attention's weights,
 * which are relative to a row's largest, are below 2^-14 in numbers. NaN and infinity of float32: an answer
 * that is not finite is withheld, so none may become a number on its way. */
struct gpu_float_controls {
    uint32_t keep_denormals; /* of types of 16, 32 and 64 bits: the sum of those */
    bool keep_nan;
};
/* Some devices set several types at once: those are asked for together, or not. */
void gpu_float_controls_choose(const VkPhysicalDeviceVulkan12Properties *offered,
                               struct gpu_float_controls *out);
/* A copy of the shader that asks for them; the caller frees it. */
uint32_t *gpu_float_controls_add(const struct gpu_float_controls *controls, const struct gpu_shader *shader,
                                 size_t *size_bytes);

/* One physical device as the loader reports it. */
struct gpu_physical {
    VkPhysicalDevice handle;
    struct gpu_device_info info;
    uint32_t vendor_id, device_id, api_version;
    uint32_t queue_family, timestamp_bits;
    float timestamp_period_ns;
    uint32_t groups_max[3]; /* workgroups of one dispatch */
    uint8_t cache_uuid[VK_UUID_SIZE];
    bool subgroup_control_is_extension; /* before Vulkan 1.3 */
    bool full_subgroups;                /* computeFullSubgroups */
    bool memory_model;                  /* vulkanMemoryModel and its device scope */
    struct gpu_float_controls float_controls;
    bool statistics; /* VK_KHR_pipeline_executable_properties */
};

struct gpu_transfer; /* staging of gpu_slice_write and gpu_slice_read, made when first needed */

struct gpu_device {
    VkInstance instance;
    struct gpu_physical physical;
    VkPhysicalDeviceMemoryProperties memory;
    VkDevice handle;
    VkQueue queue;
    pthread_mutex_t queue_mutex; /* vkQueueSubmit wants its queue for itself */
    pthread_mutex_t transfer_mutex;
    struct gpu_transfer *transfer;
    VkPipelineCache pipelines;
    pthread_mutex_t cache_mutex;
    char *cache_folder;               /* NULL: nothing is kept on disk */
    size_t cache_size_bytes;          /* of the driver's data when last read or written */
    VkPipelineCreateFlags inspection; /* what pipelines keep: statistics, and forms of their code */
    atomic_bool lost;
    uint64_t wait_limit_ns;     /* 0: none */
    uint64_t drill_submissions; /* until the device is made to look lost; 0: no drill; under queue_mutex */
};

/* An instance of Vulkan 1.2 or, where the loader has it, 1.3. NO_DEVICE when there is no such loader. */
WARN_UNUSED enum status gpu_instance_create(struct failure *failure, VkInstance *out);
/* Every physical device of the instance, each GPU once, sorted by preference, index filled in. The caller
 * frees *out. NO_DEVICE when there is none. */
WARN_UNUSED enum status gpu_physicals_list(VkInstance instance, struct failure *failure,
                                           struct gpu_physical **out, size_t *count);
/* Fills everything of *out but handle and index. */
void gpu_physical_query(VkInstance instance, VkPhysicalDevice handle, struct gpu_physical *out);
/* What physical->info tells of cooperative matrices; whether the driver has each of the two extensions. */
void gpu_matrices_query(VkInstance instance, bool extension, bool extension2, struct gpu_physical *out);

/* The part of a device's features that asks for cooperative matrices. */
struct gpu_matrix_features {
    int unused; /* a struct has a member, whatever the headers know */
#ifdef VK_KHR_cooperative_matrix
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix;
#endif
#ifdef VK_NV_cooperative_matrix2
    VkPhysicalDeviceMaintenance4Features maintenance4;
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV matrix2;
#endif
};
/* Puts what the device offers of them before *chain, and their extensions' names behind the *count there are.
 */
void gpu_matrices_enable(const struct gpu_device_info *info, struct gpu_matrix_features *features,
                         const void **chain, const char **extensions, uint32_t *count);
/* Sorts by preference, drops a GPU seen before under another driver, numbers the rest; returns how many. */
size_t gpu_physicals_arrange(struct gpu_physical *list, size_t count);
/* The position in an arranged list that `choice` names; fails with NO_DEVICE. */
WARN_UNUSED enum status gpu_physical_choose(const struct gpu_physical *list, size_t count, const char *choice,
                                            struct failure *failure, size_t *out);
/* Takes away what the device reports but does not do well; see the table. */
void gpu_workarounds_apply(struct gpu_physical *physical);

/* The status of a Vulkan result other than VK_SUCCESS, with a sentence "<action> failed: VK_..."; notes a
 * lost device. */
enum status gpu_failure(struct gpu_device *device, VkResult result, const char *action,
                        struct failure *failure);

/* Submits one command buffer; `semaphore` (a timeline) becomes `value` when it is done. */
WARN_UNUSED enum status gpu_queue_submit(struct gpu_device *device, VkCommandBuffer commands,
                                         VkSemaphore semaphore, uint64_t value, struct failure *failure);
WARN_UNUSED enum status gpu_semaphore_create(struct gpu_device *device, struct failure *failure,
                                             VkSemaphore *out);
WARN_UNUSED enum status gpu_semaphore_wait(struct gpu_device *device, VkSemaphore semaphore, uint64_t value,
                                           uint64_t timeout_ns, struct failure *failure);

/* A command pool of one primary command buffer. The caller destroys the pool. */
WARN_UNUSED enum status gpu_commands_create(struct gpu_device *device, struct failure *failure,
                                            VkCommandPool *pool, VkCommandBuffer *commands);
/* One more command buffer of a pool, which frees it. */
WARN_UNUSED enum status gpu_commands_add(struct gpu_device *device, VkCommandPool pool,
                                         struct failure *failure, VkCommandBuffer *commands);
enum gpu_barrier {
    GPU_BARRIER_DEVICE, /* dispatches and copies see the writes of those before, also of earlier submissions
                         */
    GPU_BARRIER_TO_HOST /* the host sees the writes of dispatches and copies once the submission is done */
};
void gpu_barrier(VkCommandBuffer commands, enum gpu_barrier barrier);

/* Makes the cache folder; false, with a warning, when that cannot be. Mesa's CPU driver keeps the machine
 * code it compiles not in a VkPipelineCache but in a cache of its own, which would lie in the user's home,
 * and a service may have none: it is pointed here, unless the user has named a place. Comes before the
 * instance is made. */
bool gpu_cache_prepare(const char *folder);
/* Makes the device's VkPipelineCache, from disk when there is a valid one for this device and driver. */
WARN_UNUSED enum status gpu_cache_open(struct gpu_device *device, const char *folder,
                                       struct failure *failure);
void gpu_cache_close(struct gpu_device *device);

struct gpu_region {
    struct gpu_device *device;
    VkBuffer buffer;
    VkDeviceMemory memory;
    size_t size_bytes;
    uint64_t address;
    void *mapped; /* NULL where the host cannot reach it */
};
/* One buffer of its own memory, not yet zeroed. */
WARN_UNUSED enum status gpu_region_init(struct gpu_region *region, struct gpu_device *device,
                                        enum gpu_memory memory, size_t size_bytes, struct failure *failure);
void gpu_region_finish(struct gpu_region *region);

/* Copies through staging, or fills a range of a region with zeroes; return when done. Thread-safe. */
WARN_UNUSED enum status gpu_transfer_write(struct gpu_device *device, const struct gpu_region *region,
                                           size_t offset, const void *data, size_t size_bytes,
                                           struct failure *failure);
WARN_UNUSED enum status gpu_transfer_read(struct gpu_device *device, const struct gpu_region *region,
                                          size_t offset, void *data, size_t size_bytes,
                                          struct failure *failure);
WARN_UNUSED enum status gpu_transfer_zero(struct gpu_device *device, const struct gpu_region *region,
                                          struct failure *failure);
void gpu_transfer_finish(struct gpu_device *device);

struct gpu_pipeline {
    struct gpu_device *device;
    VkPipelineLayout layout;
    VkPipeline handle;
    uint32_t push_bytes;
};

#endif
