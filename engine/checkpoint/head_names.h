/* The names that tensors of a head have in published files, mapped to the package's own.
 *
 * "classifiers_dict.<candidate>.decoder." (GLoRI) or "....linear."; bare "decoder." and "linear." are the
 * candidate "", and so are a decoder's own names, as it has them in a package, or saved alone. Behind the
 * wrappers that a backbone has, too (names.h).
 */
#ifndef CXRD_ENGINE_CHECKPOINT_HEAD_NAMES_H
#define CXRD_ENGINE_CHECKPOINT_HEAD_NAMES_H

#include "engine/checkpoint/names.h"

/* "module.classifiers_dict.X.decoder.query_embed.weight" -> candidate "X", name "query_embed"; linear heads
 * keep "linear.weight", "linear.bias". Of two copies of a head the one that was trained is known (enum
 * name_copy). A backbone is harmless to a head, and so is the other copy. */
enum name_kind name_of_head(const char *key, char candidate[NAME_BYTES], char out[NAME_BYTES]);

/* Whether a known name may be of any transformer's layer as well, so that it alone shows no head. */
bool name_is_of_any_layer(const char *name);

/* The package's name of a head's tensor that is nearest to an unknown one: false when none is near. */
bool name_nearest_of_head(const char *name, char out[NAME_BYTES]);

/* What a candidate's name says: "...:blocks=4:avgpool=False:...", or "classifier_4_blocks_avgpool_False_...";
 * each is false when it does not say. */
bool candidate_blocks(const char *candidate, uint32_t *out);
bool candidate_average_pool(const char *candidate, bool *out);

#endif
