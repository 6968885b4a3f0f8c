#include "engine/sandbox/pool.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/parallel.h"
#include "engine/sandbox/area.h"
#include "engine/sandbox/link.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ATTEMPTS_MAX = 3,       /* at a child that dies before it has read its job */
    LOOK_NS = 50000000,     /* between two looks at whether anybody still waits for the image */
    RENEWAL_NS = 1000000000 /* for another child after one that took too long or died */
};

/* What a job may take. */
struct term {
    uint64_t work_ns;  /* of its child's processor time */
    uint64_t until_ns; /* on clock_now_ns */
};

struct slot {
    struct child child; /* only who took the slot looks */
    bool taken, large;
};

struct image_pool {
    pthread_mutex_t lock; /* of all `taken` */
    pthread_cond_t returned;
    struct slot slots[IMAGE_POOL_CHILDREN_MAX];
    struct plan plan;
    struct link link;
};

static struct image_pool *pool_allocate(const struct image_pool_options *options)
{
    struct image_pool *pool = memory_allocate(1, sizeof *pool);
    struct image_pool_options *own = &pool->plan.options;
    *own = *options;
    if (!own->children)
        own->children =
            core_count() < IMAGE_POOL_CHILDREN_MAX ? (uint32_t)core_count() : IMAGE_POOL_CHILDREN_MAX;
    own->work_ms = own->work_ms ? own->work_ms : IMAGE_POOL_WORK_MS;
    own->timeout_ms = own->timeout_ms ? own->timeout_ms : IMAGE_POOL_TIMEOUT_MS;
    own->cpu_s = own->cpu_s ? own->cpu_s : IMAGE_POOL_CPU_S;
    own->decode = own->decode ? own->decode : image_decode_into;
    assert(own->children <= IMAGE_POOL_CHILDREN_MAX);
    pool->plan.count = own->children;
    for (size_t i = 0; i < pool->plan.count; i++)
        pool->slots[i].child.channel = -1;
    clock_condition_init(&pool->returned);
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

/* All but the link. */
static void pool_free(struct image_pool *pool)
{
    areas_finish(pool->plan.areas, pool->plan.count);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->returned);
    free(pool);
}

enum status image_pool_create(const struct image_pool_options *options, struct failure *failure,
                              struct image_pool **out)
{
    struct image_pool *pool = pool_allocate(options);
    enum status status = areas_init(pool->plan.areas, pool->plan.count, failure);
    if (!status)
        status = link_init(&pool->link, &pool->plan, failure);
    if (status) {
        pool_free(pool);
        return status;
    }
    for (size_t i = 0; i < pool->plan.count && !status; i++)
        status = link_renew(&pool->link, i, false, 0, failure, &pool->slots[i].child, NULL);
    if (status) {
        image_pool_destroy(&pool);
        return status;
    }
    if (options->unfiltered)
        log_message(LOG_WARNING, "image decoders run without a filter of their system calls");
    *out = pool;
    return STATUS_OK;
}

void image_pool_destroy(struct image_pool **handle)
{
    struct image_pool *pool = handle ? *handle : NULL;
    if (!pool)
        return;
    for (size_t i = 0; i < pool->plan.count; i++) {
        assert(!pool->slots[i].taken);
        if (pool->slots[i].child.channel >= 0)
            close(pool->slots[i].child.channel);
    }
    link_finish(&pool->link);
    pool_free(pool);
    *handle = NULL;
}

bool image_pool_usable(const struct image_pool *pool)
{
    return !pool->link.lost;
}

/* The first free slot, so that few images at a time use few children's memory; none for a large image while
 * others are in as many as they may have. */
static size_t slot_find(const struct image_pool *pool, bool large)
{
    size_t count = pool->plan.count, found = count, larges = 0, most = count < 2 ? 1 : count / 2;
    most = most < IMAGE_POOL_LARGE_MAX ? most : IMAGE_POOL_LARGE_MAX;
    for (size_t i = count; i--;) {
        found = pool->slots[i].taken ? found : i;
        larges += pool->slots[i].taken && pool->slots[i].large;
    }
    return large && larges >= most ? count : found;
}

/* Waits for a while, with the lock held. */
static void slot_wait(struct image_pool *pool, const struct patience *patience)
{
    uint64_t until_ns = clock_now_ns() + LOOK_NS;
    if (patience && patience->deadline_ns && patience->deadline_ns < until_ns)
        until_ns = patience->deadline_ns;
    clock_wait(&pool->returned, &pool->lock, until_ns);
}

