/* The models served: loaded on a thread of their own, so that probes and signals are answered meanwhile, and
 * loaded again beside the old ones when asked. */
#ifndef CXRD_SERVER_MODELS_H
#define CXRD_SERVER_MODELS_H

#include "api/api.h"
#include "server/settings.h"

struct models;
struct image_pool;
/* Begins to load; the engines, which have images decoded by `decoders`, are published to the api once all
 * have passed their self-test. All arguments are borrowed. Fails with UNAVAILABLE where the system gives no
 * thread. The caller owns *out. */
WARN_UNUSED enum status models_create(const struct settings *settings, struct image_pool *decoders,
                                      struct api *api, struct failure *failure, struct models **out);
/* No request may be in flight, and models_busy must be false. */
void models_destroy(struct models **models);

/* Becomes readable when the first loading is over. */
int models_loaded(const struct models *models);
/* How that ended, once it is over: what engine_create says. */
WARN_UNUSED enum status models_result(struct models *models, struct failure *failure);

/* Loads all packages again and replaces the old engines once requests in flight have ended on them. Where one
 * does not load, the log says why and the old ones stay. While this goes on, further calls are remembered as
 * one. */
void models_reload(struct models *models);
/* A loading is under way; it cannot be interrupted. */
bool models_busy(struct models *models);

#endif
