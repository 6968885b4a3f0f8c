/* A file of rows of one size that grows at its end, behind room for a header. */
#ifndef CXRD_CLI_EMBED_PART_H
#define CXRD_CLI_EMBED_PART_H

#include "engine/base/sha256.h"

struct embed_part {
    char *path;              /* owned */
    size_t start, row_bytes; /* where the rows begin */
    int descriptor;          /* -1: not open */
};

/* All below that fail do so with INVALID_FILE and a sentence that names the path and why. */

/* Opens a file for writing, `fresh` one that is not there yet, else as it is or empty. */
WARN_UNUSED enum status embed_file_open(const char *path, int flags, bool fresh, struct failure *failure,
                                        int *out);
/* Writes all bytes where the file stands. */
WARN_UNUSED enum status embed_file_write(int descriptor, const char *path, const void *data, size_t size,
                                         struct failure *failure);
/* Waits until what was written is on the disk. */
WARN_UNUSED enum status embed_file_sync(int descriptor, const char *path, struct failure *failure);
/* Drops what is behind `size` bytes and stands there. */
WARN_UNUSED enum status embed_file_cut(int descriptor, const char *path, size_t size,
                                       struct failure *failure);

/* How many whole rows the part has. */
size_t embed_part_rows(const struct embed_part *part);

/* Rows that several parts have each a piece of, one behind the other. */
struct embed_rows {
    const struct embed_part *parts;
    size_t part_count, held; /* how many rows are whole in all parts */
};
/* The SHA-256 of one row that is held, as its pieces follow one another. */
WARN_UNUSED enum status embed_row_sha256(const struct embed_rows *rows, size_t row, struct failure *failure,
                                         char out[SHA256_HEX_BYTES]);
/* Copies the whole of `from` to where `part` stands. */
WARN_UNUSED enum status embed_part_append(const struct embed_part *part, const struct embed_part *from,
                                          struct failure *failure);

#endif
