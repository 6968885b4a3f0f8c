/* The configuration of a backbone beside its weights: what tensor shapes do not tell, and checks on what they
 * do.
 *
 * config.yaml of a DINOv2 training; config.json as transformers writes it, as huggingface_hub writes a
 * constructor's arguments, and as timm writes it.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_CONFIG_H
#define CXRD_ENGINE_CHECKPOINT_CONFIG_H

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/checkpoint/config_parts.h"

/* A number is -1 (interpolate_offset: CONFIG_NOT_SAID) and the text empty when the file does not say. */
struct config {
    int64_t patch_size, registers, width, depth, heads;
    int64_t image_height, image_width;
    char ffn_layer[32]; /* "mlp", "swiglu", "swiglufused" */
    double interpolate_offset;
    int interpolate_antialias; /* 0 or 1 */
    double layer_norm_epsilon;
    bool timm; /* it is one of timm's */
    struct config_parts parts;
};
#define CONFIG_NOT_SAID (-2.0)

enum { CONFIG_BYTES_MAX = 1 << 20 };

/* What an absent file says. */
void config_init(struct config *config);

/* Reads the keys above under each of their names, ignoring all others. Fails with INVALID_FILE when the text
 * is neither JSON nor YAML, a key's value is not of its kind, or it describes a network of another kind or
 * with an activation that is not supported. */
WARN_UNUSED enum status config_parse(struct bytes text, struct failure *failure, struct config *out);

/* The same of a file; sentences name the path. Fails also with NOT_FOUND and TOO_LARGE. */
WARN_UNUSED enum status config_read(const char *path, struct failure *failure, struct config *out);

/* A switch: true or false, or Python's texts for them. *out is left alone where `value` is NULL. Fails with
 * INVALID_FILE and a sentence that names section.key. */
WARN_UNUSED enum status config_read_boolean(const struct json *value, const char *section, const char *key,
                                            struct failure *failure, int *out);

/* The document of a JSON or YAML text; the caller owns *out. Fails with INVALID_FILE. */
WARN_UNUSED enum status config_document(struct bytes text, struct failure *failure, struct json **out);

#endif
