/* Inside the api: the service's state, and how handlers answer. */
#ifndef CXRD_API_SERVICE_H
#define CXRD_API_SERVICE_H

#include "api/api.h"
#include "engine/base/json.h"

#include <stdatomic.h>

enum service_state {
    SERVICE_STARTING,
    SERVICE_READY,
    SERVICE_LEAVING, /* says it is not ready, and works as before */
    SERVICE_DRAINING
};

struct api {
    _Atomic enum service_state state;
    struct engine *const *engines; /* valid once the state has left STARTING after api_publish */
    _Atomic size_t engine_count;   /* stored after `engines` */
};

/* OK when predictions are taken. Fails with UNAVAILABLE, DEVICE_LOST. */
WARN_UNUSED enum status service_ready(struct api *api, struct failure *failure);
/* The engine of a model by its name; NULL asks for the first. Fails with UNAVAILABLE while the service
 * starts, else with `missing`, listing the models. */
WARN_UNUSED enum status service_engine(struct api *api, struct arena *arena, const char *name,
                                       enum status missing, struct failure *failure, struct engine **out);

/* Answers with a JSON value and destroys it. */
void respond_json(struct api_response *response, int code, struct json **value);
/* Answers with a problem. */
void respond_failure(const struct api_request *request, const struct failure *failure,
                     struct api_response *response);

#endif
