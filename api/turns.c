#include "api/turns.h"

#include "engine/base/clock.h"

#include <assert.h>

enum { LOOK_NS = 50000000 }; /* between two looks at whether anybody still waits for the answer */

/* Who waits, on its thread's stack. */
struct turn {
    struct turn *next;
    pthread_cond_t given;
    bool mine;
};

void turns_init(struct turns *turns, size_t count)
{
    *turns = (struct turns){.free = count ? count : 1};
    pthread_mutex_init(&turns->lock, NULL);
}

void turns_finish(struct turns *turns)
{
    assert(!turns->first);
    pthread_mutex_destroy(&turns->lock);
}

/* All below with the lock held. */
static void append(struct turns *turns, struct turn *turn)
{
    *(turns->first ? &turns->last->next : &turns->first) = turn;
    turns->last = turn;
}

static void withdraw(struct turns *turns, struct turn *turn)
{
    struct turn *before = NULL;
    for (struct turn *at = turns->first; at != turn; at = at->next)
        before = at;
    *(before ? &before->next : &turns->first) = turn->next;
    if (turns->last == turn)
        turns->last = before;
}

static void wait_a_moment(struct turns *turns, struct turn *turn, const struct patience *patience)
{
    uint64_t until_ns = clock_now_ns() + LOOK_NS;
    if (patience->deadline_ns && patience->deadline_ns < until_ns)
        until_ns = patience->deadline_ns;
    clock_wait(&turn->given, &turns->lock, until_ns);
}

static enum status wait_for_turn(struct turns *turns, const struct patience *patience,
                                 struct failure *failure)
{
    struct turn turn = {0};
    enum status status = STATUS_OK;
    clock_condition_init(&turn.given);
    append(turns, &turn);
    while (!turn.mine && !status) {
        wait_a_moment(turns, &turn, patience);
        pthread_mutex_unlock(&turns->lock);
        status = patience_check(patience, "its maps waited to be drawn", failure);
        pthread_mutex_lock(&turns->lock);
    }
    if (turn.mine)
        status = STATUS_OK; /* it came in the same moment: who draws looks again */
    else
        withdraw(turns, &turn);
    pthread_cond_destroy(&turn.given);
    return status;
}

enum status turns_take(struct turns *turns, const struct patience *patience, struct failure *failure)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&turns->lock);
    if (turns->free)
        turns->free--;
    else
        status = wait_for_turn(turns, patience, failure);
    pthread_mutex_unlock(&turns->lock);
    return status;
}

void turns_return(struct turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    struct turn *next = turns->first;
    if (next) {
        next->mine = true;
        withdraw(turns, next);
        pthread_cond_signal(&next->given);
    } else {
        turns->free++;
    }
    pthread_mutex_unlock(&turns->lock);
}
