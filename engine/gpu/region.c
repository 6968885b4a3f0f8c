/* One buffer bound to one allocation: the unit in which memory is taken from the driver. */
#include <assert.h>

#include "engine/gpu/vulkan_device.h"

/* The flags a memory type must have, and those it should have besides, the most wanted first. */
struct wanted {
    VkMemoryPropertyFlags required, preferred[2];
};

static const VkMemoryPropertyFlags host_flags =
    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
/* Memory that cannot hold data we see, or needs features that are not asked for. */
static const VkMemoryPropertyFlags unusable_flags =
    VK_MEMORY_PROPERTY_PROTECTED_BIT | VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT |
    VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD | VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD;

/* Whether host and device share one memory. */
static bool memory_shared(const struct gpu_device *device)
{
    enum gpu_kind kind = device->physical.info.kind;
    return kind == GPU_CPU || kind == GPU_INTEGRATED;
}

static struct wanted wanted_for(const struct gpu_device *device, enum gpu_memory memory)
{
    const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    if (memory == GPU_MEMORY_READBACK)
        return (struct wanted){host_flags, {VK_MEMORY_PROPERTY_HOST_CACHED_BIT, 0}};
    if (memory == GPU_MEMORY_UPLOAD)
        return (struct wanted){host_flags, {0, 0}};
    if (memory_shared(device))
        return (struct wanted){0, {local, host_flags}};
    return (struct wanted){local, {0, 0}};
}

/* The best allowed type, or UINT32_MAX. Types are listed fastest first, so the first of the best wins. */
static uint32_t type_choose(const struct gpu_device *device, uint32_t allowed, struct wanted wanted)
{
    uint32_t best = UINT32_MAX;
    int best_score = -1;
    for (uint32_t i = 0; i < device->memory.memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = device->memory.memoryTypes[i].propertyFlags;
        if (!(allowed >> i & 1) || (flags & wanted.required) != wanted.required || flags & unusable_flags)
            continue;
        int score = 0;
        for (int p = 0; p < 2; p++)
            if ((flags & wanted.preferred[p]) == wanted.preferred[p])
                score += 2 - p;
        if (score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

/* Takes the memory from the best type that has enough left: an integrated GPU's own heap may be small beside
 * the one it shares. */
static enum status memory_take(struct gpu_region *region, enum gpu_memory memory, struct failure *failure,
                               uint32_t *type)
{
    struct gpu_device *device = region->device;
    VkMemoryRequirements requirements;
    vkGetBufferMemoryRequirements(device->handle, region->buffer, &requirements);
    const VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                             .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    VkMemoryAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                     .pNext = &flags,
                                     .allocationSize = requirements.size};
    const struct wanted wanted = wanted_for(device, memory);
    VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    for (uint32_t allowed = requirements.memoryTypeBits; result == VK_ERROR_OUT_OF_DEVICE_MEMORY;) {
        *type = type_choose(device, allowed, wanted);
        if (*type == UINT32_MAX)
            break;
        allowed &= ~(UINT32_C(1) << *type);
        allocate.memoryTypeIndex = *type;
        result = vkAllocateMemory(device->handle, &allocate, NULL, &region->memory);
    }
    return result == VK_SUCCESS ? STATUS_OK : gpu_failure(device, result, "Allocating memory", failure);
}

static enum status memory_bind(struct gpu_region *region, enum gpu_memory memory, struct failure *failure)
{
    struct gpu_device *device = region->device;
    uint32_t type = 0;
    enum status status = memory_take(region, memory, failure, &type);
    if (status != STATUS_OK)
        return status;
    /* The part of a discrete GPU's memory that the host reaches is slow to read: there staging is used. */
    bool mappable = (device->memory.memoryTypes[type].propertyFlags & host_flags) == host_flags &&
                    (memory != GPU_MEMORY_DEVICE || memory_shared(device));
    VkResult result = vkBindBufferMemory(device->handle, region->buffer, region->memory, 0);
    if (result == VK_SUCCESS && mappable)
        result = vkMapMemory(device->handle, region->memory, 0, VK_WHOLE_SIZE, 0, &region->mapped);
    return result == VK_SUCCESS ? STATUS_OK : gpu_failure(device, result, "Binding memory", failure);
}

enum status gpu_region_init(struct gpu_region *region, struct gpu_device *device, enum gpu_memory memory,
                            size_t size_bytes, struct failure *failure)
{
    assert(size_bytes > 0 && size_bytes % 256 == 0);
    *region = (struct gpu_region){.device = device, .size_bytes = size_bytes};
    const VkBufferCreateInfo create = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = size_bytes,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    VkResult result = vkCreateBuffer(device->handle, &create, NULL, &region->buffer);
    if (result != VK_SUCCESS)
        return gpu_failure(device, result, "Making a buffer", failure);
    enum status status = memory_bind(region, memory, failure);
    if (status != STATUS_OK) {
        gpu_region_finish(region);
        return status;
    }
    const VkBufferDeviceAddressInfo address = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                               .buffer = region->buffer};
    region->address = vkGetBufferDeviceAddress(device->handle, &address);
    return STATUS_OK;
}

void gpu_region_finish(struct gpu_region *region)
{
    if (!region->device)
        return;
    vkDestroyBuffer(region->device->handle, region->buffer, NULL);
    vkFreeMemory(region->device->handle, region->memory, NULL); /* unmaps too */
    *region = (struct gpu_region){0};
}
