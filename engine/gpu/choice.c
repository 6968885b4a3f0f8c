/* Which device of the list a choice means. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/log.h"
#include "engine/gpu/vulkan_device.h"

static enum status check_usable(const struct gpu_device_info *info, struct failure *failure)
{
    if (info->usable)
        return STATUS_OK;
    return failure_set(failure, STATUS_NO_DEVICE, "Device %u (%.100s) cannot be used: %s.", info->index,
                       info->name, info->refusal);
}

/* The list is sorted by preference with usable devices first. A CPU driver is taken only when nothing else is
 * there: a GPU that cannot be used is said, not passed over. */
static enum status choose_auto(const struct gpu_physical *list, size_t count, struct failure *failure,
                               size_t *out)
{
    if (list[0].info.usable && list[0].info.kind != GPU_CPU) {
        *out = 0;
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++)
        if (!list[i].info.usable && list[i].info.kind != GPU_CPU)
            return failure_set(failure, STATUS_NO_DEVICE,
                               "Device %u (%.80s) cannot be used: %s; or choose the device cpu.",
                               list[i].info.index, list[i].info.name, list[i].info.refusal);
    enum status status = check_usable(&list[0].info, failure);
    if (status == STATUS_OK) {
        log_message(LOG_WARNING, "There is no GPU: running on the CPU driver %s.", list[0].info.name);
        *out = 0;
    }
    return status;
}

static enum status choose_cpu(const struct gpu_physical *list, size_t count, struct failure *failure,
                              size_t *out)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].info.kind != GPU_CPU)
            continue;
        enum status status = check_usable(&list[i].info, failure);
        if (status == STATUS_OK)
            *out = i;
        return status;
    }
    return failure_set(failure, STATUS_NO_DEVICE,
                       "There is no CPU driver for Vulkan: install mesa-vulkan-drivers.");
}

static enum status choose_index(const struct gpu_physical *list, size_t count, const char *choice,
                                struct failure *failure, size_t *out)
{
    errno = 0;
    unsigned long index = strtoul(choice, NULL, 10);
    if (errno || index >= count)
        return failure_set(failure, STATUS_NO_DEVICE,
                           "There is no device %.20s: `cxrd devices` lists %zu, counted from 0.", choice,
                           count);
    enum status status = check_usable(&list[index].info, failure);
    if (status == STATUS_OK)
        *out = index;
    return status;
}

enum status gpu_physical_choose(const struct gpu_physical *list, size_t count, const char *choice,
                                struct failure *failure, size_t *out)
{
    if (!choice || strcmp(choice, "auto") == 0)
        return choose_auto(list, count, failure, out);
    if (strcmp(choice, "cpu") == 0)
        return choose_cpu(list, count, failure, out);
    if (*choice && strspn(choice, "0123456789") == strlen(choice))
        return choose_index(list, count, choice, failure, out);
    for (size_t i = 0; i < count; i++) {
        const struct gpu_device_info *info = &list[i].info;
        if (!*choice || (strcasecmp(choice, info->uuid) != 0 && strcasecmp(choice, info->pci_address) != 0))
            continue;
        enum status status = check_usable(info, failure);
        if (status == STATUS_OK)
            *out = i;
        return status;
    }
    return failure_set(failure, STATUS_NO_DEVICE,
                       "No device is called \"%.64s\": give auto, cpu, or an index, UUID or PCI address from "
                       "`cxrd devices`.",
                       choice);
}
