/* What a shader asks of a device's floating-point arithmetic (SPIR-V specification, "Execution Mode"; Vulkan,
 * VkPhysicalDeviceFloatControlsProperties), put into a copy of it: a shader that asks is invalid where it is
 * not offered. */
#include <stdlib.h>
#include <string.h>

#include "engine/gpu/spirv.h"
#include "engine/gpu/vulkan_device.h"

enum {
    DENORM_PRESERVE = 4459, /* the execution mode; its capability is 4464 */
    SIGNED_ZERO_INF_NAN_PRESERVE = 4461,
    CAPABILITY_DENORM_PRESERVE = 4464,
    CAPABILITY_SIGNED_ZERO_INF_NAN_PRESERVE = 4466,
    ADDED_WORDS_MAX = 2 * 2 + 4 * 4
};

static size_t add_capability(uint32_t *words, size_t at, uint32_t capability)
{
    words[at] = 2 << 16 | SPIRV_CAPABILITY;
    words[at + 1] = capability;
    return at + 2;
}

static size_t add_mode(uint32_t *words, size_t at, uint32_t entry, uint32_t mode, uint32_t bits)
{
    words[at] = 4 << 16 | SPIRV_EXECUTION_MODE;
    words[at + 1] = entry;
    words[at + 2] = mode;
    words[at + 3] = bits;
    return at + 4;
}

uint32_t *gpu_float_controls_add(const struct gpu_float_controls *controls, const struct gpu_shader *shader,
                                 size_t *size_bytes)
{
    const size_t count = shader->size_bytes / sizeof *shader->words;
    uint32_t *words = memory_allocate(count + ADDED_WORDS_MAX, sizeof *words);
    size_t out = count < SPIRV_HEADER_WORDS ? count : SPIRV_HEADER_WORDS;
    memcpy(words, shader->words, out * sizeof *words);
    if (controls->keep_denormals)
        out = add_capability(words, out, CAPABILITY_DENORM_PRESERVE);
    if (controls->keep_nan)
        out = add_capability(words, out, CAPABILITY_SIGNED_ZERO_INF_NAN_PRESERVE);
    struct spirv_reader reader = spirv_read(shader);
    for (struct spirv_instruction at; spirv_next(&reader, &at);) {
        memcpy(&words[out], at.words, at.length * sizeof *words);
        out += at.length;
        if (at.op != SPIRV_ENTRY_POINT) /* of which there is one */
            continue;
        for (uint32_t bits = 16; bits <= 64; bits *= 2)
            if (controls->keep_denormals & bits)
                out = add_mode(words, out, at.words[2], DENORM_PRESERVE, bits);
        if (controls->keep_nan)
            out = add_mode(words, out, at.words[2], SIGNED_ZERO_INF_NAN_PRESERVE, 32);
    }
    *size_bytes = out * sizeof *words;
    return words;
}

void gpu_float_controls_choose(const VkPhysicalDeviceVulkan12Properties *offered,
                               struct gpu_float_controls *out)
{
    uint32_t wanted = 16; /* and those that are kept or flushed as it is */
    if (offered->denormBehaviorIndependence != VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_ALL)
        wanted |= 64;
    if (offered->denormBehaviorIndependence == VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_NONE)
        wanted |= 32;
    const uint32_t kept = (offered->shaderDenormPreserveFloat16 ? 16u : 0) |
                          (offered->shaderDenormPreserveFloat32 ? 32u : 0) |
                          (offered->shaderDenormPreserveFloat64 ? 64u : 0);
    out->keep_denormals = (wanted & ~kept) ? 0 : wanted;
    out->keep_nan = offered->shaderSignedZeroInfNanPreserveFloat32;
}
