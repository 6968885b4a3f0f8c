#include "tests/unit/api/request.h"

#include "engine/base/clock.h"
#include "engine/image/overlay.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct patience call_patience;
struct budget *call_budget;

void service_begin(struct service *service, const char *behaviour)
{
    static const char *const names[] = {"demo", "other"};
    struct failure failure;
    service->api = api_create();
    for (int i = 0; i < 2; i++) {
        const struct engine_options options = {.model = names[i], .rung = behaviour};
        ck_assert(!engine_create(&options, &failure, &service->engines[i]));
    }
    api_publish(service->api, service->engines, 2);
}

void service_end(struct service *service)
{
    api_destroy(&service->api);
    for (int i = 0; i < 2; i++)
        engine_destroy(&service->engines[i]);
}

const char *call_header(const struct call *call, const char *name)
{
    for (size_t i = 0; i < call->response.header_count; i++)
        if (!strcmp(call->response.headers[i].name, name))
            return call->response.headers[i].value;
    return NULL;
}

void call_run(struct call *call, struct api *api, const char *method, const char *target,
              const char *content_type, struct bytes body)
{
    const struct api_header header = {"Content-Type", content_type};
    call_run_headers(call, api, method, target, &header, content_type ? 1 : 0, body);
}

void call_run_headers(struct call *call, struct api *api, const char *method, const char *target,
                      const struct api_header *headers, size_t count, struct bytes body)
{
    *call = (struct call){0};
    ck_assert_uint_le(count, CALL_HEADERS_MAX);
    for (size_t i = 0; i < count; i++)
        call->headers[i] = headers[i];
    struct arena *arena = arena_create_within(call_budget);
    const char *query = strchr(target, '?');
    call->request = (struct api_request){
        .method = method,
        .path = arena_copy_text(arena, target, strcspn(target, "?")),
        .query = query ? query + 1 : NULL,
        .headers = call->headers,
        .header_count = count,
        .id = "test-1",
        .received_ns = clock_now_ns(),
        .deadline_ns = call_patience.deadline_ns,
        .gone = call_patience.gone,
        .client = call_patience.client,
        .arena = arena,
    };
    if (api_admit(api, &call->request, &call->response)) {
        void *copy = NULL; /* as the server reads it */
        ck_assert(!arena_take(arena, body.size, NULL, &copy));
        if (body.size)
            memcpy(copy, body.data, body.size);
        call->request.body = (struct bytes){copy, body.size};
        api_handle(api, &call->request, &call->response);
    }
    struct failure failure;
    if (call->response.content_type && strstr(call->response.content_type, "json") &&
        !call_header(call, "Content-Encoding"))
        ck_assert(!json_parse(call->response.body, (struct json_limits){32, 1 << 20}, &failure, &call->json));
}

void call_refused(struct call *call, struct api *api, const char *target, const char *content_type,
                  struct bytes body, int code, const char *words)
{
    call_run(call, api, "POST", target, content_type, body);
    ck_assert_msg(call->response.code == code, "%s: %d %s", target, call->response.code, call_detail(call));
    ck_assert_msg(strstr(call_detail(call), words), "%s: %s", target, call_detail(call));
    ck_assert_str_eq(call->response.content_type, "application/problem+json");
    ck_assert_str_eq(json_text(json_member(call->json, "instance")), "test-1");
    call_end(call);
}

void call_end(struct call *call)
{
    json_destroy(&call->json);
    api_response_finish(&call->response);
    arena_destroy(&call->request.arena);
}

const char *call_detail(const struct call *call)
{
    const char *detail = json_text(json_member(call->json, "detail"));
    return detail ? detail : "";
}

const struct json *json_item(const struct json *array, size_t number)
{
    ck_assert_uint_lt(number, json_length(array));
    const struct json *item = json_first(array);
    while (number--)
        item = json_next(item);
    return item;
}

const char *json_names(const struct json *object)
{
    static char text[256];
    *text = '\0';
    for (const struct json *member = json_first(object); member; member = json_next(member)) {
        strcat(text, *text ? "," : "");
        strcat(text, json_name(member));
    }
    return text;
}

struct bytes picture(uint32_t width, uint32_t height)
{
    uint8_t *pixels = memory_allocate((size_t)width * height, 1);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            pixels[(size_t)y * width + x] = (uint8_t)(x * 2 + y);
    struct buffer png = {.maximum = 1 << 24};
    struct failure failure;
    ck_assert(!image_write_png(pixels, width, height, 1, NULL, &failure, &png));
    free(pixels);
    return (struct bytes){png.data, png.size};
}
