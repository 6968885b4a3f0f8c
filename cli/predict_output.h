/* How `cxrd predict` writes its answers: as one JSON document, JSON lines, CSV or a table, or as files in a
 * folder.
 */
#ifndef CXRD_CLI_PREDICT_OUTPUT_H
#define CXRD_CLI_PREDICT_OUTPUT_H

#include "api/options.h"
#include "cli/inputs.h"
#include "cli/record.h"
#include "engine/engine.h"

#include <stdio.h>

enum predict_format { PREDICT_TABLE, PREDICT_JSON, PREDICT_JSONL, PREDICT_CSV, PREDICT_FORMATS };
/* False when there is no such format. */
bool predict_format_read(const char *name, enum predict_format *out);

struct predict_output {
    enum predict_format format;
    const char *folder; /* NULL: standard output */
    const struct model_card *card;
    struct options options;
    char **label_names; /* of all labels, for files */
    size_t written;
    /* What JSON in a folder says of the run, under "run", and of the files, under "files". */
    struct record_fact facts[RECORD_FACTS];
};

/* Checks the choices against the model and the inputs' places against each other and against what is in the
 * folder, makes that and writes what comes first. Fails with BAD_REQUEST, or INVALID_FILE when the folder
 * cannot be made. */
WARN_UNUSED enum status predict_output_begin(struct predict_output *output, struct arena *arena,
                                             const struct model_card *card, const struct option_list *choices,
                                             const struct inputs *inputs, struct failure *failure);
/* What struct predict_options asks for. */
uint32_t predict_output_keep_side(const struct predict_output *output);
/* Whether its answers say what they were made with, so that a run can go on after them. */
bool predict_output_resumes(const struct predict_output *output);
/* Where a study's answer lies in the folder; the caller frees it. */
char *predict_output_path(const struct predict_output *output, const struct input *input);
/* Writes one study's answer, or in its place that it failed; its images start at `input`, read from `files`,
 * and the first has the place. In a folder each file is written whole or not at all, over an older one of its
 * name. Fails with INVALID_FILE, and as result_prediction. */
WARN_UNUSED enum status predict_output_write(struct predict_output *output, const struct input *input,
                                             const struct chunk_file *files,
                                             const struct prediction *prediction, struct failure *failure);
void predict_output_end(struct predict_output *output);

#endif
