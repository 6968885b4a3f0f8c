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
#include "engine/checkpoint/folder.h"

/* What a classifier of timm's reads: "global_pool", "fc_norm". */
enum config_pooling {
    POOLING_NOT_SAID,
    POOLING_CLASS, /* the class token */
    POOLING_MEAN,  /* the mean patch token, normed before */
    POOLING_OTHER  /* what is not computed here */
};

/* A number is -1 (interpolate_offset: CONFIG_NOT_SAID) and a text empty when the file does not say. */
struct config {
    int64_t patch_size, registers, width, depth, attention_heads;
    int64_t image_height, image_width;
    int64_t input_height, input_width; /* timm's, which its positions are made for; 0: not said */
    int64_t classes;                   /* of timm's classifier */
    char ffn_layer[32];                /* "mlp", "swiglu", "swiglufused" */
    char activation[32];               /* of the feed-forward, as timm names it */
    enum config_pooling pooling;
    double interpolate_offset;
    int interpolate_antialias; /* 0 or 1 */
    double layer_norm_epsilon;
    bool timm;             /* it is one of timm's */
    int no_class_position; /* timm's no_embed_class: its positions have no row for the class token */
    struct config_parts parts;
    char model[128]; /* the name of the model that it was saved with or made from, cut to fit */
};
#define CONFIG_NOT_SAID (-2.0)

enum { CONFIG_BYTES_MAX = 1 << 20 };

/* Whether a class of transformers is of this "model_type": "Dinov2WithRegistersModel" of
 * dinov2_with_registers. */
bool config_class_fits(const char *class, const char *model_type);

/* Whether an "ffn_layer" is SwiGLU, under either of its names. */
bool config_ffn_is_gated(const char *ffn_layer);

/* What an absent file says. */
void config_init(struct config *config);

/* The same as config_parse of a document that is read already. */
WARN_UNUSED enum status config_take(const struct json *document, struct failure *failure, struct config *out);

/* Reads the keys above under each of their names. Fails with INVALID_FILE when the text is neither JSON nor
 * YAML, says nothing of a network, a key's value is not of its kind, says another thing than another key
 * does, or it describes a network of another kind or with an activation or a part that is not supported. */
WARN_UNUSED enum status config_parse(struct bytes text, struct failure *failure, struct config *out);

/* The same of a file; sentences name the path. Fails also with NOT_FOUND and TOO_LARGE. */
WARN_UNUSED enum status config_read(const char *path, struct failure *failure, struct config *out);

/* A switch: true or false, or Python's texts for them. *out is left alone where `value` is NULL. Fails with
 * INVALID_FILE and a sentence that names section.key, also when *out is the other already, as was said
 * elsewhere. */
WARN_UNUSED enum status config_read_boolean(const struct json *value, const char *section, const char *key,
                                            struct failure *failure, int *out);

/* What the folder's config.yaml and config.json say; nothing where there is neither. Fails as config_read and
 * config_merge. */
WARN_UNUSED enum status config_read_folder(const struct folder *folder, struct failure *failure,
                                           struct config *out);

/* Adds what another file says of the same network. Fails with INVALID_FILE when both say of one thing what
 * differs; the sentence names it and the files. */
WARN_UNUSED enum status config_merge(const char *path, const struct config *other, const char *other_path,
                                     struct failure *failure, struct config *config);

/* The document of a JSON or YAML text; the caller owns *out. Fails with INVALID_FILE, which says of a page, a
 * pointer or an empty file what it is. */
WARN_UNUSED enum status config_document(struct bytes text, struct failure *failure, struct json **out);

/* The members of timm's config.json that neither names nor shapes show, and refusals of those that are not
 * supported (config_timm.c). */
WARN_UNUSED enum status config_read_timm(const struct json *document, struct failure *failure,
                                         struct config *config);

#endif
