/* A model package on one device: device, kernels and model, made together and tested. */
#ifndef CXRD_ENGINE_REPLICA_H
#define CXRD_ENGINE_REPLICA_H

#include "engine/engine.h"
#include "engine/model/model.h"
#include "engine/package/package.h"

struct replica;
/* Opens the device `choice` (as in struct engine_options) and makes the model ready on it: loaded, every
 * pipeline compiled, a self-test passed. The package stays open as long as the replica lives; the options are
 * copied. The caller owns *out. */
WARN_UNUSED enum status replica_create(const struct package *package, const struct engine_options *options,
                                       const char *choice, struct failure *failure, struct replica **out);
void replica_destroy(struct replica **replica);

/* Makes everything again on the same device, after it was lost. What was there is gone also on failure. The
 * caller uses the replica alone meanwhile. */
WARN_UNUSED enum status replica_restore(struct replica *replica, struct failure *failure);

struct model *replica_model(const struct replica *replica);
/* Held on the device for weights and activations. Thread-safe. */
size_t replica_memory_bytes(const struct replica *replica);
const char *replica_device_name(const struct replica *replica);
const char *replica_rung_name(const struct replica *replica);

#endif
