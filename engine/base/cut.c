#include "engine/base/cut.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

static_assert(ATOMIC_LONG_LOCK_FREE == 2, "handlers need atomics without locks");
/* Free where end is 0. The handler may run at any moment, so an entry is published by its end, written last
 * and cleared first. */
static struct range {
    _Atomic uintptr_t begin, end;
} ranges[CUT_RANGES_MAX];
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sigaction before;
static uintptr_t page_bytes;

static bool is_announced(uintptr_t address)
{
    for (size_t i = 0; i < CUT_RANGES_MAX; i++) {
        uintptr_t end = atomic_load(&ranges[i].end);
        if (address < end && address >= atomic_load(&ranges[i].begin))
            return true;
    }
    return false;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    int kept = errno;
    uintptr_t address = (uintptr_t)info->si_addr;
    void *page = (void *)(address - address % page_bytes);
    bool ours = info->si_code == BUS_ADRERR && is_announced(address);
    /* A system call and no more, so allowed here. */
    if (!ours ||
        mmap(page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
        sigaction(number, &before, NULL); /* the same read raises it again */
        if (info->si_code <= 0)
            raise(number); /* it was sent, so nothing else would */
    }
    errno = kept;
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    sigaction(SIGBUS, &action, &before);
}

bool cut_begin(struct bytes mapping)
{
    size_t i = 0;
    pthread_once(&once, install);
    pthread_mutex_lock(&writers);
    while (i < CUT_RANGES_MAX && atomic_load(&ranges[i].end))
        i++;
    if (i < CUT_RANGES_MAX) {
        atomic_store(&ranges[i].begin, (uintptr_t)mapping.data);
        atomic_store(&ranges[i].end, (uintptr_t)mapping.data + mapping.size);
    }
    pthread_mutex_unlock(&writers);
    return i < CUT_RANGES_MAX;
}

void cut_end(struct bytes mapping)
{
    size_t i = 0;
    pthread_mutex_lock(&writers);
    while (i < CUT_RANGES_MAX &&
           (!atomic_load(&ranges[i].end) || atomic_load(&ranges[i].begin) != (uintptr_t)mapping.data))
        i++;
    assert(i < CUT_RANGES_MAX);
    atomic_store(&ranges[i].end, 0);
    pthread_mutex_unlock(&writers);
}
