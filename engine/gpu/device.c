/* Opening a device, and what every other file does with its queue. */
#include "engine/gpu/device.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/gpu/vulkan_device.h"

static const char *result_name(VkResult result)
{
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return "VK_ERROR_OUT_OF_HOST_MEMORY";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return "VK_ERROR_OUT_OF_DEVICE_MEMORY";
    case VK_ERROR_INITIALIZATION_FAILED:
        return "VK_ERROR_INITIALIZATION_FAILED";
    case VK_ERROR_DEVICE_LOST:
        return "VK_ERROR_DEVICE_LOST";
    case VK_ERROR_MEMORY_MAP_FAILED:
        return "VK_ERROR_MEMORY_MAP_FAILED";
    case VK_ERROR_LAYER_NOT_PRESENT:
        return "VK_ERROR_LAYER_NOT_PRESENT";
    case VK_ERROR_EXTENSION_NOT_PRESENT:
        return "VK_ERROR_EXTENSION_NOT_PRESENT";
    case VK_ERROR_FEATURE_NOT_PRESENT:
        return "VK_ERROR_FEATURE_NOT_PRESENT";
    case VK_ERROR_INCOMPATIBLE_DRIVER:
        return "VK_ERROR_INCOMPATIBLE_DRIVER";
    case VK_ERROR_TOO_MANY_OBJECTS:
        return "VK_ERROR_TOO_MANY_OBJECTS";
    case VK_ERROR_INVALID_SHADER_NV:
        return "VK_ERROR_INVALID_SHADER_NV";
    default:
        return "an unknown error";
    }
}

enum status gpu_failure(struct gpu_device *device, VkResult result, const char *action,
                        struct failure *failure)
{
    enum status status = STATUS_DEVICE;
    const char *advice = "see the driver's log";
    if (result == VK_ERROR_DEVICE_LOST) {
        status = STATUS_DEVICE_LOST;
        advice = "the device is lost; try again later";
        if (device)
            atomic_store(&device->lost, true);
    } else if (result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY) {
        status = STATUS_OUT_OF_MEMORY;
        advice = "lower the batch size or choose a smaller model";
    }
    log_message(LOG_ERROR, "%s failed: %s (%d).", action, result_name(result), (int)result);
    return failure_set(failure, status, "%s failed with %s: %s.", action, result_name(result), advice);
}

static enum status handle_create(struct gpu_device *device, struct failure *failure)
{
    const struct gpu_physical *physical = &device->physical;
    bool control = physical->info.subgroup_size_control;
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroup = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
        .subgroupSizeControl = control,
        .computeFullSubgroups = control && physical->full_subgroups};
    VkPhysicalDeviceVulkan12Features v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                            .pNext = control ? &subgroup : NULL,
                                            .bufferDeviceAddress = VK_TRUE,
                                            .scalarBlockLayout = VK_TRUE,
                                            .timelineSemaphore = VK_TRUE,
                                            .shaderFloat16 = physical->info.half_arithmetic,
                                            .vulkanMemoryModel = physical->memory_model,
                                            .vulkanMemoryModelDeviceScope = physical->memory_model};
    VkPhysicalDeviceVulkan11Features v11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                            .pNext = &v12,
                                            .storageBuffer16BitAccess = physical->info.half_storage};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &v11,
                                          .features.shaderInt64 = physical->info.int64};
    const char *extensions[4] = {VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME};
    uint32_t extension_count = control && physical->subgroup_control_is_extension;
    struct gpu_matrix_features matrices;
    const void *chain = &features;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR statistics = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
        .pNext = (void *)chain,
        .pipelineExecutableInfo = VK_TRUE};
    if (physical->statistics) {
        chain = &statistics;
        extensions[extension_count++] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    }
    gpu_matrices_enable(&physical->info, &matrices, &chain, extensions, &extension_count);
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueFamilyIndex = physical->queue_family,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
    const VkDeviceCreateInfo create = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                       .pNext = chain,
                                       .queueCreateInfoCount = 1,
                                       .pQueueCreateInfos = &queue,
                                       .enabledExtensionCount = extension_count,
                                       .ppEnabledExtensionNames = extensions};
    VkResult result = vkCreateDevice(physical->handle, &create, NULL, &device->handle);
    if (result != VK_SUCCESS)
        return gpu_failure(device, result, "Opening the device", failure);
    vkGetDeviceQueue(device->handle, physical->queue_family, 0, &device->queue);
    return STATUS_OK;
}

