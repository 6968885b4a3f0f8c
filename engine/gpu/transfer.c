/* Copies between the host and memory it cannot reach, in pieces through one bounded staging buffer. */
#include <stdlib.h>
#include <string.h>

#include "engine/gpu/vulkan_device.h"

enum { STAGING_BYTES = 32 << 20 };

struct gpu_transfer {
    struct gpu_region staging;
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkSemaphore semaphore;
    uint64_t submissions;
};

static void transfer_destroy(struct gpu_device *device, struct gpu_transfer *transfer)
{
    vkDestroySemaphore(device->handle, transfer->semaphore, NULL);
    vkDestroyCommandPool(device->handle, transfer->pool, NULL);
    gpu_region_finish(&transfer->staging);
    free(transfer);
}

void gpu_transfer_finish(struct gpu_device *device)
{
    if (device->transfer)
        transfer_destroy(device, device->transfer);
    device->transfer = NULL;
}

/* Makes the device's staging when this is the first copy; the caller holds transfer_mutex. */
static enum status transfer_need(struct gpu_device *device, struct failure *failure)
{
    if (device->transfer)
        return STATUS_OK;
    struct gpu_transfer *transfer = memory_allocate(1, sizeof *transfer);
    enum status status =
        gpu_region_init(&transfer->staging, device, GPU_MEMORY_READBACK, STAGING_BYTES, failure);
    if (status != STATUS_OK)
        goto destroy;
    status = gpu_semaphore_create(device, failure, &transfer->semaphore);
    if (status != STATUS_OK)
        goto destroy;
    status = gpu_commands_create(device, failure, &transfer->pool, &transfer->commands);
    if (status != STATUS_OK)
        goto destroy;
    device->transfer = transfer;
    return STATUS_OK;
destroy:
    transfer_destroy(device, transfer);
    return status;
}

static enum status commands_begin(struct gpu_device *device, struct failure *failure)
{
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                            .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    VkResult result = vkResetCommandPool(device->handle, device->transfer->pool, 0);
    if (result == VK_SUCCESS)
        result = vkBeginCommandBuffer(device->transfer->commands, &begin);
    if (result != VK_SUCCESS)
        return gpu_failure(device, result, "Recording a copy", failure);
    gpu_barrier(device->transfer->commands, GPU_BARRIER_DEVICE);
    return STATUS_OK;
}

static enum status commands_run(struct gpu_device *device, struct failure *failure)
{
    struct gpu_transfer *transfer = device->transfer;
    gpu_barrier(transfer->commands, GPU_BARRIER_TO_HOST);
    VkResult result = vkEndCommandBuffer(transfer->commands);
    if (result != VK_SUCCESS)
        return gpu_failure(device, result, "Recording a copy", failure);
    uint64_t value = transfer->submissions + 1;
    enum status status = gpu_queue_submit(device, transfer->commands, transfer->semaphore, value, failure);
    if (status != STATUS_OK)
        return status;
    transfer->submissions = value;
    return gpu_semaphore_wait(device, transfer->semaphore, value, UINT64_MAX, failure);
}

static enum status piece_copy(struct gpu_device *device, VkBuffer from, size_t from_offset, VkBuffer to,
                              size_t to_offset, size_t size_bytes, struct failure *failure)
{
    enum status status = commands_begin(device, failure);
    if (status != STATUS_OK)
        return status;
    const VkBufferCopy copy = {.srcOffset = from_offset, .dstOffset = to_offset, .size = size_bytes};
    vkCmdCopyBuffer(device->transfer->commands, from, to, 1, &copy);
    return commands_run(device, failure);
}

static size_t piece_size(size_t left)
{
    return left < STAGING_BYTES ? left : STAGING_BYTES;
}

enum status gpu_transfer_write(struct gpu_device *device, const struct gpu_region *region, size_t offset,
                               const void *data, size_t size_bytes, struct failure *failure)
{
    pthread_mutex_lock(&device->transfer_mutex);
    enum status status = transfer_need(device, failure);
    for (size_t done = 0, piece; status == STATUS_OK && done < size_bytes; done += piece) {
        const struct gpu_region *staging = &device->transfer->staging;
        piece = piece_size(size_bytes - done);
        memcpy(staging->mapped, (const uint8_t *)data + done, piece);
        status = piece_copy(device, staging->buffer, 0, region->buffer, offset + done, piece, failure);
    }
    pthread_mutex_unlock(&device->transfer_mutex);
    return status;
}

enum status gpu_transfer_read(struct gpu_device *device, const struct gpu_region *region, size_t offset,
                              void *data, size_t size_bytes, struct failure *failure)
{
    pthread_mutex_lock(&device->transfer_mutex);
    enum status status = transfer_need(device, failure);
    for (size_t done = 0, piece; status == STATUS_OK && done < size_bytes; done += piece) {
        const struct gpu_region *staging = &device->transfer->staging;
        piece = piece_size(size_bytes - done);
        status = piece_copy(device, region->buffer, offset + done, staging->buffer, 0, piece, failure);
        if (status == STATUS_OK)
            memcpy((uint8_t *)data + done, staging->mapped, piece);
    }
    pthread_mutex_unlock(&device->transfer_mutex);
    return status;
}

enum status gpu_transfer_zero(struct gpu_device *device, const struct gpu_region *region,
                              struct failure *failure)
{
    pthread_mutex_lock(&device->transfer_mutex);
    enum status status = transfer_need(device, failure);
    if (status == STATUS_OK)
        status = commands_begin(device, failure);
    if (status == STATUS_OK) {
        vkCmdFillBuffer(device->transfer->commands, region->buffer, 0, VK_WHOLE_SIZE, 0);
        status = commands_run(device, failure);
    }
    pthread_mutex_unlock(&device->transfer_mutex);
    return status;
}
