/* What is counted of every answer. */
#include "api/service.h"
#include "engine/base/clock.h"

/* False when the answer is no refusal of work that might have been done. */
static bool rejection_of(struct api *api, enum status status, enum rejection *out)
{
    switch (status) {
    case STATUS_UNAUTHORIZED:
        *out = REJECTION_UNAUTHORIZED;
        return true;
    case STATUS_FORBIDDEN:
        *out = REJECTION_FORBIDDEN;
        return true;
    case STATUS_REQUEST_TIMEOUT:
        *out = REJECTION_SLOW_BODY;
        return true;
    case STATUS_TOO_LARGE:
        *out = REJECTION_TOO_LARGE;
        return true;
    case STATUS_TOO_MANY_REQUESTS:
        *out = REJECTION_QUOTA;
        return true;
    case STATUS_TIMEOUT:
        *out = REJECTION_DEADLINE;
        return true;
    case STATUS_BUSY:
        *out = REJECTION_BUSY;
        return true;
    case STATUS_DEVICE_LOST:
        *out = REJECTION_DEVICE_LOST;
        return true;
    case STATUS_OUT_OF_MEMORY:
        *out = REJECTION_NO_MEMORY;
        return true;
    case STATUS_UNAVAILABLE: {
        enum service_state state = atomic_load(&api->state);
        *out = state == SERVICE_STARTING   ? REJECTION_LOADING
               : state == SERVICE_DRAINING ? REJECTION_DRAINING
                                           : REJECTION_QUEUE_FULL;
        return true;
    }
    default:
        return false;
    }
}

void api_record(struct api *api, const struct api_request *request, const struct api_response *response)
{
    enum rejection rejection;
    metrics_count_request(api->metrics, response->route, response->code,
                          clock_elapsed_ms(request->received_ns));
    if (response->images && response->status == STATUS_OK)
        metrics_count_stages(api->metrics, &response->timing);
    if (!routes_open(response->route) && rejection_of(api, response->status, &rejection))
        metrics_count_rejection(api->metrics, rejection);
}
