/* What a file or a folder is called until it is whole (file.h). */
#include "engine/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LETTERS = 6, TRIES = 100 };
static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char infix[] = ".part.";

static char *template_of(const char *path)
{
    size_t size = strlen(path) + sizeof infix + LETTERS;
    char *name = memory_allocate(size, 1);
    snprintf(name, size, "%s%s%0*d", path, infix, LETTERS, 0);
    return name;
}

static void name_randomly(char *name)
{
    unsigned char random[LETTERS];
    char *end = name + strlen(name) - sizeof random;
    if (getrandom(random, sizeof random, 0) != sizeof random)
        memset(random, getpid() & 0xff, sizeof random); /* no system call of that name */
    for (size_t i = 0; i < sizeof random; i++)
        end[i] = letters[random[i] % (sizeof letters - 1)];
}

static int make_file(const char *name)
{
    return open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

static int make_folder(const char *name)
{
    return mkdir(name, 0777) ? -1 : open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int make(const char *path, int (*make_one)(const char *name), char **name)
{
    int fd = -1;
    *name = template_of(path);
    for (int i = 0; i < TRIES && fd < 0 && (!i || errno == EEXIST); i++) {
        name_randomly(*name);
        fd = make_one(*name);
    }
    if (fd >= 0)
        (void)!flock(fd, LOCK_EX | LOCK_NB); /* as far as there are locks */
    return fd;
}

int file_make_temporary(const char *path, char **name)
{
    return make(path, make_file, name);
}

int folder_make_temporary(const char *path, char **name)
{
    return make(path, make_folder, name);
}

/* Whether a name is such a one, of `of` or, where that is NULL, of anything. */
static bool is_temporary(const char *name, const char *of)
{
    size_t length = strlen(name), tail = sizeof infix - 1 + LETTERS;
    if (length <= tail || (of && (strlen(of) != length - tail || strncmp(name, of, length - tail))))
        return false;
    const char *end = name + length - tail;
    return !strncmp(end, infix, sizeof infix - 1) && strspn(end + sizeof infix - 1, letters) == LETTERS;
}

/* Whether no process is at work on it. */
static bool is_left(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES;
    bool left = !flock(fd, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK;
    close(fd);
    return left;
}

char *file_left_behind(const char *path, bool anything)
{
    const char *slash = anything ? path + strlen(path) : strrchr(path, '/');
    const char *name = anything ? NULL : slash ? slash + 1 : path;
    char *folder = memory_copy_text(slash ? path : "."), *found = NULL;
    if (slash)
        folder[slash == path ? 1 : slash - path] = '\0'; /* of "/x" it is "/" */
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && !found && (entry = readdir(directory));)
        if (is_temporary(entry->d_name, name) && is_left(dirfd(directory), entry->d_name))
            found = slash ? file_join(folder, entry->d_name) : memory_copy_text(entry->d_name);
    if (directory)
        closedir(directory);
    free(folder);
    return found;
}
