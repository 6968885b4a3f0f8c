#include "engine/weights/safetensors.h"

#include "engine/base/file.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PREFIX_BYTES = 8 };

static struct json *describe(const struct tensor *tensors, size_t count, const struct json *metadata)
{
    struct json *header = json_object();
    if (metadata)
        json_add(header, "__metadata__", json_copy(metadata));
    size_t begin = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tensor *tensor = &tensors[i];
        size_t elements = 0;
        bool fits = tensor_element_count(tensor, &elements);
        assert(fits && tensor->size_bytes == elements * tensor_type_bytes(tensor->type));
        (void)fits;
        struct json *entry = json_add(header, tensor->name, json_object());
        json_add_text(entry, "dtype", tensor_type_name(tensor->type));
        struct json *shape = json_add(entry, "shape", json_array());
        for (size_t k = 0; k < tensor->rank; k++)
            json_append_number(shape, (double)tensor->shape[k]);
        struct json *offsets = json_add(entry, "data_offsets", json_array());
        json_append_number(offsets, (double)begin);
        json_append_number(offsets, (double)(begin + tensor->size_bytes));
        begin += tensor->size_bytes;
    }
    return header;
}

uint8_t *safetensors_header(const struct tensor *tensors, size_t count, const struct json *metadata,
                            size_t least, size_t *size)
{
    struct json *header = describe(tensors, count, metadata);
    char *text = json_print(header, false);
    json_destroy(&header);
    size_t used = strlen(text), length = round_up(used, 8);
    if (PREFIX_BYTES + length < least)
        length = round_up(least - PREFIX_BYTES, 8);
    uint8_t *out = memory_allocate(PREFIX_BYTES + length, 1);
    for (int i = 0; i < PREFIX_BYTES; i++)
        out[i] = (uint8_t)((uint64_t)length >> (8 * i));
    memcpy(out + PREFIX_BYTES, text, used);
    memset(out + PREFIX_BYTES + used, ' ', length - used);
    free(text);
    *size = PREFIX_BYTES + length;
    return out;
}

static bool write_header(FILE *stream, const struct tensor *tensors, size_t count,
                         const struct json *metadata)
{
    size_t size;
    uint8_t *header = safetensors_header(tensors, count, metadata, 0, &size);
    bool done = fwrite(header, 1, size, stream) == size;
    free(header);
    return done;
}

enum status safetensors_write(const char *path, const struct tensor *tensors, size_t count,
                              const struct json *metadata, safetensors_fetch *fetch, void *context,
                              struct failure *failure)
{
    enum status status = STATUS_OK;
    char *temporary;
    int descriptor = file_make_temporary(path, &temporary);
    FILE *stream = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
    if (!stream)
        goto cannot_write;
    if (!write_header(stream, tensors, count, metadata))
        goto cannot_write;
    for (size_t i = 0; i < count; i++) {
        const void *data = tensors[i].data;
        status = fetch ? fetch(context, &tensors[i], failure, &data) : STATUS_OK;
        if (status)
            goto remove_file;
        if (tensors[i].size_bytes && fwrite(data, 1, tensors[i].size_bytes, stream) != tensors[i].size_bytes)
            goto cannot_write;
    }
    if (fflush(stream) || fsync(descriptor) || rename(temporary, path))
        goto cannot_write;
    fclose(stream);
    free(temporary);
    return STATUS_OK;

cannot_write:
    status = failure_set(failure, STATUS_INVALID_FILE, "%s: cannot be written: %s.", path, strerror(errno));
remove_file:
    if (descriptor >= 0)
        unlink(temporary);
    if (stream)
        fclose(stream);
    else if (descriptor >= 0)
        close(descriptor);
    free(temporary);
    return status;
}
