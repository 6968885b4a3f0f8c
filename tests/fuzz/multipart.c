/* Fuzzes POST /predict up to the engine: the first byte chooses the form, the rest is the query's or the
 * body's. Multipart bodies have the boundary "b". */
#include "api/input.h"
#include "engine/base/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = {"multipart/form-data; boundary=b", "application/json", "image/png"};

/* What was promised: every image lies in memory that can be read, and ids and options are text. */
static void use(const struct input *input)
{
    volatile uint8_t byte = 0;
    for (size_t i = 0; i < input->count; i++) {
        if (!utf8_is_plain(input->ids[i], strlen(input->ids[i])))
            abort();
        for (size_t at = 0; at < input->images[i].size; at++)
            byte = input->images[i].data[at];
    }
    for (size_t i = 0; i < input->options.count; i++)
        if (!input->options.items[i].values.count)
            abort();
    (void)byte;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct arena *arena = arena_create();
    unsigned form = data[0] % 3;
    struct api_header header = {"Content-Type", types[form]};
    struct api_request request = {.method = "POST",
                                  .path = "/predict",
                                  .headers = &header,
                                  .header_count = 1,
                                  .body = {data + 1, size - 1},
                                  .arena = arena};
    if (form == 2)
        request.query =
            arena_copy_text(arena, (const char *)data + 1, strnlen((const char *)data + 1, size - 1));
    struct failure failure;
    struct input *input = arena_allocate(arena, 1, sizeof *input);
    if (!input_read(&request, predict_option_names, &failure, input))
        use(input);
    input_finish(input);
    arena_destroy(&arena);
    return 0;
}
