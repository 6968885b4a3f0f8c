/* What one physical device reports, and whether that is enough. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hex.h"
#include "engine/gpu/vulkan_device.h"

const char *gpu_kind_name(enum gpu_kind kind)
{
    static const char *const names[] = {[GPU_DISCRETE] = "discrete",
                                        [GPU_INTEGRATED] = "integrated",
                                        [GPU_VIRTUAL] = "virtual",
                                        [GPU_CPU] = "cpu",
                                        [GPU_OTHER] = "other"};
    static_assert(sizeof names / sizeof *names == GPU_KINDS, "a name a kind");
    return names[kind];
}

static enum gpu_kind kind_of(VkPhysicalDeviceType type)
{
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        return GPU_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        return GPU_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
        return GPU_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
        return GPU_CPU;
    default:
        return GPU_OTHER;
    }
}

/* The device's extensions; the caller frees. */
static VkExtensionProperties *extensions_list(VkPhysicalDevice handle, uint32_t *count)
{
    *count = 0;
    if (vkEnumerateDeviceExtensionProperties(handle, NULL, count, NULL) != VK_SUCCESS)
        *count = 0;
    VkExtensionProperties *list = memory_allocate(*count + 1, sizeof *list);
    if (*count && vkEnumerateDeviceExtensionProperties(handle, NULL, count, list) < 0)
        *count = 0;
    return list;
}

static bool extension_present(const VkExtensionProperties *list, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(list[i].extensionName, name) == 0)
            return true;
    return false;
}

static void uuid_format(const uint8_t bytes[VK_UUID_SIZE], char out[37])
{
    size_t at = 0;
    for (size_t i = 0; i < VK_UUID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        hex_print(&bytes[i], 1, out + at);
        at += 2;
    }
}

static void memory_query(struct gpu_physical *out)
{
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(out->handle, &memory);
    for (uint32_t i = 0; i < memory.memoryHeapCount; i++)
        if (memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT &&
            memory.memoryHeaps[i].size > out->info.memory_bytes)
            out->info.memory_bytes = memory.memoryHeaps[i].size;
}

/* The first family that computes: it is never worse, and the only one everywhere. */
static bool queue_query(struct gpu_physical *out)
{
    uint32_t count = 0;
    vkGetPhysicalDeviceQueueFamilyProperties(out->handle, &count, NULL);
    VkQueueFamilyProperties *families = memory_allocate(count, sizeof *families);
    vkGetPhysicalDeviceQueueFamilyProperties(out->handle, &count, families);
    uint32_t i = 0;
    while (i < count && !(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT))
        i++;
    bool found = i < count;
    if (found) {
        out->queue_family = i;
        out->timestamp_bits = families[i].timestampValidBits;
    }
    free(families);
    return found;
}

static void properties_query(struct gpu_physical *out, bool has_pci)
{
    VkPhysicalDevicePCIBusInfoPropertiesEXT pci = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT};
    VkPhysicalDeviceSubgroupSizeControlProperties subgroup = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceVulkan12Properties v12 = {.sType =
                                                  VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES};
    VkPhysicalDeviceVulkan11Properties v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, .pNext = &v12};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &v11};
    void **tail = &v12.pNext;
    if (out->info.subgroup_size_control) {
        *tail = &subgroup;
        tail = &subgroup.pNext;
    }
    if (has_pci)
        *tail = &pci;
    vkGetPhysicalDeviceProperties2(out->handle, &all);

    struct gpu_device_info *info = &out->info;
    snprintf(info->driver, sizeof info->driver, "%s", v12.driverName);
    snprintf(info->driver_info, sizeof info->driver_info, "%s", v12.driverInfo);
    info->driver_id = v12.driverID;
    gpu_float_controls_choose(&v12, &out->float_controls);
    info->half_denormals = out->float_controls.keep_denormals;
    uuid_format(v11.deviceUUID, info->uuid);
    info->allocation_bytes_max = v11.maxMemoryAllocationSize;
    info->subgroup_size = info->subgroup_size_min = info->subgroup_size_max = v11.subgroupSize;
    if (info->subgroup_size_control) {
        info->subgroup_size_min = subgroup.minSubgroupSize;
        info->subgroup_size_max = subgroup.maxSubgroupSize;
        info->subgroup_size_control = subgroup.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT;
    }
    if (has_pci)
        snprintf(info->pci_address, sizeof info->pci_address, "%04x:%02x:%02x.%x", pci.pciDomain & 0xffff,
                 pci.pciBus & 0xff, pci.pciDevice & 0xff, pci.pciFunction & 0xf);
}

