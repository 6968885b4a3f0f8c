#include "server/signals.h"

#include "engine/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What a handler shares with other threads takes no lock. */
static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
              "handlers need atomics without locks");
static atomic_int seen;          /* the first signal's number */
static _Atomic uint64_t seen_ns; /* when it came, on clock_now_ns; 0: not yet */
static struct signals events = {-1, -1};

static void tell(int event)
{
    int saved = errno;
    const uint64_t one = 1;
    ssize_t written = write(event, &one, sizeof one);
    (void)written;
    errno = saved;
}

/* Two within TWIN_NS are one: a terminal signals the whole group of processes, and whoever supervises one of
 * them passes the signal on. Any thread may run this, and two at once. */
static void on_stop(int number)
{
    static const uint64_t TWIN_NS = 100000000;
    uint64_t first_ns = 0, now_ns = clock_now_ns();
    if (atomic_compare_exchange_strong(&seen_ns, &first_ns, now_ns)) {
        seen = number;
        tell(events.stop);
    } else if (now_ns > first_ns && now_ns - first_ns >= TWIN_NS) {
        _exit(128 + number);
    }
}

static void on_reload(int number)
{
    (void)number;
    tell(events.reload);
}

struct signals signals_install(void)
{
    assert(events.stop < 0);
    events.stop = eventfd(0, EFD_CLOEXEC);
    events.reload = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert(events.stop >= 0 && events.reload >= 0);
    struct sigaction stop = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    struct sigaction reload = {.sa_handler = on_reload, .sa_flags = SA_RESTART};
    sigemptyset(&stop.sa_mask);
    sigemptyset(&reload.sa_mask);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGHUP, &reload, NULL);
    signal(SIGPIPE, SIG_IGN);
    return events;
}

bool signals_polite(void)
{
    return seen == SIGTERM;
}
