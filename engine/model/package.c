#include "engine/model/package.h"

#include "engine/base/file.h"
#include "engine/base/sha256.h"
#include "engine/model/card_read.h"

#include <stdlib.h>
#include <string.h>

enum { MODEL_JSON_BYTES_MAX = 16 << 20, MODEL_JSON_DEPTH_MAX = 16 };

struct package {
    struct arena *arena; /* the card's texts and arrays */
    struct model_card card;
    struct safetensors *backbone;
    struct safetensors **heads; /* [card.head_count] */
};

/* Opens one weight file and compares its hash with what model.json states. */
static enum status open_weights(const char *folder, const char *name, const struct json *hashes,
                                struct failure *failure, struct safetensors **out)
{
    const char *stated = json_text(json_member(hashes, name));
    if (!stated)
        return failure_set(failure, STATUS_INVALID_FILE, "\"weights_sha256\" of model.json lacks \"%s\".",
                           name);
    char *path = file_join(folder, name), found[SHA256_HEX_BYTES];
    struct safetensors *file = NULL;
    enum status status = safetensors_open(path, failure, &file);
    if (status)
        goto free_path;
    sha256_hex(safetensors_content(file), found);
    safetensors_rest(file);
    if (strcmp(stated, found)) {
        status = failure_set(failure, STATUS_INVALID_FILE,
                             "%s: its SHA-256 is not the one in model.json; the file was changed or damaged.",
                             path);
        safetensors_close(&file);
        goto free_path;
    }
    *out = file;
free_path:
    free(path);
    return status;
}

/* One hash for the model: over the stated hashes, in the order of the file names. */
static void hash_hashes(const struct json *hashes, struct arena *arena, char out[SHA256_HEX_BYTES])
{
    size_t count = json_length(hashes), done = 0;
    char *text = arena_allocate(arena, count, 64);
    for (const char *last = ""; done < count; done++) {
        const struct json *next = NULL;
        for (const struct json *at = json_first(hashes); at; at = json_next(at))
            if (strcmp(json_name(at), last) > 0 && (!next || strcmp(json_name(at), json_name(next)) < 0))
                next = at;
        if (!next)
            break;
        last = json_name(next);
        const char *hash = json_text(next);
        memcpy(text + done * 64, hash, strnlen(hash, 64));
    }
    sha256_hex((struct bytes){(const uint8_t *)text, done * 64}, out);
}

static enum status open_all_weights(struct package *package, const char *folder, const struct json *root,
                                    struct failure *failure)
{
    const struct model_card *card = &package->card;
    const struct json *hashes = json_member(root, "weights_sha256");
    for (const struct json *at = json_first(hashes); at; at = json_next(at))
        if (!json_text(at))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "\"weights_sha256\" of model.json must hold texts.");
    enum status status = open_weights(folder, card->backbone.weights, hashes, failure, &package->backbone);
    for (size_t i = 0; !status && i < card->head_count; i++)
        status = open_weights(folder, card->heads[i].weights, hashes, failure, &package->heads[i]);
    if (!status)
        hash_hashes(hashes, package->arena, package->card.weights_sha256);
    return status;
}

enum status package_open(const char *folder, struct failure *failure, struct package **out)
{
    struct package *package = memory_allocate(1, sizeof *package);
    package->arena = arena_create();
    char *path = file_join(folder, "model.json");
    struct bytes text = {0};
    struct json *root = NULL;
    enum status status = file_read(path, MODEL_JSON_BYTES_MAX, failure, &text);
    if (status)
        goto done;
    status = json_parse(text, MODEL_JSON_DEPTH_MAX, failure, &root);
    if (!status)
        status = card_read(root, package->arena, failure, &package->card);
    if (status) {
        failure_prefix(failure, "%s", path);
        status = STATUS_INVALID_FILE; /* the JSON parser calls it a bad request */
        if (failure)
            failure->status = status;
        goto done;
    }
    package->heads = memory_allocate(package->card.head_count, sizeof *package->heads);
    status = open_all_weights(package, folder, root, failure);
done:
    json_destroy(&root);
    free((void *)text.data);
    free(path);
    if (status)
        package_close(&package);
    else
        *out = package;
    return status;
}

void package_close(struct package **handle)
{
    struct package *package = handle ? *handle : NULL;
    if (!package)
        return;
    for (size_t i = 0; package->heads && i < package->card.head_count; i++)
        safetensors_close(&package->heads[i]);
    free(package->heads);
    safetensors_close(&package->backbone);
    arena_destroy(&package->arena);
    free(package);
    *handle = NULL;
}

const struct model_card *package_card(const struct package *package)
{
    return &package->card;
}

const struct safetensors *package_backbone(const struct package *package)
{
    return package->backbone;
}

const struct safetensors *package_head(const struct package *package, size_t index)
{
    return package->heads[index];
}
