/* Loaded before a program (LD_PRELOAD): the CPU driver calls itself a discrete GPU, so that every rung is
 * tried on it, and one submission goes wrong as BAD_DRIVER says: "die N" ends the process at the Nth, "hang
 * N" never begins it, "lose N" loses the device. With "pass" for N it is the first after commands were
 * recorded in many pieces, as a whole pass of a network is and a trial of kernels is not; with "tile" the
 * first after pipelines were made later than others were tried, as those of a further tile are. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

enum { MANY = 10 };

static atomic_int submissions, pieces;
static atomic_bool done, made_later;

void vkGetPhysicalDeviceProperties(VkPhysicalDevice device, VkPhysicalDeviceProperties *properties)
{
    PFN_vkGetPhysicalDeviceProperties ask = NULL;
    *(void **)&ask = dlsym(RTLD_NEXT, "vkGetPhysicalDeviceProperties");
    ask(device, properties);
    properties->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
}

VkResult vkCreateCommandPool(VkDevice device, const VkCommandPoolCreateInfo *create,
                             const VkAllocationCallbacks *allocator, VkCommandPool *pool)
{
    PFN_vkCreateCommandPool make = NULL;
    *(void **)&make = dlsym(RTLD_NEXT, "vkCreateCommandPool");
    pieces = 0;
    return make(device, create, allocator, pool);
}

VkResult vkAllocateCommandBuffers(VkDevice device, const VkCommandBufferAllocateInfo *info,
                                  VkCommandBuffer *commands)
{
    PFN_vkAllocateCommandBuffers allocate = NULL;
    *(void **)&allocate = dlsym(RTLD_NEXT, "vkAllocateCommandBuffers");
    pieces++;
    return allocate(device, info, commands);
}

VkResult vkCreateComputePipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                  const VkComputePipelineCreateInfo *infos,
                                  const VkAllocationCallbacks *allocator, VkPipeline *pipelines)
{
    PFN_vkCreateComputePipelines make = NULL;
    *(void **)&make = dlsym(RTLD_NEXT, "vkCreateComputePipelines");
    if (submissions)
        made_later = true;
    return make(device, cache, count, infos, allocator, pipelines);
}

static int is_now(const char *when, int now)
{
    if (!strcmp(when, " pass"))
        return pieces >= MANY;
    return strcmp(when, " tile") ? now == atoi(when) : made_later;
}

VkResult vkQueueSubmit(VkQueue queue, uint32_t count, const VkSubmitInfo *submits, VkFence fence)
{
    PFN_vkQueueSubmit submit = NULL;
    const char *fault = getenv("BAD_DRIVER"), *when = fault ? strchr(fault, ' ') : NULL;
    *(void **)&submit = dlsym(RTLD_NEXT, "vkQueueSubmit");
    int now = ++submissions;
    if (!when || !is_now(when, now) || atomic_exchange(&done, 1))
        return submit(queue, count, submits, fence);
    if (*fault == 'd')
        abort();
    return *fault == 'h' ? VK_SUCCESS : VK_ERROR_DEVICE_LOST;
}
