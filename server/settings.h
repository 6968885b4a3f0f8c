/* The settings of `cxrd serve`: command line over environment (CXRD_<OPTION>) over settings file. */
#ifndef CXRD_SERVER_SETTINGS_H
#define CXRD_SERVER_SETTINGS_H

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/engine.h"

#include <stdint.h>
#include <stdio.h>

enum { SETTINGS_MODELS_MAX = 16, SETTINGS_DEVICES_MAX = ENGINE_DEVICES_MAX };

struct settings {
    const char *models[SETTINGS_MODELS_MAX]; /* folders of model packages */
    size_t model_count;
    const char *devices[SETTINGS_DEVICES_MAX]; /* as in struct engine_options */
    size_t device_count;
    const char *listen;       /* ADDRESS:PORT; port 0 lets the system choose */
    const char *probe_listen; /* ADDRESS:PORT of a second listener for probes, on another port; NULL: none */
    const char *rung, *cache_folder; /* as in struct engine_options; NULL: not given */
    const char *api_keys;            /* file of API keys; NULL: everyone may ask */
    const char *cors_origins;        /* "*", or origins with commas; NULL: none */
    const char *trusted_proxies;     /* ADDRESS[/BITS] with commas; NULL: none */
    uint32_t precision;              /* enum precision */
    uint32_t max_batch, batches_in_flight, max_queue, max_queue_delay_us;
    uint32_t decoders;           /* child processes that decode images; 0: one a core */
    uint32_t decoder_sandbox;    /* 1: with a filter of their system calls */
    uint32_t threads;            /* connections served at once */
    uint32_t request_memory_mib; /* that requests in flight may hold; 0: a quarter of what there is */
    uint32_t max_requests;       /* for predictions, worked on at once; 0: what keeps all devices busy */
    uint32_t head_timeout_ms, body_timeout_ms, deadline_ms, grace_ms, drain_timeout_ms;
    uint32_t stuck_after_ms;
    uint32_t attention;             /* 0: neither maps nor pictures leave */
    uint32_t lose_device_after;     /* batches; 0: no drill */
    uint32_t log_level, log_format; /* enum log_level, enum log_format */
    uint32_t log_client_address;    /* 1: with each request */
    uint32_t core_dumps;            /* 1: a core of a process that broke down may be written */
    struct arena *arena;            /* of all texts */
};

/* Reads and checks all three sources. Arguments start after the command's name. Fails with BAD_REQUEST
 * (usage, with a sentence that names the option and where it came from), NOT_FOUND, INVALID_FILE (the
 * settings file). Release with settings_finish. */
WARN_UNUSED enum status settings_read(int count, char *const *arguments, struct failure *failure,
                                      struct settings *out);
void settings_finish(struct settings *settings);

/* The table of options, for --help. */
void settings_describe(FILE *out);

#endif
