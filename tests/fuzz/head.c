/* Fuzzes what is read of a head's fields and of the file of API keys: the first byte chooses which. */
#include "api/compress.h"
#include "api/cors.h"
#include "api/keys.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was promised: a trace that is continued is the one sent, and what is printed is read again. */
static void trace(const char *text)
{
    struct trace first, second;
    char printed[TRACE_PARENT_BYTES];
    trace_init(&first, text);
    trace_print(&first, printed);
    trace_init(&second, printed);
    if (strlen(printed) != TRACE_PARENT_BYTES - 1 || strcmp(first.id, second.id) ||
        strcmp(first.span, second.parent))
        abort();
    if (*first.parent && !strstr(text, first.id))
        abort();
}

static void keys(const char *text, size_t size)
{
    struct failure failure = {0};
    struct keys *keys = NULL;
    char name[KEY_NAME_BYTES_MAX + 1];
    int retry_after_s = 0;
    if (keys_read((struct bytes){(const uint8_t *)text, size}, &failure, &keys)) {
        if (!*failure.sentence || keys)
            abort();
        return;
    }
    enum status status =
        keys_admit(keys, "no key hashes to what a fuzzer finds", 1, &failure, &retry_after_s, name);
    if (status != STATUS_FORBIDDEN)
        abort();
    keys_destroy(&keys);
}

static void origins(const char *text)
{
    struct failure failure = {0};
    struct cors *cors = NULL;
    struct api_header header = {"Origin", "https://a.example"};
    struct api_request request = {.method = "GET", .headers = &header, .header_count = 1};
    struct api_response response = {0};
    if (cors_read(text, &failure, &cors))
        return;
    cors_apply(cors, &request, &response);
    cors_destroy(&cors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct arena *arena = arena_create();
    const char *text =
        arena_copy_text(arena, (const char *)data + 1, strnlen((const char *)data + 1, size - 1));
    switch (data[0] % 4) {
    case 0:
        trace(text);
        break;
    case 1:
        keys((const char *)data + 1, size - 1);
        break;
    case 2:
        origins(text);
        break;
    default:
        compress_is_accepted(text);
    }
    arena_destroy(&arena);
    return 0;
}
