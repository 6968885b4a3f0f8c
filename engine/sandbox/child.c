#include "engine/sandbox/child.h"

#include "engine/base/process.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int child_keep_only(int descriptor)
{
    enum { KEPT = STDERR_FILENO + 1 };
    dup2(descriptor, KEPT); /* first: it may have a standard number, when the process was started without */
    int nowhere = open("/dev/null", O_RDWR);
    for (int standard = STDIN_FILENO; nowhere >= 0 && standard <= STDERR_FILENO; standard++)
        if (standard != STDERR_FILENO || !PROCESS_SANITIZED)
            dup2(nowhere, standard);
    close_range(KEPT + 1, ~0u, 0);
    return KEPT;
}

/* The kernel is to end a decoder before anything else when memory runs out. Without this right it goes on. */
static void offer_to_die(void)
{
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    ssize_t written = write(file, "1000", 4);
    (void)written;
    close(file);
}

/* The images of the other slots are nothing that this child should be able to see. */
static void forget_others(const struct plan *plan, size_t own)
{
    for (size_t i = 0; i < plan->count; i++)
        if (i != own)
            areas_finish(&plan->areas[i], 1);
}

/* It ends itself between two images, so that the kernel does not during one. */
static bool is_old(uint32_t cpu_s)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec >= cpu_s / 2;
}

void child_run(const struct plan *plan, size_t slot, int channel)
{
    enum { SMALL_PIXELS = 1 << 22 };
    const struct area *area = &plan->areas[slot];
    struct outcome outcome = {0};
    struct job job;
    channel = child_keep_only(channel);
    prctl(PR_SET_NAME, "cxrd-decoder");
    offer_to_die();
    forget_others(plan, slot);
    bool ready = child_confine(&plan->options, &outcome.failure) == STATUS_OK;
    /* Plain write and read, so that the filter needs no others. */
    while (write(channel, &outcome, sizeof outcome) == sizeof outcome && ready && !outcome.retires) {
        if ((uint64_t)outcome.info.width * outcome.info.height > SMALL_PIXELS)
            malloc_trim(0);
        if (read(channel, &job, sizeof job) != sizeof job)
            break;
        struct image image = {0};
        outcome = (struct outcome){0};
        outcome.failure.status = plan->options.decode((struct bytes){area->input, job.size}, area->output,
                                                      &job.options, &outcome.failure, &image, &outcome.info);
        outcome.retires = is_old(plan->options.cpu_s);
    }
    areas_finish(area, 1); /* or a memory checker looks through them, and brings every page into being */
    _exit(0);
}
