/* The images a command was given: files as they are, folders searched through for image files. */
#ifndef CXRD_CLI_INPUTS_H
#define CXRD_CLI_INPUTS_H

#include "engine/base/status.h"

#include <stddef.h>

struct inputs {
    char **paths; /* owned */
    size_t count;
};

/* Lists files and, for folders, every .png, .jpg and .jpeg below them in the order of their names. Fails with
 * NOT_FOUND (a path that does not exist), BAD_REQUEST (nothing found). */
WARN_UNUSED enum status inputs_list(char *const *paths, size_t count, struct failure *failure,
                                    struct inputs *out);
void inputs_finish(struct inputs *inputs);

#endif
