#include "engine/model/package.h"

#include "engine/base/file.h"
#include "engine/base/sha256.h"
#include "engine/model/card_read.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MODEL_JSON_BYTES_MAX = 16 << 20 };
/* Ten values a label: more labels than the file has room for. */
static const struct json_limits model_json_limits = {.depth = 16, .values = 1 << 21};

/* A weight file and what model.json says of it. */
struct weights {
    struct safetensors *file;
    const char *path, *stated; /* in the arena */
};

struct package {
    struct arena *arena; /* the card's texts and arrays */
    struct model_card card;
    struct weights backbone, *heads; /* [card.head_count] */
    pthread_t verifier;
    bool verifying;        /* the thread is to be joined */
    struct failure damage; /* what it found */
};

static enum status open_weights(struct package *package, const char *folder, const char *name,
                                const struct json *hashes, struct failure *failure, struct weights *out)
{
    const char *stated = json_text(json_member(hashes, name));
    if (!stated)
        return failure_set(failure, STATUS_INVALID_FILE, "\"weights_sha256\" of model.json lacks \"%s\".",
                           name);
    out->path = arena_format(package->arena, "%s/%s", folder, name);
    out->stated = arena_copy_text(package->arena, stated, strlen(stated));
    return safetensors_open(out->path, failure, &out->file);
}

static enum status verify_weights(const struct weights *weights, struct failure *failure)
{
    char found[SHA256_HEX_BYTES];
    sha256_hex(safetensors_content(weights->file), found);
    safetensors_rest(weights->file);
    if (!strcmp(weights->stated, found))
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE,
                       "%s: its SHA-256 is not the one in model.json; the file was changed or damaged.",
                       weights->path);
}

static void *verify(void *context)
{
    struct package *package = context;
    enum status status = verify_weights(&package->backbone, &package->damage);
    for (size_t i = 0; !status && i < package->card.head_count; i++)
        status = verify_weights(&package->heads[i], &package->damage);
    return NULL;
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
    enum status status =
        open_weights(package, folder, card->backbone.weights, hashes, failure, &package->backbone);
    for (size_t i = 0; !status && i < card->head_count; i++)
        status = open_weights(package, folder, card->heads[i].weights, hashes, failure, &package->heads[i]);
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
    status = json_parse(text, model_json_limits, failure, &root);
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
    if (status)
        goto done;
    package->verifying = pthread_create(&package->verifier, NULL, verify, package) == 0;
    if (!package->verifying)
        verify(package);
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

static void join(struct package *package)
{
    if (package->verifying)
        pthread_join(package->verifier, NULL);
    package->verifying = false;
}

enum status package_verify(struct package *package, struct failure *failure)
{
    join(package);
    if (package->damage.status && failure)
        *failure = package->damage;
    return package->damage.status;
}

void package_close(struct package **handle)
{
    struct package *package = handle ? *handle : NULL;
    if (!package)
        return;
    join(package);
    for (size_t i = 0; package->heads && i < package->card.head_count; i++)
        safetensors_close(&package->heads[i].file);
    free(package->heads);
    safetensors_close(&package->backbone.file);
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
    return package->backbone.file;
}

const struct safetensors *package_head(const struct package *package, size_t index)
{
    return package->heads[index].file;
}
