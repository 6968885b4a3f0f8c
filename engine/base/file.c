#include "engine/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status open_regular(const char *path, struct failure *failure, int *descriptor, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failure_set(failure, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_INVALID_FILE, "%s: %s.", path,
                           strerror(errno));
    struct stat info;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return failure_set(failure, STATUS_INVALID_FILE, "%s: not a regular file.", path);
    }
    *descriptor = fd;
    *size = (size_t)info.st_size;
    return STATUS_OK;
}

enum status file_read(const char *path, size_t maximum, struct failure *failure, struct bytes *out)
{
    int fd;
    size_t size, done = 0;
    enum status status = open_regular(path, failure, &fd, &size);
    if (status)
        return status;
    if (size > maximum) {
        close(fd);
        return failure_set(failure, STATUS_TOO_LARGE, "%s: %zu bytes, over the limit of %zu.", path, size,
                           maximum);
    }
    uint8_t *data = memory_allocate(size, 1);
    while (done < size) {
        ssize_t got = read(fd, data + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            close(fd);
            free(data);
            return failure_set(failure, STATUS_INVALID_FILE, "%s: could not be read whole.", path);
        }
        done += (size_t)got;
    }
    close(fd);
    *out = (struct bytes){data, size};
    return STATUS_OK;
}

enum status file_map(const char *path, struct failure *failure, struct bytes *out)
{
    int fd;
    size_t size;
    enum status status = open_regular(path, failure, &fd, &size);
    if (status)
        return status;
    void *data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    close(fd);
    if (data == MAP_FAILED)
        return failure_set(failure, STATUS_INVALID_FILE, "%s: could not be mapped.", path);
    *out = (struct bytes){data, size};
    return STATUS_OK;
}

void file_unmap(struct bytes *mapping)
{
    if (mapping->size)
        munmap((void *)mapping->data, mapping->size);
    *mapping = (struct bytes){0};
}

void file_rest(struct bytes mapping)
{
    if (mapping.size)
        madvise((void *)mapping.data, mapping.size, MADV_DONTNEED); /* only a hint */
}

enum status file_write(const char *path, struct bytes content, struct failure *failure)
{
    size_t length = strlen(path) + 8;
    char *temporary = memory_allocate(length, 1);
    snprintf(temporary, length, "%s.XXXXXX", path);
    int fd = mkstemp(temporary);
    enum status status = STATUS_OK;
    size_t done = 0;
    if (fd < 0) {
        status =
            failure_set(failure, STATUS_INVALID_FILE, "%s: cannot be written: %s.", path, strerror(errno));
        goto free_name;
    }
    while (done < content.size) {
        ssize_t put = write(fd, content.data + done, content.size - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            break;
        done += (size_t)put;
    }
    mode_t mask = umask(0);
    umask(mask);
    if (done < content.size || fchmod(fd, 0666 & ~mask) || fsync(fd) || rename(temporary, path)) {
        status =
            failure_set(failure, STATUS_INVALID_FILE, "%s: cannot be written: %s.", path, strerror(errno));
        unlink(temporary);
    }
    close(fd);
free_name:
    free(temporary);
    return status;
}

char *file_cache_folder(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache)
        return file_join(cache, "cxrd");
    return home && *home ? file_join(home, ".cache/cxrd") : NULL;
}

char *file_join(const char *folder, const char *name)
{
    size_t length = strlen(folder) + strlen(name) + 2;
    char *path = memory_allocate(length, 1);
    snprintf(path, length, "%s/%s", folder, name);
    return path;
}
