/* The index of a model whose weights lie in several files: {"weight_map": {TENSOR: FILE, ...}}, as
 * transformers writes it (model.safetensors.index.json, pytorch_model.bin.index.json). */
#ifndef CXRD_ENGINE_CHECKPOINT_SHARDS_H
#define CXRD_ENGINE_CHECKPOINT_SHARDS_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

enum { SHARDS_MAX = 128, SHARDS_INDEX_BYTES_MAX = 32 << 20 };

struct shards {
    const char **files; /* each once, sorted */
    size_t count;
    struct shard_entry *entries; /* sorted by name */
    size_t entry_count;
    struct json *index; /* owns the texts */
};
struct shard_entry {
    const char *name; /* of a tensor */
    size_t file;
};

/* Fails with INVALID_FILE: no JSON, no weight_map, a name that stands twice, a file that is not a plain
 * name beside the index, over SHARDS_MAX files. The caller finishes *out. */
WARN_UNUSED enum status shards_parse(struct bytes text, struct failure *failure, struct shards *out);
void shards_finish(struct shards *shards);

/* Fails with INVALID_FILE when the file's name says that it is one of several, which are read together:
 * "model-00001-of-00002.safetensors". The sentence names the path. */
WARN_UNUSED enum status shards_check_whole(const char *path, struct failure *failure);

/* The entry of that tensor, or NULL. */
const struct shard_entry *shards_find(const struct shards *shards, const char *name);

#endif
