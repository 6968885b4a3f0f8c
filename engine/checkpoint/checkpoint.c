#include "engine/checkpoint/checkpoint.h"

#include "engine/checkpoint/shards.h"
#include "engine/checkpoint/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is read of a file counts as this program's memory until that much more is. */
enum { REST_BYTES = 1 << 20 };

struct checkpoint {
    struct folder folder;
    struct source sources[SHARDS_MAX + 2]; /* the index, the files, the adapter */
    size_t count;
    struct arena *arena; /* owns the values */
    const struct value *root;
    struct state state;
    const struct value *adapted; /* the state dict and the adapter's tensors; NULL: there is no adapter */
    char kind[64];
};

static enum status open_source(struct checkpoint *checkpoint, const char *path, struct failure *failure)
{
    enum status status =
        source_open(path, checkpoint->arena, failure, &checkpoint->sources[checkpoint->count]);
    checkpoint->count += !status;
    return status;
}

/* The tensor as one of the source. */
static struct value *tensor_of(struct checkpoint *checkpoint, const struct value *value, size_t source)
{
    struct stored_tensor *tensor = arena_allocate(checkpoint->arena, 1, sizeof *tensor);
    struct value *owned = arena_allocate(checkpoint->arena, 1, sizeof *owned);
    *tensor = *value->tensor;
    tensor->source = source;
    *owned = (struct value){.kind = VALUE_TENSOR, .tensor = tensor};
    return owned;
}

/* Adds the members of a source's dict to another; tensors say from now on whose they are. */
static void merge(struct checkpoint *checkpoint, const struct value *from, size_t source, struct value *into)
{
    for (size_t i = 0; i < from->sequence.count; i += 2) {
        struct value *key = from->sequence.items[i], *value = from->sequence.items[i + 1];
        if (into->sequence.count + 2 > into->sequence.capacity) {
            const size_t capacity = 2 * (into->sequence.count + 2);
            struct value **grown = arena_allocate(checkpoint->arena, capacity, sizeof *grown);
            if (into->sequence.count)
                memcpy(grown, into->sequence.items, into->sequence.count * sizeof *grown);
            into->sequence.items = grown;
            into->sequence.capacity = capacity;
        }
        into->sequence.items[into->sequence.count++] = key;
        into->sequence.items[into->sequence.count++] =
            value->kind == VALUE_TENSOR ? tensor_of(checkpoint, value, source) : value;
    }
}

/* Every tensor of a file is one that the index has there. What lies elsewhere than under a name is merged as
 * it is, for state_check_rest to find. */
static enum status check_shard(const struct source *source, const struct shards *shards, size_t file,
                               size_t *found, struct failure *failure)
{
    const struct value *root = source->root;
    if (!root || root->kind != VALUE_DICT)
        return failure_set(failure, STATUS_INVALID_FILE, "It is no file of weights.");
    for (size_t i = 0; i < root->sequence.count; i += 2) {
        const struct value *key = root->sequence.items[i];
        if (key->kind != VALUE_TEXT || !value_is_tensor(root->sequence.items[i + 1]))
            continue;
        const struct shard_entry *entry = shards_find(shards, key->text.data);
        if (!entry || entry->file != file)
            return failure_set(failure, STATUS_INVALID_FILE,
                               "Tensor '%.100s' is in it, but not by the index: they do not belong together.",
                               key->text.data);
        ++*found;
    }
    return STATUS_OK;
}

