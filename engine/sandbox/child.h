/* What the pool, the template and the children say to each other. Private to engine/sandbox. */
#ifndef CXRD_ENGINE_SANDBOX_CHILD_H
#define CXRD_ENGINE_SANDBOX_CHILD_H

#include "engine/sandbox/area.h"

#include <sys/types.h>

/* What the template and its children are told by being forked. */
struct plan {
    struct image_pool_options options;
    size_t count;
    struct area areas[IMAGE_POOL_CHILDREN_MAX];
};

/* All messages are whole packets. To the template: end the slot's child, if it has one, and fork another. A
 * child that is dying has a moment to do so by itself: what it died of is then known. */
struct order {
    uint32_t slot, dying; /* without a gap between them: all bytes are sent */
};

/* The template's answer, with a socket to the new child in its ancillary data; without when it cannot fork.
 */
struct delivery {
    int ended;   /* wait status of the child before; -1: there was none */
    bool forced; /* it lived, and was killed for this */
    pid_t child; /* the new one; 0: there is none */
};

/* To a child: decode that many bytes of the input, and how. */
struct job {
    uint64_t size;
    struct image_options options;
};

/* A child's answer; the pixels are in the output. The first one, of an empty image, says that the child is
 * ready, or why not. */
struct outcome {
    struct image_info info;
    struct failure failure;
    bool retires; /* it takes no further job */
};

/* The template's process; returns nowhere, and ends with the socket `control`. */
_Noreturn void template_run(const struct plan *plan, int control);

/* A child's process. */
_Noreturn void child_run(const struct plan *plan, size_t slot, int channel);

/* Gives up what a decoder does not need: memory, time and files beyond a limit, new privileges and, unless
 * options say `unfiltered`, all system calls but a few. Fails with UNAVAILABLE. */
WARN_UNUSED enum status child_confine(const struct image_pool_options *options, struct failure *failure);

/* The calling process is to die with the process `parent`, which forked it. */
void child_follow(pid_t parent);

/* Moves `descriptor` to number 3 and closes all above; returns the number. Standard input and output lead
 * nowhere from then on, and so does standard error, but where a sanitizer speaks there. */
int child_keep_only(int descriptor);

#endif
