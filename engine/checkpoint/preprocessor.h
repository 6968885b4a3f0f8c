/* The preprocessing that a model was published with: preprocessor_config.json of transformers, and what
 * timm's config.json says, as a profile. */
#ifndef CXRD_ENGINE_CHECKPOINT_PREPROCESSOR_H
#define CXRD_ENGINE_CHECKPOINT_PREPROCESSOR_H

#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/package/profile.h"

struct preprocessor {
    struct profile profile;
    uint32_t height, width; /* of the network's input */
    bool given;             /* false: timm's config.json says nothing of it */
    bool has_code;          /* it names a program of its own ("auto_map"), which may do more than it says */
};

/* Reads preprocessor_config.json. Fails with INVALID_FILE when it is no JSON object, a value is not of its
 * kind, or it asks for what no profile can say (another filter, no crop, padding, a step that is not known),
 * which the sentence names.
 */
WARN_UNUSED enum status preprocessor_parse(struct bytes text, struct failure *failure,
                                           struct preprocessor *out);

/* Reads "pretrained_cfg" of timm's config.json. Fails in the same way. */
WARN_UNUSED enum status preprocessor_parse_timm(struct bytes text, struct failure *failure,
                                                struct preprocessor *out);

/* The same of a file; sentences name the path. Fails also with NOT_FOUND and TOO_LARGE. */
WARN_UNUSED enum status preprocessor_read(const char *path, bool timm, struct failure *failure,
                                          struct preprocessor *out);

/* The profile for an input of another size: its edge grows with it. */
struct profile preprocessor_profile(const struct preprocessor *preprocessor, uint32_t height, uint32_t width);

#endif
