#include "server/signals.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t seen; /* the first signal's number */
static struct signals events = {-1, -1};

static void tell(int event)
{
    int saved = errno;
    const uint64_t one = 1;
    ssize_t written = write(event, &one, sizeof one);
    (void)written;
    errno = saved;
}

/* Two within TWIN_MS are one: a terminal signals the whole group of processes, and whoever supervises one of
 * them passes the signal on. */
static void on_stop(int number)
{
    enum { TWIN_MS = 100 };
    static struct timespec first;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long apart_ms = (long)(now.tv_sec - first.tv_sec) * 1000 + (now.tv_nsec - first.tv_nsec) / 1000000;
    if (seen && apart_ms >= TWIN_MS)
        _exit(128 + number);
    if (seen)
        return;
    first = now;
    seen = number;
    tell(events.stop);
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
