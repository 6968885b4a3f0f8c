#include "api/metrics.h"
#include "api/handlers/handlers.h"

static void add_statistics(struct engine_statistics *sum, const struct engine_statistics *one)
{
    sum->queue_depth += one->queue_depth;
    sum->queue_capacity += one->queue_capacity;
    sum->batches += one->batches;
    sum->images += one->images;
    for (size_t i = 0; i < ENGINE_BATCH_MAX; i++)
        sum->batch_size_counts[i] += one->batch_size_counts[i];
    sum->device_memory_bytes += one->device_memory_bytes;
    sum->device_lost_count += one->device_lost_count;
    sum->not_finite_count += one->not_finite_count;
}

void handle_metrics(struct api *api, const struct api_request *request, const struct arguments *arguments,
                    struct api_response *response)
{
    (void)request, (void)arguments;
    struct engine_statistics sum = {0};
    struct engine_set set = service_engines(api);
    for (size_t i = 0; i < set.count; i++) {
        struct engine_statistics one;
        engine_statistics(set.engines[i], &one);
        add_statistics(&sum, &one);
    }
    sum.request_capacity = gate_limit(&api->gate);
    struct buffer text = metrics_print(api->metrics, &sum);
    const struct api_room room = service_room(api);
    metrics_print_room(&text, &room);
    metrics_print_models(&text, set.engines, set.count);
    response->code = 200;
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    response->body = (struct bytes){text.data, text.size};
    response->owned = (char *)text.data;
}