/* Waits for a free slot. Fails as patience_check does, which is asked without the lock. */
static enum status slot_take(struct image_pool *pool, bool large, const struct patience *patience,
                             struct failure *failure, size_t *out)
{
    enum status status = STATUS_OK;
    size_t i;
    pthread_mutex_lock(&pool->lock);
    while ((i = slot_find(pool, large)) == pool->plan.count && !status) {
        slot_wait(pool, patience);
        pthread_mutex_unlock(&pool->lock);
        status = patience_check(patience, "its image waited to be decoded", failure);
        pthread_mutex_lock(&pool->lock);
    }
    if (!status) {
        pool->slots[i].taken = true;
        pool->slots[i].large = large;
        *out = i;
    }
    pthread_mutex_unlock(&pool->lock);
    return status;
}

static void slot_return(struct image_pool *pool, size_t i)
{
    pthread_mutex_lock(&pool->lock);
    pool->slots[i].taken = false;
    pthread_cond_broadcast(&pool->returned); /* not every image may have it */
    pthread_mutex_unlock(&pool->lock);
}

static void log_end(enum reply reply, const struct delivery *before)
{
    if (reply == REPLY_LATE || reply == REPLY_SPENT)
        log_message(LOG_WARNING, "an image took too long; its decoder was replaced");
    else if (reply != REPLY_GIVEN && WIFSIGNALED(before->ended))
        log_message(LOG_WARNING, "an image decoder was ended by signal %d (%s) and replaced",
                    WTERMSIG(before->ended), strsignal(WTERMSIG(before->ended)));
}

/* *before: how the one before ended. */
static enum status child_renew(struct image_pool *pool, size_t slot, enum reply reason, uint64_t until_ns,
                               struct failure *failure, struct delivery *before)
{
    *before = (struct delivery){.ended = -1};
    const bool dying = reason == REPLY_DIED || reason == REPLY_UNREAD;
    enum status status =
        link_renew(&pool->link, slot, dying, until_ns, failure, &pool->slots[slot].child, before);
    if (before->ended != -1)
        log_end(reason, before);
    if (status)
        log_message(LOG_ERROR, "%s", failure->sentence);
    return status;
}

/* Waits for the child's answer. LATE: not by term->until_ns; SPENT: not with all of term->work_ns. */
static enum reply job_wait(const struct child *child, const struct term *term, struct outcome *out)
{
    const uint64_t begun_ns = child_work_ns(child);
    for (;;) {
        const uint64_t used_ns = child_work_ns(child) - begun_ns, now_ns = clock_now_ns();
        if (used_ns >= term->work_ns)
            return REPLY_SPENT;
        if (now_ns >= term->until_ns)
            return REPLY_LATE;
        uint64_t until_ns = now_ns + term->work_ns - used_ns;
        enum reply reply =
            channel_wait(child->channel, until_ns < term->until_ns ? until_ns : term->until_ns, out);
        if (reply != REPLY_LATE)
            return reply;
    }
}

/* Has the slot's child decode its input. A child that died of something else before is replaced first, and so
 * is one that dies while it starts: neither has to do with the image. */
static enum status child_decode(struct image_pool *pool, size_t slot, const struct job *job,
                                const struct term *term, struct failure *failure, enum reply *reply,
                                struct outcome *out)
{
    const struct child *child = &pool->slots[slot].child;
    struct failure start = {0};
    struct delivery before;
    *reply = REPLY_UNREAD;
    for (int attempt = 0; attempt < ATTEMPTS_MAX && *reply == REPLY_UNREAD; attempt++) {
        start.status = STATUS_OK;
        if (!channel_is_idle(child->channel) &&
            child_renew(pool, slot, REPLY_UNREAD, term->until_ns, &start, &before))
            continue;
        if (send(child->channel, job, sizeof *job, MSG_NOSIGNAL) == sizeof *job)
            *reply = job_wait(child, term, out);
    }
    if (start.status) {
        *failure = start;
        return start.status;
    }
    if (*reply == REPLY_GIVEN && out->failure.status == STATUS_OK &&
        image_size_check(out->info.width, out->info.height, NULL))
        *reply = REPLY_WRONG;
    if (*reply != REPLY_GIVEN || out->retires) {
        struct failure ignored;
        /* By the same time, or, where that has passed, in a moment: the answer waits for it. */
        const uint64_t soon_ns = clock_now_ns() + RENEWAL_NS;
        const uint64_t until_ns = term->until_ns > soon_ns ? term->until_ns : soon_ns;
        enum status renewed = child_renew(pool, slot, *reply, until_ns, &ignored, &before);
        (void)renewed; /* else the next image tries again */
        /* Killed by the system, where memory is short, or by a person: not the image's doing. */
        if (*reply == REPLY_DIED && before.ended != -1 && !before.forced && WIFSIGNALED(before.ended) &&
            WTERMSIG(before.ended) == SIGKILL)
            return failure_set(failure, STATUS_UNAVAILABLE,
                               "The image's decoder was killed, as where the machine has no memory left; try "
                               "again in a moment.");
    }
    return STATUS_OK;
}

