#include "cli/inspect_checkpoint.h"

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/summary.h"
#include "cli/table.h"

#include "engine/base/utf8.h"
#include "engine/checkpoint/candidates.h"
#include "engine/checkpoint/head_backbone.h"
#include "engine/checkpoint/import_backbone.h"
#include "engine/checkpoint/import_head.h"
#include "engine/package/create.h"
#include "engine/package/tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listing {
    struct table table;
    size_t tensors, bytes;
};

static void list_stored(void *context, const char *path, const struct stored_tensor *tensor)
{
    struct listing *listing = context;
    char text[TENSOR_SHAPE_TEXT_BYTES];
    size_t bytes = tensor->elements * tensor_type_bytes(tensor->type);
    table_add(&listing->table, "%s", path);
    table_add(&listing->table, "%s", tensor_type_name(tensor->type));
    table_add(&listing->table, "%s", tensor_shape_text(tensor->rank, tensor->shape, text));
    table_add(&listing->table, "%zu", bytes);
    listing->tensors++;
    listing->bytes += bytes;
}

/* How many there are. */
static size_t list_tensors(const struct value *root)
{
    struct listing listing = {0};
    table_init(&listing.table, "lllr", "name", "type", "shape", "bytes");
    bool whole = value_walk(root, list_stored, &listing);
    table_print(&listing.table);
    printf("%zu tensors, %zu bytes%s\n", listing.tensors, listing.bytes, whole ? "" : "; more lies deeper");
    return listing.tensors;
}

/* What the loader would say of the backbone, as import asks. */
static enum status check_backbone(const struct backbone_import *backbone, struct failure *failure)
{
    struct model_card card = {.name = "inspected",
                              .version = "1",
                              .intended_use = "Inspection.",
                              .backbone = backbone->card,
                              .profile = backbone->profile};
    card.backbone.weights = "backbone.safetensors";
    card.backbone.sha256 = CARD_NO_HASH;
    struct tensor *tensors = selection_tensors(&backbone->selection);
    enum status status = backbone_check(&card.backbone, tensors, backbone->selection.count, failure);
    free(tensors);
    return status ? status : card_check(&card, failure);
}

static void show_backbone(const struct backbone_import *backbone, size_t tensors)
{
    struct import_facts facts = import_backbone_facts(backbone);
    struct table table;
    facts.positions_assumed = backbone->positions_unsaid; /* --image-size may have them resized */
    table_init(&table, "ll", "checkpoint", checkpoint_kind(backbone->checkpoint));
    summary_backbone(&backbone->card, &backbone->profile, &facts, &table);
    table_add(&table, "tensors");
    table_add(&table, "%zu, of the %zu above", facts.tensors, tensors);
    table_print(&table);
    if (*backbone->note)
        command_print("note: %s", backbone->note);
}

/* What of a checkpoint can be imported, and what its line must say. */
struct offer {
    bool backbone;
    size_t heads;     /* that can be, */
    bool must_choose; /* one of several candidates */
    bool must_say;    /* what they read */
    bool must_name;   /* what their outputs are */
    bool fp32;        /* float16 has no room for a value */
};

/* A precision is of a whole line: what one of its parts needs all have. */
static void take_precision(const struct failure *fp16, const char *indent, struct offer *offer)
{
    if (!fp16->status)
        return;
    offer->fp32 = true;
    command_print("%sto be said: %s", indent, fp16->sentence);
}

/* The heads that a checkpoint holds beside a backbone, or alone, as import would take each. */
static enum status show_heads(const char *path, struct checkpoint *checkpoint, const struct value *state,
                              const struct backbone_import *backbone, struct failure *failure,
                              struct offer *offer)
{
    struct candidates *candidates = memory_allocate(1, sizeof *candidates);
    enum status status = candidates_find(state, failure, candidates);
    const size_t count = status ? 0 : candidates->count;
    offer->must_choose = count > 1;
    for (size_t i = 0; i < count; i++) {
        const char *name = candidates->names[i];
        struct failure why = {0}, fp16 = {0};
        bool unnamed = false;
        enum status found = import_head_examine(checkpoint, path, name, backbone ? &backbone->card : NULL,
                                                backbone ? &backbone->config : NULL, &why, &fp16, &unnamed);
        offer->heads += !found || found == STATUS_BAD_REQUEST;
        offer->must_say |= found == STATUS_BAD_REQUEST;
        offer->must_name |= unnamed;
        if (i == 0)
            printf("head: %s\n",
                   head_form_name(candidate_form(name, candidates->form, checkpoint_metadata(checkpoint))));
        if (*name)
            command_print("  candidate=%s", name);
        if (found)
            command_print("  %s: %s", found == STATUS_BAD_REQUEST ? "to be said" : "in the way of its import",
                          why.sentence);
        if (!found || found == STATUS_BAD_REQUEST)
            take_precision(&fp16, "  ", offer);
    }
    free(candidates);
    return status;
}

