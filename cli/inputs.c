#include "cli/inputs.h"

#include "engine/base/file.h"
#include "engine/engine.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_image_name(const char *name)
{
    return image_format_is_read(image_format_by_ending(name));
}

static void add(struct inputs *inputs, const char *path)
{
    inputs->paths = memory_resize(inputs->paths, inputs->count + 1, sizeof *inputs->paths);
    inputs->paths[inputs->count++] = memory_copy_text(path);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void add_folder(struct inputs *inputs, const char *path)
{
    char *root = memory_copy_text(path), *roots[] = {root, NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    for (FTSENT *at; walk && (at = fts_read(walk));)
        if (at->fts_info == FTS_F && is_image_name(at->fts_name))
            add(inputs, at->fts_path);
    if (walk)
        fts_close(walk);
    free(root);
}

enum status inputs_list(char *const *paths, size_t count, struct failure *failure, struct inputs *out)
{
    struct inputs inputs = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < count; i++) {
        struct stat info;
        if (stat(paths[i], &info))
            status =
                errno == ENOENT
                    ? failure_set(failure, STATUS_NOT_FOUND, "%s: there is no such file or folder.", paths[i])
                    : failure_set(failure, STATUS_INVALID_FILE, "%s: %s.", paths[i], strerror(errno));
        else if (S_ISDIR(info.st_mode))
            add_folder(&inputs, paths[i]);
        else
            add(&inputs, paths[i]);
    }
    if (!status && !inputs.count)
        status = failure_set(failure, STATUS_BAD_REQUEST, "No %s file was given or found.",
                             image_formats_read().text);
    if (status)
        inputs_finish(&inputs);
    else
        *out = inputs;
    return status;
}

enum status inputs_read_file(const char *path, struct failure *failure, struct bytes *out)
{
    struct stat info;
    if (stat(path, &info) || access(path, R_OK))
        return failure_set(failure, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_INVALID_FILE,
                           "The file cannot be opened: %s.", strerror(errno));
    if (!S_ISREG(info.st_mode)) /* before it is opened: a pipe would wait for who writes to it */
        return failure_set(failure, STATUS_INVALID_FILE,
                           "This is a pipe, a socket or a device, not a file; give an image file.");
    if (info.st_size > INPUT_BYTES_MAX)
        return failure_set(failure, STATUS_TOO_LARGE,
                           "The file has %lld bytes; an image may have %d (32 MiB).", (long long)info.st_size,
                           INPUT_BYTES_MAX);
    return file_read(path, INPUT_BYTES_MAX, failure, out);
}

void inputs_finish(struct inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        free(inputs->paths[i]);
    free(inputs->paths);
    *inputs = (struct inputs){0};
}
