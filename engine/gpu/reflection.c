/* What a shader's SPIR-V says of itself: how many bytes its push constants are, what its workgroups take, and
 * whether a device has it (SPIR-V specification, sections 2.16, 3.36 and 3.42; Vulkan, "Limits"). */
#include <stdlib.h>

#include "engine/gpu/spirv.h"

enum {
    MODE_LOCAL_SIZE = 17,
    MODE_LOCAL_SIZE_ID = 38,
    DECORATION_SPEC_ID = 1,
    DECORATION_BUILT_IN = 11,
    DECORATION_OFFSET = 35,
    BUILT_IN_WORKGROUP_SIZE = 25,
    STORAGE_WORKGROUP = 4,
    STORAGE_PUSH_CONSTANT = 9,
    STORAGE_PHYSICAL_BUFFER = 5349,
    ADDRESS_BYTES = 8,
    NO_SPEC_ID = UINT32_MAX
};

/* What is known of one result id. */
struct id {
    const uint32_t *type;              /* the instruction that declares it, when a type */
    uint32_t spec_id;                  /* of a specialisation constant */
    uint32_t value;                    /* of a constant; of a type its bytes */
    bool known;                        /* the value is */
    bool group_size;                   /* it is gl_WorkGroupSize */
    uint32_t last_member, last_offset; /* of a struct: the member that lies furthest behind */
};

