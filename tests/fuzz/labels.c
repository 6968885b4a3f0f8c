/* Fuzzes the files that name a head's outputs: the first byte chooses one label a line or a config.json, the
 * second how many outputs the latter is to name. */
#include "engine/checkpoint/labels.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was promised: every label says something, and no two say the same. */
static void check(const struct label_list *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        size_t length = strlen(labels->names[i]);
        if (!length || length > LABEL_BYTES_MAX)
            abort();
        for (size_t k = 0; k < i; k++)
            if (!strcmp(labels->names[i], labels->names[k]))
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure failure = {0};
    struct label_list labels = {0};
    if (size < 2)
        return 0;
    const struct bytes text = {data + 2, size - 2};
    enum status status = data[0] % 2 ? labels_parse_config(text, data[1], &failure, &labels)
                                     : labels_parse(text, &failure, &labels);
    if (status && (!*failure.sentence || labels.count))
        abort();
    if (data[0] % 2 && labels.count && labels.count != data[1])
        abort();
    check(&labels);
    labels_finish(&labels);
    return 0;
}
