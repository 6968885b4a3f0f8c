#include "engine/package/package.h"

#include "engine/base/file.h"
#include "engine/package/binding.h"
#include "engine/package/card_read.h"
#include "engine/package/sums.h"
#include "engine/package/tensors.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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
                                const char *stated, struct failure *failure, struct weights *out)
{
    out->path = arena_format(package->arena, "%s/%s", folder, name);
    out->stated = stated;
    return safetensors_open(out->path, failure, &out->file);
}

static const struct tensor *tensors_of(const struct weights *weights)
{
    return safetensors_count(weights->file) ? safetensors_at(weights->file, 0) : NULL;
}

static enum status open_backbone(struct package *package, const char *folder, struct failure *failure)
{
    const struct backbone_card *card = &package->card.backbone;
    struct weights *weights = &package->backbone;
    enum status status = open_weights(package, folder, card->weights, card->sha256, failure, weights);
    if (status)
        return status;
    status = backbone_check(card, tensors_of(weights), safetensors_count(weights->file), failure);
    if (status)
        failure_prefix(failure, "%s", weights->path);
    return status;
}

/* `sealed`: what binds labels and thresholds must be there; else what is there must be right. */
static enum status open_head(struct package *package, const char *folder, size_t index, bool sealed,
                             struct failure *failure)
{
    const struct backbone_card *backbone = &package->card.backbone;
    const struct head_card *card = &package->card.heads[index];
    struct weights *weights = &package->heads[index];
    enum status status = open_weights(package, folder, card->weights, card->sha256, failure, weights);
    if (status)
        return status;
    status =
        head_check(card, backbone->width, tensors_of(weights), safetensors_count(weights->file), failure);
    if (status) {
        failure_prefix(failure, "%s", weights->path);
        return status;
    }
    if (sealed || labels_are_bound(weights->file))
        status = labels_check(card, weights->file, failure);
    if (!status)
        status = thresholds_check(backbone, card, sealed, failure);
    if (status)
        failure_prefix(failure, "%s/" CARD_FILE, folder);
    return status;
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

static enum status verify_all(const struct package *package, struct failure *failure)
{
    enum status status = verify_weights(&package->backbone, failure);
    for (size_t i = 0; !status && i < package->card.head_count; i++)
        status = verify_weights(&package->heads[i], failure);
    return status;
}

static void *verify(void *context)
{
    struct package *package = context;
    (void)!verify_all(package, &package->damage); /* where it stays */
    return NULL;
}

static enum status read_card(struct package *package, const char *folder, bool sealed,
                             struct failure *failure)
{
    char *path = file_join(folder, CARD_FILE);
    struct bytes text = {0};
    struct json *root = NULL;
    enum status status = card_file_read(folder, failure, &text);
    if (status)
        goto done;
    status = card_parse(text, failure, &root);
    if (!status)
        status = card_read(root, package->arena, failure, &package->card);
    if (status)
        failure_prefix(failure, "%s", path);
    else if (sealed)
        status = sums_check(folder, &package->card, text, failure, package->card.package_sha256);
    if (!status)
        sums_weights(&package->card, package->card.weights_sha256);
done:
    json_destroy(&root);
    free((void *)text.data);
    free(path);
    return status;
}

static enum status open_folder(const char *folder, bool sealed, struct failure *failure, struct package **out)
{
    struct package *package = memory_allocate(1, sizeof *package);
    package->arena = arena_create();
    enum status status = read_card(package, folder, sealed, failure);
    if (!status) {
        package->heads = memory_allocate(package->card.head_count, sizeof *package->heads);
        status = open_backbone(package, folder, failure);
    }
    for (size_t i = 0; !status && i < package->card.head_count; i++)
        status = open_head(package, folder, i, sealed, failure);
    if (status) {
        package_close(&package);
        return status;
    }
    package->verifying = pthread_create(&package->verifier, NULL, verify, package) == 0;
    if (!package->verifying)
        verify(package);
    *out = package;
    return STATUS_OK;
}

enum status package_open(const char *folder, struct failure *failure, struct package **out)
{
    return open_folder(folder, true, failure, out);
}

enum status package_open_unsealed(const char *folder, struct failure *failure, struct package **out)
{
    return open_folder(folder, false, failure, out);
}

static void join(struct package *package)
{
    if (package->verifying)
        pthread_join(package->verifier, NULL);
    package->verifying = false;
}

static enum status check_unchanged(const struct weights *weights, struct failure *failure)
{
    enum status status = safetensors_unchanged(weights->file, failure);
    if (status)
        failure_prefix(failure, "%s", weights->path);
    return status;
}

static enum status check_all_unchanged(const struct package *package, struct failure *failure)
{
    enum status status = check_unchanged(&package->backbone, failure);
    for (size_t i = 0; !status && i < package->card.head_count; i++)
        status = check_unchanged(&package->heads[i], failure);
    return status;
}

enum status package_verify(struct package *package, struct failure *failure)
{
    join(package);
    if (package->damage.status && failure)
        *failure = package->damage;
    return package->damage.status ? package->damage.status : check_all_unchanged(package, failure);
}

static uint64_t mix(uint64_t hash, const struct weights *weights)
{
    const struct file_stamp stamp = safetensors_stamp(weights->file, true);
    const uint64_t parts[] = {stamp.size_bytes, (uint64_t)stamp.modified_ns, (uint64_t)stamp.changed_ns};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash = (hash ^ parts[i]) * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 29;
    return hash;
}

uint64_t package_stamp(const struct package *package)
{
    uint64_t hash = mix(0, &package->backbone);
    for (size_t i = 0; i < package->card.head_count; i++)
        hash = mix(hash, &package->heads[i]);
    return hash;
}

/* As far as size and time of writing tell: permissions may well be others by now. */
static enum status check_not_written(const struct weights *weights, struct failure *failure)
{
    const struct file_stamp then = safetensors_stamp(weights->file, false),
                            now = safetensors_stamp(weights->file, true);
    if (then.size_bytes == now.size_bytes && then.modified_ns == now.modified_ns)
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE, "%s: It was changed while it was in use.",
                       weights->path);
}

enum status package_verify_again(const struct package *package, uint64_t before, struct failure *failure)
{
    enum status status = check_not_written(&package->backbone, failure);
    for (size_t i = 0; !status && i < package->card.head_count; i++)
        status = check_not_written(&package->heads[i], failure);
    if (!status)
        status = verify_all(package, failure);
    if (!status && package_stamp(package) != before)
        status = failure_set(failure, STATUS_INVALID_FILE,
                             "The model's weight files were changed while they were read.");
    return status;
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
