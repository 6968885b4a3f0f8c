/* Compute pipelines: one SPIR-V module, specialisation constants, and one block of push constants.
 *
 * There are no descriptors: push constants carry buffer device addresses and sizes (shaders/params/).
 */
#ifndef CXRD_ENGINE_GPU_PIPELINE_H
#define CXRD_ENGINE_GPU_PIPELINE_H

#include "engine/gpu/device.h"

/* A compiled shader of the catalogue; static storage. */
struct gpu_shader {
    const char *name; /* "gemm.f32", as the table in shaders/meson.build has it */
    const uint32_t *words;
    size_t size_bytes;
};
/* NULL when the shader compiler at hand could not build it. */
const struct gpu_shader *gpu_shader_find(const char *name);
size_t gpu_shader_count(void);
const struct gpu_shader *gpu_shader_at(size_t index);
/* Changes when any shader does: what is kept of a build's shaders is kept under it. */
uint64_t gpu_shaders_hash(void);
/* Bytes of the push-constant block that the SPIR-V declares; 0 when it has none. */
uint32_t gpu_shader_push_bytes(const struct gpu_shader *shader);

struct gpu_pipeline_options {
    const uint32_t *constants; /* specialisation constants with ids 0..constant_count-1 */
    uint32_t constant_count;
    uint32_t push_bytes;    /* at most 128, what every Vulkan device has */
    uint32_t subgroup_size; /* pins the subgroup size and asks for full subgroups; 0: as the driver likes */
};

/* What a workgroup takes. */
struct gpu_workgroup {
    uint32_t size[3];      /* invocations along x, y and z */
    uint64_t shared_bytes; /* of shared memory */
};
/* With these constants; false where the SPIR-V computes it in a way that is not known here. */
bool gpu_shader_workgroup(const struct gpu_shader *shader, const struct gpu_pipeline_options *options,
                          struct gpu_workgroup *out);
/* Fails with DEVICE where the device has no such workgroups. */
WARN_UNUSED enum status gpu_workgroup_check(const struct gpu_device_info *device,
                                            const struct gpu_shader *shader,
                                            const struct gpu_pipeline_options *options,
                                            struct failure *failure);

struct gpu_pipeline;
/* Compiles (or takes from the pipeline cache) what the device's limits allow, else fails with DEVICE.
 * Thread-safe: different pipelines may be made side by side. */
WARN_UNUSED enum status gpu_pipeline_create(struct gpu_device *device, const struct gpu_shader *shader,
                                            const struct gpu_pipeline_options *options,
                                            struct failure *failure, struct gpu_pipeline **out);
void gpu_pipeline_destroy(struct gpu_pipeline **pipeline);

/* Has the driver's compiler keep what it knows of the pipelines that are made from here on, and with `code`
 * their machine code. */
void gpu_pipelines_inspect(struct gpu_device *device, bool code);
/* Tells `take` what that is of one, number by number: registers, spills, whatever the driver counts, by its
 * own names. Nothing where it says nothing, or was not asked to keep it. */
void gpu_pipeline_statistics(const struct gpu_pipeline *pipeline,
                             void (*take)(void *context, const char *name, double value), void *context);
/* Tells `take` the forms in which the driver shows what it made of one, as text: the last one is the
 * machine's code. Nothing where it shows none, or was not asked to keep them. */
void gpu_pipeline_code(const struct gpu_pipeline *pipeline,
                       void (*take)(void *context, const char *name, const char *text), void *context);

/* One of many pipelines to be made. */
struct gpu_pipeline_request {
    const struct gpu_shader *shader;
    struct gpu_pipeline_options options;
    struct gpu_pipeline **out;
};
/* Makes them all, as many at a time as there are cores: a driver's compiler uses one. After a failure, whose
 * sentence is one of those that came up, those already made are in their places and the others are left
 * alone. */
WARN_UNUSED enum status gpu_pipelines_create(struct gpu_device *device,
                                             const struct gpu_pipeline_request *requests, size_t count,
                                             struct failure *failure);

#endif
