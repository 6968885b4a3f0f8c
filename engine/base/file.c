#include "engine/base/file.h"

#include "engine/base/cut.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMPORARY_LETTERS = 6, TEMPORARY_TRIES = 100 };

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

static int64_t modified_ns(const struct stat *info)
{
    return info->st_mtim.tv_sec * INT64_C(1000000000) + info->st_mtim.tv_nsec;
}

/* Whether an open file still has the size and the time of change it had; its name may be gone. */
static bool is_as_before(int fd, size_t size, int64_t then_ns)
{
    struct stat now;
    return !fstat(fd, &now) && (size_t)now.st_size == size && modified_ns(&now) == then_ns;
}

enum status file_read(const char *path, size_t maximum, struct failure *failure, struct bytes *out)
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
    else if (!is_as_before(fd, size, modified_ns(&info)))
        status = failure_set(failure, STATUS_INVALID_FILE, "%s: it was changed while it was read.", path);
    close(fd);
    if (status)
        free(data);
    else
        *out = (struct bytes){data, size};
    return status;
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
    *out = (struct file_mapping){{data, size}, fd, modified_ns(&info)};
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

enum status file_unchanged(const struct file_mapping *mapping, struct failure *failure)
{
    if (is_as_before(mapping->descriptor, mapping->content.size, mapping->modified_ns))
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE, "It was changed while it was in use.");
}

void file_rest(const struct file_mapping *mapping)
{
    if (mapping->content.size)
        madvise((void *)mapping->content.data, mapping->content.size, MADV_DONTNEED); /* only a hint */
}

/* Puts other letters for the Xs at the end of a name. */
static void name_randomly(char *name)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    unsigned char random[TEMPORARY_LETTERS];
    char *end = name + strlen(name) - sizeof random;
    if (getrandom(random, sizeof random, 0) != sizeof random)
        memset(random, getpid() & 0xff, sizeof random); /* no system call of that name */
    for (size_t i = 0; i < sizeof random; i++)
        end[i] = letters[random[i] % (sizeof letters - 1)];
}

void file_sync_folder(const char *folder)
{
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    fsync(descriptor);
    close(descriptor);
}

int file_make_temporary(char *name)
{
    int fd = -1;
    for (int i = 0; i < TEMPORARY_TRIES && fd < 0 && (!i || errno == EEXIST); i++) {
        name_randomly(name);
        fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    return fd;
}

bool folder_make_temporary(char *name)
{
    bool made = false;
    for (int i = 0; i < TEMPORARY_TRIES && !made && (!i || errno == EEXIST); i++) {
        name_randomly(name);
        made = !mkdir(name, 0777);
    }
    return made;
}

enum status file_write(const char *path, struct bytes content, struct failure *failure)
{
    size_t length = strlen(path) + 8;
    char *temporary = memory_allocate(length, 1);
    snprintf(temporary, length, "%s.XXXXXX", path);
    int fd = file_make_temporary(temporary);
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
