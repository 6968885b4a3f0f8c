#include "engine/checkpoint/import_beside.h"

#include "engine/base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One that was given must say it. */
static enum status read_given(const char *path, struct failure *failure, struct preprocessor *out)
{
    enum status status = preprocessor_read(path, failure, out);
    if (!status && !out->given)
        status = failure_set(failure, STATUS_INVALID_FILE,
                             "%s: It says nothing of how pictures are prepared.", path);
    return status;
}

/* The files of the folder that say it: they say the same. */
static enum status read_all(const char *const *paths, size_t count, struct failure *failure,
                            struct preprocessor *out)
{
    struct preprocessor found = {0};
    const char *first = NULL;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && !status; i++) {
        struct preprocessor next = {0};
        if (!paths[i] || (status = preprocessor_read(paths[i], failure, &next)) || !next.given)
            continue;
        if (first && !preprocessor_equal(&found, &next))
            status =
                failure_set(failure, STATUS_INVALID_FILE,
                            "%s: It prepares pictures in another way than %.80s, which lies beside it: give "
                            "the one that is right as --preprocessor.",
                            paths[i], strrchr(first, '/') + 1);
        first = first ? first : paths[i];
        found = next;
    }
    if (!status)
        *out = found;
    return status;
}

enum status import_beside_read(const struct backbone_options *options, const struct folder *folder,
                               struct failure *failure, struct config *config,
                               struct preprocessor *preprocessor)
{
    enum status status = options->config ? config_read(options->config, failure, config)
                                         : config_read_folder(folder, failure, config);
    if (status)
        return status;
    const char *timm = !config->timm ? NULL : options->config ? options->config : folder->config_json;
    const char *const paths[] = {folder->processor, folder->preprocessor, timm};
    status = options->preprocessor ? read_given(options->preprocessor, failure, preprocessor)
                                   : read_all(paths, sizeof paths / sizeof *paths,
                                              options->profile ? NULL : failure, preprocessor);
    if (status && options->profile && !options->preprocessor) {
        *preprocessor = (struct preprocessor){0};
        status = STATUS_OK;
    }
    return status;
}

/* The path of a file of that name beside another, or NULL. */
static char *find_beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? memory_copy_text(path) : memory_copy_text(".");
    if (slash)
        folder[slash == path ? 1 : slash - path] = '\0';
    char *found = file_join(folder, name);
    free(folder);
    if (access(found, F_OK) == 0)
        return found;
    free(found);
    return NULL;
}

char *import_beside_unread(const struct backbone_options *options, const struct folder *folder)
{
    static const char *const names[] = {"preprocessor_config.json", "processor_config.json"};
    const char *const paths[] = {folder->weights ? NULL : options->path, options->config};
    char *found = NULL;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        for (size_t k = 0; k < sizeof names / sizeof *names && !found; k++)
            found = paths[i] ? find_beside(paths[i], names[k]) : NULL;
    return found;
}
