#include "engine/checkpoint/import.h"

#include "engine/base/file.h"
#include "engine/checkpoint/import_backbone.h"
#include "engine/checkpoint/import_card.h"
#include "engine/checkpoint/import_head.h"
#include "engine/checkpoint/import_weights.h"
#include "engine/package/binding.h"
#include "engine/package/card_write.h"
#include "engine/package/create.h"
#include "engine/package/tensors.h"

#include <stdlib.h>
#include <string.h>

struct work {
    const struct import_options *options;
    struct arena *arena; /* the card's texts and arrays */
    struct model_card card;
    struct backbone_import backbone;
    char source_sha256[SHA256_HEX_BYTES];   /* of what the backbone is read from, */
    char adapter_sha256[SHA256_HEX_BYTES];  /* of an adapter there, or empty, */
    char backbone_sha256[SHA256_HEX_BYTES]; /* and of what is written */
    struct head_import *heads;              /* [head_count] */
    struct head_card *cards;                /* [head_count], the card's */
    struct import_meter meter;
};

static enum status load_backbone(struct work *work, struct failure *failure)
{
    const struct import_options *options = work->options;
    const struct backbone_options asked = {.path = options->backbone,
                                           .config = options->config,
                                           .preprocessor = options->preprocessor,
                                           .profile = options->profile,
                                           .layout = options->layout,
                                           .image_height = options->image_height,
                                           .image_width = options->image_width,
                                           .lora_alpha = options->lora_alpha};
    enum status status = import_backbone_open(&asked, failure, &work->backbone);
    if (status)
        return status;
    checkpoint_sha256(work->backbone.checkpoint, work->source_sha256);
    const char *adapter = checkpoint_folder(work->backbone.checkpoint)->adapter;
    if (adapter && (status = sha256_file(adapter, failure, work->adapter_sha256)))
        return status;
    work->card.backbone = work->backbone.card;
    work->card.backbone.weights = "backbone.safetensors";
    work->card.backbone.sha256 = CARD_NO_HASH;
    if (!options->profile)
        work->card.profile = work->backbone.profile;
    struct tensor *tensors = selection_tensors(&work->backbone.selection);
    status = backbone_check(&work->card.backbone, tensors, work->backbone.selection.count, failure);
    free(tensors);
    return status ? failure_prefix(failure, "%s", options->backbone) : STATUS_OK;
}

static enum status load_head(struct work *work, size_t index, struct failure *failure)
{
    struct head_import *head = &work->heads[index];
    const struct backbone_files from = {work->source_sha256, work->adapter_sha256, &work->backbone.config,
                                        work->options->config};
    enum status status = import_head_open(&work->options->heads[index], &work->card.backbone, &from,
                                          work->arena, failure, head);
    if (status)
        return status;
    work->cards[index] = head->card;
    work->cards[index].weights = arena_format(work->arena, "head.%s.safetensors", head->card.name);
    work->cards[index].sha256 = CARD_NO_HASH;
    return STATUS_OK;
}

/* Before anything is written: the values that will be. */
static enum status check_values(struct work *work, struct failure *failure)
{
    const enum import_precision precision = work->options->precision;
    struct import_meter *meter = &work->meter;
    meter->total_bytes = import_weights_work(&work->backbone.selection);
    for (size_t i = 0; i < work->card.head_count; i++)
        meter->total_bytes += import_weights_work(&work->heads[i].selection);
    enum status status =
        import_weights_check(work->backbone.checkpoint, &work->backbone.selection, precision, meter, failure);
    if (status)
        failure_prefix(failure, "%s", work->options->backbone);
    for (size_t i = 0; i < work->card.head_count && !status; i++) {
        struct head_import *head = &work->heads[i];
        head->rounds = precision == IMPORT_FP16 && import_head_precision(head, precision) == IMPORT_FP32;
        status = import_weights_check(head->checkpoint, &head->selection, precision, meter, failure);
        if (status)
            failure_prefix(failure, "%s", head->asked->weights);
    }
    return status;
}

static enum status write_backbone(struct work *work, const char *folder, struct failure *failure)
{
    char *path = file_join(folder, work->card.backbone.weights);
    struct json *metadata = backbone_metadata();
    enum status status = import_weights_write(path, work->backbone.checkpoint, &work->backbone.selection,
                                              work->options->precision, metadata, &work->meter, failure,
                                              work->backbone_sha256);
    json_destroy(&metadata);
    work->card.backbone.sha256 = work->backbone_sha256;
    free(path);
    return status ? failure_prefix(failure, "%s", work->options->backbone) : STATUS_OK;
}

