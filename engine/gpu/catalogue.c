/* Every compiled shader; the included file is written by shaders/meson.build from its table of variants. */
#include <string.h>

#include "engine/gpu/pipeline.h"

#include "shaders/catalogue.inc"

static const struct gpu_shader shaders[] = {SHADERS};
static const size_t shader_count = sizeof shaders / sizeof *shaders;

const struct gpu_shader *gpu_shader_find(const char *name)
{
    for (size_t i = 0; i < shader_count; i++)
        if (strcmp(shaders[i].name, name) == 0)
            return &shaders[i];
    return NULL;
}

size_t gpu_shader_count(void)
{
    return shader_count;
}

const struct gpu_shader *gpu_shader_at(size_t index)
{
    return index < shader_count ? &shaders[index] : NULL;
}
