#include "engine/gpu/spirv.h"

struct spirv_reader spirv_read(const struct gpu_shader *shader)
{
    const size_t count = shader->size_bytes / sizeof *shader->words;
    if (count < SPIRV_HEADER_WORDS)
        return (struct spirv_reader){0};
    return (struct spirv_reader){shader->words + SPIRV_HEADER_WORDS, count - SPIRV_HEADER_WORDS};
}

bool spirv_next(struct spirv_reader *reader, struct spirv_instruction *out)
{
    if (!reader->left)
        return false;
    const uint32_t *words = reader->words, length = words[0] >> 16;
    if (length == 0 || length > reader->left)
        return false;
    *out = (struct spirv_instruction){words, length, words[0] & 0xffff};
    reader->words += length;
    reader->left -= length;
    return true;
}
