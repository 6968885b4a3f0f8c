/* What a driver's compiler says of the pipelines it made (VK_KHR_pipeline_executable_properties). */
#include <stdlib.h>

#include "engine/gpu/pipeline.h"
#include "engine/gpu/vulkan_device.h"

static double number_of(const VkPipelineExecutableStatisticKHR *statistic)
{
    switch (statistic->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
        return statistic->value.b32;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
        return (double)statistic->value.i64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
        return (double)statistic->value.u64;
    default:
        return statistic->value.f64;
    }
}

void gpu_pipelines_inspect(struct gpu_device *device)
{
    device->inspected = device->physical.statistics;
}

void gpu_pipeline_statistics(const struct gpu_pipeline *pipeline,
                             void (*take)(void *context, const char *name, double value), void *context)
{
    VkDevice device = pipeline->device->handle;
    PFN_vkGetPipelineExecutableStatisticsKHR query =
        (PFN_vkGetPipelineExecutableStatisticsKHR)vkGetDeviceProcAddr(device,
                                                                      "vkGetPipelineExecutableStatisticsKHR");
    /* A compute pipeline is one executable. */
    const VkPipelineExecutableInfoKHR executable = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
                                                    .pipeline = pipeline->handle};
    uint32_t count = 0;
    if (!pipeline->device->inspected || !query || query(device, &executable, &count, NULL) < 0)
        return;
    VkPipelineExecutableStatisticKHR *list = memory_allocate(count + 1, sizeof *list);
    for (uint32_t i = 0; i < count; i++)
        list[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    if (query(device, &executable, &count, list) >= 0)
        for (uint32_t i = 0; i < count; i++)
            take(context, list[i].name, number_of(&list[i]));
    free(list);
}
