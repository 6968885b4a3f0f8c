/* What a child gives up for good: the kernel holds it to these whatever a decoder is made to do. */
#include "engine/base/process.h"
#include "engine/sandbox/child.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The hungriest image of IMAGE_PIXELS_MAX is an interlaced PNG of 16-bit RGB and alpha: its rows, for which
 * the decoder asks twice the room, the whole image and a pass of it take 28 bytes a pixel. */
#define MEMORY_BYTES_MAX ((rlim_t)3 << 30)

static enum status limit_resources(uint32_t cpu_s, struct failure *failure)
{
    const struct {
        int resource;
        rlim_t most;
    } limits[] = {{RLIMIT_CORE, 0},
                  {RLIMIT_FSIZE, 0},
                  {RLIMIT_NOFILE, 0},
                  {RLIMIT_NPROC, 0},
                  {RLIMIT_CPU, cpu_s},
                  /* Of private memory: what is shared is mapped already, and no more can be. A sanitizer's
                   * shadow is private too, and has no bounds. */
                  {RLIMIT_DATA, PROCESS_SANITIZED ? RLIM_INFINITY : MEMORY_BYTES_MAX}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit limit; /* the lower one is what counts; the filter leaves no way to raise it again */
        getrlimit(limits[i].resource, &limit);
        limit.rlim_cur = limits[i].most < limit.rlim_max ? limits[i].most : limit.rlim_max;
        if (setrlimit(limits[i].resource, &limit))
            return failure_set(failure, STATUS_UNAVAILABLE,
                               "The system does not let the image decoders limit themselves (%s).",
                               strerror(errno));
    }
    return STATUS_OK;
}

/* 0, or a negative error number. */
static int add_rules(scmp_filter_ctx filter)
{
    static const int allowed[] = {SCMP_SYS(read),      SCMP_SYS(write),      SCMP_SYS(futex),
                                  SCMP_SYS(munmap),    SCMP_SYS(mremap),     SCMP_SYS(brk),
                                  SCMP_SYS(exit),      SCMP_SYS(madvise),    SCMP_SYS(clock_gettime),
                                  SCMP_SYS(getrandom), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn)};
    int error = 0;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed && !error; i++)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (!error && PROCESS_SANITIZED) /* which looks for the stack's end at every jump */
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sigaltstack), 0);
    /* Memory, but no code and no files. */
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                                 SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return error;
}

/* Any other call ends the process. */
static enum status filter_calls(struct failure *failure)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int error = filter ? add_rules(filter) : -ENOMEM;
    if (!error)
        error = seccomp_load(filter);
    seccomp_release(filter);
    if (error)
        return failure_set(failure, STATUS_UNAVAILABLE,
                           "The system does not let the image decoders filter their system calls (%s); they "
                           "can go without by --decoder-sandbox off.",
                           strerror(-error));
    return STATUS_OK;
}

enum status child_confine(const struct image_pool_options *options, struct failure *failure)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return failure_set(failure, STATUS_UNAVAILABLE,
                           "The system does not let the image decoders give up privileges (%s).",
                           strerror(errno));
    enum status status = limit_resources(options->cpu_s, failure);
    if (!status && !options->unfiltered)
        status = filter_calls(failure);
    return status;
}
