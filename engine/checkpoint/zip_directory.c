#include "engine/checkpoint/zip_directory.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    COMMENT_BYTES_MAX = UINT16_MAX,
    EXTRA_HEADER_BYTES = 4,
    EXTRA_ZIP64 = 1,
    FLAG_ENCRYPTED = 1
};
static const uint32_t LOCAL_SIGNATURE = 0x04034b50, CENTRAL_SIGNATURE = 0x02014b50,
                      END_SIGNATURE = 0x06054b50, END64_SIGNATURE = 0x06064b50,
                      LOCATOR_SIGNATURE = 0x07064b50;

/* Where the central directory lies. */
struct end {
    uint64_t count, size, begin;
};

static uint64_t get(const uint8_t *data, int width)
{
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; i--)
        value = value << 8 | data[i];
    return value;
}

/* `size` bytes at an offset that the file says, or NULL. */
static const uint8_t *at(struct bytes content, uint64_t offset, uint64_t size)
{
    return offset <= content.size && size <= content.size - offset ? content.data + offset : NULL;
}

static bool is_signed(const uint8_t *data, uint32_t signature)
{
    return data && get(data, 4) == signature;
}

/* The end of the central directory is the last thing in the file but for a comment. */
static const uint8_t *find_end(struct bytes content)
{
    for (size_t comment = 0; comment <= COMMENT_BYTES_MAX && END_BYTES + comment <= content.size; comment++) {
        const uint8_t *end = content.data + content.size - END_BYTES - comment;
        if (is_signed(end, END_SIGNATURE) && get(end + 20, 2) == comment)
            return end;
    }
    return NULL;
}

static bool read_end(struct bytes content, struct end *out)
{
    const uint8_t *end = find_end(content);
    if (!end)
        return false;
    *out = (struct end){get(end + 10, 2), get(end + 12, 4), get(end + 16, 4)};
    size_t before = (size_t)(end - content.data);
    const uint8_t *locator = before >= LOCATOR_BYTES ? end - LOCATOR_BYTES : NULL;
    if (!is_signed(locator, LOCATOR_SIGNATURE))
        return true;
    const uint8_t *end64 = at(content, get(locator + 8, 8), END64_BYTES);
    if (!is_signed(end64, END64_SIGNATURE))
        return false;
    *out = (struct end){get(end64 + 32, 8), get(end64 + 40, 8), get(end64 + 48, 8)};
    return true;
}

/* Puts the 64-bit numbers of the extra field in the places of those that are all ones; false where they are
 * not there. */
static bool widen(struct bytes extra, uint64_t *const numbers[3])
{
    for (size_t i = 0; i + EXTRA_HEADER_BYTES <= extra.size;) {
        size_t size = get(extra.data + i + 2, 2), used = 0;
        const uint8_t *field = at(extra, i + EXTRA_HEADER_BYTES, size);
        if (!field)
            return false;
        bool wide = get(extra.data + i, 2) == EXTRA_ZIP64;
        for (int k = 0; wide && k < 3; k++) {
            if (*numbers[k] != UINT32_MAX)
                continue;
            if (used + 8 > size)
                return false;
            *numbers[k] = get(field + used, 8);
            used += 8;
        }
        if (wide)
            return true;
        i += EXTRA_HEADER_BYTES + size;
    }
    return true;
}

/* Follows a record to its local header, behind which the bytes lie. */
static bool find_stored(struct bytes content, uint64_t local, uint64_t stored, struct zip_record *record)
{
    const uint8_t *header = at(content, local, LOCAL_BYTES);
    if (!is_signed(header, LOCAL_SIGNATURE))
        return false;
    uint64_t name = get(header + 26, 2), begin = local + LOCAL_BYTES + name + get(header + 28, 2);
    const uint8_t *same = at(content, local + LOCAL_BYTES, name), *data = at(content, begin, stored);
    if (name != record->name.size || !same || memcmp(same, record->name.data, name) || !data)
        return false;
    record->stored = (struct bytes){data, (size_t)stored};
    return true;
}

/* Reads the record at `*offset` of the directory, and goes on to the next. */
static bool read_record(struct bytes content, struct bytes central, size_t *offset, struct zip_record *out)
{
    const uint8_t *record = at(central, *offset, CENTRAL_BYTES);
    if (!is_signed(record, CENTRAL_SIGNATURE))
        return false;
    size_t name = get(record + 28, 2), extra = get(record + 30, 2), comment = get(record + 32, 2);
    if (!at(central, *offset + CENTRAL_BYTES, name + extra + comment))
        return false;
    uint64_t stored = get(record + 20, 4), size = get(record + 24, 4), local = get(record + 42, 4);
    if (!widen((struct bytes){record + CENTRAL_BYTES + name, extra}, (uint64_t *[]){&size, &stored, &local}))
        return false;
    *out = (struct zip_record){.name = {record + CENTRAL_BYTES, name},
                               .encrypted = get(record + 8, 2) & FLAG_ENCRYPTED,
                               .compressed = get(record + 10, 2) != 0,
                               .checksum = (uint32_t)get(record + 16, 4),
                               .size = (size_t)size};
    *offset += CENTRAL_BYTES + name + extra + comment;
    return find_stored(content, local, stored, out);
}

static int compare_name(const void *left, const void *right)
{
    const struct bytes *a = &((const struct zip_record *)left)->name,
                       *b = &((const struct zip_record *)right)->name;
    size_t shorter = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->data, b->data, shorter);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

enum zip_result zip_directory_read(struct bytes content, struct zip_directory *out)
{
    struct end end;
    if (!read_end(content, &end))
        return ZIP_BROKEN;
    if (end.count > ZIP_ENTRIES_MAX)
        return ZIP_TOO_MANY;
    struct bytes central = {at(content, end.begin, end.size), (size_t)end.size};
    struct zip_directory directory = {memory_allocate((size_t)end.count, sizeof *directory.records), 0};
    size_t offset = 0, total = 0;
    bool whole = central.data != NULL;
    while (whole && directory.count < end.count) {
        struct zip_record *record = &directory.records[directory.count++];
        whole = read_record(content, central, &offset, record) &&
                checked_add(total, record->stored.size, &total) && total <= content.size;
    }
    if (!whole) {
        free(directory.records);
        return ZIP_BROKEN;
    }
    qsort(directory.records, directory.count, sizeof *directory.records, compare_name);
    for (size_t i = 1; i < directory.count; i++)
        if (!compare_name(&directory.records[i - 1],
                          &directory.records[i])) { /* readers differ in which counts */
            free(directory.records);
            return ZIP_BROKEN;
        }
    *out = directory;
    return ZIP_OK;
}

struct zip_record *zip_directory_find(const struct zip_directory *directory, struct bytes name)
{
    const struct zip_record key = {.name = name};
    return directory->count ? bsearch(&key, directory->records, directory->count, sizeof key, compare_name)
                            : NULL;
}
