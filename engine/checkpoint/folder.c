#include "engine/checkpoint/folder.h"

#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/package/sums.h"
#include "engine/weights/safetensors.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Files of weights under the names that they are published under, the first that is there first. */
static const char *const weights_names[] = {"model.safetensors", "model.safetensors.index.json",
                                            "pytorch_model.bin", "pytorch_model.bin.index.json",
                                            "teacher_checkpoint.pth"};
static const char *const weights_ends[] = {SAFETENSORS_ENDING, ".pth", ".pt", ".bin", ".ckpt"};

/* The path of what has that name in the folder, or NULL. */
static char *find(const char *folder, const char *name)
{
    struct stat info;
    char *path = file_join(folder, name);
    if (lstat(path, &info) == 0)
        return path;
    free(path);
    return NULL;
}

/* What is there under a name that counts is a file: a link that leads nowhere, as of a download that was cut
 * off, is not as if nothing were there. */
static enum status check_files(const struct folder *folder, struct failure *failure)
{
    const char *const paths[] = {folder->weights,       folder->config,    folder->config_json,
                                 folder->preprocessor,  folder->processor, folder->adapter,
                                 folder->adapter_config};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct stat info;
        if (paths[i] && (stat(paths[i], &info) || !S_ISREG(info.st_mode)))
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "'%.80s' is there, but is no file that can be read: fetch it again, or remove it.",
                strrchr(paths[i], '/') + 1);
    }
    return STATUS_OK;
}

/* A package's files have the names of a network and not what model.json says of it. */
static enum status refuse_package(const char *path, struct failure *failure)
{
    char *card = find(path, CARD_FILE);
    if (!card)
        return STATUS_OK;
    free(card);
    return failure_set(failure, STATUS_INVALID_FILE,
                       "It is a model package already: use it as it is, or import what it was made from.");
}

static char *find_either(const char *folder, const char *first, const char *second)
{
    char *path = find(folder, first);
    return path ? path : find(folder, second);
}

static bool ends_as_weights(const char *name)
{
    bool ends = false;
    for (size_t i = 0; i < sizeof weights_ends / sizeof *weights_ends; i++)
        ends = ends || text_stem(name, weights_ends[i]);
    return ends && strncmp(name, "adapter_model.", 14) != 0;
}

/* A LoRA adapter alone is weights as any: whoever looks for a network in them says what is missing. */
static enum status find_adapter(struct folder *folder, struct failure *failure)
{
    folder->weights = folder->adapter;
    folder->adapter = NULL;
    return folder->weights ? STATUS_OK
                           : failure_set(failure, STATUS_INVALID_FILE,
                                         "No weights are in it (model.safetensors, pytorch_model.bin, ...).");
}

/* The only file that ends as weights do, or else an adapter's. */
static enum status find_only(const char *path, struct folder *folder, struct failure *failure)
{
    char list[FAILURE_SENTENCE_BYTES / 2] = "";
    size_t count = 0, used = 0;
    DIR *directory = opendir(path);
    if (!directory)
        return failure_set(failure, STATUS_INVALID_FILE, "%s.", strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory));) {
        char *found = ends_as_weights(entry->d_name) ? find(path, entry->d_name) : NULL;
        if (found && used < sizeof list)
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", count ? ", " : "", entry->d_name);
        if (found && !count++)
            folder->weights = found;
        else
            free(found);
    }
    closedir(directory);
    if (count > 1)
        return failure_set(failure, STATUS_INVALID_FILE, "It holds several files of weights: give one of %s.",
                           list);
    return count ? STATUS_OK : find_adapter(folder, failure);
}

enum status folder_read(const char *path, struct failure *failure, struct folder *out)
{
    struct folder folder = {.config = find_either(path, "config.yaml", "config.json"),
                            .config_json = find(path, "config.json"),
                            .preprocessor = find(path, "preprocessor_config.json"),
                            .processor = find(path, "processor_config.json"),
                            .adapter = find_either(path, "adapter_model.safetensors", "adapter_model.bin"),
                            .adapter_config = find(path, "adapter_config.json")};
    for (size_t i = 0; !folder.weights && i < sizeof weights_names / sizeof *weights_names; i++)
        folder.weights = find(path, weights_names[i]);
    enum status status = refuse_package(path, failure);
    if (!status && !folder.weights)
        status = find_only(path, &folder, failure);
    if (!status)
        status = check_files(&folder, failure);
    if (status) {
        failure_prefix(failure, "%s", path);
        folder_finish(&folder);
        return status;
    }
    *out = folder;
    return STATUS_OK;
}

void folder_finish(struct folder *folder)
{
    free(folder->weights);
    free(folder->config);
    free(folder->config_json);
    free(folder->preprocessor);
    free(folder->processor);
    free(folder->adapter);
    free(folder->adapter_config);
    *folder = (struct folder){0};
}
