/* How `cxrd predict` writes its answers: as one JSON document, JSON lines, CSV or a table, or as files in a
 * folder.
 */
#ifndef CXRD_CLI_PREDICT_OUTPUT_H
#define CXRD_CLI_PREDICT_OUTPUT_H

#include "api/options.h"
#include "engine/engine.h"

#include <stdio.h>

enum predict_format { PREDICT_TABLE, PREDICT_JSON, PREDICT_JSONL, PREDICT_CSV };
/* False when there is no such format. */
bool predict_format_read(const char *name, enum predict_format *out);

struct predict_output {
    enum predict_format format;
    const char *folder; /* NULL: standard output */
    const struct model_card *card;
    struct arena *arena;
    struct options options;
    size_t written;
};

/* Checks the choices against the model and writes what comes first. Fails with BAD_REQUEST, or INVALID_FILE
 * when the folder cannot be made. */
WARN_UNUSED enum status predict_output_begin(struct predict_output *output, struct arena *arena,
                                             const struct model_card *card, const struct option_list *choices,
                                             struct failure *failure);
/* What struct predict_options asks for. */
uint32_t predict_output_keep_side(const struct predict_output *output);
/* Writes one image's answer; a failure to do so is the image's. */
void predict_output_write(struct predict_output *output, const char *path,
                          const struct prediction *prediction, struct failure *failure);
/* In JSON a failed image stands in its place with its error; the other formats leave it out. */
void predict_output_write_failure(struct predict_output *output, const char *path,
                                  const struct prediction *prediction);
void predict_output_end(struct predict_output *output);

#endif
