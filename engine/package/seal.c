#include "engine/package/seal.h"

#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/package/binding.h"
#include "engine/package/card_read.h"
#include "engine/package/card_write.h"
#include "engine/package/edit.h"
#include "engine/package/package.h"
#include "engine/package/sums.h"
#include "engine/weights/safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A head's file that is written anew, under a name that was free. */
struct bound_file {
    const char *before, *path; /* the old name; where the new one is */
};

struct sealing {
    const char *folder;
    const struct package *package;
    struct arena *arena;
    struct json *root; /* model.json as it becomes */
    struct bound_file bound[PACKAGE_HEADS_MAX];
    size_t bound_count;
    bool changed, committed; /* model.json is another; it is written */
};

/* States the file's new name and hash wherever model.json had the old. */
static void state_file(const struct sealing *sealing, const char *before, const char *after, const char *hash)
{
    struct json *hashes = (struct json *)json_member(sealing->root, "weights_sha256");
    const struct json *head = json_first(json_member(sealing->root, "heads"));
    for (; head; head = json_next(head))
        if (!strcmp(json_text(json_member(head, "weights")), before))
            json_set((struct json *)head, "weights", json_text_value(after));
    if (strcmp(package_card(sealing->package)->backbone.weights, before))
        json_remove(hashes, before);
    json_set(hashes, after, json_text_value(hash));
}

/* Writes the head's file anew with its labels, every tensor as it is, and states it. */
static enum status bind_labels(struct sealing *sealing, const struct head_card *head,
                               const struct safetensors *file, struct failure *failure)
{
    size_t count = safetensors_count(file), length = text_stem(head->weights, SAFETENSORS_ENDING);
    struct tensor *tensors = memory_allocate(count, sizeof *tensors);
    for (size_t i = 0; i < count; i++)
        tensors[i] = *safetensors_at(file, i);
    length = length ? length : strlen(head->weights);
    const char *stem = arena_copy_text(sealing->arena, head->weights, length), *name;
    const char *path = package_free_file(sealing->arena, sealing->folder, stem, &name);
    struct json *metadata = head_metadata(head, NULL, NULL);
    char hash[SHA256_HEX_BYTES];
    enum status status = safetensors_write(path, tensors, count, metadata, NULL, NULL, failure);
    if (!status) {
        sealing->bound[sealing->bound_count++] = (struct bound_file){head->weights, path};
        status = sha256_file(path, failure, hash);
    }
    if (!status)
        state_file(sealing, head->weights, name, hash);
    json_destroy(&metadata);
    free(tensors);
    return status;
}

/* Removes what nothing uses: the old files of a package that is sealed, else the new ones. */
static void remove_unused(const struct sealing *sealing, bool sealed)
{
    const char *backbone = package_card(sealing->package)->backbone.weights;
    if (sealed)
        file_sync_folder(sealing->folder); /* else the old model.json may come back without its files */
    for (size_t i = 0; i < sealing->bound_count; i++) {
        char *before = file_join(sealing->folder, sealing->bound[i].before);
        if (!sealing->committed)
            unlink(sealing->bound[i].path);
        else if (sealed && strcmp(sealing->bound[i].before, backbone))
            unlink(before);
        free(before);
    }
}

static bool same_labels(const struct head_card *head, const struct head_card *other)
{
    bool same = head->label_count == other->label_count;
    for (size_t i = 0; i < head->label_count && same; i++)
        same = !strcmp(head->labels[i].name, other->labels[i].name);
    return same;
}

static bool same_reads(const struct head_card *head, const struct head_card *other)
{
    return head->type == other->type && head->blocks == other->blocks &&
           head->average_pool == other->average_pool && head->two_views == other->two_views;
}

/* One file has one list of labels and one thing that it reads; where it does not say which, heads that share
 * it and differ leave none to write. */
static enum status check_shared_files(const struct package *package, struct failure *failure)
{
    const struct model_card *card = package_card(package);
    for (size_t i = 0; i < card->head_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct head_card *head = &card->heads[i], *other = &card->heads[j];
            if (strcmp(head->weights, other->weights) || labels_are_bound(package_head(package, i)) ||
                (same_labels(head, other) && same_reads(head, other)))
                continue;
            if (same_labels(head, other))
                return failure_set(
                    failure, STATUS_INVALID_FILE,
                    "Heads '%.40s' and '%.40s' share %.60s, which does not say what it reads, and "
                    "read different tokens: give each a file of its own.",
                    other->name, head->name, head->weights);
            return failure_set(failure, STATUS_INVALID_FILE,
                               "Heads '%.40s' and '%.40s' share %.60s, which does not say which labels its "
                               "outputs have, and name them differently: give both the same labels, or each "
                               "a file of its own.",
                               other->name, head->name, head->weights);
        }
    return STATUS_OK;
}

