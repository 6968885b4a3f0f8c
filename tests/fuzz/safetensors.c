/* Fuzzes the safetensors reader: whatever it accepts can be read to its last byte. */
#include "engine/weights/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct safetensors *file)
{
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const struct tensor *tensor = safetensors_at(file, i), *found = NULL;
        if (safetensors_find(file, tensor->name) != tensor)
            abort();
        bool is_float = tensor_type_is_float(tensor->type), has_elements = tensor->size_bytes > 0;
        enum status status =
            tensor_require(file, tensor->rank, tensor->shape, NULL, &found, "%s", tensor->name);
        if (status || !is_float || !has_elements)
            continue;
        float *values = memory_allocate(tensor->size_bytes, sizeof *values);
        tensor_to_float(found, values);
        free(values);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure failure;
    struct safetensors *file;
    if (safetensors_parse((struct bytes){data, size}, &failure, &file) == STATUS_OK) {
        use(file);
        safetensors_close(&file);
    }
    return 0;
}
