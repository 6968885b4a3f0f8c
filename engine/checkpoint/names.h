/* The layouts in which tensors of this network are named in published files, mapped to one.
 *
 * Backbones: "backbone.blocks.<chunk>.<i>.", "backbone.blocks.<i>.", or bare; behind "module.", "_orig_mod.",
 * "teacher.", "0.", "1.", "feature_model." in any order. Heads: "classifiers_dict.<candidate>.decoder."
 * (GLoRI) or "....linear."; bare "decoder." and "linear." are the candidate "".
 */
#ifndef CXRD_ENGINE_CHECKPOINT_NAMES_H
#define CXRD_ENGINE_CHECKPOINT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAME_BYTES = 160 };

enum name_kind {
    NAME_KNOWN,    /* out is its one name */
    NAME_HARMLESS, /* listed: not a part of what is looked for, and nothing of that depends on it */
    NAME_UNKNOWN   /* anything else, which may change what the network answers; out is what is left of it */
};

/* "teacher.backbone.blocks.1.5.norm1.weight" -> "blocks.5.norm1.weight". Heads, losses and mask tokens are
 * harmless to a backbone. */
enum name_kind name_of_backbone(const char *key, char out[NAME_BYTES]);

/* "module.classifiers_dict.X.decoder.query_embed.weight" -> candidate "X", name "query_embed"; linear heads
 * keep "linear.weight", "linear.bias". A backbone is harmless to a head. */
enum name_kind name_of_head(const char *key, char candidate[NAME_BYTES], char out[NAME_BYTES]);

/* The known name that is nearest to an unknown one of a backbone, or else of a head: false when none is near.
 */
bool name_nearest(const char *name, bool of_backbone, char out[NAME_BYTES]);

/* What a candidate's name says: "...:blocks=4:avgpool=False:..."; each is false when it does not say. */
bool candidate_blocks(const char *candidate, uint32_t *out);
bool candidate_average_pool(const char *candidate, bool *out);

#endif
