/* The process: listeners up, model loaded, served until a signal, drained. */
#ifndef CXRD_SERVER_SERVER_H
#define CXRD_SERVER_SERVER_H

#include "server/settings.h"

/* Serves until SIGTERM or SIGINT. After SIGTERM it is no longer ready but serves on for grace_ms, since a
 * balancer needs a while to notice; then it refuses new work, lets what is in flight end and returns OK, or
 * ends the process where that takes too long. A second signal ends the process at once. Prints
 * "listening on http://..." and, once the models are loaded, "ready" to standard output. Fails with what
 * limits_set, image_pool_create, http_start, models_create or engine_create says, or with DEVICE_LOST when
 * the device was lost later and could not be made ready again. To be called once, from the process's main
 * thread. */
WARN_UNUSED enum status server_run(struct settings *settings, struct failure *failure);

/* What the process ends with: 0, 3 where the device was lost for good, else 1. */
int server_exit_code(enum status status);

#endif
