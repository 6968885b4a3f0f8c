#include "cli/engine_choice.h"

#include "cli/command.h"
#include "engine/kernels/kernels.h"

#include <stdlib.h>

static bool read_batch(const char *value, uint32_t *out)
{
    char *end;
    unsigned long number = strtoul(value, &end, 10);
    *out = (uint32_t)number;
    return end != value && !*end && number >= 1 && number <= 64;
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
