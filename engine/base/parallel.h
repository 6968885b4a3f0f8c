/* One job in many like parts, on as many threads as there are cores. */
#ifndef CXRD_ENGINE_BASE_PARALLEL_H
#define CXRD_ENGINE_BASE_PARALLEL_H

#include <stddef.h>

/* The cores that this thread may run on; at least one. */
size_t core_count(void);

/* Calls part(context, i) once for every i below `count`, in no order, several at a time; returns when all are
 * done. Where no thread can be started the caller's does everything. */
void parallel_run(size_t count, void (*part)(void *context, size_t index), void *context);

#endif
