/* Files read and predicted some at a time, so that any number of them takes bounded memory. */
#ifndef CXRD_CLI_CHUNK_H
#define CXRD_CLI_CHUNK_H

#include "cli/inputs.h"
#include "engine/base/sha256.h"
#include "engine/engine.h"

enum { CHUNK_IMAGES = 16 }; /* whole studies */

/* The file that an answer is of, as it was read. */
struct chunk_file {
    struct file_stamp stamp;
    char sha256[SHA256_HEX_BYTES]; /* empty: it could not be read */
};

/* Reads and predicts inputs[0..count), at most CHUNK_IMAGES, and fills out[0..studies): a study of which a
 * file cannot be read fails alone, as one that the engine refuses. `files`: [count] or NULL. Fails as
 * engine_predict; each study that was read then has that failure. Each of them is released with
 * prediction_finish in every case. */
enum status chunk_predict(struct engine *engine, const struct input *inputs, size_t count,
                          const struct predict_options *options, struct chunk_file *files,
                          struct failure *failure, struct prediction *out);

/* Says on standard error, as command `name`, why an input failed; of a study its frontal. */
void chunk_complain(const char *name, const struct input *input, const struct failure *failure);

#endif
