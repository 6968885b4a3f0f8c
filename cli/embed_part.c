#include "cli/embed_part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

static enum status fail(const char *path, const char *what, struct failure *failure)
{
    return failure_set(failure, STATUS_INVALID_FILE, "%s: cannot be %s: %s.", path, what, strerror(errno));
}

enum status embed_file_open(const char *path, int flags, bool fresh, struct failure *failure, int *out)
{
    *out = open(path, flags | O_CREAT | O_CLOEXEC | (fresh ? O_EXCL : 0), 0666);
    return *out < 0 ? fail(path, "made", failure) : STATUS_OK;
}

enum status embed_file_write(int descriptor, const char *path, const void *data, size_t size,
                             struct failure *failure)
{
    for (const uint8_t *at = data; size;) {
        ssize_t put = write(descriptor, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return fail(path, "written", failure);
        at += put;
        size -= (size_t)put;
    }
    return STATUS_OK;
}

/* A pipe or a disk that knows no such thing has nothing to wait for. */
enum status embed_file_sync(int descriptor, const char *path, struct failure *failure)
{
    return fdatasync(descriptor) && errno != EINVAL ? fail(path, "written", failure) : STATUS_OK;
}

enum status embed_file_cut(int descriptor, const char *path, size_t size, struct failure *failure)
{
    off_t end = (off_t)size;
    bool done = !ftruncate(descriptor, end) && lseek(descriptor, end, SEEK_SET) == end;
    return done ? STATUS_OK : fail(path, "written", failure);
}

size_t embed_part_rows(const struct embed_part *part)
{
    struct stat info = {0};
    size_t size = fstat(part->descriptor, &info) ? 0 : (size_t)info.st_size;
    return size > part->start ? (size - part->start) / part->row_bytes : 0;
}

/* All bytes from `at` on; a file that ends before is damaged. */
static enum status read_at(const struct embed_part *part, void *out, size_t size, size_t at,
                           struct failure *failure)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(part->descriptor, (uint8_t *)out + done, size - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(part->path, "read", failure);
        if (!got)
            return failure_set(failure, STATUS_INVALID_FILE, "%s: it was cut short while it was read.",
                               part->path);
        done += (size_t)got;
    }
    return STATUS_OK;
}

enum status embed_row_sha256(const struct embed_rows *rows, size_t row, struct failure *failure,
                             char out[SHA256_HEX_BYTES])
{
    size_t size = 0, at = 0;
    for (size_t i = 0; i < rows->part_count; i++)
        size += rows->parts[i].row_bytes;
    uint8_t *bytes = memory_allocate(size, 1);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < rows->part_count && !status; i++) {
        const struct embed_part *part = &rows->parts[i];
        status = read_at(part, bytes + at, part->row_bytes, part->start + row * part->row_bytes, failure);
        at += part->row_bytes;
    }
    if (!status)
        sha256_hex((struct bytes){bytes, size}, out);
    free(bytes);
    return status;
}

enum status embed_part_append(const struct embed_part *part, const struct embed_part *from,
                              struct failure *failure)
{
    uint8_t *room = memory_allocate(COPY_BYTES, 1);
    enum status status = STATUS_OK;
    off_t at = 0;
    ssize_t got;
    while (!status && (got = pread(from->descriptor, room, COPY_BYTES, at)) != 0) {
        if (got < 0)
            status = fail(from->path, "read", failure);
        else
            status = embed_file_write(part->descriptor, part->path, room, (size_t)got, failure);
        at += got;
    }
    free(room);
    return status;
}
