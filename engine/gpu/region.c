/* One buffer bound to one allocation: the unit in which memory is taken from the driver. */
#include <assert.h>
#include <string.h>

#include "engine/gpu/vulkan_device.h"

/* The flags a memory type must have, and those it should have besides, the most wanted first. */
struct wanted {
    VkMemoryPropertyFlags required, preferred[2];
};

static struct wanted wanted_for(const struct gpu_device *device, enum gpu_memory memory)
{
    const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                                host = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                       VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    enum gpu_kind kind = device->physical.info.kind;
    switch (memory) {
    case GPU_MEMORY_DEVICE: {
        bool shared = kind == GPU_CPU || kind == GPU_INTEGRATED;
        return (struct wanted){0, {local, shared ? host : 0}};
    }
    case GPU_MEMORY_READBACK:
        return (struct wanted){host, {VK_MEMORY_PROPERTY_HOST_CACHED_BIT, 0}};
    case GPU_MEMORY_UPLOAD:
    default:
        return (struct wanted){host, {0, 0}};
    }
}

/* The best allowed type, or UINT32_MAX. Types are listed fastest first, so the first of the best wins. */
static uint32_t type_choose(const struct gpu_device *device, uint32_t allowed, struct wanted wanted)
{
    uint32_t best = UINT32_MAX;
    int best_score = -1;
    for (uint32_t i = 0; i < device->memory.memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = device->memory.memoryTypes[i].propertyFlags;
        if (!(allowed >> i & 1) || (flags & wanted.required) != wanted.required ||
            flags & VK_MEMORY_PROPERTY_PROTECTED_BIT)
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

static enum status memory_bind(struct gpu_region *region, enum gpu_memory memory, struct failure *failure)
{
    struct gpu_device *device = region->device;
    VkMemoryRequirements requirements;
    vkGetBufferMemoryRequirements(device->handle, region->buffer, &requirements);
    uint32_t type = type_choose(device, requirements.memoryTypeBits, wanted_for(device, memory));
    if (type == UINT32_MAX)
        return failure_set(failure, STATUS_DEVICE, "The device has no memory that the host can reach.");
    const VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                             .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    const VkMemoryAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                           .pNext = &flags,
                                           .allocationSize = requirements.size,
                                           .memoryTypeIndex = type};
    VkResult result = vkAllocateMemory(device->handle, &allocate, NULL, &region->memory);
    if (result == VK_SUCCESS)
        result = vkBindBufferMemory(device->handle, region->buffer, region->memory, 0);
    const VkMemoryPropertyFlags mappable =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    bool host = (device->memory.memoryTypes[type].propertyFlags & mappable) == mappable;
    enum gpu_kind kind = device->physical.info.kind;
    if (memory == GPU_MEMORY_DEVICE && kind != GPU_CPU && kind != GPU_INTEGRATED)
        host = false; /* the little of a discrete GPU's memory that the host can reach is slow to read */
    if (result == VK_SUCCESS && host)
        result = vkMapMemory(device->handle, region->memory, 0, VK_WHOLE_SIZE, 0, &region->mapped);
    return result == VK_SUCCESS ? STATUS_OK : gpu_failure(device, result, "Allocating memory", failure);
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
