#include "engine/checkpoint/import_backbone.h"

#include "engine/checkpoint/agreement.h"
#include "engine/checkpoint/backbone_select.h"
#include "engine/checkpoint/candidates.h"
#include "engine/checkpoint/import_beside.h"
#include "engine/checkpoint/names.h"
#include "engine/checkpoint/origin.h"
#include "engine/checkpoint/settings.h"
#include "engine/checkpoint/shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sizes of a file are as large as it says: a card's are of 32 bits. Its limits are checked here already, as
 * heads are read before the card is. */
static enum status narrow(const char *what, size_t size, size_t maximum, struct failure *failure,
                          uint32_t *out)
{
    if (size > maximum)
        return failure_set(failure, STATUS_INVALID_FILE, "Its %s of %zu is over the limit of %zu.", what,
                           size, maximum);
    *out = (uint32_t)size;
    return STATUS_OK;
}

static uint32_t count_blocks(const struct selection *selection)
{
    uint32_t depth = 0;
    for (size_t i = 0; i < selection->count; i++) {
        unsigned block;
        if (sscanf(selection->items[i].name, "blocks.%u.", &block) == 1 && block >= depth)
            depth = block + 1;
    }
    return depth;
}

/* The M of pos_embed [1, 1 + M*M, D]; 0 when there is none. */
static size_t grid_of(size_t rows)
{
    for (size_t grid = 1; grid <= IMAGE_SIZE_MAX; grid++) {
        if (1 + grid * grid == rows)
            return grid;
    }
    return 0;
}

static enum status read_embedding(const struct selection *selection, struct failure *failure,
                                  struct backbone_card *card)
{
    const struct stored_tensor *tensor = NULL;
    enum status status = selection_require(selection, 3, (size_t[]){1, 1, 0}, failure, &tensor, "cls_token");
    if (status)
        return status;
    const size_t D = tensor->shape[2];
    if (D % CARD_HEAD_WIDTH)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Its width of %zu is not a multiple of %d, the size of an attention head.", D,
                           CARD_HEAD_WIDTH);
    status = narrow("width", D, CARD_WIDTH_MAX, failure, &card->width);
    if (!status)
        status = selection_require(selection, 4, (size_t[]){D, 3, 0, 0}, failure, &tensor,
                                   "patch_embed.proj.weight");
    if (status)
        return status;
    if (tensor->shape[3] != tensor->shape[2])
        return failure_set(failure, STATUS_INVALID_FILE, "Its patches of %zu x %zu are not square.",
                           tensor->shape[2], tensor->shape[3]);
    card->heads = card->width / CARD_HEAD_WIDTH;
    status = narrow("patch size", tensor->shape[2], CARD_PATCH_MAX, failure, &card->patch_size);
    if (!status)
        status = selection_require(selection, 3, (size_t[]){1, 0, D}, failure, &tensor, "pos_embed");
    if (status)
        return status;
    card->position_grid = (uint32_t)grid_of(tensor->shape[1]);
    if (!card->position_grid)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Tensor 'pos_embed' has %zu rows, which is not one and a square grid.",
                           tensor->shape[1]);
    if (!selection_find(selection, "register_tokens"))
        return STATUS_OK;
    status = selection_require(selection, 3, (size_t[]){1, 0, D}, failure, &tensor, "register_tokens");
    return status ? status
                  : narrow("number of register tokens", tensor->shape[1], CARD_REGISTERS_MAX, failure,
                           &card->registers);
}

static bool is_gated(const struct selection *selection)
{
    return selection_find(selection, "blocks.0.mlp.w12.weight") != NULL;
}

static enum status read_blocks(const struct selection *selection, struct failure *failure,
                               struct backbone_card *card)
{
    const struct stored_tensor *tensor = NULL;
    const bool gated = is_gated(selection);
    enum status status = selection_require(selection, 2, (size_t[]){card->width, 0}, failure, &tensor,
                                           gated ? "blocks.0.mlp.w3.weight" : "blocks.0.mlp.fc2.weight");
    if (status)
        return status;
    card->ffn = gated ? FFN_SWIGLU : FFN_GELU;
    status = narrow("depth", count_blocks(selection), CARD_DEPTH_MAX, failure, &card->depth);
    return status ? status
                  : narrow("feed-forward's width", tensor->shape[1], CARD_HIDDEN_MAX, failure,
                           &card->ffn_hidden);
}

