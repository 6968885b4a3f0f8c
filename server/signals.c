#include "server/signals.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
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

static void on_stop(int number)
{
    if (seen)
        _exit(128 + number);
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
