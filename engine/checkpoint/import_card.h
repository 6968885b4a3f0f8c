/* The model.json of an imported package. */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_CARD_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_CARD_H

#include "engine/base/sha256.h"
#include "engine/checkpoint/findings.h"
#include "engine/checkpoint/import.h"
#include "engine/checkpoint/import_backbone.h"
#include "engine/checkpoint/import_head.h"

/* A weight file of the package, and the file it was made from. */
struct import_file {
    char *name;                    /* inside the package */
    char sha256[SHA256_HEX_BYTES]; /* of what was written */
    char source_sha256[SHA256_HEX_BYTES];
};

/* The whole card as indented JSON, which the caller frees. heads, labels and head_files are parallel to
 * options->heads. */
char *import_card_print(const struct import_options *options, const struct imported_backbone *backbone,
                        const struct import_file *backbone_file, const struct imported_head *heads,
                        const struct label_list *labels, const struct import_file *head_files);

#endif
