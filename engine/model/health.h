/* How a device's worker is, and several of them together: told from the engine up to the probes. */
#ifndef CXRD_ENGINE_MODEL_HEALTH_H
#define CXRD_ENGINE_MODEL_HEALTH_H

enum health {
    HEALTH_WELL,
    HEALTH_RESTORING, /* the device was lost and is being made ready again */
    HEALTH_STUCK,     /* it has work and has made no progress for too long */
    HEALTH_DEAD,      /* the device was lost for good */
};

#endif
