#include "engine/package/create.h"

#include "engine/base/file.h"
#include "engine/package/card_read.h"
#include "engine/package/card_write.h"
#include "engine/package/seal.h"
#include "engine/package/sums.h"

#include <dirent.h>
#include <errno.h>
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

enum status package_can_create(const char *folder, struct failure *failure)
{
    struct stat info;
    if (lstat(folder, &info))
        return STATUS_OK;
    return failure_set(failure, STATUS_BAD_REQUEST,
                       "%s is there already: choose another --output, or remove it.", folder);
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

static enum status cannot_make(const char *folder, struct failure *failure)
{
    return failure_set(failure, STATUS_BAD_REQUEST, "%s cannot be made: %s.", folder, strerror(errno));
}

enum status package_create(const char *folder, package_fill *fill, void *context, struct failure *failure)
{
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    char *temporary = memory_allocate(length + 8, 1);
    snprintf(temporary, length + 8, "%.*s.XXXXXX", (int)length, folder);
    enum status status = STATUS_OK;
    if (!folder_make_temporary(temporary)) {
        status = cannot_make(folder, failure);
        goto free_name;
    }
    status = fill_folder(temporary, fill, context, failure);
    if (!status && rename(temporary, folder))
        status = cannot_make(folder, failure);
    if (status)
        remove_folder(temporary);
free_name:
    free(temporary);
    return status;
}
