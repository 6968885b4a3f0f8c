#include "engine/base/file.h"

#include "engine/base/cut.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_name(mode_t mode)
{
    return S_ISDIR(mode)                    ? "a folder"
           : S_ISFIFO(mode)                 ? "a named pipe"
           : S_ISCHR(mode) || S_ISBLK(mode) ? "a device"
                                            : "a socket";
}

static enum status not_a_file(const char *path, const char *kind, struct failure *failure)
{
    return failure_set(failure, STATUS_INVALID_FILE, "%s: it is %s, where a file is needed.", path, kind);
}

/* What the system says, while errno has it. */
static enum status system_refused(const char *path, struct failure *failure)
{
    return failure_set(failure, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_INVALID_FILE, "%s: %s.", path,
                       strerror(errno));
}

/* Without waiting: a named pipe would else hold the program until something writes to it. */
static enum status open_regular(const char *path, struct failure *failure, int *descriptor, struct stat *info)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENXIO)
        return not_a_file(path, "a socket or a device", failure);
    if (fd < 0)
        return system_refused(path, failure);
    enum status status = fstat(fd, info)           ? system_refused(path, failure)
                         : !S_ISREG(info->st_mode) ? not_a_file(path, kind_name(info->st_mode), failure)
                                                   : STATUS_OK;
    if (status)
        close(fd);
    else
        *descriptor = fd;
    return status;
}

static int64_t in_ns(struct timespec time)
{
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static struct file_stamp stamp_of(const struct stat *info)
{
    return (struct file_stamp){(size_t)info->st_size, in_ns(info->st_mtim), in_ns(info->st_ctim),
                               info->st_nlink};
}

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->size_bytes == b->size_bytes && a->modified_ns == b->modified_ns &&
           (a->changed_ns == b->changed_ns || a->names != b->names);
}

enum status file_stamp_read(const char *path, struct failure *failure, struct file_stamp *out)
{
    struct stat info;
    if (stat(path, &info))
        return system_refused(path, failure);
    *out = stamp_of(&info);
    return STATUS_OK;
}

/* Of an open file, whose name may be gone; of zeros where the system does not say. */
static struct file_stamp stamp_now(int fd)
{
    struct stat now = {0};
    return fstat(fd, &now) ? (struct file_stamp){0} : stamp_of(&now);
}

enum status file_read_stamped(const char *path, size_t maximum, struct failure *failure, struct bytes *out,
                              struct file_stamp *stamp)
{
    int fd = -1;
    struct stat info;
    size_t done = 0;
    enum status status = open_regular(path, failure, &fd, &info);
    if (status)
        return status;
    size_t size = (size_t)info.st_size;
    if (size > maximum) {
        close(fd);
        return failure_set(failure, STATUS_TOO_LARGE, "%s: %zu bytes, over the limit of %zu.", path, size,
                           maximum);
    }
    uint8_t *data = memory_allocate(size, 1);
    ssize_t got = 1;
    while (done < size && got > 0) {
        do
            got = read(fd, data + done, size - done);
        while (got < 0 && errno == EINTR);
        done += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        status = system_refused(path, failure);
    else if (done < size)
        status = failure_set(failure, STATUS_INVALID_FILE, "%s: it was cut short while it was read.", path);
    *stamp = stamp_of(&info);
    const struct file_stamp now = stamp_now(fd);
    if (!status && !file_stamp_equal(&now, stamp))
        status = failure_set(failure, STATUS_INVALID_FILE, "%s: it was changed while it was read.", path);
    close(fd);
    if (status)
        free(data);
    else
        *out = (struct bytes){data, size};
    return status;
}

enum status file_read(const char *path, size_t maximum, struct failure *failure, struct bytes *out)
{
    struct file_stamp stamp;
    return file_read_stamped(path, maximum, failure, out, &stamp);
}

enum status file_read_text(const char *path, size_t maximum, struct failure *failure, struct bytes *out)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf}, little[] = {0xff, 0xfe}, big[] = {0xfe, 0xff};
    struct bytes text;
    enum status status = file_read(path, maximum, failure, &text);
    if (status)
        return status;
    if (text.size >= sizeof little &&
        (!memcmp(text.data, little, sizeof little) || !memcmp(text.data, big, sizeof big))) {
        free((void *)text.data);
        return failure_set(failure, STATUS_INVALID_FILE, "%s: it is UTF-16; save it as UTF-8.", path);
    }
    if (text.size >= sizeof mark && !memcmp(text.data, mark, sizeof mark)) {
        text.size -= sizeof mark;
        memmove((void *)text.data, text.data + sizeof mark, text.size);
    }
    *out = text;
    return STATUS_OK;
}

enum status file_map(const char *path, struct failure *failure, struct file_mapping *out)
{
    int fd = -1;
    struct stat info;
    enum status status = open_regular(path, failure, &fd, &info);
    if (status)
        return status;
    size_t size = (size_t)info.st_size;
    void *data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (data == MAP_FAILED) {
        status = system_refused(path, failure);
        close(fd);
        return status;
    }
    if (size && !cut_begin((struct bytes){data, size})) {
        munmap(data, size);
        close(fd);
        return failure_set(failure, STATUS_INVALID_FILE,
                           "%s: %d files are mapped already, as many as may be.", path, CUT_RANGES_MAX);
    }
    *out = (struct file_mapping){{data, size}, fd, stamp_of(&info)};
    return STATUS_OK;
}

void file_unmap(struct file_mapping *mapping)
{
    if (mapping->content.size) {
        cut_end(mapping->content);
        munmap((void *)mapping->content.data, mapping->content.size);
    }
    close(mapping->descriptor);
    *mapping = (struct file_mapping){.descriptor = -1};
}

struct file_stamp file_stamp_now(const struct file_mapping *mapping)
{
    return stamp_now(mapping->descriptor);
}

enum status file_unchanged(const struct file_mapping *mapping, struct failure *failure)
{
    const struct file_stamp now = file_stamp_now(mapping);
    if (file_stamp_equal(&now, &mapping->stamp))
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE, "It was changed while it was in use.");
}

void file_rest(const struct file_mapping *mapping)
{
    if (mapping->content.size)
        madvise((void *)mapping->content.data, mapping->content.size, MADV_DONTNEED); /* only a hint */
}

void file_sync_folder(const char *folder)
{
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    fsync(descriptor);
    close(descriptor);
}

enum status file_write(const char *path, struct bytes content, struct failure *failure)
{
    char *temporary;
    int fd = file_make_temporary(path, &temporary);
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
    if (done < content.size || fsync(fd) || rename(temporary, path)) {
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
