/* Fuzzes the zip archives that torch.save writes: whatever is found of an entry lies in the file. */
#include "engine/checkpoint/archive.h"
#include "engine/checkpoint/format.h"
#include "engine/checkpoint/zip_directory.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_directory(struct bytes content)
{
    struct zip_directory directory;
    if (zip_directory_read(content, &directory))
        return;
    size_t total = 0;
    for (size_t i = 0; i < directory.count; i++) {
        const struct bytes stored = directory.records[i].stored;
        total += stored.size;
        if (stored.data < content.data || stored.data + stored.size > content.data + content.size)
            abort();
    }
    if (total > content.size)
        abort();
    free(directory.records);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"data.pkl", "byteorder", "data/0", "data/1"};
    struct failure failure = {0};
    struct archive *archive;
    const struct bytes content = {data, size};
    check_directory(content);
    if (format_of(content) == FORMAT_OTHER && (!format_refuse(content, &failure) || !*failure.sentence))
        abort();
    if (archive_open(content, &failure, &archive))
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct bytes entry;
        if (archive_entry(archive, names[i], 1 << 20, &failure, &entry))
            continue;
        uint8_t sum = 0;
        for (size_t k = 0; k < entry.size; k++)
            sum = (uint8_t)(sum + entry.data[k]);
        (void)sum;
    }
    archive_close(&archive);
    return 0;
}