/* The path as a shell takes it for one word: between quotes, or, where it has what a terminal should not get,
 * in the form $'...' of POSIX's and most shells. */
static void print_word(const char *path)
{
    const bool plain = utf8_is_plain(path, strlen(path));
    fputs(plain ? "'" : "$'", stdout);
    for (size_t left = strlen(path), bytes; left; path += bytes, left -= bytes) {
        bytes = utf8_character(path, left);
        if (!bytes)
            printf("\\%03o", (unsigned char)*path);
        else if (*path == '\'')
            fputs(plain ? "'\\''" : "\\'", stdout);
        else
            printf("%s%.*s", !plain && *path == '\\' ? "\\" : "", (int)bytes, path);
        bytes = bytes ? bytes : 1;
    }
    putchar('\'');
}

static void show_lines(const char *path, const struct offer *offer)
{
    if (!offer->backbone && !offer->heads)
        return;
    printf("\nTo import it:\n  ");
    if (offer->backbone) {
        printf("cxrd import --backbone ");
        print_word(path);
        printf(" --output DIR%s%s", offer->fp32 ? " --precision fp32" : "", offer->heads ? " \\\n    " : "");
    }
    if (offer->heads) {
        printf("%s%s--head name=NAME,kind=findings,%s%s%sweights=",
               offer->backbone ? "" : "cxrd head add --model DIR ",
               offer->fp32 && !offer->backbone ? "--precision fp32 " : "",
               offer->must_name ? "labels=FILE," : "", offer->must_choose ? "candidate=KEY," : "",
               offer->must_say ? "features=FEATURES," : "");
        print_word(path);
    }
    printf("\n");
}

/* What import would say of the values, which takes a while of many. */
static enum status check_values(struct backbone_import *backbone, struct failure *failure,
                                struct failure *fp16)
{
    struct progress progress = {.command = "inspect", .unit = "MiB"};
    struct import_meter meter = {progress_bytes, &progress, 0, import_weights_work(&backbone->selection)};
    progress_begin(&progress);
    enum status status =
        import_weights_examine(backbone->checkpoint, &backbone->selection, &meter, failure, fp16);
    progress_clear();
    return status;
}

/* Shows the backbone or says what is in the way of one. Where it can be imported the caller finishes *out. */
static bool try_backbone(const char *path, size_t tensors, struct backbone_import *out, struct offer *offer)
{
    struct failure failure, fp16 = {0};
    const struct backbone_options options = {.path = path};
    enum status status = import_backbone_open(&options, &failure, out);
    if (!status) {
        show_backbone(out, tensors);
        status = check_backbone(out, &failure);
        if (!status)
            status = check_values(out, &failure, &fp16);
        if (!status)
            take_precision(&fp16, "", offer);
        if (status)
            import_backbone_finish(out);
    }
    if (status)
        printf("in the way of a backbone's import: %s\n", failure.sentence);
    return !status;
}

static enum status show(const char *path, struct checkpoint *checkpoint, const struct value *state,
                        struct failure *failure)
{
    struct backbone_import backbone = {0};
    size_t tensors =
        list_tensors(checkpoint_folder(checkpoint)->adapter ? state : checkpoint_root(checkpoint));
    printf("\n");
    struct offer offer = {0};
    offer.backbone = try_backbone(path, tensors, &backbone, &offer);
    enum status status =
        show_heads(path, checkpoint, state, offer.backbone ? &backbone : NULL, failure, &offer);
    /* import asks the same: a head was trained with the backbone beside it, and goes with no other */
    const bool alone = !offer.backbone && import_holds_backbone(state);
    if (!status && !alone)
        show_lines(path, &offer);
    else if (!status && offer.heads)
        printf("  in the way of its import: it goes with no backbone but the one it was trained with, and "
               "what is in that one's way is in its, too.\n");
    if (offer.backbone)
        import_backbone_finish(&backbone);
    return status;
}

enum status inspect_checkpoint(const char *path, struct failure *failure)
{
    struct checkpoint *checkpoint;
    const struct value *state;
    enum status status = checkpoint_open(path, failure, &checkpoint);
    if (status)
        return status;
    status = checkpoint_state(checkpoint, failure, &state);
    if (!status)
        status = show(path, checkpoint, state, failure);
    if (status)
        failure_prefix(failure, "%s", path);
    checkpoint_close(&checkpoint);
    return status;
}