static enum status open_shards(struct checkpoint *checkpoint, const char *path, struct failure *failure)
{
    struct shards shards;
    enum status status = shards_parse(checkpoint->sources[0].file.content, failure, &shards);
    if (status) {
        failure_prefix(failure, "%s", path);
        return status;
    }
    const char *slash = strrchr(path, '/');
    struct value *root = arena_allocate(checkpoint->arena, 1, sizeof *root);
    size_t found = 0;
    *root = (struct value){.kind = VALUE_DICT};
    for (size_t i = 0; i < shards.count && !status; i++) {
        const char *file = arena_format(checkpoint->arena, "%.*s%s", slash ? (int)(slash + 1 - path) : 0,
                                        path, shards.files[i]);
        status = open_source(checkpoint, file, failure);
        if (status)
            break;
        const struct source *source = &checkpoint->sources[checkpoint->count - 1];
        status = check_shard(source, &shards, i, &found, failure);
        if (status)
            failure_prefix(failure, "%s", file);
        else
            merge(checkpoint, source->root, checkpoint->count - 1, root);
    }
    if (!status && found != shards.entry_count)
        status = failure_set(
            failure, STATUS_INVALID_FILE,
            "%s: its files have %zu of the %zu tensors that it names: they do not belong together.", path,
            found, shards.entry_count);
    checkpoint->root = root;
    snprintf(checkpoint->kind, sizeof checkpoint->kind, "weights in %zu file%s with an index", shards.count,
             shards.count == 1 ? "" : "s");
    shards_finish(&shards);
    return status;
}

static enum status open_adapter(struct checkpoint *checkpoint, struct failure *failure)
{
    const char *path = checkpoint->folder.adapter;
    enum status status = state_check(&checkpoint->state, failure);
    if (status)
        failure_prefix(failure, "%s", checkpoint->folder.weights);
    else
        status = open_source(checkpoint, path, failure);
    if (status)
        return status;
    const struct value *root = checkpoint->sources[checkpoint->count - 1].root;
    if (!root) /* an index */
        return failure_set(failure, STATUS_INVALID_FILE, "%s: It is no file of weights.", path);
    const struct state state = state_find(root);
    status = state_check(&state, failure);
    if (!status)
        status = state_check_rest(&state, failure);
    if (status)
        return failure_prefix(failure, "%s", path);
    struct value *adapted = arena_allocate(checkpoint->arena, 1, sizeof *adapted);
    *adapted = *checkpoint->state.value;
    adapted->sequence.capacity =
        adapted->sequence.count; /* the items are the state dict's own: copied to grow */
    merge(checkpoint, state.value, checkpoint->count - 1, adapted);
    checkpoint->adapted = adapted;
    return STATUS_OK;
}

static enum status open_weights(struct checkpoint *checkpoint, const char *path, struct failure *failure)
{
    enum status status = open_source(checkpoint, path, failure);
    if (status)
        return status;
    const struct source *first = &checkpoint->sources[0];
    checkpoint->root = first->root;
    snprintf(checkpoint->kind, sizeof checkpoint->kind, "%s",
             first->format == FORMAT_ZIP ? "a file of torch.save" : "a safetensors file");
    if (first->format == FORMAT_JSON)
        status = open_shards(checkpoint, path, failure);
    if (status)
        return status;
    checkpoint->state = state_find(checkpoint->root);
    return checkpoint->folder.adapter ? open_adapter(checkpoint, failure) : STATUS_OK;
}

enum status checkpoint_open(const char *path, struct failure *failure, struct checkpoint **out)
{
    struct stat info;
    struct checkpoint *checkpoint = memory_allocate(1, sizeof *checkpoint);
    enum status status = STATUS_OK;
    checkpoint->arena = arena_create();
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        status = folder_read(path, failure, &checkpoint->folder);
    if (!status)
        status =
            open_weights(checkpoint, checkpoint->folder.weights ? checkpoint->folder.weights : path, failure);
    if (status)
        checkpoint_close(&checkpoint);
    else
        *out = checkpoint;
    return status;
}

void checkpoint_close(struct checkpoint **checkpoint)
{
    if (!checkpoint || !*checkpoint)
        return;
    for (size_t i = 0; i < (*checkpoint)->count; i++)
        source_finish(&(*checkpoint)->sources[i]);
    folder_finish(&(*checkpoint)->folder);
    arena_destroy(&(*checkpoint)->arena);
    free(*checkpoint);
    *checkpoint = NULL;
}

const char *checkpoint_kind(const struct checkpoint *checkpoint)
{
    return checkpoint->kind;
}

