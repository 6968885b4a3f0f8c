/* What the workgroups of a SPIR-V module take, and whether a device has it (SPIR-V specification,
 * sections 2.16, 3.36 and 3.42; Vulkan, "Limits"). */
#include <stdlib.h>

#include "engine/gpu/pipeline.h"

enum {
    HEADER_WORDS = 5,
    OP_EXECUTION_MODE = 16,
    OP_TYPE_BOOL = 20,
    OP_TYPE_INT = 21,
    OP_TYPE_FLOAT = 22,
    OP_TYPE_VECTOR = 23,
    OP_TYPE_ARRAY = 28,
    OP_TYPE_POINTER = 32,
    OP_CONSTANT_TRUE = 41,
    OP_CONSTANT_FALSE = 42,
    OP_CONSTANT = 43,
    OP_SPEC_CONSTANT = 50,
    OP_SPEC_CONSTANT_COMPOSITE = 51,
    OP_SPEC_CONSTANT_OP = 52,
    OP_VARIABLE = 59,
    OP_DECORATE = 71,
    OP_EXECUTION_MODE_ID = 331,
    MODE_LOCAL_SIZE = 17,
    MODE_LOCAL_SIZE_ID = 38,
    DECORATION_SPEC_ID = 1,
    DECORATION_BUILT_IN = 11,
    BUILT_IN_WORKGROUP_SIZE = 25,
    STORAGE_WORKGROUP = 4,
    NO_SPEC_ID = UINT32_MAX
};

/* What is known of one result id. */
struct id {
    const uint32_t *type; /* the instruction that declares it, when a type */
    uint32_t spec_id;     /* of a specialisation constant */
    uint32_t value;       /* of a constant; of a type its bytes */
    bool known;           /* the value is */
    bool group_size;      /* it is gl_WorkGroupSize */
};

struct module {
    struct id *ids;
    uint32_t bound;
    const uint32_t *constants;
    uint32_t constant_count;
    const uint32_t *size_ids; /* of the workgroup's size along x, y and z; NULL: said as numbers */
    struct gpu_workgroup workgroup;
    bool known;
};

static struct id *id_at(struct module *module, uint32_t id)
{
    return &module->ids[id < module->bound ? id : 0]; /* 0 is no id */
}

static bool compute(uint32_t op, uint32_t a, uint32_t b, uint32_t c, uint32_t *out)
{
    switch (op) {
    case 128: /* OpIAdd */
        *out = a + b;
        return true;
    case 130: /* OpISub */
        *out = a - b;
        return true;
    case 132: /* OpIMul */
        *out = a * b;
        return true;
    case 134: /* OpUDiv */
        *out = b ? a / b : 0;
        return b != 0;
    case 137: /* OpUMod */
        *out = b ? a % b : 0;
        return b != 0;
    case 169: /* OpSelect */
        *out = a ? b : c;
        return true;
    case 170: /* OpIEqual */
        *out = a == b;
        return true;
    case 171: /* OpINotEqual */
        *out = a != b;
        return true;
    case 172: /* OpUGreaterThan */
        *out = a > b;
        return true;
    case 174: /* OpUGreaterThanEqual */
        *out = a >= b;
        return true;
    case 176: /* OpULessThan */
        *out = a < b;
        return true;
    case 178: /* OpULessThanEqual */
        *out = a <= b;
        return true;
    default:
        return false;
    }
}

static void read_operation(struct module *module, const uint32_t *at, uint32_t words)
{
    uint32_t operands[3] = {0};
    bool known = words >= 5;
    for (uint32_t i = 4; i < words && i < 7; i++) {
        known = known && id_at(module, at[i])->known;
        operands[i - 4] = id_at(module, at[i])->value;
    }
    struct id *result = id_at(module, at[2]);
    result->known = known && compute(at[3], operands[0], operands[1], operands[2], &result->value);
}

static void read_constant(struct module *module, const uint32_t *at)
{
    struct id *result = id_at(module, at[2]);
    const bool given = (at[0] & 0xffff) == OP_SPEC_CONSTANT && result->spec_id < module->constant_count;
    result->value = given ? module->constants[result->spec_id] : at[3];
    result->known = true;
}

/* Shared memory is counted as if its variables lay one after the other, each where its elements may. */
static void read_variable(struct module *module, const uint32_t *at)
{
    const uint32_t *pointer = id_at(module, at[1])->type;
    const struct id *pointed = pointer ? id_at(module, pointer[3]) : id_at(module, 0);
    const struct id *element = pointed;
    while (element->type && (element->type[0] & 0xffff) == OP_TYPE_ARRAY)
        element = id_at(module, element->type[2]);
    module->known = module->known && pointed->known && element->value;
    if (module->known)
        module->workgroup.shared_bytes =
            round_up(module->workgroup.shared_bytes, element->value) + pointed->value;
}

