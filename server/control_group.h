/* What the control groups that the process is in leave it of memory (Linux's cgroup-v2.rst and memory.rst of
 * v1). */
#ifndef CXRD_SERVER_CONTROL_GROUP_H
#define CXRD_SERVER_CONTROL_GROUP_H

#include <stddef.h>

/* The least limit in bytes of the process's group and of those around it, up to the mount's own: any of them
 * binds. SIZE_MAX where there is none. `membership` is /proc/self/cgroup, `mount` /sys/fs/cgroup, but for
 * tests. */
size_t control_group_memory_bytes(const char *membership, const char *mount);

#endif
