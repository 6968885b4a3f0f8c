#include "engine/model/tap.h"

#include "engine/model/panels.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tap_record(struct taps *taps, struct gpu_recorder *recorder, const struct gpu_slice *slice,
                uint32_t rows, uint32_t columns, enum element element, const char *format, ...)
{
    if (!taps || taps->status)
        return;
    assert(taps->count < TAPS_MAX);
    struct tap *tap = &taps->list[taps->count++];
    *tap = (struct tap){.rows = rows, .columns = columns, .element = element};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(tap->name, sizeof tap->name, format, arguments);
    va_end(arguments);
    size_t size_bytes = (size_t)rows * (columns ? columns : 1) * element_size_bytes(element);
    taps->status = gpu_pool_allocate(taps->pool, size_bytes, NULL, &tap->copy);
    if (!taps->status)
        gpu_record_copy(recorder, slice, 0, &tap->copy, 0, size_bytes);
}

float *tap_values(const struct tap *tap)
{
    size_t count = (size_t)tap->rows * (tap->columns ? tap->columns : 1);
    float *values = memory_allocate(count, sizeof *values);
    if (tap->columns)
        panels_unpack(&(struct panels){tap->copy.mapped, tap->element, tap->rows, tap->columns}, values);
    else
        memcpy(values, tap->copy.mapped, count * sizeof *values);
    return values;
}

const struct tap *tap_find(const struct taps *taps, const char *name)
{
    for (size_t i = 0; i < taps->count; i++)
        if (!strcmp(taps->list[i].name, name))
            return &taps->list[i];
    return NULL;
}
