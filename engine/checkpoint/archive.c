#include "engine/checkpoint/archive.h"

#include "engine/base/file.h"
#include "engine/checkpoint/zip_directory.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const char PICKLE_NAME[] = "/data.pkl";

struct archive {
    struct zip_directory directory;
    char *folder; /* all entries lie below it */
};

/* Whether the archive itself, not its folder, holds an entry of that name. */
static bool holds(const struct archive *archive, const char *name)
{
    return zip_directory_find(&archive->directory, (struct bytes){(const uint8_t *)name, strlen(name)});
}

/* Finds the one "<folder>/data.pkl". */
static enum status find_folder(struct archive *archive, struct failure *failure)
{
    const size_t tail = sizeof PICKLE_NAME - 1;
    for (size_t i = 0; i < archive->directory.count; i++) {
        struct bytes name = archive->directory.records[i].name;
        const size_t length = name.size > tail ? name.size - tail : 0;
        if (!length || memcmp(name.data + length, PICKLE_NAME, tail) || memchr(name.data, '/', length) ||
            memchr(name.data, '\0', length))
            continue;
        if (archive->folder)
            return failure_set(failure, STATUS_INVALID_FILE, "It holds more than one data.pkl.");
        archive->folder = memory_allocate(length + 1, 1);
        memcpy(archive->folder, name.data, length);
    }
    if (!archive->folder && holds(archive, "model.weights.h5"))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It is a file of Keras, whose networks this program does not read.");
    if (!archive->folder)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It is a zip archive without a data.pkl, so torch.save did not write it.");
    return STATUS_OK;
}

enum status archive_open(struct bytes content, struct failure *failure, struct archive **out)
{
    struct archive *archive = memory_allocate(1, sizeof *archive);
    enum zip_result result = zip_directory_read(content, &archive->directory);
    enum status status = STATUS_OK;
    if (result == ZIP_TOO_MANY)
        status = failure_set(failure, STATUS_INVALID_FILE, "It has over %d entries.", ZIP_ENTRIES_MAX);
    else if (result == ZIP_BROKEN)
        status = failure_set(
            failure, STATUS_INVALID_FILE,
            "It begins as a .pth file but its end is missing or damaged: it is truncated. Copy or "
            "download it again.");
    else
        status = find_folder(archive, failure);
    if (status)
        archive_close(&archive);
    else
        *out = archive;
    return status;
}

void archive_close(struct archive **archive)
{
    if (!archive || !*archive)
        return;
    free((*archive)->directory.records);
    free((*archive)->folder);
    free(*archive);
    *archive = NULL;
}

static struct zip_record *locate(const struct archive *archive, const char *name)
{
    char *full = file_join(archive->folder, name);
    struct zip_record *record =
        zip_directory_find(&archive->directory, (struct bytes){(const uint8_t *)full, strlen(full)});
    free(full);
    return record;
}

bool archive_has(const struct archive *archive, const char *name)
{
    return locate(archive, name) != NULL;
}

static enum status check_entry(const struct zip_record *record, const char *name, size_t maximum,
                               struct failure *failure)
{
    if (record->encrypted)
        return failure_set(failure, STATUS_INVALID_FILE, "Entry '%.80s' is encrypted.", name);
    if (record->compressed)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Entry '%.80s' is compressed, which torch.save never does. Unpack the archive and pack "
            "it again without compression (zip -0).",
            name);
    if (record->size != record->stored.size)
        return failure_set(failure, STATUS_INVALID_FILE, "Entry '%.80s' claims more bytes than the file has.",
                           name);
    if (record->size > maximum)
        return failure_set(failure, STATUS_INVALID_FILE, "Entry '%.80s' is over the limit of %zu bytes.",
                           name, maximum);
    return STATUS_OK;
}

enum status archive_entry(struct archive *archive, const char *name, size_t maximum, struct failure *failure,
                          struct bytes *out)
{
    struct zip_record *record = locate(archive, name);
    if (!record)
        return failure_set(failure, STATUS_INVALID_FILE, "Entry '%.80s' is missing.", name);
    enum status status = check_entry(record, name, maximum, failure);
    if (status)
        return status;
    if (!record->verified && crc32_z(0, record->stored.data, record->stored.size) != record->checksum)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Entry '%.80s' is truncated or damaged. Copy or download the file again.", name);
    record->verified = true;
    *out = record->stored;
    return STATUS_OK;
}
