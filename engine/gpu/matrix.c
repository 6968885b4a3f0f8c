/* Cooperative matrices: what a device offers of them, and switching it on.
 *
 * The headers of the system may be older than the extensions (VK_KHR_cooperative_matrix came with 1.3.255,
 * VK_NV_cooperative_matrix2 with 1.3.300): then this file knows neither, and says so of every device. */
#include <string.h>

#include "engine/gpu/vulkan_device.h"

enum { PROPERTIES_MAX = 256 };

#ifdef VK_KHR_cooperative_matrix

/* Whether the list has float16 sums of the same shape: attention rounds its scores to such. */
static bool has_half_sums(const VkCooperativeMatrixPropertiesKHR *list, uint32_t count,
                          const VkCooperativeMatrixPropertiesKHR *like)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i].CType == VK_COMPONENT_TYPE_FLOAT16_KHR && list[i].MSize == like->MSize &&
            list[i].NSize == like->NSize && list[i].scope == like->scope)
            return true;
    return false;
}

/* Fills the list with the shapes of float16 x float16 -> float32 whose scope is a subgroup. */
static void shapes_query(VkInstance instance, VkPhysicalDevice handle, struct gpu_device_info *info)
{
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR query =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)vkGetInstanceProcAddr(
            instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    VkCooperativeMatrixPropertiesKHR list[PROPERTIES_MAX];
    uint32_t count = PROPERTIES_MAX;
    for (uint32_t i = 0; i < PROPERTIES_MAX; i++)
        list[i] =
            (VkCooperativeMatrixPropertiesKHR){.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    if (!query || query(handle, &count, list) < 0)
        return;
    for (uint32_t i = 0; i < count && info->matrix_shape_count < GPU_MATRIX_SHAPES_MAX; i++)
        if (list[i].AType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
            list[i].BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
            list[i].CType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
            list[i].ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR && list[i].scope == VK_SCOPE_SUBGROUP_KHR &&
            !list[i].saturatingAccumulation && has_half_sums(list, count, &list[i]))
            info->matrix_shapes[info->matrix_shape_count++] =
                (struct gpu_matrix_shape){list[i].MSize, list[i].NSize, list[i].KSize, 0};
}

static const char *matrices_lack(VkInstance instance, struct gpu_physical *out)
{
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR};
    VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &matrix};
    VkPhysicalDeviceCooperativeMatrixPropertiesKHR stages = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                              .pNext = &stages};
    vkGetPhysicalDeviceFeatures2(out->handle, &all);
    vkGetPhysicalDeviceProperties2(out->handle, &properties);
    if (!matrix.cooperativeMatrix || !(stages.cooperativeMatrixSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT))
        return "its driver does not let compute shaders use cooperative matrices";
    if (!out->memory_model)
        return "its driver lacks the Vulkan memory model";
    shapes_query(instance, out->handle, &out->info);
    if (out->info.matrix_shape_count == 0)
        return "its cooperative matrices do not multiply float16 into both float32 and float16";
    return NULL;
}

#else

static const char *matrices_lack(VkInstance instance, struct gpu_physical *out)
{
    (void)instance, (void)out;
    return "this build's Vulkan headers are older than VK_KHR_cooperative_matrix";
}

#endif

#ifdef VK_NV_cooperative_matrix2

/* Fills the list with the steps in which sizes of float16 x float16 -> float32 go, for the scope to be used.
 */
static void steps_query(VkInstance instance, VkPhysicalDevice handle, struct gpu_device_info *info)
{
    const VkScopeKHR scope = info->matrix2_workgroup ? VK_SCOPE_WORKGROUP_KHR : VK_SCOPE_SUBGROUP_KHR;
    PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV query =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV)vkGetInstanceProcAddr(
            instance, "vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV");
    VkCooperativeMatrixFlexibleDimensionsPropertiesNV list[PROPERTIES_MAX];
    uint32_t count = PROPERTIES_MAX;
    for (uint32_t i = 0; i < PROPERTIES_MAX; i++)
        list[i] = (VkCooperativeMatrixFlexibleDimensionsPropertiesNV){
            .sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV};
    if (!query || query(handle, &count, list) < 0)
        return;
    for (uint32_t i = 0; i < count && info->matrix2_step_count < GPU_MATRIX_SHAPES_MAX; i++)
        if (list[i].AType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
            list[i].BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
            list[i].CType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
            list[i].ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR && list[i].scope == scope &&
            !list[i].saturatingAccumulation)
            info->matrix2_steps[info->matrix2_step_count++] =
                (struct gpu_matrix_shape){list[i].MGranularity, list[i].NGranularity, list[i].KGranularity,
                                          list[i].workgroupInvocations};
}