/* Decodes in a slot that was taken. */
static enum status slot_decode(struct image_pool *pool, size_t slot, struct bytes encoded,
                               const struct image_options *options, uint64_t deadline_ns,
                               struct failure *failure, struct image_info *info)
{
    const struct image_pool_options *terms = &pool->plan.options;
    struct job job = {encoded.size, options ? *options : (struct image_options){0}};
    struct term term = {terms->work_ms * UINT64_C(1000000),
                        clock_now_ns() + terms->timeout_ms * UINT64_C(1000000)};
    bool hurried = deadline_ns && deadline_ns < term.until_ns;
    term.until_ns = hurried ? deadline_ns : term.until_ns;
    enum reply reply;
    struct outcome outcome;
    if (encoded.size)
        memcpy(pool->plan.areas[slot].input, encoded.data, encoded.size);
    enum status status = child_decode(pool, slot, &job, &term, failure, &reply, &outcome);
    area_shrink_input(&pool->plan.areas[slot], encoded.size);
    if (status)
        return status;
    if (reply == REPLY_GIVEN) {
        *info = outcome.info;
        if (outcome.failure.status)
            *failure = outcome.failure;
        return outcome.failure.status;
    }
    if (reply == REPLY_LATE && hurried)
        return failure_set(failure, STATUS_TIMEOUT,
                           "The request's deadline passed while its image was decoded.");
    if (reply == REPLY_LATE)
        return failure_set(failure, STATUS_UNAVAILABLE,
                           "The machine is too busy to decode the image; try again in a moment.");
    if (reply == REPLY_SPENT)
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The image cannot be decoded within %g s; save it again, or smaller.",
                           terms->work_ms / 1000.0);
    return failure_set(failure, STATUS_UNPROCESSABLE,
                       "The image cannot be decoded: its decoder broke down. Save it again.");
}

enum status image_pool_decode(struct image_pool *pool, struct bytes encoded,
                              const struct image_options *options, const struct patience *patience,
                              struct failure *failure, struct image_loan *out, struct image_info *info)
{
    struct image image;
    size_t slot = 0;
    if (!pool) {
        enum status status = image_decode_into(encoded, NULL, options, failure, &image, info);
        if (!status)
            *out = (struct image_loan){.image = image};
        return status;
    }
    *info = (struct image_info){.format = image_sniff(encoded)};
    if (encoded.size > IMAGE_FILE_BYTES_MAX)
        return failure_set(failure, STATUS_TOO_LARGE, "The image file is over %zu MiB.",
                           IMAGE_FILE_BYTES_MAX >> 20);
    enum status status = slot_take(pool, image_is_large(encoded), patience, failure, &slot);
    if (status)
        return status;
    status = slot_decode(pool, slot, encoded, options, patience ? patience->deadline_ns : 0, failure, info);
    uint8_t *pixels = pool->plan.areas[slot].output;
    if (status) {
        area_shrink_output(&pool->plan.areas[slot], IMAGE_PIXEL_BYTES_MAX);
        slot_return(pool, slot);
    } else {
        *out = (struct image_loan){{info->width, info->height, pixels}, pool, slot};
    }
    return status;
}

void image_loan_return(struct image_loan *loan)
{
    if (loan->pool) {
        area_shrink_output(&loan->pool->plan.areas[loan->slot],
                           (size_t)loan->image.width * loan->image.height * 3);
        slot_return(loan->pool, loan->slot);
    } else {
        image_finish(&loan->image);
    }
    *loan = (struct image_loan){0};
}
