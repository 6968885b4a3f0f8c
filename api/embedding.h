/* Embeddings as JSON: the options of POST /embed, and its results. */
#ifndef CXRD_API_EMBEDDING_H
#define CXRD_API_EMBEDDING_H

#include "api/options.h"
#include "engine/base/json.h"

enum tokens { TOKENS_CLASS, TOKENS_MEAN, TOKENS_PATCH, TOKENS_KINDS };
extern const char *const tokens_names[]; /* [TOKENS_KINDS]: "class", "mean", "patch" */

/* Marks those that the option `tokens`, which was given, names. Fails with BAD_REQUEST, naming what is wrong
 * and what there is. */
WARN_UNUSED enum status tokens_read(struct arena *arena, const struct option_list *list,
                                    struct failure *failure, bool tokens[TOKENS_KINDS]);

/* What the patch tokens of one answer may add up to as float32, before base64: 8 images of a ViT-L at
 * 512 x 512. */
#define EMBEDDING_PATCH_BYTES_MAX ((size_t)32 << 20)

struct embedding_context {
    const struct model_card *card;
    bool tokens[TOKENS_KINDS]; /* which ones are wanted */
    struct arena *arena;       /* the request's */
    const char *request_id;    /* the instance of an image's error */
};

/* Resolves "tokens", by default class and mean. Fails with BAD_REQUEST, naming what is wrong and what there
 * is, and with TOO_LARGE when the patch tokens of `count` images would pass the limit. Charges the
 * arena with those, as the engine gives them. */
WARN_UNUSED enum status embedding_resolve(struct arena *arena, const struct model_card *card,
                                          const struct option_list *list, size_t count,
                                          struct failure *failure, bool tokens[TOKENS_KINDS]);

/* One element of "embeddings": {"image", "class", "mean", "patch"}, of those that are wanted, or {"image",
 * "error"} when the image failed. Fails as arena_take. The caller owns *out, which lives no longer than the
 * arena. */
WARN_UNUSED enum status embedding_result(const struct embedding_context *context, const char *id,
                                         const struct prediction *prediction, struct failure *failure,
                                         struct json **out);

#endif
