#include "api/embedding.h"

#include "api/base64.h"
#include "api/problem.h"
#include "api/result.h"

#include <assert.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tokens are sent as they lie in memory");

const char *const tokens_names[] = {
    [TOKENS_CLASS] = "class", [TOKENS_MEAN] = "mean", [TOKENS_PATCH] = "patch"};
static_assert(sizeof tokens_names / sizeof *tokens_names == TOKENS_KINDS, "a name a kind");

enum status tokens_read(struct arena *arena, const struct option_list *list, struct failure *failure,
                        bool tokens[TOKENS_KINDS])
{
    const struct text_list *values = &option_find(list, "tokens")->values;
    for (size_t i = 0; i < values->count; i++) {
        size_t kind = 0;
        while (kind < TOKENS_KINDS && strcmp(tokens_names[kind], values->items[i]))
            kind++;
        if (kind == TOKENS_KINDS)
            return option_refuse(arena, failure,
                                 arena_format(arena, "%s cannot be", option_title(list, "tokens").text),
                                 values->items[i], tokens_names, TOKENS_KINDS);
        tokens[kind] = true;
    }
    return STATUS_OK;
}

/* The patch tokens of one image. A card's sizes are far too small to overflow. */
static size_t patch_bytes(const struct model_card *card)
{
    return backbone_patches(&card->backbone) * card->backbone.width * sizeof(float);
}

enum status embedding_resolve(struct arena *arena, const struct model_card *card,
                              const struct option_list *list, size_t count, struct failure *failure,
                              bool tokens[TOKENS_KINDS])
{
    const struct given_option *option = option_find(list, "tokens");
    for (size_t kind = 0; kind < TOKENS_KINDS; kind++)
        tokens[kind] = !option && kind != TOKENS_PATCH;
    enum status status = option ? tokens_read(arena, list, failure, tokens) : STATUS_OK;
    if (status)
        return status;
    size_t most = EMBEDDING_PATCH_BYTES_MAX / patch_bytes(card);
    if (!tokens[TOKENS_PATCH])
        return STATUS_OK;
    if (count <= most)
        return arena_charge(arena, count * patch_bytes(card), failure);
    if (!most)
        return failure_set(failure, STATUS_TOO_LARGE,
                           "The patch tokens of an image are over the %zu MiB of one answer with this model; "
                           "ask for class or mean.",
                           EMBEDDING_PATCH_BYTES_MAX >> 20);
    return failure_set(failure, STATUS_TOO_LARGE,
                       "The patch tokens of %zu images are over the %zu MiB of one answer; ask for those of "
                       "at most %zu at once.",
                       count, EMBEDDING_PATCH_BYTES_MAX >> 20, most);
}

static enum status add_patches(const struct embedding_context *context, const float *patches,
                               struct failure *failure, struct json *result)
{
    const struct model_card *card = context->card;
    const struct bytes bytes = {(const uint8_t *)patches, patch_bytes(card)};
    const char *text = NULL;
    enum status status = base64_encode_within(context->arena, bytes, failure, &text);
    if (status)
        return status;
    struct json *object = json_add(result, tokens_names[TOKENS_PATCH], json_object());
    json_add_text(object, "dtype", "float32");
    struct json *shape = json_add(object, "shape", json_array());
    json_append_number(shape, (double)backbone_patches(&card->backbone));
    json_append_number(shape, card->backbone.width);
    json_add(object, "data", json_text_borrowed(text));
    return STATUS_OK;
}

enum status embedding_result(const struct embedding_context *context, const char *id,
                             const struct prediction *prediction, struct failure *failure, struct json **out)
{
    const struct model_card *card = context->card;
    const struct embedding *embedding = &prediction->embedding;
    size_t width = card->backbone.width;
    bool failed = prediction->failure.status;
    enum status status = STATUS_OK;
    struct json *result = json_object();
    json_add(result, "image", result_image(id, card->profile.name, NULL, prediction));
    if (failed)
        json_add(result, "error", problem_json(&prediction->failure, context->request_id));
    if (!failed && context->tokens[TOKENS_CLASS])
        json_add(result, tokens_names[TOKENS_CLASS], json_float_array(embedding->class_token, width));
    if (!failed && context->tokens[TOKENS_MEAN])
        json_add(result, tokens_names[TOKENS_MEAN], json_float_array(embedding->mean, width));
    if (!failed && context->tokens[TOKENS_PATCH])
        status = add_patches(context, embedding->patches, failure, result);
    if (status)
        json_destroy(&result);
    else
        *out = result;
    return status;
}
