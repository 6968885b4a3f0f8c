/* Which answers of a run of `cxrd predict --output` are there already. */
#ifndef CXRD_CLI_PREDICT_RESUME_H
#define CXRD_CLI_PREDICT_RESUME_H

#include "cli/inputs.h"
#include "cli/predict_output.h"

/* Drops the studies whose answers lie in the output's folder, made by the same run and of the files as they
 * are now; those that failed stay, to be tried again. *done: how many images it drops. Fails with
 * BAD_REQUEST, naming the file and what to do, for an answer of another run or of a file that was changed
 * since; with INVALID_FILE for what is no answer; and as record_compare_file. The output has begun. */
WARN_UNUSED enum status predict_resume(const struct predict_output *output, struct inputs *inputs,
                                       struct failure *failure, size_t *done);

#endif
