#include "engine/base/patience.h"

#include "engine/base/clock.h"

#include <stddef.h>

enum status patience_check(const struct patience *patience, const char *doing, struct failure *failure)
{
    if (patience && patience->gone && patience->gone(patience->client))
        return failure_set(failure, STATUS_CLIENT_GONE, "The client has closed its connection.");
    if (patience && patience->deadline_ns && clock_now_ns() >= patience->deadline_ns)
        return failure_set(failure, STATUS_TIMEOUT, "The request's deadline passed while %s.", doing);
    return STATUS_OK;
}
