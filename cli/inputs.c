#include "cli/inputs.h"

#include "engine/base/memory.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool is_image_name(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (!strcasecmp(dot, endings[i]))
            return true;
    return false;
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
        if (!strcmp(paths[i], "-"))
            status = failure_set(failure, STATUS_BAD_REQUEST,
                                 "Images are not read from standard input: give files or folders.");
        else if (stat(paths[i], &info))
            status = failure_set(failure, STATUS_NOT_FOUND, "%s: there is no such file or folder.", paths[i]);
        else if (S_ISDIR(info.st_mode))
            add_folder(&inputs, paths[i]);
        else
            add(&inputs, paths[i]);
    }
    if (!status && !inputs.count)
        status = failure_set(failure, STATUS_BAD_REQUEST, "No PNG or JPEG file was given or found.");
    if (status)
        inputs_finish(&inputs);
    else
        *out = inputs;
    return status;
}

void inputs_finish(struct inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        free(inputs->paths[i]);
    free(inputs->paths);
    *inputs = (struct inputs){0};
}
