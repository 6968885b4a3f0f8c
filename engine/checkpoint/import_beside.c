#include "engine/checkpoint/import_beside.h"

#include "engine/base/file.h"
#include "engine/package/binding.h"
#include "engine/package/sums.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

char *import_beside_find(const char *path, const char *name)
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

static enum status refuse_package(const char *path, const char *sign, struct failure *failure)
{
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "%s: It is part of a model package (%s), and read alone would become another network: use "
        "the package as it is, or import what it was made from.",
        path, sign);
}

enum status import_beside_check_package(const char *path, struct failure *failure)
{
    struct stat info;
    if (stat(path, &info) || !S_ISREG(info.st_mode))
        return STATUS_OK;
    char *behind_links = realpath(path, NULL), *card = import_beside_find(path, CARD_FILE);
    if (!card && behind_links)
        card = import_beside_find(behind_links, CARD_FILE);
    free(behind_links);
    if (!card)
        return STATUS_OK;
    free(card);
    return refuse_package(path, CARD_FILE " lies beside it", failure);
}

enum status import_beside_check_content(const char *path, const struct checkpoint *checkpoint,
                                        struct failure *failure)
{
    return metadata_is_backbones(checkpoint_metadata(checkpoint))
               ? refuse_package(path, "its metadata says so", failure)
               : STATUS_OK;
}

/* Whether one of the names, which end in NULL, lies beside the path, which may be NULL. */
static bool note_unread(const char *path, const char *const *names, const char *says, const char *remedy,
                        char note[IMPORT_NOTE_BYTES])
{
    char *found = NULL;
    for (; path && *names && !found; names++)
        found = import_beside_find(path, *names);
    if (found)
        note_add(note, "What '%.200s' says of %s is not read: %s.", found, says, remedy);
    free(found);
    return found != NULL;
}

void import_beside_note(const struct backbone_options *options, const struct folder *folder,
                        bool knows_pictures, char note[IMPORT_NOTE_BYTES])
{
    static const char *const networks[] = {"config.yaml", "config.json", NULL},
                             *const adapters[] = {"adapter_config.json", NULL},
                             *const pictures[] = {"preprocessor_config.json", "processor_config.json", NULL};
    static const char how[] = "pictures", remedy[] = "--preprocessor takes it";
    const char *alone = folder->weights ? NULL : options->path;
    if (!options->config)
        note_unread(alone, networks, "the network", "--config takes it, and --backbone the whole folder",
                    note);
    note_unread(alone, adapters, "a LoRA adapter", "--backbone takes the whole folder", note);
    if (!knows_pictures && !note_unread(alone, pictures, how, remedy, note))
        note_unread(options->config, pictures, how, remedy, note);
}
