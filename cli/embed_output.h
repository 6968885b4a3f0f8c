/* The files of `cxrd embed`: rows that go to the disk as they come, and the journal beside them.
 *
 * Rows lie in FILE.part until all are there, which is renamed to FILE then: FILE is whole or not there. Where
 * a file has several kinds of tokens, each but the first has a part of its own, FILE.KIND.part, which is
 * moved behind the first at the end. Rows are on the disk before the journal has their lines, so that
 * whatever ends a run, the lines that are there say which rows are good.
 */
#ifndef CXRD_CLI_EMBED_OUTPUT_H
#define CXRD_CLI_EMBED_OUTPUT_H

#include "cli/embed_journal.h"

/* Whether a run to `path` may begin, or with `resume` go on, as far as the files' names tell. Fails with
 * BAD_REQUEST. */
WARN_UNUSED enum status embed_output_check(const char *path, bool resume, struct failure *failure);

struct embed_output;
/* Opens the files, and with `resume` drops what is not whole of a run before. `run` and `inputs` are
 * borrowed. Fails with BAD_REQUEST (as embed_output_check and embed_journal_read do; another run is at it)
 * and INVALID_FILE. */
WARN_UNUSED enum status embed_output_open(const struct embed_run *run, const struct inputs *inputs,
                                          bool resume, struct failure *failure, struct embed_output **out);
/* Closes the files, as far as they are. */
void embed_output_close(struct embed_output **output);

const struct embed_progress *embed_output_progress(const struct embed_output *output);
/* Whether an earlier run had ended already: there is nothing to do. */
bool embed_output_complete(const struct embed_output *output);

/* Writes the answers of the next `count` inputs, which are of these files. Fails with INVALID_FILE, after
 * which nothing more is written. */
WARN_UNUSED enum status embed_output_write(struct embed_output *output, const struct prediction *predictions,
                                           const struct chunk_file *files, size_t count,
                                           struct failure *failure);
/* Gives the file its header and its name, after the last input. Fails with INVALID_FILE. */
WARN_UNUSED enum status embed_output_finish(struct embed_output *output, struct failure *failure);

#endif
