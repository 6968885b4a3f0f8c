/* Inside gpu/: the instructions of a SPIR-V module, one after the other (SPIR-V specification, sections 2.3
 * and 3). */
#ifndef CXRD_ENGINE_GPU_SPIRV_H
#define CXRD_ENGINE_GPU_SPIRV_H

#include "engine/gpu/pipeline.h"

enum {
    SPIRV_HEADER_WORDS = 5,
    SPIRV_HEADER_BOUND = 3, /* the word that all ids are below */

    SPIRV_ENTRY_POINT = 15,
    SPIRV_EXECUTION_MODE = 16,
    SPIRV_CAPABILITY = 17,
    SPIRV_TYPE_INT = 21,
    SPIRV_TYPE_FLOAT = 22,
    SPIRV_TYPE_VECTOR = 23,
    SPIRV_TYPE_ARRAY = 28,
    SPIRV_TYPE_STRUCT = 30,
    SPIRV_TYPE_POINTER = 32,
    SPIRV_CONSTANT_TRUE = 41,
    SPIRV_CONSTANT_FALSE = 42,
    SPIRV_CONSTANT = 43,
    SPIRV_SPEC_CONSTANT = 50,
    SPIRV_SPEC_CONSTANT_COMPOSITE = 51,
    SPIRV_SPEC_CONSTANT_OP = 52,
    SPIRV_VARIABLE = 59,
    SPIRV_DECORATE = 71,
    SPIRV_MEMBER_DECORATE = 72,
    SPIRV_EXECUTION_MODE_ID = 331
};

/* words[0] holds an instruction's length and code; its operands follow. */
struct spirv_instruction {
    const uint32_t *words;
    uint32_t length, op;
};

/* What is left of a module. */
struct spirv_reader {
    const uint32_t *words;
    size_t left;
};
struct spirv_reader spirv_read(const struct gpu_shader *shader);
/* False at the module's end, and where what is left is no instruction. */
bool spirv_next(struct spirv_reader *reader, struct spirv_instruction *out);

#endif