/* Of timm's networks those with registers have no position of the class token (`registers`). timm makes as
 * many positions as an input of that size has patches, and knows their rows and columns: taken for a square
 * grid they would lie in other places. */
static enum status check_positions(const struct config *config, bool registers,
                                   const struct backbone_card *card, struct failure *failure)
{
    if (config->no_class_position == 1 && !registers)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "The configuration says no_embed_class: true but the weights have a position of the "
            "class token: they do not belong together.");
    const bool said = config->image_height > 0;
    const uint64_t height = said ? (uint64_t)config->image_height : (uint64_t)config->input_height,
                   width = said ? (uint64_t)config->image_width : (uint64_t)config->input_width;
    const uint64_t rows = height / card->patch_size, columns = width / card->patch_size;
    if (!config->timm || rows == columns ||
        rows * columns != (uint64_t)card->position_grid * card->position_grid)
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE,
                       "Its positions are those of an image of %llu x %llu: position embeddings that are no "
                       "square grid are not supported.",
                       (unsigned long long)height, (unsigned long long)width);
}

/* Networks of transformers and timm resize in one way each, whatever else a configuration beside them, of the
 * training that they came from, says. */
static enum status check_interpolation(const struct config *config, const struct layout *layout,
                                       struct failure *failure)
{
    const unsigned fixed = TRAIT_HUGGING_FACE | TRAIT_TIMM | TRAIT_TIMM_REGISTERS;
    const bool offset = config->interpolate_offset > CONFIG_NOT_SAID &&
                        config->interpolate_offset != layout->interpolate_offset,
               antialias = config->interpolate_antialias >= 0 &&
                           config->interpolate_antialias != layout->interpolate_antialias;
    if (!(layout->needs & fixed) || (!offset && !antialias))
        return STATUS_OK;
    if (offset)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The configuration says interpolate_offset: %g but the layout of its names is %s, "
                           "whose networks resize positions with %g: they do not belong together.",
                           config->interpolate_offset, layout->title, layout->interpolate_offset);
    return failure_set(failure, STATUS_INVALID_FILE,
                       "The configuration says interpolate_antialias: %s but the layout of its names is %s, "
                       "whose networks resize positions %s: they do not belong together.",
                       config->interpolate_antialias ? "true" : "false", layout->title,
                       layout->interpolate_antialias ? "antialiased" : "without antialiasing");
}

/* The size that is asked for; or the preprocessing's, whose crop is what the network was given; or the
 * configuration's; or that of the position grid. */
static enum status choose_size(const struct backbone_options *options, const struct config *config,
                               const struct preprocessor *preprocessor, struct failure *failure,
                               struct backbone_card *card)
{
    card->image_height = card->image_width = card->position_grid * card->patch_size;
    if (config->image_height > 0) {
        card->image_height = (uint32_t)config->image_height;
        card->image_width = (uint32_t)config->image_width;
    }
    if (preprocessor->given) {
        card->image_height = preprocessor->height;
        card->image_width = preprocessor->width;
    }
    if (options->image_height) {
        card->image_height = options->image_height;
        card->image_width = options->image_width;
    }
    const uint32_t wrong = card->image_height % card->patch_size ? card->image_height : card->image_width;
    if (wrong % card->patch_size)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "An image size of %u is not a multiple of the patch size %u.", wrong,
                           card->patch_size);
    return STATUS_OK;
}