static void read_type(struct module *module, const uint32_t *at)
{
    struct id *result = id_at(module, at[1]);
    result->type = at;
    switch (at[0] & 0xffff) {
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
        result->value = at[2] / 8;
        result->known = true;
        return;
    case OP_TYPE_VECTOR:
        result->value = id_at(module, at[2])->value * at[3];
        result->known = id_at(module, at[2])->known;
        return;
    case OP_TYPE_ARRAY:
        result->value = id_at(module, at[2])->value * id_at(module, at[3])->value;
        result->known = id_at(module, at[2])->known && id_at(module, at[3])->known;
        return;
    default:
        return;
    }
}

static void read_instruction(struct module *module, const uint32_t *at, uint32_t words)
{
    switch (at[0] & 0xffff) {
    case OP_EXECUTION_MODE:
        for (uint32_t i = 0; words == 6 && at[2] == MODE_LOCAL_SIZE && i < 3; i++)
            module->workgroup.size[i] = at[3 + i];
        return;
    case OP_EXECUTION_MODE_ID:
        if (words == 6 && at[2] == MODE_LOCAL_SIZE_ID)
            module->size_ids = &at[3];
        return;
    case OP_DECORATE:
        if (words == 4 && at[2] == DECORATION_SPEC_ID)
            id_at(module, at[1])->spec_id = at[3];
        if (words == 4 && at[2] == DECORATION_BUILT_IN && at[3] == BUILT_IN_WORKGROUP_SIZE)
            id_at(module, at[1])->group_size = true;
        return;
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
    case OP_TYPE_VECTOR:
    case OP_TYPE_ARRAY:
    case OP_TYPE_POINTER:
        if (words >= ((at[0] & 0xffff) == OP_TYPE_FLOAT ? 3 : 4))
            read_type(module, at);
        return;
    case OP_CONSTANT:
    case OP_SPEC_CONSTANT:
        if (words >= 4)
            read_constant(module, at);
        return;
    case OP_CONSTANT_TRUE:
    case OP_CONSTANT_FALSE:
        if (words >= 3) {
            id_at(module, at[2])->value = (at[0] & 0xffff) == OP_CONSTANT_TRUE;
            id_at(module, at[2])->known = true;
        }
        return;
    case OP_SPEC_CONSTANT_COMPOSITE:
        if (words == 6 && id_at(module, at[2])->group_size)
            module->size_ids = &at[3];
        return;
    case OP_SPEC_CONSTANT_OP:
        if (words >= 4)
            read_operation(module, at, words);
        return;
    case OP_VARIABLE:
        if (words >= 4 && at[3] == STORAGE_WORKGROUP)
            read_variable(module, at);
        return;
    default:
        return;
    }
}

bool gpu_shader_workgroup(const struct gpu_shader *shader, const struct gpu_pipeline_options *options,
                          struct gpu_workgroup *out)
{
    const size_t count = shader->size_bytes / 4;
    if (count < HEADER_WORDS)
        return false;
    struct module module = {.bound = shader->words[3],
                            .constants = options->constants,
                            .constant_count = options->constant_count,
                            .known = true};
    module.ids = memory_allocate((size_t)module.bound + 1, sizeof *module.ids);
    for (uint32_t i = 0; i < module.bound; i++)
        module.ids[i].spec_id = NO_SPEC_ID;
    for (size_t i = HEADER_WORDS; i < count;) {
        const uint32_t words = shader->words[i] >> 16;
        if (words == 0 || words > count - i)
            break;
        read_instruction(&module, &shader->words[i], words);
        i += words;
    }
    for (uint32_t i = 0; module.size_ids && i < 3; i++) {
        const struct id *size = id_at(&module, module.size_ids[i]);
        module.known = module.known && size->known;
        module.workgroup.size[i] = size->value;
    }
    for (uint32_t i = 0; i < 3; i++)
        module.known = module.known && module.workgroup.size[i];
    free(module.ids);
    *out = module.workgroup;
    return module.known;
}

enum status gpu_workgroup_check(const struct gpu_device_info *device, const struct gpu_shader *shader,
                                const struct gpu_pipeline_options *options, struct failure *failure)
{
    struct gpu_workgroup workgroup;
    if (!gpu_shader_workgroup(shader, options, &workgroup))
        return failure_set(failure, STATUS_DEVICE,
                           "What the shader %s takes of a device is not known: build it with another glslc.",
                           shader->name);
    const uint64_t invocations = (uint64_t)workgroup.size[0] * workgroup.size[1] * workgroup.size[2];
    if (invocations > device->workgroup_invocations_max)
        return failure_set(
            failure, STATUS_DEVICE,
            "The shader %s wants workgroups of %llu invocations, and this device has them of %u at "
            "most; try another rung.",
            shader->name, (unsigned long long)invocations, device->workgroup_invocations_max);
    if (workgroup.shared_bytes > device->shared_memory_bytes)
        return failure_set(
            failure, STATUS_DEVICE,
            "The shader %s wants %llu bytes of shared memory, and this device has %u; try another "
            "rung.",
            shader->name, (unsigned long long)workgroup.shared_bytes, device->shared_memory_bytes);
    return STATUS_OK;
}
