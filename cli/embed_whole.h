/* A file of embeddings that an earlier run has ended, held against the run at hand: it is taken for that
 * run's only as a whole, each row as its line says. */
#ifndef CXRD_CLI_EMBED_WHOLE_H
#define CXRD_CLI_EMBED_WHOLE_H

#include "cli/embed_journal.h"

/* Reads the whole file and its journal. `pieces` has the `row_bytes` of each kind of tokens, in the order in
 * which the file has them. Fails with BAD_REQUEST when it is of other images or of another size, or its
 * header or a row is damaged, naming what to do; as embed_journal_read; and with INVALID_FILE. */
WARN_UNUSED enum status embed_whole_check(const struct embed_run *run, const struct inputs *inputs,
                                          const char *journal, const struct embed_part *pieces, size_t count,
                                          struct failure *failure, struct embed_progress *out);

#endif