static enum status write_head(struct work *work, const char *folder, size_t index, struct failure *failure)
{
    struct head_card *card = &work->cards[index];
    char *path = file_join(folder, card->weights), hash[SHA256_HEX_BYTES];
    enum status status =
        import_head_write(&work->heads[index], path, work->options->precision, &work->meter, failure, hash);
    if (!status)
        card->sha256 = arena_copy_text(work->arena, hash, strlen(hash));
    free(path);
    return status;
}

static struct json *card_with_sources(const struct work *work)
{
    struct json *root = card_json(&work->card), *provenance = json_add(root, "provenance", json_object());
    struct json *source = json_add(
        provenance, "backbone",
        import_card_source(work->options->backbone, work->source_sha256, "", work->backbone.layout->title));
    if (*work->adapter_sha256)
        json_add_text(source, "adapter_sha256", work->adapter_sha256);
    struct json *sources = json_add(provenance, "heads", json_object());
    for (size_t i = 0; i < work->card.head_count; i++)
        json_add(sources, work->cards[i].name, import_head_source(&work->heads[i]));
    return root;
}

static enum status fill(void *context, const char *folder, struct failure *failure, struct json **root)
{
    struct work *work = context;
    enum status status = write_backbone(work, folder, failure);
    for (size_t i = 0; i < work->card.head_count && !status; i++)
        status = write_head(work, folder, i, failure);
    if (!status)
        *root = card_with_sources(work);
    return status;
}

/* All that can be refused is, before anything is written. */
static enum status check(struct work *work, struct failure *failure)
{
    enum status status = load_backbone(work, failure);
    for (size_t i = 0; i < work->card.head_count && !status; i++)
        status = load_head(work, i, failure);
    if (!status)
        status = card_check(&work->card, failure);
    return status ? status : check_values(work, failure);
}

/* What was guessed or left out, which the package does not show by itself. */
static void take_note(const struct work *work, char note[IMPORT_NOTE_BYTES])
{
    const struct backbone_import *backbone = &work->backbone;
    memcpy(note, backbone->note, IMPORT_NOTE_BYTES);
    if (backbone->profile_assumed && !work->options->profile)
        note_add(
            note, "Nothing says how its pictures are prepared: %s is assumed%s; --profile takes another.",
            backbone->profile.name,
            strcmp(backbone->profile.name, "chexfound") ? "" : ", as is right for CheXFound's own files");
    if (backbone->positions_assumed)
        note_add(note,
                 "Nothing says how its positions are resized: %s, with an offset of %g, is assumed; --layout "
                 "takes another origin.",
                 backbone->card.interpolate_antialias ? "antialiased" : "without antialiasing",
                 backbone->card.interpolate_offset);
    if (backbone->has_head && !work->card.head_count)
        note_add(note, "It holds a head as well, which is left out: --head takes it from the same file.");
    import_weights_note(&backbone->selection, note);
    for (size_t i = 0; i < work->card.head_count; i++)
        import_head_note(&work->heads[i], note);
}

enum status checkpoint_import(const struct import_options *options, import_progress *progress, void *context,
                              struct failure *failure, char note[IMPORT_NOTE_BYTES],
                              struct import_facts *facts)
{
    size_t count = options->head_count;
    enum status status = import_heads_check(options->heads, count, failure);
    if (!status)
        status = package_can_create(options->output, failure);
    if (status)
        return status;
    struct work work = {.options = options,
                        .arena = arena_create(),
                        .heads = memory_allocate(count, sizeof *work.heads),
                        .cards = memory_allocate(count, sizeof *work.cards),
                        .meter = {.progress = progress, .context = context}};
    work.card.heads = work.cards;
    work.card.head_count = count;
    status = import_card_begin(options, work.arena, failure, &work.card);
    if (!status)
        status = check(&work, failure);
    if (!status)
        status = package_create(options->output, fill, &work, failure);
    if (!status)
        take_note(&work, note);
    if (!status && facts) {
        *facts = import_backbone_facts(&work.backbone);
        facts->profile_assumed = facts->profile_assumed && !options->profile;
    }

    for (size_t i = 0; i < count; i++)
        import_head_finish(&work.heads[i]);
    import_backbone_finish(&work.backbone);
    free(work.cards);
    free(work.heads);
    arena_destroy(&work.arena);
    return status;
}
