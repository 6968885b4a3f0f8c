#include "engine/checkpoint/archive.h"

#include "engine/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

static const char PICKLE_NAME[] = "/data.pkl";

struct archive {
    struct file_mapping file;
    zip_t *zip;   /* reads the mapping */
    char *folder; /* all entries lie below it */
};

/* Tells what a file that libzip cannot open is, from its first bytes. */
static enum status explain(struct bytes content, struct failure *failure)
{
    static const uint8_t zip_start[] = {'P', 'K', 3, 4}, pickle_start[] = {0x80, 2};
    if (content.size >= sizeof zip_start && !memcmp(content.data, zip_start, sizeof zip_start))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "It begins as a .pth file but its end is missing or damaged: it is truncated. Copy or "
            "download it again.");
    if (content.size >= sizeof pickle_start && !memcmp(content.data, pickle_start, sizeof pickle_start))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It is in the format of PyTorch before 1.6. Save it again with a newer PyTorch: "
                           "torch.save(torch.load(FILE, map_location='cpu'), NEW_FILE).");
    if (content.size > 9 && content.data[8] == '{' &&
        content.data[5] + content.data[6] + content.data[7] == 0)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It is a safetensors file; import reads .pth files as torch.save writes them.");
    return failure_set(failure, STATUS_INVALID_FILE,
                       "It is not a .pth file as torch.save writes it (a zip archive).");
}

/* Finds the one "<folder>/data.pkl". */
static enum status find_folder(struct archive *archive, struct failure *failure)
{
    zip_int64_t count = zip_get_num_entries(archive->zip, 0);
    if (count > ARCHIVE_ENTRIES_MAX)
        return failure_set(failure, STATUS_INVALID_FILE, "It has over %d entries.", ARCHIVE_ENTRIES_MAX);
    for (zip_int64_t i = 0; i < count; i++) {
        const char *name = zip_get_name(archive->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        size_t length = name ? strlen(name) : 0, tail = sizeof PICKLE_NAME - 1;
        if (length <= tail || strcmp(name + length - tail, PICKLE_NAME) ||
            memchr(name, '/', length) != name + length - tail)
            continue;
        if (archive->folder)
            return failure_set(failure, STATUS_INVALID_FILE, "It holds more than one data.pkl.");
        archive->folder = memory_copy_text(name);
        archive->folder[length - tail] = '\0';
    }
    if (!archive->folder)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It is a zip archive without a data.pkl, so torch.save did not write it.");
    return STATUS_OK;
}

/* The archive within bytes that outlive it, or NULL; libzip takes no bytes at all for an empty archive. */
static zip_t *open_zip(struct bytes content)
{
    zip_source_t *source =
        content.size ? zip_source_buffer_create(content.data, content.size, 0, NULL) : NULL;
    zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, NULL) : NULL;
    if (source && !zip)
        zip_source_free(source);
    return zip;
}

enum status archive_open(const char *path, struct failure *failure, struct archive **out)
{
    struct file_mapping file;
    enum status status = file_map(path, failure, &file);
    if (status)
        return status;
    struct archive *archive = memory_allocate(1, sizeof *archive);
    archive->file = file;
    archive->zip = open_zip(file.content);
    status = archive->zip ? find_folder(archive, failure) : explain(file.content, failure);
    if (status) {
        archive_close(&archive);
        failure_prefix(failure, "%s", path);
        return status;
    }
    *out = archive;
    return STATUS_OK;
}

void archive_close(struct archive **archive)
{
    if (!archive || !*archive)
        return;
    if ((*archive)->zip)
        zip_discard((*archive)->zip);
    file_unmap(&(*archive)->file);
    free((*archive)->folder);
    free(*archive);
    *archive = NULL;
}

struct bytes archive_content(const struct archive *archive)
{
    return archive->file.content;
}

enum status archive_unchanged(const struct archive *archive, struct failure *failure)
{
    return file_unchanged(&archive->file, failure);
}

static zip_int64_t locate(const struct archive *archive, const char *name)
{
    char *full = file_join(archive->folder, name);
    zip_int64_t index = zip_name_locate(archive->zip, full, ZIP_FL_ENC_RAW);
    free(full);
    return index;
}

bool archive_has(const struct archive *archive, const char *name)
{
    return locate(archive, name) >= 0;
}

static enum status check_entry(const struct archive *archive, const zip_stat_t *entry, const char *name,
                               size_t maximum, struct failure *failure)
{
    const zip_uint64_t needed =
        ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((entry->valid & needed) != needed)
        return failure_set(failure, STATUS_INVALID_FILE, "Entry '%.80s' has no size.", name);
    if (entry->encryption_method != ZIP_EM_NONE)
        return failure_set(failure, STATUS_INVALID_FILE, "Entry '%.80s' is encrypted.", name);
    if (entry->comp_method != ZIP_CM_STORE)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Entry '%.80s' is compressed, which torch.save never does. Unpack the archive and pack "
            "it again without compression (zip -0).",
            name);
    if (entry->size != entry->comp_size || entry->size > archive->file.content.size)
        return failure_set(failure, STATUS_INVALID_FILE, "Entry '%.80s' claims more bytes than the file has.",
                           name);
    if (entry->size > maximum)
        return failure_set(failure, STATUS_INVALID_FILE, "Entry '%.80s' is over the limit of %zu bytes.",
                           name, maximum);
    return STATUS_OK;
}

enum status archive_read(struct archive *archive, const char *name, size_t maximum, struct failure *failure,
                         struct bytes *out)
{
    zip_stat_t entry;
    zip_int64_t index = locate(archive, name);
    if (index < 0 || zip_stat_index(archive->zip, (zip_uint64_t)index, 0, &entry) < 0)
        return failure_set(failure, STATUS_INVALID_FILE, "Entry '%.80s' is missing.", name);
    enum status status = check_entry(archive, &entry, name, maximum, failure);
    if (status)
        return status;
    uint8_t *data = memory_allocate(entry.size, 1), after;
    zip_file_t *file = zip_fopen_index(archive->zip, (zip_uint64_t)index, 0);
    zip_int64_t got = file ? zip_fread(file, data, entry.size) : -1;
    /* libzip compares the checksum when it is asked for what lies behind the end. */
    if (got >= 0 && zip_fread(file, &after, 1) != 0)
        got = -1;
    if (file)
        zip_fclose(file);
    if (got < 0 || (zip_uint64_t)got != entry.size) {
        free(data);
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Entry '%.80s' is truncated or damaged. Copy or download the file again.", name);
    }
    *out = (struct bytes){data, entry.size};
    return STATUS_OK;
}
