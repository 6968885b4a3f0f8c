/* The order of the devices, and which of them a choice means. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/log.h"
#include "engine/gpu/vulkan_device.h"

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

/* Insertion sort, which keeps the loader's order among equals. */
static void sort(struct gpu_physical *list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct gpu_physical moved = list[i];
        size_t at = i;
        for (; at > 0 && preference(&list[at - 1].info) > preference(&moved.info); at--)
            list[at] = list[at - 1];
        list[at] = moved;
    }
}

size_t gpu_physicals_arrange(struct gpu_physical *list, size_t count)
{
    sort(list, count);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t j = 0; j < kept; j++)
            seen = seen || same_device(&list[j].info, &list[i].info);
        if (seen)
            continue;
        list[kept] = list[i];
        list[kept].info.index = (uint32_t)kept;
        kept++;
    }
    return kept;
}

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