static enum status describe(const struct backbone_options *options, const struct config *config,
                            const struct preprocessor *preprocessor, struct failure *failure,
                            struct backbone_import *out)
{
    struct backbone_card *card = &out->card;
    enum status status = read_embedding(&out->selection, failure, card);
    if (!status)
        status = read_blocks(&out->selection, failure, card);
    if (!status)
        status = agreement_check(config, card, &out->selection, failure);
    if (!status)
        status = check_positions(config, out->layout->needs & TRAIT_TIMM_REGISTERS, card, failure);
    if (!status)
        status = check_interpolation(config, out->layout, failure);
    if (!status)
        status = choose_size(options, config, preprocessor, failure, card);
    if (status)
        return status;
    const struct layout *layout = out->layout;
    const bool antialias =
        config->interpolate_antialias < 0 ? layout->interpolate_antialias : config->interpolate_antialias;
    card->interpolate_offset = config->interpolate_offset > CONFIG_NOT_SAID ? config->interpolate_offset
                                                                            : layout->interpolate_offset;
    card->interpolate_antialias = antialias;
    card->layer_norm_epsilon =
        config->layer_norm_epsilon > 0 ? config->layer_norm_epsilon : LAYER_NORM_EPSILON;
    out->profile = preprocessor->given
                       ? preprocessor_profile(preprocessor, card->image_height, card->image_width)
                       : *profile_known(layout->profile);
    out->profile_assumed = !preprocessor->given && !layout_tells_pictures(layout);
    out->positions_unsaid = config->interpolate_offset <= CONFIG_NOT_SAID && layout->guessed;
    out->positions_assumed = out->positions_unsaid && (backbone_rows(card) != card->position_grid ||
                                                       backbone_columns(card) != card->position_grid);
    out->config = *config;
    return STATUS_OK;
}

static enum status read_adapter(const struct backbone_options *options, const struct folder *folder,
                                struct failure *failure, struct adapter_config *adapter)
{
    enum status status =
        folder->adapter_config ? adapter_read(folder->adapter_config, failure, adapter) : STATUS_OK;
    if (!status && folder->adapter && (status = adapter_check_published(adapter, failure)))
        failure_prefix(failure, "%s", folder->adapter_config);
    if (!status && options->lora_alpha > 0 && adapter->alpha > 0 && adapter->alpha != options->lora_alpha)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "--lora-alpha is %g, and adapter_config.json says lora_alpha: %g: leave --lora-alpha "
            "out.",
            options->lora_alpha, adapter->alpha);
    if (options->lora_alpha > 0)
        adapter->alpha = options->lora_alpha;
    return status;
}

/* A word of whoever imports it goes before what heads beside the network show. */
static enum status choose_layout(const struct backbone_options *options, unsigned traits,
                                 struct failure *failure, struct backbone_import *out)
{
    const struct value *state = NULL;
    enum status status = checkpoint_state(out->checkpoint, failure, &state);
    if (!status && !options->layout)
        traits = origin_with_heads(state, traits);
    if (!status)
        status = origin_with_option(options->layout, failure, &traits);
    if (!status)
        out->layout = layout_find(traits);
    return status;
}

/* Whether what has a head's name is one that can be taken. */
static bool holds_head(struct checkpoint *checkpoint)
{
    const struct value *state = NULL;
    struct candidates *candidates = memory_allocate(1, sizeof *candidates);
    const bool holds = !checkpoint_state(checkpoint, NULL, &state) &&
                       !candidates_find(state, NULL, candidates) && candidates->count;
    free(candidates);
    return holds;
}

static void note_adapter(const struct backbone_selection *found, const struct adapter_config *adapter,
                         const struct config *config, char note[IMPORT_NOTE_BYTES])
{
    if (!found->adapters)
        return;
    note_add(note, "A LoRA adapter is merged into the weights.");
    if (adapter_is_of_another(adapter, config->model))
        note_add(note,
                 "It was trained on '%s', as adapter_config.json says, and the model's configuration names "
                 "'%s': unless the weights are those of the first, they do not belong together.",
                 adapter->base, config->model);
}

