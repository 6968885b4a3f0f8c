#include "engine/checkpoint/import_head.h"

#include "engine/base/text.h"
#include "engine/checkpoint/candidates.h"
#include "engine/checkpoint/head_backbone.h"
#include "engine/checkpoint/head_classes.h"
#include "engine/checkpoint/head_features.h"
#include "engine/checkpoint/head_select.h"
#include "engine/checkpoint/import_beside.h"
#include "engine/checkpoint/import_card.h"
#include "engine/checkpoint/shards.h"
#include "engine/package/binding.h"
#include "engine/package/tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ATTENTION_HEADS = 8, HEAD_NAME_BYTES_MAX = 64 };

enum status import_heads_check(const struct import_head *asked, size_t count, struct failure *failure)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    if (count > PACKAGE_HEADS_MAX)
        return failure_set(failure, STATUS_BAD_REQUEST, "There are over %d heads.", PACKAGE_HEADS_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *name = asked[i].name;
        size_t length = strlen(name);
        if (length == 0 || length > HEAD_NAME_BYTES_MAX || strspn(name, allowed) != length)
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "The head name '%.80s' is not 1 to %d letters, digits, '-' and '_'.", name,
                               HEAD_NAME_BYTES_MAX);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(asked[k].name, name))
                return failure_set(failure, STATUS_BAD_REQUEST, "Two heads have the name '%s'.", name);
    }
    return STATUS_OK;
}

static enum status describe_glori(const struct head_import *head, size_t width, struct failure *failure,
                                  struct head_card *card)
{
    const struct stored_tensor *embed = NULL, *query = NULL;
    enum status status =
        selection_require(&head->selection, 2, (size_t[]){0, 0}, failure, &embed, "embed_standart.weight");
    if (!status)
        status = selection_require(&head->selection, 2, (size_t[]){0, embed->shape[0]}, failure, &query,
                                   "query_embed");
    if (status)
        return status;
    const size_t E = embed->shape[0], memory = embed->shape[1];
    if (memory % width || E % ATTENTION_HEADS)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Tensor 'embed_standart.weight' of shape [%zu, %zu] does not fit a backbone of width "
            "%zu and %d attention heads.",
            E, memory, width, ATTENTION_HEADS);
    if (head->asked->features != IMPORT_ANY || head->asked->blocks || head->asked->views)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "It is a GLoRI head, which says itself what it reads: leave features=, blocks= and "
            "views= out of --head.");
    card->label_count = query->shape[0];
    card->blocks = (uint32_t)(memory / width);
    return STATUS_OK;
}

/* What was said of a head of timm's: beside its own weights, or of the backbone in the same file. */
static enum status read_config(const struct head_import *head, const struct config *beside,
                               struct failure *failure, struct config *out)
{
    const struct folder *folder = checkpoint_folder(head->checkpoint);
    config_init(out);
    if (head->form != FORM_TIMM)
        return STATUS_OK;
    if (folder->config)
        return config_read_folder(folder, failure, out);
    *out = beside ? *beside : *out;
    return STATUS_OK;
}

static enum status describe_linear(const struct head_import *head, const struct backbone_card *backbone,
                                   const struct config *beside, struct failure *failure,
                                   struct head_card *card)
{
    const struct stored_tensor *weight = NULL;
    struct head_features features;
    struct config config;
    enum status status =
        selection_require(&head->selection, 2, (size_t[]){0, 0}, failure, &weight, "linear.weight");
    if (!status)
        status = read_config(head, beside, failure, &config);
    if (status)
        return status;
    if (config.classes >= 0 && (size_t)config.classes != weight->shape[0])
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "The configuration says num_classes: %lld but the head has %zu: they do not belong "
            "together.",
            (long long)config.classes, weight->shape[0]);
    bool says;
    struct head_card said = {0};
    status = metadata_reads(checkpoint_metadata(head->checkpoint), failure, &says, &said);
    if (status)
        return status;
    const struct head_features reads = {said.blocks, said.average_pool, said.two_views};
    const struct head_source source = {head->form, head->candidate, config.pooling, head->convolution,
                                       says ? &reads : NULL};
    status = head_features_choose(weight->shape[1], backbone, &source, head->asked, failure, &features);
    if (status && weight->shape[1] % backbone->width && weight->shape[0] % backbone->width == 0)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Its weight is [%zu, %zu], of which the first is a multiple of the backbone's width "
            "%u, and the second should be: it is transposed, or was trained on another backbone.",
            weight->shape[0], weight->shape[1], backbone->width);
    if (status)
        return status;
    card->label_count = weight->shape[0];
    card->blocks = features.blocks;
    card->average_pool = features.average_pool;
    card->two_views = features.two_views;
    return STATUS_OK;
}

