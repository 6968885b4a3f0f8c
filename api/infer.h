/* Inference requests of the Open Inference Protocol v2 over REST, with its binary tensor data extension: one
 * BYTES tensor of encoded images in, the names of wanted tensors beside it.
 * (https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md)
 */
#ifndef CXRD_API_INFER_H
#define CXRD_API_INFER_H

#include "api/api.h"
#include "engine/base/json.h"
#include "engine/engine.h"

#define INFER_INPUT "image" /* the only input of every model */

struct wanted_output {
    const char *name;
    bool binary;
    size_t classes; /* wanted instead of the values: so many of the highest; 0: the values */
};

struct infer_request {
    const char *id;                      /* NULL when there is none */
    struct bytes images[API_IMAGES_MAX]; /* encoded; inside the body or the document */
    size_t count;
    struct wanted_output *outputs; /* NULL: none are named */
    size_t output_count;
    bool binary;                      /* of outputs that do not say so themselves */
    bool flip, require_quality;       /* as in struct predict_options */
    enum pairing pairing;             /* the parameter "views"; count is of whole studies */
    enum dicom_profile dicom_profile; /* the parameter of that name */
    struct json *document;            /* in whose texts all of the above are */
};

/* Whether the body of an inference request is of a kind that is read: JSON, or JSON with tensors behind it.
 * Fails with UNSUPPORTED_MEDIA. */
WARN_UNUSED enum status infer_check(const struct api_request *request, struct failure *failure);

/* Reads the body. Members and parameters that are not known are passed over, as the protocol's extensions
 * want it, and so are nulls. A body that is all JSON, where it is memory of arena_take, is freed as soon as
 * it is read. Fails with BAD_REQUEST, TOO_LARGE (too many images), BUSY, OUT_OF_MEMORY. *out is large: the
 * caller takes it, zeroed, from the arena, and calls infer_finish in every case. */
WARN_UNUSED enum status infer_read(const struct api_request *request, struct failure *failure,
                                   struct infer_request *out);
void infer_finish(struct infer_request *request);

#endif
