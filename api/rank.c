#include "api/rank.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    if (left->value != right->value)
        return left->value < right->value ? 1 : -1;
    return left->index < right->index ? -1 : left->index > right->index;
}

void rank(struct ranked *items, size_t count)
{
    qsort(items, count, sizeof *items, compare);
}
