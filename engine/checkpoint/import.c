#include "engine/checkpoint/import.h"

#include "engine/base/file.h"
#include "engine/base/sha256.h"
#include "engine/checkpoint/import_backbone.h"
#include "engine/checkpoint/import_card.h"
#include "engine/checkpoint/import_head.h"
#include "engine/checkpoint/import_weights.h"
#include "engine/checkpoint/results.h"
#include "engine/package/binding.h"
#include "engine/package/card_read.h"
#include "engine/package/card_write.h"
#include "engine/package/seal.h"
#include "engine/package/sums.h"
#include "engine/package/tensors.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADS_MAX = 32, HEAD_NAME_BYTES_MAX = 64 };

/* One .pth on its way to one weight file. */
struct part {
    const char *path;
    struct checkpoint *checkpoint;
    struct selection selection;
    const char *candidate;                                          /* empty when the file names none */
    char sha256[SHA256_HEX_BYTES], source_sha256[SHA256_HEX_BYTES]; /* of what is written; of the .pth */
};

struct work {
    const struct import_options *options;
    struct arena *arena; /* the card's texts and arrays */
    struct model_card card;
    struct head_card *heads;      /* [head_count], the card's */
    struct part backbone, *parts; /* parts: [head_count] */
    struct import_meter meter;
};

static enum status check_options(const struct import_options *options, struct failure *failure)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    struct stat info;
    if (options->head_count > HEADS_MAX)
        return failure_set(failure, STATUS_BAD_REQUEST, "There are over %d heads.", HEADS_MAX);
    for (size_t i = 0; i < options->head_count; i++) {
        const char *name = options->heads[i].name;
        size_t length = strlen(name);
        if (length == 0 || length > HEAD_NAME_BYTES_MAX || strspn(name, allowed) != length)
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "The head name '%.80s' is not 1 to %d letters, digits, '-' and '_'.", name,
                               HEAD_NAME_BYTES_MAX);
        for (size_t k = 0; k < i; k++) {
            if (!strcmp(options->heads[k].name, name))
                return failure_set(failure, STATUS_BAD_REQUEST, "Two heads have the name '%s'.", name);
        }
    }
    if (lstat(options->output, &info) == 0)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s is there already: choose another --output, or remove it.", options->output);
    return STATUS_OK;
}

/* Until a weight file is written: so many zeros. */
static const char NO_HASH[] = "0000000000000000000000000000000000000000000000000000000000000000";

static enum status load_backbone(struct work *work, struct failure *failure)
{
    const struct import_options *options = work->options;
    const struct backbone_options asked = {.path = options->backbone,
                                           .config = options->config,
                                           .image_height = options->image_size,
                                           .image_width = options->image_size};
    struct backbone_import backbone;
    enum status status = import_backbone_open(&asked, failure, &backbone);
    if (status)
        return status;
    work->backbone = (struct part){.path = options->backbone,
                                   .checkpoint = backbone.checkpoint,
                                   .selection = backbone.selection,
                                   .candidate = ""};
    work->card.backbone = backbone.card;
    work->card.backbone.weights = "backbone.safetensors";
    work->card.backbone.sha256 = NO_HASH;
    work->card.profile = backbone.profile;
    return STATUS_OK;
}

/* Selects the head's tensors, of the candidate that is asked for or was the best. */
static enum status select_head(struct work *work, const struct import_head *asked, struct part *part,
                               struct failure *failure)
{
    char *best = NULL, candidate[NAME_BYTES] = "";
    enum status status = STATUS_OK;
    if (!asked->candidate && asked->results)
        status = results_read(asked->results, failure, &best);
    if (status)
        return status;
    status = import_head_select(part->checkpoint, asked->candidate ? asked->candidate : best, failure,
                                &part->selection, candidate);
    part->candidate = arena_copy_text(work->arena, candidate, strlen(candidate));
    free(best);
    return status;
}

/* A head that was trained together with a backbone gives other answers on any other. */
static enum status check_own_backbone(const struct work *work, const struct part *part,
                                      struct failure *failure)
{
    if (!import_head_has_backbone(part->checkpoint) ||
        checkpoint_same(part->checkpoint, work->backbone.checkpoint))
        return STATUS_OK;
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "It holds a backbone, too, which the head was trained with: give this file as --backbone.");
}

static enum status load_head(struct work *work, size_t index, struct failure *failure)
{
    const struct import_head *asked = &work->options->heads[index];
    struct part *part = &work->parts[index];
    struct head_card *head = &work->heads[index];
    part->path = asked->weights;
    enum status status = checkpoint_open(asked->weights, failure, &part->checkpoint);
    if (status)
        return status;
    status = select_head(work, asked, part, failure);
    if (!status)
        status = check_own_backbone(work, part, failure);
    if (!status)
        status = import_head_describe(&part->selection, part->candidate, &work->card.backbone, failure, head);
    if (status) {
        failure_prefix(failure, "%s", asked->weights);
        return status;
    }
    head->weights = arena_format(work->arena, "head.%s.safetensors", asked->name);
    head->sha256 = NO_HASH;
    return import_card_head(asked, work->arena, failure, head);
}

