#include "engine/base/budget.h"

#include <assert.h>
#include <stdatomic.h>

bool budget_take(struct budget *budget, size_t bytes)
{
    size_t used = atomic_load(&budget->used_bytes);
    do {
        if (used > budget->limit_bytes || bytes > budget->limit_bytes - used)
            return false;
    } while (!atomic_compare_exchange_weak(&budget->used_bytes, &used, used + bytes));
    return true;
}

void budget_give(struct budget *budget, size_t bytes)
{
    size_t before = atomic_fetch_sub(&budget->used_bytes, bytes);
    assert(before >= bytes);
    (void)before;
}
