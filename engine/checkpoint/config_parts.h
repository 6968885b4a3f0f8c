/* What a configuration says of the parts of its network, which the weights show as well. */
#ifndef CXRD_ENGINE_CHECKPOINT_CONFIG_PARTS_H
#define CXRD_ENGINE_CHECKPOINT_CONFIG_PARTS_H

#include "engine/base/json.h"
#include "engine/base/status.h"

/* Switches are -1, mlp_ratio is -1 and texts are empty where nothing is said. */
struct config_parts {
    int qkv_bias, proj_bias, ffn_bias;
    int scales;            /* LayerScale: as one of several keys says, */
    const char *scale_key; /* which is this */
    double mlp_ratio;
    char arch[64];       /* "vit_large" */
    char model_type[64]; /* transformers' */
};

void config_parts_init(struct config_parts *parts);

/* Reads the keys under each of their names. Fails with INVALID_FILE when a value is not of its kind. */
WARN_UNUSED enum status config_parts_read(const struct json *document, struct failure *failure,
                                          struct config_parts *out);

/* Adds what another file says of the same network. The name of what both say and differ in, or NULL. */
const char *config_parts_merge(const struct config_parts *other, struct config_parts *parts);

#endif
