/* The images a command was given: files as they are, folders searched through for image files; each once, and
 * each with a place of its own for its results.
 */
#ifndef CXRD_CLI_INPUTS_H
#define CXRD_CLI_INPUTS_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct input {
    char *path;  /* owned, as is the place */
    char *place; /* "patient1/view1": where its results belong, below the folder for all of them */
    dev_t device;
    ino_t file;
    bool link; /* to the file */
};

struct inputs {
    struct input *items;
    size_t count;
    size_t failed; /* what could not be looked at, each named on standard error */
};

/* Lists files and, for folders, every image file below them in the order of their names. `output`, a folder
 * for results or NULL, is not searched. Says on standard error, as command `name`, what of the folders was
 * left out. Fails with NOT_FOUND (a path that does not exist), BAD_REQUEST (neither file nor folder; no image
 * in all; two inputs with one place; an input folder that is `output`). */
WARN_UNUSED enum status inputs_list(const char *name, char *const *paths, size_t count, const char *output,
                                    struct failure *failure, struct inputs *out);
/* The same where results have no places of their own: inputs may share one. */
WARN_UNUSED enum status inputs_find(const char *name, char *const *paths, size_t count, const char *output,
                                    struct failure *failure, struct inputs *out);
/* Files that pair, as they are given: an even number, each frontal followed by its lateral. A file may stand
 * in several pairs. Only frontals have places for results. Fails as inputs_list, and with BAD_REQUEST for a
 * folder, of which nobody knows which file is which, and where the last frontal lacks its lateral. */
WARN_UNUSED enum status inputs_pair(char *const *paths, size_t count, struct failure *failure,
                                    struct inputs *out);
void inputs_finish(struct inputs *inputs);
void inputs_finish_one(struct input *input); /* one of them, which is taken out */

/* Of --help: which files of a folder are inputs. */
void inputs_help(void);

#endif
