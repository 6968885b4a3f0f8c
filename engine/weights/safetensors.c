#include "engine/weights/safetensors.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, HEADER_BYTES_MAX = 100 * 1000 * 1000 };
/* A tensor has about ten: a hundred thousand tensors. */
static const struct json_limits header_limits = {.depth = 4, .values = 1 << 20};
static const int64_t LARGEST_INTEGER = (int64_t)1 << 53; /* what JSON numbers hold exactly */
static const char METADATA_NAME[] = "__metadata__";

struct safetensors {
    struct bytes content;
    struct file_mapping mapping; /* of what was opened by its path */
    bool mapped;                 /* the mapping is there, and ours to unmap */
    struct json *header;         /* owns the names */
    const struct json *metadata;
    struct tensor *tensors; /* sorted by name */
    size_t count;
};

static enum status broken(struct failure *failure, const char *what)
{
    return failure_set(failure, STATUS_INVALID_FILE, "Not a valid safetensors file: %s.", what);
}

static enum status broken_tensor(struct failure *failure, const char *name, const char *what)
{
    return failure_set(failure, STATUS_INVALID_FILE, "Not a valid safetensors file: tensor '%.100s' %s.",
                       name, what);
}

static enum status header_range(struct bytes content, struct failure *failure, struct bytes *out)
{
    if (content.size < LENGTH_BYTES)
        return broken(failure, "it is shorter than its 8 bytes of header length");
    uint64_t length = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        length = length << 8 | content.data[i];
    if (length > HEADER_BYTES_MAX)
        return broken(failure, "its header length is over the limit of 100 MB");
    if (length > content.size - LENGTH_BYTES)
        return broken(failure, "its header length reaches past the end of the file");
    if (length == 0 || content.data[LENGTH_BYTES] != '{')
        return broken(failure, "its header is not a JSON object");
    *out = (struct bytes){content.data + LENGTH_BYTES, (size_t)length};
    return STATUS_OK;
}

static enum status check_metadata(const struct json *metadata, struct failure *failure)
{
    if (!json_is_object(metadata))
        return broken(failure, "__metadata__ is not an object");
    for (const struct json *member = json_first(metadata); member; member = json_next(member)) {
        if (!json_text(member))
            return broken(failure, "__metadata__ holds a value that is not a text");
    }
    return STATUS_OK;
}

static enum status read_shape(const struct json *shape, struct failure *failure, struct tensor *tensor)
{
    if (!json_is_array(shape))
        return broken_tensor(failure, tensor->name, "has a shape that is not an array");
    for (const struct json *item = json_first(shape); item; item = json_next(item)) {
        int64_t size;
        if (!json_integer(item, 0, LARGEST_INTEGER, &size))
            return broken_tensor(failure, tensor->name, "has a shape that is not of whole numbers");
        if (tensor->rank == TENSOR_RANK_MAX)
            return broken_tensor(failure, tensor->name, "has more than 8 dimensions");
        tensor->shape[tensor->rank++] = (size_t)size;
    }
    return STATUS_OK;
}

static enum status read_tensor(const struct json *entry, struct bytes data, struct failure *failure,
                               struct tensor *tensor)
{
    tensor->name = json_name(entry);
    /* Three members that are all found by name: so none stands twice. */
    const struct json *offsets = json_member(entry, "data_offsets"), *shape = json_member(entry, "shape");
    const char *type = json_text(json_member(entry, "dtype"));
    if (!json_is_object(entry) || json_length(entry) != 3 || !offsets || !shape || !type)
        return broken_tensor(failure, tensor->name, "is not described by dtype, shape and data_offsets");
    if (!tensor_type_from_name(type, &tensor->type))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Not a valid safetensors file: tensor '%.100s' has a dtype that is not known, "
                           "'%.20s'.",
                           tensor->name, type);
    enum status status = read_shape(shape, failure, tensor);
    if (status)
        return status;

    int64_t begin, end;
    const struct json *first = json_first(offsets);
    if (!json_is_array(offsets) || json_length(offsets) != 2 ||
        !json_integer(first, 0, LARGEST_INTEGER, &begin) ||
        !json_integer(json_next(first), 0, LARGEST_INTEGER, &end))
        return broken_tensor(failure, tensor->name, "has data_offsets that are not two whole numbers");
    if (begin > end)
        return broken_tensor(failure, tensor->name, "ends before it begins");
    if ((uint64_t)end > data.size)
        return broken_tensor(failure, tensor->name,
                             "reaches past the end of the file, which may be truncated");
    size_t size;
    if (!tensor_element_count(tensor, &size) ||
        !checked_multiply(size, tensor_type_bytes(tensor->type), &size))
        return broken_tensor(failure, tensor->name, "has a shape too large to exist");
    if (size != (size_t)(end - begin))
        return broken_tensor(failure, tensor->name, "has a shape and dtype that do not fit its data_offsets");
    tensor->data = data.data + begin;
    tensor->size_bytes = size;
    return STATUS_OK;
}

