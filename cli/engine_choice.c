#include "cli/engine_choice.h"

#include "cli/command.h"
#include "engine/kernels/kernels.h"
#include "engine/sandbox/pool.h"

#include <string.h>

static bool read_batch(const char *value, uint32_t *out)
{
    char *end;
    return command_read_number(value, 64, &end, out) && !*end;
}

enum status engine_choice_read(struct engine_choice *choice, int option, const char *value,
                               struct failure *failure)
{
    struct engine_options *options = &choice->options;
    const char *allowed = NULL; /* where the value is not that */
    switch (option) {
    case 'm':
        options->model = value;
        break;
    case 'd':
        choice->device = value;
        options->devices = &choice->device;
        options->device_count = 1;
        break;
    case 'r':
        options->rung = value;
        break;
    case 'p':
        if (!precision_read(value, &options->precision))
            allowed = PRECISION_FORM;
        break;
    default:
        if (!read_batch(value, &options->max_batch))
            allowed = "--batch is a whole number from 1 to 64";
    }
    if (allowed)
        return failure_set(failure, STATUS_BAD_REQUEST, "%s, not \"%.60s\".", allowed, value);
    return STATUS_OK;
}

enum status engine_choice_format(const char *value, struct failure *failure, bool *json)
{
    *json = !strcmp(value, "json");
    if (!*json && strcmp(value, "table"))
        return failure_set(failure, STATUS_BAD_REQUEST, "--format is table or json, not \"%.60s\".", value);
    return STATUS_OK;
}

/* Where the kernel has no filter of system calls, as in some containers, the decoder goes without: the files
 * are those of who started the program. */
enum status engine_choice_open(struct engine_choice *choice, struct failure *failure, struct engine **out)
{
    struct image_pool_options decoding = {.children = 1};
    enum status status = image_pool_create(&decoding, failure, &choice->decoders);
    if (status) {
        decoding.unfiltered = true;
        status = image_pool_create(&decoding, failure, &choice->decoders);
    }
    choice->options.decoders = choice->decoders;
    if (!status)
        status = engine_create(&choice->options, failure, out);
    if (status)
        image_pool_destroy(&choice->decoders);
    return status;
}

void engine_choice_close(struct engine_choice *choice, struct engine **engine)
{
    engine_destroy(engine);
    image_pool_destroy(&choice->decoders);
}
