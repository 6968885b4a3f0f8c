/* The names that tensors of a backbone have in published files, mapped to the package's own.
 *
 * What wrappers put before a name is stripped in any order and depth ("module.", "teacher.", "model.", ...),
 * and what they put into its middle too ("_fsdp_wrapped_module.", "_orig_mod."). What is left is looked up in
 * one table of renames; what it says of the file's layout is gathered in traits (layout.h).
 */
#ifndef CXRD_ENGINE_CHECKPOINT_NAMES_H
#define CXRD_ENGINE_CHECKPOINT_NAMES_H

#include "engine/weights/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NAME_BYTES = TENSOR_NAME_BYTES,
    KEY_BYTES_MAX = 512
}; /* of a package's name; of a file's, behind its wrappers */

enum name_kind {
    NAME_KNOWN,    /* name is its one name */
    NAME_HARMLESS, /* listed: not a part of what is looked for, and nothing of that depends on it */
    NAME_UNKNOWN   /* anything else, which may change what the network answers; name is what is left of it */
};

/* Whose weights they are, as the wrappers say. */
enum name_owner { OWNER_NONE, OWNER_TEACHER, OWNER_STUDENT, OWNER_AVERAGE };

/* A half of a LoRA adapter of the named tensor: A [rank, in], B [out, rank]. */
enum name_adapter { ADAPTER_NONE, ADAPTER_A, ADAPTER_B };

/* Of a module that was trained whole beside an adapter (PEFT's modules_to_save), in a state dict of both. */
enum name_copy {
    COPY_ONLY,
    COPY_TRAINED, /* "classifier.modules_to_save.default.weight" */
    COPY_ORIGINAL /* "classifier.original_module.weight", in whose place the other is */
};

/* What a name shows of its file's layout. */
enum name_trait {
    TRAIT_WRAPPED = 1,         /* something was stripped */
    TRAIT_CHUNKS = 2,          /* blocks.<chunk>.<i> */
    TRAIT_BLOCKS = 4,          /* blocks.<i> */
    TRAIT_REGISTERS = 8,       /* register tokens */
    TRAIT_TIMM_REGISTERS = 16, /* as timm has them, with positions without a class row */
    TRAIT_HUGGING_FACE = 32,   /* embeddings., encoder.layer. */
    TRAIT_NEWER = 64,          /* ... with q_proj and o_proj */
    TRAIT_TIMM = 128,          /* no name shows it: packed SwiGLU, or a config.json, do */
    TRAIT_PATCH_14 = 256,      /* shown by the patches' weights */
    TRAIT_MASK_TOKEN = 512,    /* which only its training uses, and timm leaves out */
    TRAIT_HEAD = 1024,         /* of a head that reads the backbone */
    TRAIT_HUB = 2048,          /* DINOv2's hub, as a head of its own beside it or whoever imports it says */
    TRAIT_TRAINING = 4096,     /* CheXFound's or DINOv2's training, as whoever imports it says */
    TRAIT_LOSS = 8192,         /* of a loss or a metric that was saved with the network; */
    TRAIT_LOSS_LIKE = 16384    /* ... or a layer of the network, as "metric_fc" is: a matrix is a layer's */
};

struct backbone_name {
    char name[NAME_BYTES]; /* "blocks.5.attn.qkv.weight" */
    unsigned piece,
        pieces; /* which of how many tensors whose rows, one after another, are that one: 0 of 1 */
    enum name_owner owner;
    enum name_adapter adapter;
    enum name_copy copy;
    unsigned traits;
    uint64_t place; /* the same for all parts of one network: of what was stripped */
};

/* "teacher.backbone.blocks.1.5.norm1.weight" -> "blocks.5.norm1.weight". Heads, losses, metrics and mask
 * tokens are harmless to a backbone. *out is filled for every kind. */
enum name_kind name_of_backbone(const char *key, struct backbone_name *out);

/* The text behind `prefix`, or NULL. */
const char *name_behind(const char *text, const char *prefix);

/* Whether a list, NULL after its last, has the name, or what it begins with as one that ends in a dot. */
bool name_is_listed(const char *const *list, const char *name);

/* Which copy of a module the name is of; *out is then the name without what says so. A name that is too long
 * for that is of none. */
enum name_copy name_copy_of(const char *key, char out[KEY_BYTES_MAX]);

/* The text behind all wrappers of a name: heads lie behind the same ones. */
const char *name_strip(const char *key);

/* The package's name that is nearest to an unknown one: false when none is near. */
bool name_nearest_of_backbone(const char *name, char out[NAME_BYTES]);

/* Takes `known` for *out when it is nearer to `name` than *nearest says that the one before was: at the end
 * of it, or few letters away. */
void name_consider(const char *name, const char *known, size_t *nearest, char out[NAME_BYTES]);

#endif
