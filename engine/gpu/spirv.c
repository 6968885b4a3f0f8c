/* The size of a SPIR-V module's push-constant block (SPIR-V specification, sections 2.3 and 3.42). */
#include <stdlib.h>

#include "engine/gpu/pipeline.h"

enum {
    HEADER_WORDS = 5,
    OP_TYPE_INT = 21,
    OP_TYPE_FLOAT = 22,
    OP_TYPE_VECTOR = 23,
    OP_TYPE_STRUCT = 30,
    OP_TYPE_POINTER = 32,
    OP_VARIABLE = 59,
    OP_MEMBER_DECORATE = 72,
    DECORATION_OFFSET = 35,
    STORAGE_PUSH_CONSTANT = 9,
    STORAGE_PHYSICAL_BUFFER = 5349
};

/* What is known of one result id. */
struct spirv_id {
    const uint32_t *type;              /* the instruction that declares it, when a type */
    uint32_t last_member, last_offset; /* of a struct: the member that lies furthest behind */
};

static uint32_t type_bytes(const struct spirv_id *ids, uint32_t bound, uint32_t id)
{
    const uint32_t *type = id < bound ? ids[id].type : NULL;
    if (!type)
        return 0;
    switch (type[0] & 0xffff) {
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
        return type[2] / 8;
    case OP_TYPE_VECTOR:
        return type[3] * type_bytes(ids, bound, type[2] < id ? type[2] : bound);
    case OP_TYPE_POINTER:
        return type[2] == STORAGE_PHYSICAL_BUFFER ? 8 : 0;
    default:
        return 0; /* shaders/params uses no other */
    }
}

/* Notes what an instruction says; returns the struct's id when it declares the push constants, else 0. */
static uint32_t instruction_read(struct spirv_id *ids, uint32_t bound, const uint32_t *at, uint32_t words)
{
    switch (at[0] & 0xffff) {
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
        if (words >= 3 && at[1] < bound)
            ids[at[1]].type = at;
        return 0;
    case OP_TYPE_VECTOR:
    case OP_TYPE_POINTER:
        if (words >= 4 && at[1] < bound)
            ids[at[1]].type = at;
        return 0;
    case OP_TYPE_STRUCT:
        if (words >= 2 && at[1] < bound)
            ids[at[1]].type = at;
        return 0;
    case OP_MEMBER_DECORATE:
        if (words >= 5 && at[3] == DECORATION_OFFSET && at[1] < bound && at[4] >= ids[at[1]].last_offset) {
            ids[at[1]].last_offset = at[4];
            ids[at[1]].last_member = at[2];
        }
        return 0;
    case OP_VARIABLE:
        if (words >= 4 && at[3] == STORAGE_PUSH_CONSTANT && at[1] < bound && ids[at[1]].type &&
            (ids[at[1]].type[0] & 0xffff) == OP_TYPE_POINTER)
            return ids[at[1]].type[3];
        return 0;
    default:
        return 0;
    }
}

uint32_t gpu_shader_push_bytes(const struct gpu_shader *shader)
{
    size_t count = shader->size_bytes / 4;
    if (count < HEADER_WORDS)
        return 0;
    uint32_t bound = shader->words[3], block = 0;
    struct spirv_id *ids = memory_allocate(bound, sizeof *ids);
    for (size_t i = HEADER_WORDS; i < count;) {
        uint32_t words = shader->words[i] >> 16;
        if (words == 0 || words > count - i)
            break;
        uint32_t found = instruction_read(ids, bound, &shader->words[i], words);
        block = found ? found : block;
        i += words;
    }
    uint32_t bytes = 0;
    if (block && block < bound && ids[block].type && (ids[block].type[0] & 0xffff) == OP_TYPE_STRUCT) {
        const struct spirv_id *push = &ids[block];
        if (push->last_member < (push->type[0] >> 16) - 2)
            bytes = push->last_offset + type_bytes(ids, bound, push->type[2 + push->last_member]);
    }
    free(ids);
    return bytes;
}