/* Reads type, blocks, pooling and the number of labels off the candidate's name and the shapes. */
static enum status describe(struct head_import *head, const struct backbone_card *backbone,
                            const struct config *beside, struct failure *failure)
{
    uint32_t named;
    struct head_card *card = &head->card;
    card->type = selection_find(&head->selection, "linear.weight") ? HEAD_LINEAR : HEAD_GLORI;
    enum status status = card->type == HEAD_GLORI ? describe_glori(head, backbone->width, failure, card)
                                                  : describe_linear(head, backbone, beside, failure, card);
    if (status)
        return status;
    if (candidate_blocks(head->candidate, &named) && named != card->blocks)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The candidate's name says %u blocks, but its weights take %u of width %u: it was "
                           "trained on another backbone.",
                           named, card->blocks, backbone->width);
    if ((card->blocks < 1 && !card->average_pool) || card->blocks > backbone->depth)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The head takes the last %u blocks of a backbone that has %u.", card->blocks,
                           backbone->depth);
    struct tensor *tensors = selection_tensors(&head->selection);
    status = head_check(card, backbone->width, tensors, head->selection.count, failure);
    free(tensors);
    return status;
}

/* The path of the config.json that is the head's: --config of an import that it came with, its folder's, or
 * one beside its file. The caller owns it; NULL: there is none. */
static char *config_of(const struct head_import *head, const char *given)
{
    const struct folder *folder = checkpoint_folder(head->checkpoint);
    if (given && text_stem(given, ".json"))
        return memory_copy_text(given);
    if (!folder->weights)
        return import_beside_find(head->asked->weights, "config.json");
    return folder->config_json ? memory_copy_text(folder->config_json) : NULL;
}

/* Labels that are given, against those that the checkpoint has beside the weights: in another order every
 * score would be another finding's. */
static enum status check_classes(struct head_import *head, struct failure *failure)
{
    struct label_list own = {0}, given = {.count = head->card.label_count};
    const char *name = head_classes_read(checkpoint_state_place(head->checkpoint), given.count, &own);
    if (!name)
        return STATUS_OK;
    given.names = memory_allocate(given.count, sizeof *given.names);
    for (size_t i = 0; i < given.count; i++)
        given.names[i] = (char *)head->card.labels[i].name;
    const enum labels_order order = labels_compare(&given, &own);
    free(given.names);
    labels_finish(&own);
    head->classes_differ = order == LABELS_OTHER;
    return order != LABELS_REORDERED
               ? STATUS_OK
               : failure_set(failure, STATUS_INVALID_FILE,
                             "%s: it names labels of the '%s' in %.200s at other places: give "
                             "them in that order.",
                             head->asked->labels, name, head->asked->weights);
}

/* Fills what the card says besides shapes. A configuration of transformers or timm names outputs of their
 * classifiers, and not those of a layer that somebody put beside it. */
static enum status name_outputs(struct head_import *head, const char *config, struct arena *arena,
                                struct failure *failure)
{
    const bool described = head->form == FORM_TRANSFORMERS || head->form == FORM_TIMM;
    const struct label_source source = {
        described ? config : NULL, metadata_labels(checkpoint_metadata(head->checkpoint)), head->candidate};
    enum status status =
        import_card_head(head->asked, head->form, &source, arena, failure, &head->card, &head->labels_differ);
    return status || !head->asked->labels ? status : check_classes(head, failure);
}

enum status import_head_open(const struct import_head *asked, const struct backbone_card *backbone,
                             const struct backbone_files *from, struct arena *arena, struct failure *failure,
                             struct head_import *out)
{
    *out = (struct head_import){.asked = asked};
    enum status status = shards_check_whole(asked->weights, failure);
    if (!status)
        status = checkpoint_open(asked->weights, failure, &out->checkpoint);
    if (status)
        return status;
    checkpoint_sha256(out->checkpoint, out->source_sha256);
    status = head_select(out, failure);
    if (!status)
        status = head_check_backbone(out, from, failure);
    if (!status)
        status = describe(out, backbone, head_is_own(out, from) ? from->config : NULL, failure);
    if (status)
        return failure_prefix(failure, "%s", asked->weights);
    char *config = config_of(out, head_is_own(out, from) ? from->config_path : NULL);
    status = name_outputs(out, config, arena, failure);
    if (!status && config && out->form == FORM_TRANSFORMERS)
        status = classifier_config_read(config, failure, &out->classifier);
    out->classifier.one_choice &= out->card.label_count > 1;
    out->classifier.pooled_registers &= backbone->registers && out->card.average_pool;
    free(config);
    return status;
}

/* On a backbone that is as wide as the head's inputs: all of its shapes must fit one another. */
static enum status check_shapes(struct head_import *head, struct failure *failure)
{
    const bool linear = selection_find(&head->selection, "linear.weight") != NULL;
    const struct stored_tensor *inputs = NULL, *outputs = NULL;
    enum status status = selection_require(&head->selection, 2, (size_t[]){0, 0}, failure, &inputs,
                                           linear ? "linear.weight" : "embed_standart.weight");
    if (!status)
        status = selection_require(&head->selection, 2, (size_t[]){0, 0}, failure, &outputs,
                                   linear ? "linear.weight" : "query_embed");
    if (status)
        return status;
    struct tensor *tensors = selection_tensors(&head->selection);
    head->card = (struct head_card){
        .type = linear ? HEAD_LINEAR : HEAD_GLORI, .blocks = 1, .label_count = outputs->shape[0]};
    status =
        inputs->shape[1] > UINT32_MAX
            ? failure_set(failure, STATUS_INVALID_FILE, "It takes %zu features.", inputs->shape[1])
            : head_check(&head->card, (uint32_t)inputs->shape[1], tensors, head->selection.count, failure);
    free(tensors);
    return status;
}

