/* A bound on the bytes that many requests hold together. Thread-safe. */
#ifndef CXRD_ENGINE_BASE_BUDGET_H
#define CXRD_ENGINE_BASE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

struct budget {
    size_t limit_bytes;
    _Atomic size_t used_bytes;
};

/* Takes `bytes` of what is left; false (and nothing taken) when that is less. */
bool budget_take(struct budget *budget, size_t bytes);
/* Gives back what was taken. */
void budget_give(struct budget *budget, size_t bytes);

#endif
