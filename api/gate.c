#include "api/gate.h"

#include "engine/base/clock.h"

#include <assert.h>

void gate_init(struct gate *gate, size_t limit, uint32_t burst_ms)
{
    *gate = (struct gate){.limit = limit, .burst_ms = burst_ms};
    pthread_mutex_init(&gate->lock, NULL);
}

void gate_finish(struct gate *gate)
{
    assert(!gate->inside);
    pthread_mutex_destroy(&gate->lock);
}

void gate_set_limit(struct gate *gate, size_t limit)
{
    pthread_mutex_lock(&gate->lock);
    gate->limit = limit;
    pthread_mutex_unlock(&gate->lock);
}

size_t gate_limit(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    size_t limit = gate->limit;
    pthread_mutex_unlock(&gate->lock);
    return limit;
}

/* With the lock held. */
static bool is_open(const struct gate *gate)
{
    size_t limit = gate->limit;
    if (gate->inside >= limit && clock_now_ns() < gate->burst_over_ns)
        limit *= 2;
    return gate->inside < limit || !gate->inside;
}

bool gate_is_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool open = is_open(gate);
    pthread_mutex_unlock(&gate->lock);
    return open;
}

bool gate_enter(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool open = is_open(gate);
    if (open && !gate->inside)
        gate->burst_over_ns = clock_now_ns() + gate->burst_ms * UINT64_C(1000000);
    gate->inside += open;
    pthread_mutex_unlock(&gate->lock);
    return open;
}

void gate_add(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    assert(gate->inside > 0);
    gate->inside++;
    pthread_mutex_unlock(&gate->lock);
}

void gate_leave(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    assert(gate->inside > 0);
    gate->inside--;
    pthread_mutex_unlock(&gate->lock);
}
