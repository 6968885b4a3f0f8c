/* The three body forms of POST /predict and POST /embed, read into one: images with ids, and options. */
#ifndef CXRD_API_INPUT_H
#define CXRD_API_INPUT_H

#include "api/api.h"
#include "api/options.h"
#include "engine/base/json.h"

/* What a request says an image is. */
enum view { VIEW_UNSAID, VIEW_FRONTAL, VIEW_LATERAL, VIEW_COUNT };

struct input {
    const char *ids[API_IMAGES_MAX];
    enum view views[API_IMAGES_MAX];     /* as they came, of all images or of none */
    struct bytes images[API_IMAGES_MAX]; /* encoded; inside the body or the document */
    size_t count;
    struct option_list options;
    struct json *document; /* of a JSON body, in whose texts ids, images and options are; else NULL */
};

/* Whether the body is of a kind that is read. Fails with UNSUPPORTED_MEDIA, listing what is. */
WARN_UNUSED enum status input_check(const struct api_request *request, struct failure *failure);

/* Reads query and body; `known` are the names of options there are, NULL after the last. With "views" among
 * them images that are named frontal and lateral are brought into pairs (arrange.h). A body of JSON,
 * where it is memory of arena_take, is freed as soon as it is read. Fails with BAD_REQUEST, TOO_LARGE (too
 * many images), UNSUPPORTED_MEDIA, BUSY, OUT_OF_MEMORY. *out is large: the caller takes it, zeroed, from the
 * arena, and calls input_finish in every case. */
WARN_UNUSED enum status input_read(const struct api_request *request, const char *const *known,
                                   struct failure *failure, struct input *out);
void input_finish(struct input *input);

#endif
