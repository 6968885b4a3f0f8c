/* Command buffers and the barriers put into them. */
#include "engine/gpu/vulkan_device.h"

enum status gpu_commands_add(struct gpu_device *device, VkCommandPool pool, struct failure *failure,
                             VkCommandBuffer *commands)
{
    const VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                  .commandPool = pool,
                                                  .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                                  .commandBufferCount = 1};
    VkResult result = vkAllocateCommandBuffers(device->handle, &allocate, commands);
    return result == VK_SUCCESS ? STATUS_OK : gpu_failure(device, result, "Making a command buffer", failure);
}

enum status gpu_commands_create(struct gpu_device *device, struct failure *failure, VkCommandPool *pool,
                                VkCommandBuffer *commands)
{
    const VkCommandPoolCreateInfo create = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                            .queueFamilyIndex = device->physical.queue_family};
    VkResult result = vkCreateCommandPool(device->handle, &create, NULL, pool);
    if (result != VK_SUCCESS)
        return gpu_failure(device, result, "Making a command pool", failure);
    enum status status = gpu_commands_add(device, *pool, failure, commands);
    if (status != STATUS_OK) {
        vkDestroyCommandPool(device->handle, *pool, NULL);
        *pool = VK_NULL_HANDLE;
    }
    return status;
}

void gpu_barrier(VkCommandBuffer commands, enum gpu_barrier barrier)
{
    const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkAccessFlags writes = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
    bool to_host = barrier == GPU_BARRIER_TO_HOST;
    const VkMemoryBarrier memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                    .srcAccessMask = writes,
                                    .dstAccessMask = to_host ? VK_ACCESS_HOST_READ_BIT
                                                             : writes | VK_ACCESS_SHADER_READ_BIT |
                                                                   VK_ACCESS_TRANSFER_READ_BIT};
    vkCmdPipelineBarrier(commands, stages, to_host ? VK_PIPELINE_STAGE_HOST_BIT : stages, 0, 1, &memory, 0,
                         NULL, 0, NULL);
}