static const char *matrices2_lack(VkInstance instance, struct gpu_physical *out)
{
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV matrix2 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV};
    VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                     .pNext = &matrix2};
    VkPhysicalDeviceCooperativeMatrix2PropertiesNV limits = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                              .pNext = &limits};
    if (out->api_version < VK_API_VERSION_1_3)
        return "its driver offers less than Vulkan 1.3";
    vkGetPhysicalDeviceFeatures2(out->handle, &all);
    vkGetPhysicalDeviceProperties2(out->handle, &properties);
    if (!matrix2.cooperativeMatrixFlexibleDimensions || !matrix2.cooperativeMatrixReductions ||
        !matrix2.cooperativeMatrixConversions || !matrix2.cooperativeMatrixPerElementOperations)
        return "its driver lacks a feature of VK_NV_cooperative_matrix2";
    out->info.matrix2_workgroup =
        matrix2.cooperativeMatrixWorkgroupScope && matrix2.cooperativeMatrixTensorAddressing;
    out->info.matrix2_invocations_max = limits.cooperativeMatrixWorkgroupScopeMaxWorkgroupSize;
    out->info.matrix2_side_max = limits.cooperativeMatrixFlexibleDimensionsMaxDimension;
    steps_query(instance, out->handle, &out->info);
    if (out->info.matrix2_step_count == 0)
        return "its matrices of any size do not multiply float16 into float32";
    return NULL;
}

#else

static const char *matrices2_lack(VkInstance instance, struct gpu_physical *out)
{
    (void)instance, (void)out;
    return "this build's Vulkan headers are older than VK_NV_cooperative_matrix2";
}

#endif

void gpu_matrices_query(VkInstance instance, bool extension, bool extension2, struct gpu_physical *out)
{
    struct gpu_device_info *info = &out->info;
    info->matrix_lack =
        extension ? matrices_lack(instance, out) : "its driver lacks VK_KHR_cooperative_matrix";
    info->matrix2_lack = !extension2         ? "its driver lacks VK_NV_cooperative_matrix2"
                         : info->matrix_lack ? info->matrix_lack
                                             : matrices2_lack(instance, out);
    info->cooperative_matrix = !info->matrix_lack;
    info->cooperative_matrix2 = !info->matrix2_lack;
}

void gpu_matrices_enable(const struct gpu_device_info *info, struct gpu_matrix_features *features,
                         const void **chain, const char **extensions, uint32_t *count)
{
    memset(features, 0, sizeof *features);
#ifdef VK_KHR_cooperative_matrix
    if (info->cooperative_matrix) {
        features->matrix = (VkPhysicalDeviceCooperativeMatrixFeaturesKHR){
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
            .pNext = (void *)*chain,
            .cooperativeMatrix = VK_TRUE};
        *chain = &features->matrix;
        extensions[(*count)++] = VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME;
    }
#endif
#ifdef VK_NV_cooperative_matrix2
    if (info->cooperative_matrix2) {
        /* Every device of Vulkan 1.3 has it: SPIR-V 1.6, which these matrices want, says LocalSizeId. */
        features->maintenance4 = (VkPhysicalDeviceMaintenance4Features){
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES,
            .pNext = (void *)*chain,
            .maintenance4 = VK_TRUE};
        features->matrix2 = (VkPhysicalDeviceCooperativeMatrix2FeaturesNV){
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV,
            .pNext = &features->maintenance4,
            .cooperativeMatrixWorkgroupScope = info->matrix2_workgroup,
            .cooperativeMatrixFlexibleDimensions = VK_TRUE,
            .cooperativeMatrixReductions = VK_TRUE,
            .cooperativeMatrixConversions = VK_TRUE,
            .cooperativeMatrixPerElementOperations = VK_TRUE,
            .cooperativeMatrixTensorAddressing = info->matrix2_workgroup};
        *chain = &features->matrix2;
        extensions[(*count)++] = VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME;
    }
#endif
    (void)info, (void)chain, (void)extensions, (void)count;
}
