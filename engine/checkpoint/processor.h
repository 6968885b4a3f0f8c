/* Where an image processor of transformers puts a picture: which switches are on, resizing and cutting. */
#ifndef CXRD_ENGINE_CHECKPOINT_PROCESSOR_H
#define CXRD_ENGINE_CHECKPOINT_PROCESSOR_H

#include "engine/checkpoint/preprocessor.h"
#include "engine/checkpoint/processor_class.h"

/* What is read, and what it is read as. */
struct processor {
    const struct json *object;
    const struct processor_class *class;
    bool fast;
};

/* A switch; `absent` where the file does not say it. Fails with INVALID_FILE when it is neither true nor
 * false, or versions of transformers take it for different things. */
WARN_UNUSED enum status processor_switch(const struct processor *processor, const char *key, bool absent,
                                         struct failure *failure, bool *out);

/* The shorter side to an edge, or both sides to a size; and the centre of that: out's input and its profile's
 * geometry. Fails with INVALID_FILE when a size is none, or it is what no profile can say. */
WARN_UNUSED enum status processor_geometry(const struct processor *processor, struct failure *failure,
                                           struct preprocessor *out);

#endif
