/* Image decoding in child processes: a decoder that crashes, hangs or wants too much costs its own image one
 * refusal and nothing else.
 *
 *   this process -> template -> children
 *
 * The template is forked first, while the process has one thread and no device, and forks children whenever
 * one is missing; forking from the process itself would not be safe later. A child reads an encoded image and
 * writes its pixels in memory it shares with this process, and tells of them over a socket of its own. It can
 * open, start and reach nothing, and is ended when it takes too long. What it says is checked as if it came
 * from the network. A decoder that was taken over keeps its child and sees the images that follow there,
 * until it dies.
 */
#ifndef CXRD_ENGINE_SANDBOX_POOL_H
#define CXRD_ENGINE_SANDBOX_POOL_H

#include "engine/base/patience.h"
#include "engine/image/image.h"

/* On a busy machine a decoder waits for its turns at the cores: what an image may cost is counted in work,
 * and the clock only ends what gets nowhere. */
enum {
    IMAGE_POOL_CHILDREN_MAX = 64,
    IMAGE_POOL_WORK_MS = 10000,
    IMAGE_POOL_TIMEOUT_MS = 30000,
    IMAGE_POOL_CPU_S = 1200
};

/* Large images may have half of the children, at least one and at most so many, so that others do not wait
 * for them. */
enum { IMAGE_POOL_LARGE_MAX = 4 };

struct image_pool_options {
    uint32_t children;   /* 0: one a core, at most IMAGE_POOL_CHILDREN_MAX */
    uint32_t work_ms;    /* of a child's processor time, for one image; 0: IMAGE_POOL_WORK_MS */
    uint32_t timeout_ms; /* on the clock, for one image; 0: IMAGE_POOL_TIMEOUT_MS */
    uint32_t cpu_s;      /* of one child, which is replaced after half of that; 0: IMAGE_POOL_CPU_S */
    bool unfiltered;     /* go without the filter of system calls, where a kernel has none; logs a warning */
    enum status (*decode)(struct bytes encoded, uint8_t *room, const struct image_options *options,
                          struct failure *failure, struct image *out,
                          struct image_info *info); /* NULL: image_decode_into; others are for tests */
};

/* Forks the template and all children. The process must still have one thread, and that thread must outlive
 * the pool: the children die with it. Fails with UNAVAILABLE, in a sentence for who started the program, when
 * there can be no children or the kernel does not let them give up what they must. */
struct image_pool;
WARN_UNUSED enum status image_pool_create(const struct image_pool_options *options, struct failure *failure,
                                          struct image_pool **out);
/* Ends all children; nobody may be decoding, and all loans must be back. */
void image_pool_destroy(struct image_pool **pool);

/* False once the template is gone: no child that dies will be replaced. */
bool image_pool_usable(const struct image_pool *pool);

/* Pixels on loan from the pool. */
struct image_loan {
    struct image image; /* to be read only, until the loan is returned */
    struct image_pool *pool;
    size_t slot;
};

/* Decodes as image_decode_into does, in the next child that is free. The child waits until the loan goes back
 * with image_loan_return, which should be soon. pool NULL: decodes in this process. Thread-safe.
 *
 * Fails as image_decode does, and with UNPROCESSABLE (the decoder died of the image or worked too long),
 * TIMEOUT, CLIENT_GONE (seen while it waits for a child), TOO_LARGE (over IMAGE_FILE_BYTES_MAX),
 * UNAVAILABLE (no child can be had, or the machine left it no time). options and patience may be NULL. *info
 * is always written. */
WARN_UNUSED enum status image_pool_decode(struct image_pool *pool, struct bytes encoded,
                                          const struct image_options *options,
                                          const struct patience *patience, struct failure *failure,
                                          struct image_loan *out, struct image_info *info);
void image_loan_return(struct image_loan *loan);

#endif
