#include "tests/unit/checkpoint/pth.h"

#include "engine/base/file.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { ZIP_BYTES_MAX = 64 << 20 };

static void put(struct buffer *out, uint64_t value, int width)
{
    uint8_t bytes[8];
    for (int i = 0; i < width; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    ck_assert(buffer_append(out, bytes, (size_t)width));
}

/* What local and central headers share: version, flags, method, time, checksum, sizes, lengths. */
static void put_common(struct buffer *out, const struct zip_entry *entry, bool zip64, size_t stored)
{
    put(out, zip64 ? 45 : 20, 2);
    put(out, 0, 2);
    put(out, entry->deflated ? 8 : 0, 2);
    put(out, 0, 2);
    put(out, 0x21, 2); /* 1 January 1980 */
    put(out, crc32_z(0, entry->content.data, entry->content.size) ^ (uint32_t)entry->damaged, 4);
    put(out, zip64 ? UINT32_MAX : stored, 4);
    put(out, zip64 ? UINT32_MAX : entry->content.size, 4);
    put(out, strlen(entry->name), 2);
}

static void put_extra(struct buffer *out, const struct zip_entry *entry, size_t stored)
{
    put(out, 1, 2);
    put(out, 16, 2);
    put(out, entry->content.size, 8);
    put(out, stored, 8);
}

static void put_local(struct buffer *out, const struct zip_entry *entry, bool zip64, size_t stored)
{
    put(out, 0x04034b50, 4);
    put_common(out, entry, zip64, stored);
    put(out, zip64 ? 20 : 0, 2);
    ck_assert(buffer_append(out, entry->name, strlen(entry->name)));
    if (zip64)
        put_extra(out, entry, stored);
    if (entry->deflated) {
        put(out, 1, 1);
        put(out, entry->content.size, 2);
        put(out, ~entry->content.size & 0xffff, 2);
    }
    ck_assert(buffer_append(out, entry->content.data, entry->content.size));
}

static void put_central(struct buffer *out, const struct zip_entry *entry, bool zip64, size_t stored,
                        size_t offset)
{
    put(out, 0x02014b50, 4);
    put(out, 45, 2);
    put_common(out, entry, zip64, stored);
    put(out, zip64 ? 20 : 0, 2);
    put(out, 0, 2); /* comment */
    put(out, 0, 2); /* disk */
    put(out, 0, 2);
    put(out, 0, 4); /* attributes */
    put(out, offset, 4);
    ck_assert(buffer_append(out, entry->name, strlen(entry->name)));
    if (zip64)
        put_extra(out, entry, stored);
}

static void put_zip64_end(struct buffer *out, size_t count, size_t central, size_t end)
{
    put(out, 0x06064b50, 4);
    put(out, 44, 8);
    put(out, 45, 2);
    put(out, 45, 2);
    put(out, 0, 8);
    put(out, count, 8);
    put(out, count, 8);
    put(out, end - central, 8);
    put(out, central, 8);
    put(out, 0x07064b50, 4);
    put(out, 0, 4);
    put(out, end, 8);
    put(out, 1, 4);
}

void zip_build(const struct zip_entry *entries, size_t count, bool zip64, struct buffer *out)
{
    size_t offsets[128], stored[128];
    ck_assert_uint_le(count, 128);
    *out = (struct buffer){.maximum = ZIP_BYTES_MAX};
    for (size_t i = 0; i < count; i++) {
        offsets[i] = out->size;
        stored[i] = entries[i].content.size + (entries[i].deflated ? 5 : 0);
        put_local(out, &entries[i], zip64, stored[i]);
    }
    size_t central = out->size;
    for (size_t i = 0; i < count; i++)
        put_central(out, &entries[i], zip64, stored[i], offsets[i]);
    size_t end = out->size;
    if (zip64)
        put_zip64_end(out, count, central, end);
    put(out, 0x06054b50, 4);
    put(out, 0, 4);
    put(out, zip64 ? UINT16_MAX : count, 2);
    put(out, zip64 ? UINT16_MAX : count, 2);
    put(out, zip64 ? UINT32_MAX : end - central, 4);
    put(out, zip64 ? UINT32_MAX : central, 4);
    put(out, 0, 2);
}

void pickle_bytes(struct buffer *pickle, const char *data, size_t size)
{
    ck_assert(buffer_append(pickle, data, size));
}

void pickle_text(struct buffer *pickle, const char *text)
{
    put(pickle, 'X', 1);
    put(pickle, strlen(text), 4);
    pickle_bytes(pickle, text, strlen(text));
}

void pickle_integer(struct buffer *pickle, int32_t integer)
{
    put(pickle, 'J', 1);
    put(pickle, (uint32_t)integer, 4);
}

/* As a long where it needs one. */
static void pickle_size(struct buffer *pickle, size_t size)
{
    if (size <= INT32_MAX) {
        pickle_integer(pickle, (int32_t)size);
        return;
    }
    pickle_bytes(pickle, "\x8a\x08", 2);
    put(pickle, size, 8);
}

static void pickle_sizes(struct buffer *pickle, size_t rank, const size_t *sizes)
{
    pickle_bytes(pickle, "(", 1);
    for (size_t i = 0; i < rank; i++)
        pickle_size(pickle, sizes[i]);
    pickle_bytes(pickle, "t", 1);
}

void pickle_tensor(struct buffer *pickle, const char *storage_class, const char *key, size_t elements,
                   size_t offset, size_t rank, const size_t *shape, const size_t *strides)
{
    static const char hooks[] = "\x89" /* not to be trained, and no hooks */
                                "ccollections\nOrderedDict\n)RtR";
    static const char rebuild[] = "ctorch._utils\n_rebuild_tensor_v2\n((";
    pickle_bytes(pickle, rebuild, sizeof rebuild - 1);
    pickle_text(pickle, "storage");
    pickle_bytes(pickle, "ctorch\n", 7);
    pickle_bytes(pickle, storage_class, strlen(storage_class));
    pickle_bytes(pickle, "\n", 1);
    pickle_text(pickle, key);
    pickle_text(pickle, "cpu");
    pickle_size(pickle, elements);
    pickle_bytes(pickle, "tQ", 2);
    pickle_integer(pickle, (int32_t)offset);
    pickle_sizes(pickle, rank, shape);
    pickle_sizes(pickle, rank, strides);
    pickle_bytes(pickle, hooks, sizeof hooks - 1);
}

float pth_value(size_t i)
{
    return (float)(i % 13) * 0.125f - 0.75f;
}

void pth_begin(struct pth *pth, const char *wrapper)
{
    *pth = (struct pth){.arena = arena_create(), .wrapper = wrapper};
    pth->pickle.maximum = 1 << 20;
    pickle_bytes(&pth->pickle, "\x80\x02}", 3);
    if (wrapper) {
        pickle_text(&pth->pickle, wrapper);
        pickle_bytes(&pth->pickle, "}", 1);
    }
}

void pth_beside(struct pth *pth, const char *name)
{
    pickle_bytes(&pth->pickle, "s", 1);
    pickle_text(&pth->pickle, name);
    pickle_bytes(&pth->pickle, "}", 1);
}

void pth_tensor(struct pth *pth, const char *name, size_t rank, const size_t *shape, float scale)
{
    size_t elements = 1, strides[8];
    for (size_t i = rank; i-- > 0;) {
        strides[i] = elements;
        elements *= shape[i];
    }
    float *values = arena_allocate(pth->arena, elements, sizeof *values);
    for (size_t i = 0; i < elements; i++)
        values[i] = pth_value(i) * scale;
    ck_assert_uint_lt(pth->count, 120);
    char *key = arena_format(pth->arena, "%zu", pth->count);
    pth->entries[pth->count++] = (struct zip_entry){
        .name = arena_format(pth->arena, "made/data/%s", key),
        .content = {(const uint8_t *)values, elements * sizeof *values},
    };
    pickle_text(&pth->pickle, name);
    pickle_tensor(&pth->pickle, "FloatStorage", key, elements, 0, rank, shape, strides);
    pickle_bytes(&pth->pickle, "s", 1);
}

void pth_member(struct pth *pth, struct bytes member)
{
    pickle_bytes(&pth->pickle, (const char *)member.data, member.size);
    pickle_bytes(&pth->pickle, "s", 1);
}

void pth_claim(struct pth *pth, const char *name, size_t rank, const size_t *shape)
{
    size_t elements = 1, strides[8];
    for (size_t i = rank; i-- > 0;) {
        strides[i] = elements;
        elements *= shape[i];
    }
    pickle_text(&pth->pickle, name);
    pickle_tensor(&pth->pickle, "FloatStorage", "claimed", elements, 0, rank, shape, strides);
    pickle_bytes(&pth->pickle, "s", 1);
}

void pth_end(struct pth *pth, const char *path)
{
    struct buffer zip;
    pickle_bytes(&pth->pickle, pth->wrapper ? "s." : ".", pth->wrapper ? 2 : 1);
    pth->entries[pth->count++] =
        (struct zip_entry){.name = "made/data.pkl", .content = {pth->pickle.data, pth->pickle.size}};
    zip_build(pth->entries, pth->count, false, &zip);
    file_put(path, zip.data, zip.size);
    buffer_finish(&zip);
    buffer_finish(&pth->pickle);
    arena_destroy(&pth->arena);
}

void file_put(const char *path, const void *data, size_t size)
{
    struct failure failure;
    ck_assert_int_eq(file_write(path, (struct bytes){data, size}, &failure), STATUS_OK);
}
