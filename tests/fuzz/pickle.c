/* Fuzzes the pickle machine, and the look-up of names in what it builds. */
#include "engine/checkpoint/pickle.h"
#include "engine/checkpoint/head_names.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was promised of every tensor: its last element lies in its storage. */
static void check_tensor(const struct stored_tensor *tensor)
{
    size_t last = tensor->offset, count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        count *= tensor->shape[i];
        last += (tensor->shape[i] - 1) * tensor->strides[i];
    }
    if (count && (count != tensor->elements || last >= tensor->storage_elements))
        abort();
}

static void use(const struct value *value)
{
    char text[64], candidate[NAME_BYTES], name[NAME_BYTES];
    struct backbone_name backbone;
    value_describe(value, text, sizeof text);
    if (value->kind == VALUE_TENSOR)
        check_tensor(value->tensor);
    if (value->kind != VALUE_DICT)
        return;
    for (size_t i = 0; i < value->sequence.count; i += 2) {
        const struct value *key = value->sequence.items[i], *item = value->sequence.items[i + 1];
        if (item->kind == VALUE_TENSOR)
            check_tensor(item->tensor);
        if (key->kind != VALUE_TEXT)
            continue;
        name_of_backbone(key->text.data, &backbone);
        name_of_head(key->text.data, candidate, name);
        value_member(value, key->text.data);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure failure;
    struct value *value;
    struct arena *arena = arena_create();
    if (pickle_parse((struct bytes){data, size}, arena, &failure, &value) == STATUS_OK)
        use(value);
    arena_destroy(&arena);
    return 0;
}
