/* The options of commands that run a package or its kernels: which one, on which device, and how. */
#ifndef CXRD_CLI_ENGINE_CHOICE_H
#define CXRD_CLI_ENGINE_CHOICE_H

#include "engine/engine.h"

#include <getopt.h>

struct engine_choice {
    struct engine_options options;
    const char *device; /* which the options point at */
    struct image_pool *decoders;
};

/* Of the table for getopt_long, and of the help. */
#define ENGINE_CHOICE_OPTIONS                                                                \
    {"model", required_argument, NULL, 'm'}, {"device", required_argument, NULL, 'd'},       \
        {"rung", required_argument, NULL, 'r'}, {"precision", required_argument, NULL, 'p'}, \
    {                                                                                        \
        "batch", required_argument, NULL, 'b'                                                \
    }
#define ENGINE_CHOICE_USAGE                                                                \
    "  --model DIR            the model package\n"                                         \
    "  --device CHOICE        auto (default), cpu, an index or a UUID of `cxrd devices`\n" \
    "  --rung NAME            forces a rung of the kernels\n"                              \
    "  --precision P          auto (default), fp16 or fp32: how weights are held\n"        \
    "  --batch N              images a batch: 1 to 64, 8 by default, 4 on a CPU\n"

/* Takes the value of one of these options, by its letter; the value outlives the choice. Fails with
 * BAD_REQUEST.
 */
WARN_UNUSED enum status engine_choice_read(struct engine_choice *choice, int option, const char *value,
                                           struct failure *failure);

/* Whether --format's value asks for JSON and not for a table. Fails with BAD_REQUEST where it is neither. */
WARN_UNUSED enum status engine_choice_format(const char *value, struct failure *failure, bool *json);

/* Opens the engine, with a process for its decoder, which may break down of a file without the others. To be
 * called while there is one thread. Fails as engine_create and image_pool_create. Release with
 * engine_choice_close. */
WARN_UNUSED enum status engine_choice_open(struct engine_choice *choice, struct failure *failure,
                                           struct engine **out);
void engine_choice_close(struct engine_choice *choice, struct engine **engine);

#endif
