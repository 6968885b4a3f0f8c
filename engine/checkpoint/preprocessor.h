/* The preprocessing that a model was published with: preprocessor_config.json or processor_config.json of
 * transformers, and what timm's config.json says, as a profile. */
#ifndef CXRD_ENGINE_CHECKPOINT_PREPROCESSOR_H
#define CXRD_ENGINE_CHECKPOINT_PREPROCESSOR_H

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/package/profile.h"

struct preprocessor {
    struct profile profile; /* for an input of that size; its name is static */
    uint32_t height, width; /* of the network's input */
    double part;            /* timm's crop_pct, of which its edge follows for every input; else 0 */
    bool given;             /* false: the file says nothing of it */
    bool has_code;          /* it names a program of its own ("auto_map"), which may do more than it says */
};

/* Reads one of transformers' files, or timm's config.json. What a file leaves out is as the class that it
 * names has it. *out is not given where a processor_config.json has no image processor. Fails with
 * INVALID_FILE when it is no such file, a value is not of its kind, or it asks for what no profile can say
 * (another filter, no crop, padding, a step or a class that is not known), which the sentence names. */
WARN_UNUSED enum status preprocessor_parse(struct bytes text, struct failure *failure,
                                           struct preprocessor *out);

/* The same of a file; sentences name the path. Fails also with NOT_FOUND and TOO_LARGE. */
WARN_UNUSED enum status preprocessor_read(const char *path, struct failure *failure,
                                          struct preprocessor *out);

/* The profile for an input of another size: its edge grows with it, each side as the input's does. */
struct profile preprocessor_profile(const struct preprocessor *preprocessor, uint32_t height, uint32_t width);

/* True when both prepare a picture in one way for one input. */
bool preprocessor_equal(const struct preprocessor *a, const struct preprocessor *b);

#endif