/* The first thing missing that every kernel needs, or NULL. */
static const char *features_query(struct gpu_physical *out, bool subgroup_control)
{
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroup = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES};
    VkPhysicalDeviceVulkan12Features v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                            .pNext = subgroup_control ? &subgroup : NULL};
    VkPhysicalDeviceVulkan11Features v11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                            .pNext = &v12};
    VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &v11};
    vkGetPhysicalDeviceFeatures2(out->handle, &all);
    out->info.int64 = all.features.shaderInt64;
    out->info.half_storage = v11.storageBuffer16BitAccess;
    out->info.half_arithmetic = v12.shaderFloat16;
    out->info.subgroup_size_control = subgroup.subgroupSizeControl;
    out->full_subgroups = subgroup.computeFullSubgroups;
    out->memory_model = v12.vulkanMemoryModel && v12.vulkanMemoryModelDeviceScope;
    return !v12.bufferDeviceAddress ? "buffer device addresses"
           : !v12.scalarBlockLayout ? "scalar block layout"
           : !v12.timelineSemaphore ? "timeline semaphores"
                                    : NULL;
}

static void refuse(struct gpu_device_info *info, const char *reason)
{
    info->usable = false;
    snprintf(info->refusal, sizeof info->refusal, "%s", reason);
}

void gpu_physical_query(VkInstance instance, VkPhysicalDevice handle, struct gpu_physical *out)
{
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(handle, &properties);
    struct gpu_device_info *info = &out->info;
    out->handle = handle;
    out->vendor_id = properties.vendorID;
    out->device_id = properties.deviceID;
    out->api_version = properties.apiVersion;
    out->timestamp_period_ns = properties.limits.timestampPeriod;
    memcpy(out->groups_max, properties.limits.maxComputeWorkGroupCount, sizeof out->groups_max);
    memcpy(out->cache_uuid, properties.pipelineCacheUUID, VK_UUID_SIZE);
    snprintf(info->name, sizeof info->name, "%s", properties.deviceName);
    snprintf(info->model, sizeof info->model, "%04x-%04x", properties.vendorID, properties.deviceID);
    info->kind = kind_of(properties.deviceType);
    info->driver_version = properties.driverVersion;
    info->shared_memory_bytes = properties.limits.maxComputeSharedMemorySize;
    info->push_constant_bytes = properties.limits.maxPushConstantsSize;
    info->workgroup_invocations_max = properties.limits.maxComputeWorkGroupInvocations;
    if (info->workgroup_invocations_max > properties.limits.maxComputeWorkGroupSize[0])
        info->workgroup_invocations_max = properties.limits.maxComputeWorkGroupSize[0];
    info->usable = true;
    memory_query(out);
    if (properties.apiVersion < VK_API_VERSION_1_2) {
        refuse(info, "its driver offers less than Vulkan 1.2: install a newer driver");
        return;
    }
    uint32_t count = 0;
    VkExtensionProperties *extensions = extensions_list(handle, &count);
    bool is_1_3 = properties.apiVersion >= VK_API_VERSION_1_3;
    bool control_extension =
        extension_present(extensions, count, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
    out->subgroup_control_is_extension = control_extension && !is_1_3;
    const char *missing = features_query(out, control_extension || is_1_3);
    properties_query(out, extension_present(extensions, count, VK_EXT_PCI_BUS_INFO_EXTENSION_NAME));
    gpu_matrices_query(instance, extension_present(extensions, count, "VK_KHR_cooperative_matrix"),
                       extension_present(extensions, count, "VK_NV_cooperative_matrix2"), out);
    out->statistics =
        extension_present(extensions, count, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME);
    free(extensions);
    if (missing) {
        refuse(info, "");
        snprintf(info->refusal, sizeof info->refusal, "its driver lacks %s: install a newer driver", missing);
    } else if (!queue_query(out)) {
        refuse(info, "it has no compute queue");
    }
}