const struct folder *checkpoint_folder(const struct checkpoint *checkpoint)
{
    return &checkpoint->folder;
}

const struct value *checkpoint_root(const struct checkpoint *checkpoint)
{
    return checkpoint->root;
}

const struct json *checkpoint_metadata(const struct checkpoint *checkpoint)
{
    const struct safetensors *file = checkpoint->sources[0].safetensors;
    return file ? safetensors_metadata(file) : NULL;
}

enum status checkpoint_state(const struct checkpoint *checkpoint, struct failure *failure,
                             const struct value **out)
{
    enum status status = state_check(&checkpoint->state, failure);
    if (!status)
        *out = checkpoint->adapted ? checkpoint->adapted : checkpoint->state.value;
    return status;
}

const struct state *checkpoint_state_place(const struct checkpoint *checkpoint)
{
    return &checkpoint->state;
}

bool checkpoint_is_adapters(const struct checkpoint *checkpoint, const struct stored_tensor *tensor)
{
    return checkpoint->adapted && tensor->source == checkpoint->count - 1;
}

enum status checkpoint_check_rest(const struct checkpoint *checkpoint, struct failure *failure)
{
    return state_check_rest(&checkpoint->state, failure);
}

void checkpoint_sha256(const struct checkpoint *checkpoint, char out[SHA256_HEX_BYTES])
{
    struct buffer lines = {.maximum = SIZE_MAX};
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct source *source = &checkpoint->sources[i];
        const char *slash = strrchr(source->path, '/');
        char hex[SHA256_HEX_BYTES];
        sha256_mapping(&source->file, checkpoint->count == 1 ? out : hex);
        if (checkpoint->count == 1)
            return;
        const char *line = arena_format(checkpoint->arena, "%s  %s\n", hex, slash ? slash + 1 : source->path);
        buffer_append(&lines, line, strlen(line));
    }
    sha256_hex((struct bytes){lines.data, lines.size}, out);
    buffer_finish(&lines);
}

enum status checkpoint_unchanged(const struct checkpoint *checkpoint, struct failure *failure)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < checkpoint->count && !status; i++)
        status = file_unchanged(&checkpoint->sources[i].file, failure);
    return status;
}

static bool is_contiguous(const struct stored_tensor *tensor)
{
    size_t step = 1;
    for (size_t i = tensor->rank; i-- > 0;) {
        if (tensor->shape[i] > 1 && tensor->strides[i] != step)
            return false;
        step *= tensor->shape[i];
    }
    return true;
}

/* Copies the view's elements in row-major order; its bounds were checked when it was built. */
static void gather(const struct stored_tensor *tensor, const uint8_t *storage, uint8_t *out)
{
    size_t width = tensor_type_bytes(tensor->type), index[TENSOR_RANK_MAX] = {0};
    if (is_contiguous(tensor)) {
        memcpy(out, storage + tensor->offset * width, tensor->elements * width);
        return;
    }
    for (size_t i = 0; i < tensor->elements; i++) {
        size_t place = tensor->offset;
        for (size_t k = 0; k < tensor->rank; k++)
            place += index[k] * tensor->strides[k];
        memcpy(out + i * width, storage + place * width, width);
        for (size_t k = tensor->rank; k-- > 0 && ++index[k] == tensor->shape[k];)
            index[k] = 0;
    }
}

enum status checkpoint_read(struct checkpoint *checkpoint, const struct stored_tensor *tensor,
                            struct failure *failure, struct bytes *out)
{
    struct bytes storage;
    const struct source *source = &checkpoint->sources[tensor->source];
    size_t width = tensor_type_bytes(tensor->type);
    enum status status = source_storage(source, tensor, failure, &storage);
    if (status)
        return status;
    uint8_t *data = memory_allocate(tensor->elements, width);
    if (tensor->elements)
        gather(tensor, storage.data, data);
    if (tensor->elements * width > REST_BYTES)
        file_rest(&source->file);
    *out = (struct bytes){data, tensor->elements * width};
    return STATUS_OK;
}
