#include "engine/base/log_writer.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAITING_BYTES_MAX = 1 << 20 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static struct buffer waiting = {.maximum = WAITING_BYTES_MAX};
static bool running, writing;
static uint64_t untold; /* dropped since the log last said so */
static _Atomic uint64_t dropped;

static uint64_t count_lines(const uint8_t *data, size_t size)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    return lines;
}

/* Returns how many lines could not be written whole, as on a full disk. */
static uint64_t write_all(const uint8_t *data, size_t size)
{
    static bool torn; /* what was written last is not the end of a line */
    if (torn && write(STDERR_FILENO, "\n", 1) == 1)
        torn = false;
    while (size) {
        ssize_t written = write(STDERR_FILENO, data, size);
        if (written < 0 && errno == EAGAIN) /* whoever started the process made it so */
            poll(&(struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}, 1, -1);
        else if (written < 0 && errno != EINTR)
            break;
        if (written <= 0)
            continue;
        torn = data[written - 1] != '\n';
        data += written;
        size -= (size_t)written;
    }
    uint64_t lost = count_lines(data, size);
    atomic_fetch_add(&dropped, lost);
    return lost;
}

static void *work(void *argument)
{
    (void)argument;
    struct buffer taken = {.maximum = WAITING_BYTES_MAX};
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (!waiting.size)
            pthread_cond_wait(&arrived, &mutex);
        struct buffer empty = taken;
        taken = waiting;
        waiting = empty;
        writing = true;
        pthread_mutex_unlock(&mutex);
        uint64_t failed = write_all(taken.data, taken.size);
        taken.size = 0;
        pthread_mutex_lock(&mutex);
        writing = false;
        untold += failed;
        uint64_t lost = failed ? 0 : untold; /* told once something can be written again */
        untold -= lost;
        pthread_mutex_unlock(&mutex);
        if (lost)
            log_message(
                LOG_WARNING,
                "%llu lines of the log were dropped here: nobody read them, or they could not be written",
                (unsigned long long)lost);
    }
    return NULL;
}

void log_start_writer(void)
{
    pthread_t thread;
    running = !pthread_create(&thread, NULL, work, NULL);
    if (running)
        pthread_detach(thread);
}

void log_write(const char *line, size_t length)
{
    pthread_mutex_lock(&mutex);
    if (!running) {
        (void)write_all((const uint8_t *)line, length);
    } else if (buffer_append(&waiting, line, length)) {
        pthread_cond_signal(&arrived);
    } else {
        untold++;
        atomic_fetch_add(&dropped, 1);
    }
    pthread_mutex_unlock(&mutex);
}

void log_flush(uint32_t timeout_ms)
{
    enum { STEP_MS = 5 };
    for (uint64_t start_ns = clock_now_ns(); clock_elapsed_ms(start_ns) < timeout_ms;) {
        pthread_mutex_lock(&mutex);
        bool done = !running || (!waiting.size && !writing);
        pthread_mutex_unlock(&mutex);
        if (done)
            return;
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
    }
}

uint64_t log_dropped(void)
{
    return atomic_load(&dropped);
}
