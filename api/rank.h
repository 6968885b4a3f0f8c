/* Labels in the order of their values. */
#ifndef CXRD_API_RANK_H
#define CXRD_API_RANK_H

#include <stddef.h>

struct ranked {
    float value;
    size_t index; /* in the model's order */
};

/* Sorts: the highest value first, the model's order among equals. */
void rank(struct ranked *items, size_t count);

#endif