static int compare_place(const void *left, const void *right)
{
    const struct tensor *a = left, *b = right;
    if (a->data != b->data)
        return (const uint8_t *)a->data < (const uint8_t *)b->data ? -1 : 1;
    return a->size_bytes < b->size_bytes ? -1 : a->size_bytes > b->size_bytes;
}

static int compare_name(const void *left, const void *right)
{
    const struct tensor *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* Checks how the tensors lie to one another; leaves them sorted by name. */
static enum status check_order(struct safetensors *file, struct bytes data, struct failure *failure)
{
    const uint8_t *end = data.data;
    qsort(file->tensors, file->count, sizeof *file->tensors, compare_place);
    for (size_t i = 0; i < file->count; i++) {
        const struct tensor *tensor = &file->tensors[i];
        if ((const uint8_t *)tensor->data < end)
            return broken_tensor(failure, tensor->name, "overlaps another tensor");
        if ((const uint8_t *)tensor->data > end)
            return broken_tensor(failure, tensor->name, "leaves unused bytes before it");
        end = (const uint8_t *)tensor->data + tensor->size_bytes;
    }
    if (end != data.data + data.size)
        return broken(failure, "bytes follow the last tensor");
    qsort(file->tensors, file->count, sizeof *file->tensors, compare_name);
    for (size_t i = 1; i < file->count; i++) {
        if (!strcmp(file->tensors[i - 1].name, file->tensors[i].name))
            return broken_tensor(failure, file->tensors[i].name, "stands twice");
    }
    return STATUS_OK;
}

static enum status read_header(struct safetensors *file, struct failure *failure)
{
    struct bytes header;
    enum status status = header_range(file->content, failure, &header);
    if (status)
        return status;
    if (json_parse(header, header_limits, NULL, &file->header))
        return broken(failure, "its header is not valid JSON");
    if (!json_is_object(file->header))
        return broken(failure, "its header is not a JSON object");
    struct bytes data = {header.data + header.size, file->content.size - LENGTH_BYTES - header.size};
    file->tensors = memory_allocate(json_length(file->header), sizeof *file->tensors);
    for (const struct json *entry = json_first(file->header); entry && !status; entry = json_next(entry)) {
        if (strcmp(json_name(entry), METADATA_NAME)) {
            status = read_tensor(entry, data, failure, &file->tensors[file->count++]);
        } else if (file->metadata) {
            status = broken(failure, "__metadata__ stands twice");
        } else {
            file->metadata = entry;
            status = check_metadata(entry, failure);
        }
    }
    return status ? status : check_order(file, data, failure);
}

enum status safetensors_parse(struct bytes content, struct failure *failure, struct safetensors **out)
{
    struct safetensors *file = memory_allocate(1, sizeof *file);
    file->content = content;
    enum status status = read_header(file, failure);
    if (status) {
        safetensors_close(&file);
        return status;
    }
    *out = file;
    return STATUS_OK;
}

enum status safetensors_open(const char *path, struct failure *failure, struct safetensors **out)
{
    struct file_mapping mapping;
    enum status status = file_map(path, failure, &mapping);
    if (status)
        return status;
    status = safetensors_parse(mapping.content, failure, out);
    if (status) {
        file_unmap(&mapping);
        failure_prefix(failure, "%s", path);
        return status;
    }
    (*out)->mapped = true;
    (*out)->mapping = mapping;
    return STATUS_OK;
}

void safetensors_close(struct safetensors **file)
{
    if (!file || !*file)
        return;
    if ((*file)->mapped)
        file_unmap(&(*file)->mapping);
    json_destroy(&(*file)->header);
    free((*file)->tensors);
    free(*file);
    *file = NULL;
}

void safetensors_rest(const struct safetensors *file)
{
    if (file->mapped)
        file_rest(&file->mapping);
}

enum status safetensors_unchanged(const struct safetensors *file, struct failure *failure)
{
    return file->mapped ? file_unchanged(&file->mapping, failure) : STATUS_OK;
}

struct file_stamp safetensors_stamp(const struct safetensors *file, bool now)
{
    if (!file->mapped)
        return (struct file_stamp){0};
    return now ? file_stamp_now(&file->mapping) : file->mapping.stamp;
}

struct bytes safetensors_content(const struct safetensors *file)
{
    return file->content;
}

size_t safetensors_count(const struct safetensors *file)
{
    return file->count;
}

const struct tensor *safetensors_at(const struct safetensors *file, size_t index)
{
    assert(index < file->count);
    return &file->tensors[index];
}

const struct tensor *safetensors_find(const struct safetensors *file, const char *name)
{
    const struct tensor key = {.name = name};
    return file->count ? bsearch(&key, file->tensors, file->count, sizeof key, compare_name) : NULL;
}

const struct json *safetensors_metadata(const struct safetensors *file)
{
    return file->metadata;
}

enum status tensor_require(const struct safetensors *file, size_t rank, const size_t *shape,
                           struct failure *failure, const struct tensor **out, const char *format, ...)
{
    char name[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    const struct tensor *tensor = safetensors_find(file, name);
    enum status status = tensor_check(tensor, name, rank, shape, failure);
    if (!status)
        *out = tensor;
    return status;
}