static void take_note(const struct backbone_options *options, const struct folder *folder,
                      const struct backbone_selection *found, const struct preprocessor *preprocessor,
                      char note[IMPORT_NOTE_BYTES])
{
    if (found->replaced)
        note_add(note, "Of %zu tensors the adapter's are taken, which were trained in the weights' place.",
                 found->replaced);
    if (found->owner == OWNER_STUDENT)
        note_add(note,
                 "These are a student's weights: a teacher's, which training publishes, answer better.");
    if (found->owner == OWNER_AVERAGE)
        note_add(note, "These are the running average of the weights.");
    /* The other layouts' networks have one epsilon and one activation, and gated ones have one. */
    if (!options->config && !folder->config && found->traits & TRAIT_HUGGING_FACE)
        note_add(note, "Without its config.json LayerNorm's epsilon is taken to be 1e-06%s.",
                 is_gated(&found->selection) ? "" : ", and its activation gelu");
    import_beside_note(options, folder, preprocessor->given || options->profile, note);
    if (preprocessor->has_code)
        note_add(note, "Its preprocessor_config.json names code of its own, which is not run.");
    note_add_losses(note, found->losses, found->loss);
}

enum status import_backbone_open(const struct backbone_options *options, struct failure *failure,
                                 struct backbone_import *out)
{
    struct backbone_import backbone = {0};
    struct backbone_selection found = {0};
    struct config config;
    struct preprocessor preprocessor = {0};
    struct adapter_config adapter = {0};
    config_init(&config);
    enum status status = import_beside_check_package(options->path, failure);
    if (!status)
        status = shards_check_whole(options->path, failure);
    if (!status)
        status = checkpoint_open(options->path, failure, &backbone.checkpoint);
    const struct folder *folder = status ? NULL : checkpoint_folder(backbone.checkpoint);
    if (!status && folder->weights)
        status = import_beside_check_package(folder->weights, failure);
    if (!status)
        status = import_beside_check_content(options->path, backbone.checkpoint, failure);
    if (!status)
        status = import_beside_read(options, folder, failure, &config, &preprocessor);
    if (!status)
        status = read_adapter(options, folder, failure, &adapter);
    if (status)
        goto finish;
    status = adapter_check_class(&adapter, config.parts.model_type, failure);
    if (!status)
        status = backbone_select(backbone.checkpoint, &adapter, failure, &found);
    if (!status) {
        backbone.selection = found.selection;
        backbone.has_head = found.traits & TRAIT_HEAD && holds_head(backbone.checkpoint);
        status = choose_layout(options, found.traits | (config.timm ? TRAIT_TIMM : 0), failure, &backbone);
        note_adapter(&found, &adapter, &config, backbone.note);
        take_note(options, folder, &found, &preprocessor, backbone.note);
        if (!status)
            status = describe(options, &config, &preprocessor, failure, &backbone);
        if (!status)
            status = settings_check(checkpoint_state_place(backbone.checkpoint), &backbone.card,
                                    &backbone.selection, options->config || folder->config, failure);
        if (!status)
            status = module_buffers_check(
                &found.buffers, backbone.checkpoint,
                options->profile ? profile_known(options->profile) : &backbone.profile, failure);
    }
    if (status && status != STATUS_BAD_REQUEST)
        failure_prefix(failure, "%s", options->path);
finish:
    if (status)
        import_backbone_finish(&backbone);
    else
        *out = backbone;
    return status;
}

/* Query, key and value are one tensor of the network and several of the file. */
static size_t count_used(const struct selection *selection)
{
    size_t count = 0;
    for (size_t i = 0; i < selection->count; i++) {
        const struct selected *item = &selection->items[i];
        count += !item->piece_count;
        for (size_t k = 0; k < item->piece_count; k++)
            count += (item->pieces[k].tensor != NULL) + (item->pieces[k].down != NULL) +
                     (item->pieces[k].up != NULL);
    }
    return count;
}

struct import_facts import_backbone_facts(const struct backbone_import *backbone)
{
    return (struct import_facts){backbone->layout->title, count_used(&backbone->selection),
                                 backbone->profile_assumed, backbone->positions_assumed};
}

void import_backbone_finish(struct backbone_import *backbone)
{
    selection_finish(&backbone->selection);
    checkpoint_close(&backbone->checkpoint);
    *backbone = (struct backbone_import){0};
}
