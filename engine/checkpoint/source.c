#include "engine/checkpoint/source.h"

#include "engine/checkpoint/pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file says so since torch 2.1; what is older was only ever written on little-endian machines. */
static enum status check_byte_order(struct archive *archive, struct failure *failure)
{
    struct bytes order;
    if (!archive_has(archive, "byteorder"))
        return STATUS_OK;
    enum status status = archive_entry(archive, "byteorder", 16, failure, &order);
    if (status)
        return status;
    if (order.size != 6 || memcmp(order.data, "little", 6))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It was written on a big-endian machine. Save it again on a little-endian one.");
    return STATUS_OK;
}

static enum status open_archive(struct source *source, struct arena *arena, struct failure *failure)
{
    struct bytes pickle;
    enum status status = archive_open(source->file.content, failure, &source->archive);
    if (!status)
        status = check_byte_order(source->archive, failure);
    if (!status)
        status = archive_entry(source->archive, "data.pkl", PICKLE_BYTES_MAX, failure, &pickle);
    return status ? status : pickle_parse(pickle, arena, failure, &source->root);
}

/* What a tensor of a safetensors file is as a value. */
static struct value *make_tensor(const struct tensor *tensor, struct arena *arena)
{
    struct stored_tensor *stored = arena_allocate(arena, 1, sizeof *stored);
    struct value *value = arena_allocate(arena, 1, sizeof *value);
    *stored = (struct stored_tensor){.type = tensor->type, .rank = tensor->rank, .data = tensor->data};
    stored->elements = stored->storage_elements = tensor->size_bytes / tensor_type_bytes(tensor->type);
    memcpy(stored->shape, tensor->shape, sizeof stored->shape);
    for (size_t i = tensor->rank, step = 1; stored->elements && i-- > 0; step *= tensor->shape[i])
        stored->strides[i] = step;
    *value = (struct value){.kind = VALUE_TENSOR, .tensor = stored};
    return value;
}

static enum status open_safetensors(struct source *source, struct arena *arena, struct failure *failure)
{
    enum status status = safetensors_parse(source->file.content, failure, &source->safetensors);
    if (status)
        return status;
    const size_t count = safetensors_count(source->safetensors);
    struct value *root = arena_allocate(arena, 1, sizeof *root);
    *root = (struct value){.kind = VALUE_DICT};
    root->sequence.items = arena_allocate(arena, 2 * count, sizeof *root->sequence.items);
    root->sequence.count = root->sequence.capacity = 2 * count;
    for (size_t i = 0; i < count; i++) {
        const struct tensor *tensor = safetensors_at(source->safetensors, i);
        struct value *key = arena_allocate(arena, 1, sizeof *key);
        *key = (struct value){.kind = VALUE_TEXT, .text = {tensor->name, strlen(tensor->name)}};
        root->sequence.items[2 * i] = key;
        root->sequence.items[2 * i + 1] = make_tensor(tensor, arena);
    }
    source->root = root;
    return STATUS_OK;
}

enum status source_open(const char *path, struct arena *arena, struct failure *failure, struct source *out)
{
    struct source source = {0};
    enum status status = file_map(path, failure, &source.file);
    if (status)
        return status;
    source.path = memory_copy_text(path);
    source.format = format_of(source.file.content);
    if (source.format == FORMAT_ZIP)
        status = open_archive(&source, arena, failure);
    else if (source.format == FORMAT_SAFETENSORS)
        status = open_safetensors(&source, arena, failure);
    else if (source.format == FORMAT_OTHER)
        status = format_refuse(source.file.content, failure);
    if (status) {
        failure_prefix(failure, "%s", path);
        source_finish(&source);
        return status;
    }
    *out = source;
    return STATUS_OK;
}

void source_finish(struct source *source)
{
    if (!source->path)
        return;
    archive_close(&source->archive);
    safetensors_close(&source->safetensors);
    file_unmap(&source->file);
    free(source->path);
    *source = (struct source){0};
}

enum status source_storage(const struct source *source, const struct stored_tensor *tensor,
                           struct failure *failure, struct bytes *out)
{
    char name[64];
    struct bytes storage;
    size_t width = tensor_type_bytes(tensor->type);
    if (tensor->data) {
        *out = (struct bytes){tensor->data, tensor->storage_elements * width};
        return STATUS_OK;
    }
    if (snprintf(name, sizeof name, "data/%s", tensor->storage_key) >= (int)sizeof name)
        return failure_set(failure, STATUS_INVALID_FILE, "A storage's key is over 58 characters long.");
    enum status status = archive_entry(source->archive, name, SIZE_MAX - 1, failure, &storage);
    if (status)
        return status;
    if (storage.size / width != tensor->storage_elements || storage.size % width)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Storage '%.58s' has %zu bytes where %zu elements of %zu bytes are needed.",
                           tensor->storage_key, storage.size, tensor->storage_elements, width);
    *out = storage;
    return STATUS_OK;
}
