/* Where inputs' results belong, below one folder: two inputs never share a place. */
#ifndef CXRD_CLI_PLACES_H
#define CXRD_CLI_PLACES_H

#include "cli/inputs.h"

/* The place of a path as it was given, without what leads out of a folder: "../a/./b.png" is at "a/b.png".
 * The caller frees it. */
char *place_of(const char *path);

/* Keeps one of the inputs that are one file, the first that is no link to it, and returns how many that
 * drops. */
size_t places_drop_repeats(struct inputs *inputs);

/* Takes endings off places, "view1.png" to "view1", but from those that would then be the same. Fails with
 * BAD_REQUEST, naming both, when two inputs still share one. */
WARN_UNUSED enum status places_shorten(struct inputs *inputs, struct failure *failure);

/* The files that a command writes: "FOLDER/PLACE.ENDING" for every `step`-th input and each of its endings.
 */
struct results {
    const char *folder;
    const char *const *endings;
    size_t ending_count, step;
};

/* BAD_REQUEST, naming both, where a file would have the name of a folder that another file belongs in, as
 * "x.json" of x.png beside x.json/y.png, or where something else lies already where a file or a folder
 * belongs. */
WARN_UNUSED enum status places_check_results(const struct inputs *inputs, const struct results *results,
                                             struct failure *failure);

#endif
