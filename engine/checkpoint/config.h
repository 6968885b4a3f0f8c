/* The training configuration of a backbone (config.yaml): what tensor shapes do not tell, and checks on what
 * they do. */
#ifndef CXRD_ENGINE_CHECKPOINT_CONFIG_H
#define CXRD_ENGINE_CHECKPOINT_CONFIG_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

/* A number is -1 and the text empty when the file does not say. */
struct config {
    int64_t patch_size, registers,
        image_size;             /* student.patch_size, .num_register_tokens, crops.global_crops_size */
    char ffn_layer[32];         /* student.ffn_layer: "mlp", "swiglu", "swiglufused" */
    double interpolate_offset;  /* student.interpolate_offset; 0.1 when not said */
    bool interpolate_antialias; /* student.interpolate_antialias; false when not said */
};

/* What an absent file says. */
void config_init(struct config *config);

/* Reads the keys above, ignoring all others. Fails with INVALID_FILE when the text is not YAML, or a key's
 * value is not of its kind. */
WARN_UNUSED enum status config_parse(struct bytes text, struct failure *failure, struct config *out);

/* The same of a file; sentences name the path. Fails also with NOT_FOUND and TOO_LARGE. */
WARN_UNUSED enum status config_read(const char *path, struct failure *failure, struct config *out);

#endif
