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

void gpu_pipelines_inspect(struct gpu_device *device, bool code)
{
    if (device->physical.statistics)
        device->inspection = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR |
                             (code ? VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR : 0);
}

/* A compute pipeline is one executable. */
static VkPipelineExecutableInfoKHR executable_of(const struct gpu_pipeline *pipeline)
{
    return (VkPipelineExecutableInfoKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
                                         .pipeline = pipeline->handle};
}

void gpu_pipeline_statistics(const struct gpu_pipeline *pipeline,
                             void (*take)(void *context, const char *name, double value), void *context)
{
    VkDevice device = pipeline->device->handle;
    PFN_vkGetPipelineExecutableStatisticsKHR query =
        (PFN_vkGetPipelineExecutableStatisticsKHR)vkGetDeviceProcAddr(device,
                                                                      "vkGetPipelineExecutableStatisticsKHR");
    const VkPipelineExecutableInfoKHR executable = executable_of(pipeline);
    uint32_t count = 0;
    if (!pipeline->device->inspection || !query || query(device, &executable, &count, NULL) < 0)
        return;
    VkPipelineExecutableStatisticKHR *list = memory_allocate(count + 1, sizeof *list);
    for (uint32_t i = 0; i < count; i++)
        list[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    if (query(device, &executable, &count, list) >= 0)
        for (uint32_t i = 0; i < count; i++)
            take(context, list[i].name, number_of(&list[i]));
    free(list);
}

void gpu_pipeline_code(const struct gpu_pipeline *pipeline,
                       void (*take)(void *context, const char *name, const char *text), void *context)
{
    VkDevice device = pipeline->device->handle;
    PFN_vkGetPipelineExecutableInternalRepresentationsKHR query =
        (PFN_vkGetPipelineExecutableInternalRepresentationsKHR)vkGetDeviceProcAddr(
            device, "vkGetPipelineExecutableInternalRepresentationsKHR");
    const VkPipelineExecutableInfoKHR executable = executable_of(pipeline);
    const VkPipelineCreateFlags code = VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR;
    uint32_t count = 0;
    if (!(pipeline->device->inspection & code) || !query || query(device, &executable, &count, NULL) < 0)
        return;
    VkPipelineExecutableInternalRepresentationKHR *list = memory_allocate(count + 1, sizeof *list);
    for (uint32_t i = 0; i < count; i++)
        list[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR;
    if (query(device, &executable, &count, list) >= 0) { /* how long they are */
        for (uint32_t i = 0; i < count; i++)
            list[i].pData = memory_allocate(list[i].dataSize + 1, 1);
        if (query(device, &executable, &count, list) >= 0)
            for (uint32_t i = 0; i < count; i++)
                if (list[i].isText)
                    take(context, list[i].name, list[i].pData);
    }
    for (uint32_t i = 0; i < count; i++)
        free(list[i].pData);
    free(list);
}
