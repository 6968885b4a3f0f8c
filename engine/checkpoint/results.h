/* results_eval_linear.json: which of a head file's candidates was the best when it was evaluated. */
#ifndef CXRD_ENGINE_CHECKPOINT_RESULTS_H
#define CXRD_ENGINE_CHECKPOINT_RESULTS_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

/* The best_classifier.name of the last line that is a JSON object with one; lines that are not are skipped.
 * The caller frees *out. Fails with INVALID_FILE when no line has one. */
WARN_UNUSED enum status results_parse(struct bytes text, struct failure *failure, char **out);

/* The same of a file; sentences name the path. Fails also with NOT_FOUND and TOO_LARGE. */
WARN_UNUSED enum status results_read(const char *path, struct failure *failure, char **out);

#endif