/* Whether nothing names the outputs. */
static bool lacks_labels(struct head_import *head)
{
    struct arena *arena = arena_create();
    char *config = config_of(head, NULL);
    const bool lacks = name_outputs(head, config, arena, NULL) != STATUS_OK;
    free(config);
    arena_destroy(&arena);
    return lacks;
}

enum status import_head_examine(struct checkpoint *checkpoint, const char *path, const char *candidate,
                                const struct backbone_card *backbone, const struct config *config,
                                struct failure *failure, struct failure *fp16, bool *unnamed)
{
    const struct import_head asked = {.name = "head", .weights = path, .candidate = candidate};
    struct head_import head = {.asked = &asked, .checkpoint = checkpoint};
    struct import_meter meter = {0};
    enum status status = head_select(&head, failure);
    if (!status)
        status = backbone ? describe(&head, backbone, config, failure) : check_shapes(&head, failure);
    if (!status || status == STATUS_BAD_REQUEST) {
        enum status values = import_weights_examine(checkpoint, &head.selection, &meter, failure, fp16);
        status = values ? values : status;
        *unnamed = lacks_labels(&head);
    }
    selection_finish(&head.selection);
    return status;
}

void import_head_finish(struct head_import *head)
{
    selection_finish(&head->selection);
    checkpoint_close(&head->checkpoint);
}

static bool is_of_float32(const struct head_import *head)
{
    bool all = head->form == FORM_PACKAGE;
    for (size_t i = 0; i < head->selection.count; i++)
        all = all && head->selection.items[i].source->type == TENSOR_F32;
    return all;
}

enum import_precision import_head_precision(const struct head_import *head, enum import_precision precision)
{
    return is_of_float32(head) ? IMPORT_FP32 : precision;
}

enum status import_head_write(const struct head_import *head, const char *path,
                              enum import_precision precision, struct import_meter *meter,
                              struct failure *failure, char sha256[SHA256_HEX_BYTES])
{
    struct json *metadata = head_metadata(&head->card, head->trained_with, head->beside);
    enum status status = import_weights_write(path, head->checkpoint, &head->selection, precision, metadata,
                                              meter, failure, sha256);
    json_destroy(&metadata);
    return status ? failure_prefix(failure, "%s", head->asked->weights) : STATUS_OK;
}

void import_head_note(const struct head_import *head, char note[IMPORT_NOTE_BYTES])
{
    if (head->replaces)
        note_add(
            note,
            "Head '%s' is the adapter's, which was trained in the place of the one that the weights have.",
            head->asked->name);
    if (head->convolution)
        note_add(note,
                 "Head '%s' is a convolution of 1 x 1, which is computed as a linear layer of what it reads.",
                 head->asked->name);
    if (head->form == FORM_PACKAGE)
        note_add(note,
                 "Head '%s' is a package's: thresholds, calibration, codes of your own and a risk's "
                 "definition are "
                 "in that package's model.json and do not come with the file.",
                 head->asked->name);
    if (head->moved)
        note_add(note,
                 "Head '%s' comes from a package of another backbone: unless it was trained on this one, its "
                 "answers "
                 "mean nothing.",
                 head->asked->name);
    if (head->behind_layer)
        note_add(note,
                 "Head '%s' is the second layer of a sequence, of whose first the file has no values: that "
                 "is taken "
                 "to do nothing, as dropout does.",
                 head->asked->name);
    if (head->rounds)
        note_add(note,
                 "Head '%s' has matrices of float32 in its package, which are rounded to float16 here: "
                 "--precision fp32 keeps them.",
                 head->asked->name);
    if (head->no_bias)
        note_add(note, "Head '%s' has no bias: zeros are added.", head->asked->name);
    if (head->classifier.one_choice)
        note_add(
            note,
            "Head '%s' was trained as one choice among its labels, by softmax; here each label is judged "
            "for itself, by the sigmoid of its logit.",
            head->asked->name);
    if (head->classifier.pooled_registers)
        note_add(note,
                 "Head '%s' was saved by a transformers of 4.48 to 4.51, whose mean patch token takes the "
                 "registers in; here it does not, as since 4.52.",
                 head->asked->name);
    if (head->labels_differ)
        note_add(note, "Head '%s' has other labels than the id2label of its config.json.", head->asked->name);
    if (head->classes_differ)
        note_add(note, "Head '%s' has other labels than its checkpoint says beside the weights.",
                 head->asked->name);
    note_add_losses(note, head->losses, head->loss);
    import_weights_note(&head->selection, note);
}

struct json *import_head_source(const struct head_import *head)
{
    return import_card_source(head->asked->weights, head->source_sha256, head->candidate,
                              head_form_name(head->form));
}
