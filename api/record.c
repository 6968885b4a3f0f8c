/* What is counted of every answer. */
#include "api/service.h"
#include "engine/base/clock.h"

/* Why the work was not done; REJECTION_COUNT when the answer refuses none that might have been. */
static enum rejection rejection_of(struct api *api, enum status status)
{
    switch (status) {
    case STATUS_UNAUTHORIZED:
        return REJECTION_UNAUTHORIZED;
    case STATUS_FORBIDDEN:
        return REJECTION_FORBIDDEN;
    case STATUS_REQUEST_TIMEOUT:
        return REJECTION_SLOW_BODY;
    case STATUS_TOO_LARGE:
        return REJECTION_TOO_LARGE;
    case STATUS_TOO_MANY_REQUESTS:
        return REJECTION_QUOTA;
    case STATUS_TIMEOUT:
        return REJECTION_DEADLINE;
    case STATUS_BUSY:
        return REJECTION_BUSY;
    case STATUS_QUEUE_FULL:
        return REJECTION_QUEUE_FULL;
    case STATUS_NO_ROOM:
        return REJECTION_NO_ROOM;
    case STATUS_DEVICE_LOST:
        return REJECTION_DEVICE_LOST;
    case STATUS_OUT_OF_MEMORY:
        return REJECTION_NO_MEMORY;
    case STATUS_UNAVAILABLE:
        switch (atomic_load(&api->state)) {
        case SERVICE_STARTING:
            return REJECTION_LOADING;
        case SERVICE_DRAINING:
            return REJECTION_DRAINING;
        default:
            return REJECTION_UNAVAILABLE;
        }
    case STATUS_OK: /* no refusals, or of what cannot be done */
    case STATUS_BAD_REQUEST:
    case STATUS_SWITCHED_OFF:
    case STATUS_NOT_FOUND:
    case STATUS_METHOD_NOT_ALLOWED:
    case STATUS_NO_HEADS:
    case STATUS_LENGTH_REQUIRED:
    case STATUS_UNSUPPORTED_MEDIA:
    case STATUS_UNPROCESSABLE:
    case STATUS_HEADERS_TOO_LARGE:
    case STATUS_CLIENT_GONE:
    case STATUS_INVALID_FILE:
    case STATUS_DEVICE:
    case STATUS_NO_DEVICE:
    case STATUS_NOT_FINITE:
    case STATUS_INTERNAL:
    case STATUS_COUNT:
        break;
    }
    return REJECTION_COUNT;
}

void api_record(struct api *api, const struct api_request *request, const struct api_response *response)
{
    enum rejection rejection = rejection_of(api, response->status);
    metrics_count_request(api->metrics, response->route, response->code,
                          clock_elapsed_ms(request->received_ns));
    if (response->images && response->status == STATUS_OK)
        metrics_count_stages(api->metrics, &response->timing);
    if (!routes_open(response->route) && rejection != REJECTION_COUNT)
        metrics_count_rejection(api->metrics, rejection);
}
