/* The images a command was given: files as they are, folders searched through for image files. */
#ifndef CXRD_CLI_INPUTS_H
#define CXRD_CLI_INPUTS_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

#include <stddef.h>

struct inputs {
    char **paths; /* owned */
    size_t count;
};

enum { INPUT_BYTES_MAX = 32 << 20 };

/* Lists files and, for folders, every file below them that a format which is read has the ending of, in the
 * order of their names. Fails with NOT_FOUND (a path that does not exist), INVALID_FILE (one that cannot be
 * looked at), BAD_REQUEST (nothing found). */
WARN_UNUSED enum status inputs_list(char *const *paths, size_t count, struct failure *failure,
                                    struct inputs *out);
void inputs_finish(struct inputs *inputs);

/* Reads one of them. The caller frees (void *)out->data. Sentences leave the path to who prints them. Fails
 * with NOT_FOUND, INVALID_FILE (no regular file, or not to be read), TOO_LARGE. */
WARN_UNUSED enum status inputs_read_file(const char *path, struct failure *failure, struct bytes *out);

#endif
