/* Absolute deadlines on sockets: what has not been disarmed in time is shut down, which ends the read or
 * write that hangs on it. The HTTP library bounds only the pause between two bytes. */
#ifndef CXRD_SERVER_WATCHDOG_H
#define CXRD_SERVER_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watchdog;
/* Watches at most `slots` sockets at once. Starts a thread. */
struct watchdog *watchdog_create(size_t slots);
/* Nothing may be armed. */
void watchdog_destroy(struct watchdog **watchdog);

/* Shuts `socket` down in the manner `how` (SHUT_RD, SHUT_RDWR) at `deadline_ns` on clock_now_ns unless
 * disarmed before. Returns the slot to disarm. Thread-safe. */
size_t watchdog_arm(struct watchdog *watchdog, int socket, int how, uint64_t deadline_ns);
/* True when the deadline had fired. The socket must still be open. Thread-safe. */
bool watchdog_disarm(struct watchdog *watchdog, size_t slot);

#endif
