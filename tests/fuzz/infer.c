/* Fuzzes the body of POST .../infer up to the engine: the first two bytes are the size of the JSON, zero for
 * a body without binary tensors; the rest is the body. */
#include "api/infer.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was promised: every image lies in memory that can be read, there is at least one, and outputs have
 * names. */
static void use(const struct infer_request *asked)
{
    volatile uint8_t byte = 0;
    if (!asked->count || asked->count > API_IMAGES_MAX)
        abort();
    for (size_t i = 0; i < asked->count; i++)
        for (size_t at = 0; at < asked->images[i].size; at++)
            byte = asked->images[i].data[at];
    for (size_t i = 0; i < asked->output_count; i++)
        if (!asked->outputs[i].name)
            abort();
    (void)byte;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct arena *arena = arena_create();
    char text[16];
    unsigned told = data[0] | (unsigned)data[1] << 8;
    snprintf(text, sizeof text, "%u", told);
    struct api_header header = {"Inference-Header-Content-Length", text};
    struct api_request request = {.method = "POST",
                                  .path = "/v2/models/demo/infer",
                                  .headers = &header,
                                  .header_count = told ? 1 : 0,
                                  .body = {data + 2, size - 2},
                                  .arena = arena};
    struct failure failure;
    struct infer_request *asked = arena_allocate(arena, 1, sizeof *asked);
    if (!infer_read(&request, &failure, asked))
        use(asked);
    infer_finish(asked);
    arena_destroy(&arena);
    return 0;
}
