/* The instance, and the list of physical devices it shows. */
#include <stdlib.h>
#include <string.h>

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
                           "No Vulkan driver is installed: install the GPU's, or mesa-vulkan-drivers.");
    if (result != VK_SUCCESS)
        return gpu_failure(NULL, result, "Starting Vulkan", failure);
    *out = instance;
    return STATUS_OK;
}

static bool uuid_is_zero(const struct gpu_device_info *info)
{
    return strspn(info->uuid, "0-") == strlen(info->uuid);
}

/* One GPU under two drivers shares its PCI address (slices of one GPU do too, but under one driver); one
 * driver installed twice shares its UUID. */
static bool same_device(const struct gpu_device_info *a, const struct gpu_device_info *b)
{
    if (a->pci_address[0] && strcmp(a->pci_address, b->pci_address) == 0 && a->driver_id != b->driver_id)
        return true;
    return !uuid_is_zero(a) && strcmp(a->uuid, b->uuid) == 0;
}

static int preference(const struct gpu_device_info *info)
{
    static const int by_kind[] = {
        [GPU_DISCRETE] = 0, [GPU_INTEGRATED] = 1, [GPU_VIRTUAL] = 2, [GPU_OTHER] = 3, [GPU_CPU] = 4};
    return by_kind[info->kind] + (info->usable ? 0 : 8);
}

/* Inserts where its preference puts it, after its equals: the loader's order decides among them. */
static void insert_sorted(struct gpu_physical *list, size_t *count, const struct gpu_physical *physical)
{
    size_t at = *count;
    while (at > 0 && preference(&list[at - 1].info) > preference(&physical->info)) {
        list[at] = list[at - 1];
        at--;
    }
    list[at] = *physical;
    ++*count;
}

static void drop_duplicates(struct gpu_physical *list, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        bool seen = false;
        for (size_t j = 0; j < kept; j++)
            seen = seen || same_device(&list[j].info, &list[i].info);
        if (!seen)
            list[kept++] = list[i];
    }
    *count = kept;
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
    size_t filled = 0;
    for (uint32_t i = 0; i < found; i++) {
        struct gpu_physical physical = {.handle = handles[i]};
        gpu_physical_query(handles[i], &physical);
        gpu_workarounds_apply(&physical);
        insert_sorted(list, &filled, &physical);
    }
    drop_duplicates(list, &filled);
    for (size_t i = 0; i < filled; i++)
        list[i].info.index = (uint32_t)i;
    *out = list;
    *count = filled;
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
