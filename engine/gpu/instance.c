/* The instance, and the list of physical devices it shows. */
#include <stdlib.h>

#include "engine/gpu/vulkan_device.h"

enum { DEVICES_MAX = 64 };

enum status gpu_instance_create(struct failure *failure, VkInstance *out)
{
    uint32_t version = VK_API_VERSION_1_0;
    VkResult result = vkEnumerateInstanceVersion(&version);
    if (result != VK_SUCCESS || version < VK_API_VERSION_1_2)
        return failure_set(failure, STATUS_NO_DEVICE,
                           "The Vulkan loader is older than 1.2: install a newer libvulkan1.");
    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "cxrd",
        .apiVersion = version < VK_API_VERSION_1_3 ? VK_API_VERSION_1_2 : VK_API_VERSION_1_3,
    };
    const VkInstanceCreateInfo create = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
    };
    VkInstance instance = VK_NULL_HANDLE;
    result = vkCreateInstance(&create, NULL, &instance);
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
        return failure_set(failure, STATUS_NO_DEVICE,
                           "No Vulkan driver is installed: install the GPU's, or mesa-vulkan-drivers; in a "
                           "container, pass the GPU in with its graphics capability.");
    if (result != VK_SUCCESS)
        return gpu_failure(NULL, result, "Starting Vulkan", failure);
    *out = instance;
    return STATUS_OK;
}

enum status gpu_physicals_list(VkInstance instance, struct failure *failure, struct gpu_physical **out,
                               size_t *count)
{
    VkPhysicalDevice handles[DEVICES_MAX];
    uint32_t found = DEVICES_MAX;
    VkResult result = vkEnumeratePhysicalDevices(instance, &found, handles);
    if (result != VK_SUCCESS && result != VK_INCOMPLETE && result != VK_ERROR_INITIALIZATION_FAILED)
        return gpu_failure(NULL, result, "Listing the Vulkan devices", failure);
    if (found == 0 || result == VK_ERROR_INITIALIZATION_FAILED)
        return failure_set(failure, STATUS_NO_DEVICE,
                           "There is no Vulkan device: install the GPU's driver, or mesa-vulkan-drivers for "
                           "the CPU driver.");
    struct gpu_physical *list = memory_allocate(found, sizeof *list);
    for (uint32_t i = 0; i < found; i++) {
        gpu_physical_query(instance, handles[i], &list[i]);
        gpu_workarounds_apply(&list[i]);
    }
    *count = gpu_physicals_arrange(list, found);
    *out = list;
    return STATUS_OK;
}

enum status gpu_devices_list(struct failure *failure, struct gpu_device_info **out, size_t *count)
{
    VkInstance instance = VK_NULL_HANDLE;
    enum status status = gpu_instance_create(failure, &instance);
    if (status != STATUS_OK)
        return status;
    struct gpu_physical *physicals = NULL;
    size_t found = 0;
    status = gpu_physicals_list(instance, failure, &physicals, &found);
    if (status == STATUS_OK) {
        struct gpu_device_info *infos = memory_allocate(found, sizeof *infos);
        for (size_t i = 0; i < found; i++)
            infos[i] = physicals[i].info;
        free(physicals);
        *out = infos;
        *count = found;
    }
    vkDestroyInstance(instance, NULL);
    return status;
}