/* Every tensor that the card's network needs is there, and no other. */
static enum status check_tensors(struct work *work, struct failure *failure)
{
    struct tensor *tensors = selection_tensors(&work->backbone.selection);
    enum status status =
        backbone_check(&work->card.backbone, tensors, work->backbone.selection.count, failure);
    free(tensors);
    if (status)
        failure_prefix(failure, "%s", work->backbone.path);
    for (size_t i = 0; i < work->card.head_count && !status; i++) {
        const struct part *part = &work->parts[i];
        tensors = selection_tensors(&part->selection);
        status =
            head_check(&work->heads[i], work->card.backbone.width, tensors, part->selection.count, failure);
        free(tensors);
        if (status)
            failure_prefix(failure, "%s", part->path);
    }
    return status;
}

/* Before anything large is written: what the loader would say of the package. */
static enum status check_card(struct work *work, struct failure *failure)
{
    struct arena *arena = arena_create();
    struct model_card again;
    struct json *root = card_json(&work->card);
    enum status status = card_read(root, arena, failure, &again);
    json_destroy(&root);
    arena_destroy(&arena);
    return status ? status : check_tensors(work, failure);
}

static enum status write_part(struct work *work, const char *folder, const char *name, struct part *part,
                              const struct json *metadata, struct failure *failure)
{
    char *path = file_join(folder, name);
    enum status status = import_weights_write(path, part->checkpoint, &part->selection,
                                              work->options->precision, metadata, &work->meter, failure);
    if (!status) {
        checkpoint_sha256(part->checkpoint, part->source_sha256);
        status = checkpoint_unchanged(part->checkpoint, failure);
    }
    if (status)
        failure_prefix(failure, "%s", part->path);
    else
        status = sha256_file(path, failure, part->sha256);
    free(path);
    return status;
}

static enum status write_card(const struct work *work, const char *folder, struct failure *failure)
{
    const struct import_options *options = work->options;
    struct json *root = card_json(&work->card), *provenance = json_add(root, "provenance", json_object());
    import_card_source(provenance, "backbone", options->backbone, work->backbone.source_sha256, "");
    struct json *sources = json_add(provenance, "heads", json_object());
    for (size_t i = 0; i < options->head_count; i++)
        import_card_source(sources, options->heads[i].name, options->heads[i].weights,
                           work->parts[i].source_sha256, work->parts[i].candidate);
    char *text = card_print(root), *path = file_join(folder, CARD_FILE);
    enum status status = file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, failure);
    json_destroy(&root);
    free(path);
    free(text);
    return status;
}

static enum status write_files(struct work *work, const char *folder, struct failure *failure)
{
    size_t count = work->options->head_count;
    char package_sha256[SHA256_HEX_BYTES];
    work->meter.total_bytes = import_weights_bytes(&work->backbone.selection, work->options->precision);
    for (size_t i = 0; i < count; i++)
        work->meter.total_bytes += import_weights_bytes(&work->parts[i].selection, work->options->precision);
    enum status status =
        write_part(work, folder, work->card.backbone.weights, &work->backbone, NULL, failure);
    work->card.backbone.sha256 = work->backbone.sha256;
    for (size_t i = 0; i < count && !status; i++) {
        struct json *metadata = labels_metadata(&work->heads[i]);
        status = write_part(work, folder, work->heads[i].weights, &work->parts[i], metadata, failure);
        work->heads[i].sha256 = work->parts[i].sha256;
        json_destroy(&metadata);
    }
    if (!status)
        status = write_card(work, folder, failure);
    return status ? status : package_seal(folder, failure, package_sha256);
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

static enum status write_package(struct work *work, struct failure *failure)
{
    const char *output = work->options->output;
    size_t length = strlen(output);
    while (length > 1 && output[length - 1] == '/')
        length--;
    char *temporary = memory_allocate(length + 8, 1);
    snprintf(temporary, length + 8, "%.*s.XXXXXX", (int)length, output);
    enum status status;
    if (!folder_make_temporary(temporary)) {
        status = failure_set(failure, STATUS_BAD_REQUEST, "%s cannot be made: %s.", output, strerror(errno));
        goto free_name;
    }
    status = write_files(work, temporary, failure);
    if (!status && rename(temporary, output))
        status = failure_set(failure, STATUS_BAD_REQUEST, "%s cannot be made: %s.", output, strerror(errno));
    if (status)
        remove_folder(temporary);
free_name:
    free(temporary);
    return status;
}

enum status checkpoint_import(const struct import_options *options, import_progress *progress, void *context,
                              struct failure *failure)
{
    size_t count = options->head_count;
    enum status status = check_options(options, failure);
    if (status)
        return status;
    struct work work = {.options = options,
                        .arena = arena_create(),
                        .heads = memory_allocate(count, sizeof *work.heads),
                        .parts = memory_allocate(count, sizeof *work.parts),
                        .meter = {.progress = progress, .context = context}};
    work.card.heads = work.heads;
    work.card.head_count = count;
    import_card_begin(options, work.arena, &work.card);
    status = load_backbone(&work, failure);
    for (size_t i = 0; i < count && !status; i++)
        status = load_head(&work, i, failure);
    if (!status)
        status = check_card(&work, failure);
    if (!status)
        status = write_package(&work, failure);

    for (size_t i = 0; i < count; i++) {
        selection_finish(&work.parts[i].selection);
        checkpoint_close(&work.parts[i].checkpoint);
    }
    selection_finish(&work.backbone.selection);
    checkpoint_close(&work.backbone.checkpoint);
    free(work.parts);
    free(work.heads);
    arena_destroy(&work.arena);
    return status;
}
