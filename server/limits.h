/* What the system lets the process have, and what the process lets others have of it. */
#ifndef CXRD_SERVER_LIMITS_H
#define CXRD_SERVER_LIMITS_H

#include "server/settings.h"

/* To be called first of all: children and threads inherit it. Sets how much the allocator keeps and a
 * reserve of memory; forbids core dumps unless they are asked for; raises the bound on descriptors
 * to what settings->threads connections need, or lowers settings->threads to what can be had of descriptors
 * and threads, and logs it. Fails with UNAVAILABLE where not even one connection could be served. */
WARN_UNUSED enum status limits_set(struct settings *settings, struct failure *failure);

/* The bytes that requests in flight may hold together: what was set, else a quarter of the memory that the
 * machine, its control group and the limit of the address space leave, 128 MiB to 4 GiB. */
size_t limits_request_bytes(const struct settings *settings);

#endif