/* Binds the outputs of each head to its labels, where its file does not say them yet. */
static enum status bind_heads(struct sealing *sealing, struct failure *failure)
{
    const struct model_card *card = package_card(sealing->package);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < card->head_count && !status; i++) {
        const struct safetensors *file = package_head(sealing->package, i);
        bool bound = labels_are_bound(file);
        for (size_t j = 0; j < i; j++) /* heads may share a file */
            bound = bound || !strcmp(card->heads[j].weights, card->heads[i].weights);
        if (!bound)
            status = bind_labels(sealing, &card->heads[i], file, failure);
        sealing->changed = sealing->changed || !bound;
    }
    return status;
}

/* Binds each threshold that was set, and not left at its default, to the weights as they are now. */
static void bind_thresholds(const struct model_card *card, struct json *root, bool *changed)
{
    const struct json *head = json_first(json_member(root, "heads"));
    for (size_t i = 0; i < card->head_count; i++, head = json_next(head)) {
        char here[SHA256_HEX_BYTES];
        threshold_weights(&card->backbone, &card->heads[i], here);
        const struct json *at = json_first(json_member(head, "labels"));
        for (size_t j = 0; j < card->heads[i].label_count; j++, at = json_next(at)) {
            const struct label *label = &card->heads[i].labels[j];
            const char *bound = label->threshold_weights_sha256;
            if (bound ? !strcmp(bound, here) : !strcmp(label->threshold_source, "default"))
                continue;
            json_set((struct json *)at, "threshold_weights_sha256", json_text_value(here));
            *changed = true;
        }
    }
}

/* Writes `text` as the folder's model.json if it changed, then the sums over it. */
static enum status write_seal(struct sealing *sealing, const struct model_card *card, struct bytes text,
                              struct failure *failure)
{
    char *path = file_join(sealing->folder, CARD_FILE), *sums_path = file_join(sealing->folder, SUMS_FILE);
    char *sums = sums_print(card, text);
    enum status status = sealing->changed ? file_write(path, text, failure) : STATUS_OK;
    sealing->committed = !status;
    if (!status)
        status = file_write(sums_path, (struct bytes){(const uint8_t *)sums, strlen(sums)}, failure);
    free(sums);
    free(sums_path);
    free(path);
    return status;
}

/* Opens the package as everyone else will. */
static enum status check_seal(const char *folder, struct failure *failure, char out[SHA256_HEX_BYTES])
{
    struct package *package = NULL;
    enum status status = package_open(folder, failure, &package);
    if (!status)
        status = package_verify(package, failure);
    if (!status)
        memcpy(out, package_card(package)->package_sha256, SHA256_HEX_BYTES);
    package_close(&package);
    return status;
}

/* The parts of sealing that write. The package was opened and verified, so that what it says may be trusted.
 * Until model.json is renamed over the old one all that it names is as it was; the files that the old one
 * names go when the new one has been seen to open. */
static enum status bind_and_write(const char *folder, const struct package *package, struct bytes text,
                                  struct json *root, struct failure *failure, char out[SHA256_HEX_BYTES])
{
    struct sealing sealing = {.folder = folder, .package = package, .arena = arena_create(), .root = root};
    struct model_card card;
    char *printed = NULL;
    enum status status = bind_heads(&sealing, failure);
    if (!status)
        status = card_read(root, sealing.arena, failure, &card); /* with the hashes as they are now */
    if (!status) {
        bind_thresholds(&card, root, &sealing.changed);
        printed = sealing.changed ? card_print(root) : NULL;
        if (printed)
            text = (struct bytes){(const uint8_t *)printed, strlen(printed)};
        status = write_seal(&sealing, &card, text, failure);
    }
    if (!status)
        status = check_seal(folder, failure, out);
    remove_unused(&sealing, !status);
    free(printed);
    arena_destroy(&sealing.arena);
    return status;
}

/* A misspelt name means that a default counts: what is sealed is meant. */
static enum status refuse_unread(const struct model_card *card, struct failure *failure)
{
    if (!card->unread_count)
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE,
                       "Nothing reads \"%s\" of " CARD_FILE
                       "; correct its name, or move what is for people into \"provenance\".",
                       card->unread[0]);
}

enum status package_seal(const char *folder, struct failure *failure, char out[SHA256_HEX_BYTES])
{
    struct package *package = NULL;
    struct bytes text = {0};
    struct json *root = NULL;
    enum status status = package_open_unsealed(folder, failure, &package);
    if (status)
        return status;
    status = package_verify(package, failure);
    if (!status)
        status = refuse_unread(package_card(package), failure);
    if (!status)
        status = check_shared_files(package, failure);
    if (!status)
        status = card_file_read(folder, failure, &text);
    if (!status)
        status = card_parse(text, failure, &root);
    if (!status)
        status = bind_and_write(folder, package, text, root, failure, out);
    json_destroy(&root);
    free((void *)text.data);
    package_close(&package);
    return status;
}
