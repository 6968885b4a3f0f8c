#include "engine/model/tap.h"

#include "engine/model/rows.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tap_record(struct taps *taps, struct gpu_recorder *recorder, const struct gpu_slice *slice,
                struct layout layout, enum element element, const char *format, ...)
{
    if (!taps || taps->status)
        return;
    assert(taps->count < TAPS_MAX);
    struct tap *tap = &taps->list[taps->count++];
    *tap = (struct tap){.layout = layout, .element = element};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(tap->name, sizeof tap->name, format, arguments);
    va_end(arguments);
    size_t count = layout.columns ? layout_count(&layout) : layout.rows;
    size_t size_bytes = count * element_size_bytes(element);
    taps->status = gpu_pool_allocate(taps->pool, size_bytes, NULL, &tap->copy);
    if (!taps->status)
        gpu_record_copy(recorder, slice, 0, &tap->copy, 0, size_bytes);
}

float *tap_values(const struct tap *tap)
{
    const struct layout *layout = &tap->layout;
    float *values = memory_allocate(layout->rows * (layout->columns ? layout->columns : 1), sizeof *values);
    if (!layout->columns) {
        memcpy(values, tap->copy.mapped, layout->rows * sizeof *values);
        return values;
    }
    struct rows rows =
        rows_gather(tap->copy.mapped, 0, tap->element, layout, 0, layout->rows, 0, layout->columns);
    rows_read(&rows, values);
    free(rows.data);
    return values;
}

const struct tap *tap_find(const struct taps *taps, const char *name)
{
    for (size_t i = 0; i < taps->count; i++)
        if (!strcmp(taps->list[i].name, name))
            return &taps->list[i];
    return NULL;
}
