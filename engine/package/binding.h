/* What ties model.json to the weights: the order of a head's labels, and the thresholds set on its outputs.
 */
#ifndef CXRD_ENGINE_PACKAGE_BINDING_H
#define CXRD_ENGINE_PACKAGE_BINDING_H

#include "engine/base/sha256.h"
#include "engine/package/card.h"
#include "engine/weights/safetensors.h"

/* A backbone's file says that it is a package's, "cxrd" of its __metadata__, since its tensors alone are
 * another network: import refuses it by that. The caller owns what is made. */
struct json *backbone_metadata(void);
/* NULL: a file without metadata. */
bool metadata_is_backbones(const struct json *metadata);

/* A head's file says what each of its outputs means: "labels" of its __metadata__, a JSON array of the names
 * in the order of the outputs; and a linear head's what its inputs are, which its shapes leave open: "reads",
 * a JSON object of model.json's blocks, average_pool and views. "kind" is model.json's; "backbone" the hash
 * of what the backbone was imported from that the head was trained together with, and "beside" of the one
 * that it was put on; NULL or "": not known. The caller owns what is made. */
struct json *head_metadata(const struct head_card *head, const char *backbone, const char *beside);
/* NULL: the file does not say it. */
const char *metadata_kind(const struct json *metadata);
const char *metadata_backbone(const struct json *metadata);
const char *metadata_beside(const struct json *metadata);

/* The array's text, or NULL. */
const char *metadata_labels(const struct json *metadata);
/* Fills blocks, average_pool and two_views where the file says them. Fails with INVALID_FILE when what it
 * says is not of that form. *says: whether it does, which older packages' files do not. */
WARN_UNUSED enum status metadata_reads(const struct json *metadata, struct failure *failure, bool *says,
                                       struct head_card *out);
/* Whether the file says its labels. */
bool labels_are_bound(const struct safetensors *file);

/* INVALID_FILE when the file's labels are not the card's, in this order, or it does not say; or when it says
 * that the head reads something else than the card does. */
WARN_UNUSED enum status labels_check(const struct head_card *head, const struct safetensors *file,
                                     struct failure *failure);

/* The hash a threshold is bound to: over the hashes of the backbone's file and of the head's, which together
 * decide the output that it divides. */
void threshold_weights(const struct backbone_card *backbone, const struct head_card *head,
                       char out[SHA256_HEX_BYTES]);

/* INVALID_FILE when a threshold was set on other weights; `sealed`: or when one that is not a default does
 * not say on which. Unsealed, the form of older packages is taken too, which names the head's file alone. */
WARN_UNUSED enum status thresholds_check(const struct backbone_card *backbone, const struct head_card *head,
                                         bool sealed, struct failure *failure);

#endif
