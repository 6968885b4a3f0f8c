/* The lines beside a file of embeddings: a JSON object an image, in the order of the inputs, that says which
 * row is its own and what the row was made with. A run that was cut off goes on after the last of them.
 */
#ifndef CXRD_CLI_EMBED_JOURNAL_H
#define CXRD_CLI_EMBED_JOURNAL_H

#include "cli/chunk.h"
#include "cli/embed_part.h"
#include "cli/embed_run.h"
#include "engine/engine.h"

enum {
    EMBED_LINE_BYTES_MAX = 1 << 16
}; /* a path has at most 4096, of which each may take five as "\\\\xNN" */

/* "FILE.jsonl" of FILE.npy; the caller frees it. */
char *embed_journal_path(const char *path);

/* An image's line, with its line feed; the caller frees it. `file` is what it was read from; `row` is what
 * becomes of an image that did not fail, and `row_sha256` of its bytes. */
char *embed_journal_line(const struct embed_run *run, const struct input *input,
                         const struct chunk_file *file, const struct prediction *prediction, size_t row,
                         const char *row_sha256);

struct embed_progress {
    size_t images, rows, failed; /* images = rows + failed */
    size_t bytes;                /* of the journal */
    bool damaged; /* the row of the next image is there, and has other bytes than its line says */
};

/* Reads what there is of a journal, line by line, and holds it against the run and the inputs' files: up to
 * the first line that is not whole, or whose row is not held or has another SHA-256. A file is the one that
 * its line is of when its size, its time of writing and the system's own time of its last change (struct
 * file_stamp) are the same, else when it has the same SHA-256; one that could not be read then is not looked
 * at again. Fails with BAD_REQUEST when it is of another run or of other images, naming what differs and what
 * to do, and as file_map, sha256_file and embed_row_sha256. */
WARN_UNUSED enum status embed_journal_read(const char *path, const struct embed_run *run,
                                           const struct inputs *inputs, const struct embed_rows *rows,
                                           struct failure *failure, struct embed_progress *out);

#endif
