#include "cli/inspect_checkpoint.h"

#include "cli/command.h"
#include "cli/table.h"

#include "engine/base/utf8.h"
#include "engine/checkpoint/candidates.h"
#include "engine/checkpoint/head_form.h"
#include "engine/checkpoint/import_backbone.h"
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
    const struct backbone_card *card = &backbone->card;
    struct table table;
    table_init(&table, "ll", "checkpoint", checkpoint_kind(backbone->checkpoint));
    table_add(&table, "names");
    table_add(&table, "%s", backbone->layout->title);
    table_add(&table, "network");
    table_add(&table, "width %u, depth %u, heads %u, patch %u, %s of %u, registers %u", card->width,
              card->depth, card->heads, card->patch_size, card->ffn == FFN_SWIGLU ? "swiglu" : "gelu",
              card->ffn_hidden, card->registers);
    table_add(&table, "input");
    table_add(&table, "%ux%u", card->image_height, card->image_width);
    table_add(&table, "positions");
    table_add(&table, "%ux%u, resized with offset %g, %s", card->position_grid, card->position_grid,
              card->interpolate_offset, card->interpolate_antialias ? "antialiased" : "not antialiased");
    table_add(&table, "layer_norm_epsilon");
    table_add(&table, "%g", card->layer_norm_epsilon);
    table_add(&table, "preprocessing");
    table_add(&table, "%s%s", backbone->profile.name,
              profile_known(backbone->profile.name) ? ", as nothing says otherwise (--profile)" : "");
    table_add(&table, "tensors");
    table_add(&table, "%zu, of the %zu above", backbone->selection.count, tensors);
    table_print(&table);
    if (*backbone->note)
        printf("note: %s\n", backbone->note);
}

/* The heads that a checkpoint holds beside a backbone, or alone. */
static size_t show_heads(const struct value *state)
{
    struct candidates *candidates = memory_allocate(1, sizeof *candidates);
    enum head_form found = FORM_AUTHORS;
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        enum head_form form;
        char candidate[NAME_BYTES], name[NAME_BYTES];
        const struct value *key = state->sequence.items[i];
        if (key->kind != VALUE_TEXT || head_form_of(key->text.data, &form, candidate, name) != NAME_KNOWN)
            continue;
        found = form;
        candidates_note(candidates, candidate);
    }
    const size_t count = candidates->count;
    if (count)
        printf("head: %s\n", head_form_name(found));
    for (size_t i = 0; i < count; i++) {
        if (*candidates->names[i])
            command_print("  candidate=%s", candidates->names[i]);
    }
    free(candidates);
    return count;
}

/* Import asks the same: a head was trained with the backbone that lies beside it, and goes with no other. */
static bool holds_backbone(const struct value *state)
{
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        struct backbone_name name;
        const struct value *key = state->sequence.items[i];
        if (key->kind == VALUE_TEXT && name_of_backbone(key->text.data, &name) == NAME_KNOWN)
            return true;
    }
    return false;
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

static void show_lines(const char *path, bool backbone, size_t heads)
{
    if (!backbone && !heads)
        return;
    printf("\nTo import it:\n  ");
    if (backbone) {
        printf("cxrd import --backbone ");
        print_word(path);
        printf(" --output DIR%s", heads ? " \\\n    " : "");
    }
    if (heads) {
        printf("%s--head name=NAME,kind=findings,labels=FILE,%sweights=",
               backbone ? "" : "cxrd head add --model DIR ", heads > 1 ? "candidate=KEY," : "");
        print_word(path);
    }
    printf("\n");
}

/* Shows the backbone or says what is in the way of one. */
static bool try_backbone(const char *path, size_t tensors)
{
    struct failure failure;
    struct backbone_import backbone;
    const struct backbone_options options = {.path = path};
    enum status status = import_backbone_open(&options, &failure, &backbone);
    if (!status) {
        show_backbone(&backbone, tensors);
        status = check_backbone(&backbone, &failure);
        import_backbone_finish(&backbone);
    }
    if (status)
        printf("in the way of a backbone's import: %s\n", failure.sentence);
    return !status;
}

enum status inspect_checkpoint(const char *path, struct failure *failure)
{
    struct checkpoint *checkpoint;
    const struct value *state;
    enum status status = checkpoint_open(path, failure, &checkpoint);
    if (status)
        return status;
    status = checkpoint_state(checkpoint, failure, &state);
    if (status) {
        failure_prefix(failure, "%s", path);
    } else {
        size_t tensors =
            list_tensors(checkpoint_folder(checkpoint)->adapter ? state : checkpoint_root(checkpoint));
        printf("\n");
        bool backbone = try_backbone(path, tensors);
        const size_t heads = show_heads(state);
        if (backbone || !holds_backbone(state))
            show_lines(path, backbone, heads);
    }
    checkpoint_close(&checkpoint);
    return status;
}