enum status gpu_device_create(const char *choice, const char *cache_folder, struct failure *failure,
                              struct gpu_device **out)
{
    bool cached = cache_folder && gpu_cache_prepare(cache_folder);
    struct gpu_device *device = memory_allocate(1, sizeof *device);
    struct gpu_physical *list = NULL;
    size_t count = 0, chosen = 0;
    enum status status = gpu_instance_create(failure, &device->instance);
    if (status != STATUS_OK)
        goto free_device;
    status = gpu_physicals_list(device->instance, failure, &list, &count);
    if (status != STATUS_OK)
        goto destroy_instance;
    status = gpu_physical_choose(list, count, choice, failure, &chosen);
    if (status != STATUS_OK)
        goto free_list;
    device->physical = list[chosen];
    vkGetPhysicalDeviceMemoryProperties(device->physical.handle, &device->memory);
    status = handle_create(device, failure);
    if (status != STATUS_OK)
        goto free_list;
    status = gpu_cache_open(device, cached ? cache_folder : NULL, failure);
    if (status != STATUS_OK)
        goto destroy_handle;
    free(list);
    pthread_mutex_init(&device->queue_mutex, NULL);
    pthread_mutex_init(&device->transfer_mutex, NULL);
    pthread_mutex_init(&device->cache_mutex, NULL);
    *out = device;
    return STATUS_OK;
destroy_handle:
    vkDestroyDevice(device->handle, NULL);
free_list:
    free(list);
destroy_instance:
    vkDestroyInstance(device->instance, NULL);
free_device:
    free(device);
    return status;
}

void gpu_device_destroy(struct gpu_device **device)
{
    struct gpu_device *old = *device;
    *device = NULL;
    if (!old)
        return;
    gpu_transfer_finish(old);
    gpu_cache_close(old);
    vkDestroyDevice(old->handle, NULL);
    vkDestroyInstance(old->instance, NULL);
    pthread_mutex_destroy(&old->queue_mutex);
    pthread_mutex_destroy(&old->transfer_mutex);
    pthread_mutex_destroy(&old->cache_mutex);
    free(old);
}

enum status gpu_device_reopen(struct gpu_device **device, struct failure *failure)
{
    char uuid[sizeof(*device)->physical.info.uuid];
    char *folder = (*device)->cache_folder ? memory_copy_text((*device)->cache_folder) : NULL;
    const uint64_t limit_ns = (*device)->wait_limit_ns;
    memcpy(uuid, (*device)->physical.info.uuid, sizeof uuid);
    gpu_device_destroy(device);
    enum status status = gpu_device_create(uuid, folder, failure, device);
    if (!status)
        (*device)->wait_limit_ns = limit_ns;
    free(folder);
    return status;
}

void gpu_device_limit_waits(struct gpu_device *device, uint64_t limit_ns)
{
    device->wait_limit_ns = limit_ns;
}

const struct gpu_device_info *gpu_device_info(const struct gpu_device *device)
{
    return &device->physical.info;
}

bool gpu_device_lost(const struct gpu_device *device)
{
    return atomic_load(&device->lost);
}

void gpu_device_lose_after(struct gpu_device *device, uint64_t submissions)
{
    pthread_mutex_lock(&device->queue_mutex);
    device->drill_submissions = submissions;
    if (!submissions)
        atomic_store(&device->lost, true);
    pthread_mutex_unlock(&device->queue_mutex);
}

/* The queue's mutex is held. */
static bool lost_by_now(struct gpu_device *device)
{
    if (device->drill_submissions && !--device->drill_submissions)
        atomic_store(&device->lost, true);
    return atomic_load(&device->lost);
}

enum status gpu_queue_submit(struct gpu_device *device, VkCommandBuffer commands, VkSemaphore semaphore,
                             uint64_t value, struct failure *failure)
{
    const VkTimelineSemaphoreSubmitInfo timeline = {.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                                    .signalSemaphoreValueCount = 1,
                                                    .pSignalSemaphoreValues = &value};
    const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                 .pNext = &timeline,
                                 .commandBufferCount = 1,
                                 .pCommandBuffers = &commands,
                                 .signalSemaphoreCount = 1,
                                 .pSignalSemaphores = &semaphore};
    pthread_mutex_lock(&device->queue_mutex);
    VkResult result =
        lost_by_now(device) ? VK_ERROR_DEVICE_LOST : vkQueueSubmit(device->queue, 1, &submit, VK_NULL_HANDLE);
    pthread_mutex_unlock(&device->queue_mutex);
    return result == VK_SUCCESS ? STATUS_OK : gpu_failure(device, result, "Submitting work", failure);
}

enum status gpu_semaphore_create(struct gpu_device *device, struct failure *failure, VkSemaphore *out)
{
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    const VkSemaphoreCreateInfo create = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    VkResult result = vkCreateSemaphore(device->handle, &create, NULL, out);
    return result == VK_SUCCESS ? STATUS_OK : gpu_failure(device, result, "Making a semaphore", failure);
}

enum status gpu_semaphore_wait(struct gpu_device *device, VkSemaphore semaphore, uint64_t value,
                               uint64_t timeout_ns, struct failure *failure)
{
    const VkSemaphoreWaitInfo wait = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                      .semaphoreCount = 1,
                                      .pSemaphores = &semaphore,
                                      .pValues = &value};
    if (device->wait_limit_ns && device->wait_limit_ns < timeout_ns)
        timeout_ns = device->wait_limit_ns;
    VkResult result =
        gpu_device_lost(device) ? VK_ERROR_DEVICE_LOST : vkWaitSemaphores(device->handle, &wait, timeout_ns);
    if (result == VK_TIMEOUT)
        return failure_set(failure, STATUS_TIMEOUT, "The device did not finish in time; try again later.");
    return result == VK_SUCCESS ? STATUS_OK : gpu_failure(device, result, "Waiting for the device", failure);
}
