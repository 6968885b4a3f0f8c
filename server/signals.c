#include "server/signals.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t seen; /* the first signal's number */
static int event = -1;

static void on_signal(int number)
{
    if (seen)
        _exit(128 + number);
    seen = number;
    int saved = errno;
    const uint64_t one = 1;
    ssize_t written = write(event, &one, sizeof one);
    (void)written;
    errno = saved;
}

int signals_install(void)
{
    assert(event < 0);
    event = eventfd(0, EFD_CLOEXEC);
    assert(event >= 0);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    return event;
}

bool signals_polite(void)
{
    return seen == SIGTERM;
}
