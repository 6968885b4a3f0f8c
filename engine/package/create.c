#include "engine/package/create.h"

#include "engine/base/file.h"
#include "engine/base/log.h"
#include "engine/package/card_read.h"
#include "engine/package/card_write.h"
#include "engine/package/seal.h"
#include "engine/package/sums.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char CARD_NO_HASH[] = "0000000000000000000000000000000000000000000000000000000000000000";

enum status card_check(const struct model_card *card, struct failure *failure)
{
    struct arena *arena = arena_create();
    struct model_card again;
    struct json *root = card_json(card);
    enum status status = card_read(root, arena, failure, &again);
    json_destroy(&root);
    arena_destroy(&arena);
    return status;
}

/* The caller frees it. */
static char *without_slashes(const char *folder)
{
    char *path = memory_copy_text(folder);
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/';)
        path[--length] = '\0';
    return path;
}

static enum status cannot_make(const char *folder, struct failure *failure)
{
    return failure_set(failure, STATUS_BAD_REQUEST, "%s cannot be made: %s.", folder, strerror(errno));
}

enum status package_can_create(const char *folder, struct failure *failure)
{
    struct stat info;
    if (!lstat(folder, &info))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s is there already: choose another --output, or remove it.", folder);
    char *path = without_slashes(folder), *left = file_left_behind(path, false);
    enum status status = access(dirname(path), W_OK) ? cannot_make(folder, failure) : STATUS_OK;
    if (left)
        log_message(LOG_WARNING, "%s is what a run that was killed has left; delete it.", left);
    free(left);
    free(path);
    return status;
}

static void remove_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        unlinkat(dirfd(directory), entry->d_name, 0); /* "." and ".." are refused */
    if (directory)
        closedir(directory);
    rmdir(folder);
}

static enum status fill_folder(const char *folder, package_fill *fill, void *context, struct failure *failure)
{
    struct json *root = NULL;
    char package_sha256[SHA256_HEX_BYTES];
    enum status status = fill(context, folder, failure, &root);
    if (status)
        return status;
    char *text = card_print(root), *path = file_join(folder, CARD_FILE);
    status = file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, failure);
    json_destroy(&root);
    free(path);
    free(text);
    return status ? status : package_seal(folder, failure, package_sha256);
}

enum status package_create(const char *folder, package_fill *fill, void *context, struct failure *failure)
{
    char *path = without_slashes(folder), *temporary;
    int lock = folder_make_temporary(path, &temporary);
    enum status status = lock < 0 ? cannot_make(folder, failure) : STATUS_OK;
    if (status)
        goto free_names;
    status = fill_folder(temporary, fill, context, failure);
    if (!status && rename(temporary, folder))
        status = cannot_make(folder, failure);
    if (status)
        remove_folder(temporary);
    close(lock);
free_names:
    free(temporary);
    free(path);
    return status;
}
