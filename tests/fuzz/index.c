/* Fuzzes the index of a checkpoint in several files: whatever it accepts names files beside it only. */
#include "engine/checkpoint/shards.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct shards *shards)
{
    for (size_t i = 0; i < shards->count; i++)
        if (!*shards->files[i] || *shards->files[i] == '.' || strchr(shards->files[i], '/'))
            abort();
    for (size_t i = 0; i < shards->entry_count; i++) {
        const struct shard_entry *entry = &shards->entries[i];
        if (entry->file >= shards->count || shards_find(shards, entry->name) != entry)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure failure = {0};
    struct shards shards;
    if (shards_parse((struct bytes){data, size}, &failure, &shards)) {
        if (!*failure.sentence)
            abort();
        return 0;
    }
    use(&shards);
    shards_finish(&shards);
    return 0;
}
