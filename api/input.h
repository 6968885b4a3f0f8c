/* The three body forms of POST /predict and POST /embed, read into one: images with ids, and options. */
#ifndef CXRD_API_INPUT_H
#define CXRD_API_INPUT_H

#include "api/api.h"
#include "api/options.h"

struct input {
    const char *ids[API_IMAGES_MAX];
    struct bytes images[API_IMAGES_MAX]; /* encoded; inside the body or the arena */
    size_t count;
    struct option_list options;
};

/* Whether the body is of a kind that is read. Fails with UNSUPPORTED_MEDIA, listing what is.
 */
WARN_UNUSED enum status input_check(const struct api_request *request, struct failure *failure);

/* Reads query and body; `known` are the names of options there are, NULL after the last. Fails with
 * BAD_REQUEST, TOO_LARGE (too many images), UNSUPPORTED_MEDIA. *out is large: the caller takes it, zeroed,
 * from the arena. */
WARN_UNUSED enum status input_read(const struct api_request *request, const char *const *known,
                                   struct failure *failure, struct input *out);

#endif