struct module {
    struct id *ids;
    uint32_t bound;
    const uint32_t *constants;
    uint32_t constant_count;
    const uint32_t *size_ids; /* of the workgroup's size along x, y and z; NULL: said as numbers */
    struct gpu_workgroup workgroup;
    bool known; /* the workgroup is */
    uint32_t push_bytes;
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

static void read_operation(struct module *module, const struct spirv_instruction *at)
{
    uint32_t operands[3] = {0};
    bool known = at->length >= 5;
    for (uint32_t i = 4; i < at->length && i < 7; i++) {
        known = known && id_at(module, at->words[i])->known;
        operands[i - 4] = id_at(module, at->words[i])->value;
    }
    struct id *result = id_at(module, at->words[2]);
    result->known = known && compute(at->words[3], operands[0], operands[1], operands[2], &result->value);
}

static void read_constant(struct module *module, const struct spirv_instruction *at)
{
    struct id *result = id_at(module, at->words[2]);
    const bool given = at->op == SPIRV_SPEC_CONSTANT && result->spec_id < module->constant_count;
    result->value = given ? module->constants[result->spec_id] : at->words[3];
    result->known = true;
}

/* The type that a pointer type points to. */
static const struct id *pointed_by(struct module *module, uint32_t pointer)
{
    const uint32_t *type = id_at(module, pointer)->type;
    return id_at(module, type && (type[0] & 0xffff) == SPIRV_TYPE_POINTER ? type[3] : 0);
}

static bool is_type(const struct id *id, uint32_t op)
{
    return id->type && (id->type[0] & 0xffff) == op;
}

/* Shared memory is counted as if its variables lay one after the other, each where its elements may. */
static void read_shared(struct module *module, const struct id *type)
{
    const struct id *element = type;
    while (is_type(element, SPIRV_TYPE_ARRAY))
        element = id_at(module, element->type[2]);
    module->known = module->known && type->known && element->value;
    if (module->known)
        module->workgroup.shared_bytes =
            round_up(module->workgroup.shared_bytes, element->value) + type->value;
}

/* A struct ends with the member that lies furthest behind. */
static void read_push_constants(struct module *module, const struct id *type)
{
    if (!is_type(type, SPIRV_TYPE_STRUCT) || type->last_member >= (type->type[0] >> 16) - 2)
        return;
    module->push_bytes = type->last_offset + id_at(module, type->type[2 + type->last_member])->value;
}

static void read_variable(struct module *module, const struct spirv_instruction *at)
{
    if (at->words[3] == STORAGE_WORKGROUP)
        read_shared(module, pointed_by(module, at->words[1]));
    if (at->words[3] == STORAGE_PUSH_CONSTANT)
        read_push_constants(module, pointed_by(module, at->words[1]));
}

static void read_type(struct module *module, const struct spirv_instruction *at)
{
    struct id *result = id_at(module, at->words[1]);
    result->type = at->words;
    switch (at->op) {
    case SPIRV_TYPE_INT:
    case SPIRV_TYPE_FLOAT:
        result->value = at->words[2] / 8;
        result->known = true;
        return;
    case SPIRV_TYPE_VECTOR:
        result->value = id_at(module, at->words[2])->value * at->words[3];
        result->known = id_at(module, at->words[2])->known;
        return;
    case SPIRV_TYPE_ARRAY:
        result->value = id_at(module, at->words[2])->value * id_at(module, at->words[3])->value;
        result->known = id_at(module, at->words[2])->known && id_at(module, at->words[3])->known;
        return;
    case SPIRV_TYPE_POINTER:
        result->value = at->words[2] == STORAGE_PHYSICAL_BUFFER ? ADDRESS_BYTES : 0;
        return;
    default:
        return;
    }
}

static void read_decoration(struct module *module, const struct spirv_instruction *at)
{
    struct id *id = id_at(module, at->words[1]);
    if (at->op == SPIRV_MEMBER_DECORATE) {
        if (at->length >= 5 && at->words[3] == DECORATION_OFFSET && at->words[4] >= id->last_offset) {
            id->last_offset = at->words[4];
            id->last_member = at->words[2];
        }
        return;
    }
    if (at->words[2] == DECORATION_SPEC_ID)
        id->spec_id = at->words[3];
    if (at->words[2] == DECORATION_BUILT_IN && at->words[3] == BUILT_IN_WORKGROUP_SIZE)
        id->group_size = true;
}

static void read_instruction(struct module *module, const struct spirv_instruction *at)
{
    const uint32_t *words = at->words;
    switch (at->op) {
    case SPIRV_EXECUTION_MODE:
        for (uint32_t i = 0; at->length == 6 && words[2] == MODE_LOCAL_SIZE && i < 3; i++)
            module->workgroup.size[i] = words[3 + i];
        return;
    case SPIRV_EXECUTION_MODE_ID:
        if (at->length == 6 && words[2] == MODE_LOCAL_SIZE_ID)
            module->size_ids = &words[3];
        return;
    case SPIRV_DECORATE:
    case SPIRV_MEMBER_DECORATE:
        if (at->length >= 4)
            read_decoration(module, at);
        return;
    case SPIRV_TYPE_STRUCT:
        if (at->length >= 2)
            read_type(module, at);
        return;
    case SPIRV_TYPE_FLOAT:
        if (at->length >= 3)
            read_type(module, at);
        return;
    case SPIRV_TYPE_INT:
    case SPIRV_TYPE_VECTOR:
    case SPIRV_TYPE_ARRAY:
    case SPIRV_TYPE_POINTER:
        if (at->length >= 4)
            read_type(module, at);
        return;
    case SPIRV_CONSTANT:
    case SPIRV_SPEC_CONSTANT:
        if (at->length >= 4)
            read_constant(module, at);
        return;
    case SPIRV_CONSTANT_TRUE:
    case SPIRV_CONSTANT_FALSE:
        if (at->length >= 3) {
            id_at(module, words[2])->value = at->op == SPIRV_CONSTANT_TRUE;
            id_at(module, words[2])->known = true;
        }
        return;
    case SPIRV_SPEC_CONSTANT_COMPOSITE:
        if (at->length == 6 && id_at(module, words[2])->group_size)
            module->size_ids = &words[3];
        return;
    case SPIRV_SPEC_CONSTANT_OP:
        if (at->length >= 4)
            read_operation(module, at);
        return;
    case SPIRV_VARIABLE:
        if (at->length >= 4)
            read_variable(module, at);
        return;
    default:
        return;
    }
}

/* All that is to be known of a shader, with these constants in place of its own. */
static struct module module_read(const struct gpu_shader *shader, const uint32_t *constants, uint32_t count)
{
    struct module module = {.constants = constants, .constant_count = count, .known = true};
    struct spirv_reader reader = spirv_read(shader);
    if (reader.left)
        module.bound = shader->words[SPIRV_HEADER_BOUND];
    module.ids = memory_allocate((size_t)module.bound + 1, sizeof *module.ids);
    for (uint32_t i = 0; i < module.bound; i++)
        module.ids[i].spec_id = NO_SPEC_ID;
    for (struct spirv_instruction at; spirv_next(&reader, &at);)
        read_instruction(&module, &at);
    for (uint32_t i = 0; module.size_ids && i < 3; i++) {
        const struct id *size = id_at(&module, module.size_ids[i]);
        module.known = module.known && size->known;
        module.workgroup.size[i] = size->value;
    }
    for (uint32_t i = 0; i < 3; i++)
        module.known = module.known && module.workgroup.size[i];
    free(module.ids);
    module.ids = NULL;
    return module;
}

uint32_t gpu_shader_push_bytes(const struct gpu_shader *shader)
{
    return module_read(shader, NULL, 0).push_bytes;
}

bool gpu_shader_workgroup(const struct gpu_shader *shader, const struct gpu_pipeline_options *options,
                          struct gpu_workgroup *out)
{
    const struct module module = module_read(shader, options->constants, options->constant_count);
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
