#include "engine/gpu/pipeline.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/gpu/vulkan_device.h"

enum { CONSTANTS_MAX = 16, PUSH_BYTES_MAX = 128 };

/* Whether a pipeline's subgroup size is pinned by us or is what the device has anyway. */
static enum status subgroup_check(const struct gpu_device *device, const struct gpu_shader *shader,
                                  uint32_t size, struct failure *failure, bool *pinned)
{
    const struct gpu_device_info *info = gpu_device_info(device);
    if (size == 0) {
        *pinned = false;
    } else if (info->subgroup_size_control && size >= info->subgroup_size_min &&
               size <= info->subgroup_size_max) {
        *pinned = true;
    } else if (size == info->subgroup_size && info->subgroup_size_min == info->subgroup_size_max) {
        *pinned = false;
    } else {
        return failure_set(failure, STATUS_DEVICE,
                           "The shader %s wants subgroups of %u, which this device does not offer.",
                           shader->name, size);
    }
    return STATUS_OK;
}

static enum status layout_create(struct gpu_pipeline *pipeline, struct failure *failure)
{
    const VkPushConstantRange range = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                                       .size = pipeline->push_bytes};
    const VkPipelineLayoutCreateInfo create = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                               .pushConstantRangeCount = pipeline->push_bytes ? 1 : 0,
                                               .pPushConstantRanges = &range};
    VkResult result = vkCreatePipelineLayout(pipeline->device->handle, &create, NULL, &pipeline->layout);
    return result == VK_SUCCESS ? STATUS_OK
                                : gpu_failure(pipeline->device, result, "Making a pipeline layout", failure);
}

static VkResult handle_create(struct gpu_pipeline *pipeline, VkShaderModule module,
                              const struct gpu_pipeline_options *options, bool pinned)
{
    VkSpecializationMapEntry entries[CONSTANTS_MAX];
    for (uint32_t i = 0; i < options->constant_count; i++)
        entries[i] = (VkSpecializationMapEntry){i, i * 4, 4};
    const VkSpecializationInfo constants = {.mapEntryCount = options->constant_count,
                                            .pMapEntries = entries,
                                            .dataSize = options->constant_count * 4,
                                            .pData = options->constants};
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = options->subgroup_size};
    bool full = pinned && pipeline->device->physical.full_subgroups;
    const VkComputePipelineCreateInfo create = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = pinned ? &subgroup : NULL,
                  .flags = full ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT : 0,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &constants},
        .flags = pipeline->device->inspection,
        .layout = pipeline->layout};
    return vkCreateComputePipelines(pipeline->device->handle, pipeline->device->pipelines, 1, &create, NULL,
                                    &pipeline->handle);
}

enum status gpu_pipeline_create(struct gpu_device *device, const struct gpu_shader *shader,
                                const struct gpu_pipeline_options *options, struct failure *failure,
                                struct gpu_pipeline **out)
{
    assert(options->constant_count <= CONSTANTS_MAX);
    assert(options->push_bytes <= PUSH_BYTES_MAX && options->push_bytes % 4 == 0);
    bool pinned = false;
    enum status status = subgroup_check(device, shader, options->subgroup_size, failure, &pinned);
    if (status == STATUS_OK)
        status = gpu_workgroup_check(gpu_device_info(device), shader, options, failure);
    if (status != STATUS_OK)
        return status;
    struct gpu_pipeline *pipeline = memory_allocate(1, sizeof *pipeline);
    pipeline->device = device;
    pipeline->push_bytes = options->push_bytes;
    VkShaderModule module = VK_NULL_HANDLE;
    status = layout_create(pipeline, failure);
    if (status != STATUS_OK)
        goto destroy;
    VkShaderModuleCreateInfo create = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
    uint32_t *words = gpu_float_controls_add(&device->physical.float_controls, shader, &create.codeSize);
    create.pCode = words;
    VkResult result = vkCreateShaderModule(device->handle, &create, NULL, &module);
    free(words);
    if (result == VK_SUCCESS)
        result = handle_create(pipeline, module, options, pinned);
    vkDestroyShaderModule(device->handle, module, NULL);
    if (result != VK_SUCCESS) {
        status = gpu_failure(device, result, "Compiling a shader", failure);
        failure_prefix(failure, "%s", shader->name);
        goto destroy;
    }
    *out = pipeline;
    return STATUS_OK;
destroy:
    gpu_pipeline_destroy(&pipeline);
    return status;
}

void gpu_pipeline_destroy(struct gpu_pipeline **pipeline)
{
    struct gpu_pipeline *old = *pipeline;
    *pipeline = NULL;
    if (!old)
        return;
    vkDestroyPipeline(old->device->handle, old->handle, NULL);
    vkDestroyPipelineLayout(old->device->handle, old->layout, NULL);
    free(old);
}
