/* Fuzzes what bodies are unpacked from and parsed with: the first byte chooses JSON, base64 or gzip, the rest
 * is it. */
#include "api/base64.h"
#include "api/coding.h"
#include "engine/base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
    if (!promise)
        abort();
}

/* What is printed takes the room that was told, and comes back as the same. */
static void fuzz_json(struct bytes text)
{
    const struct json_limits limits = {.depth = 16, .values = 200};
    struct json *first = NULL, *again = NULL;
    if (json_parse(text, limits, NULL, &first))
        return;
    (void)json_duplicate_name(first);
    size_t size = json_print_size(first);
    char *line = json_print(first, false);
    check(strlen(line) == size);
    check(!json_parse((struct bytes){(const uint8_t *)line, size}, limits, NULL, &again));
    char *twice = json_print(again, false);
    check(!strcmp(line, twice));
    free(twice);
    free(line);
    json_destroy(&again);
    json_destroy(&first);
}

/* What is decoded is no longer than the text, and comes back from its own base64. */
static void fuzz_base64(struct bytes text)
{
    struct arena *arena = arena_create();
    struct bytes decoded = {0}, again = {0};
    const char *coded = NULL;
    if (!base64_decode(arena, (const char *)text.data, text.size, NULL, &decoded)) {
        check(decoded.size <= text.size);
        check(!base64_encode_within(arena, decoded, NULL, &coded));
        check(!base64_decode(arena, coded, strlen(coded), NULL, &again));
        check(again.size == decoded.size && (!again.size || !memcmp(again.data, decoded.data, again.size)));
    }
    arena_destroy(&arena);
}

/* Nothing is unpacked beyond the bounds, and all of it can be read. */
static void fuzz_gzip(struct bytes packed)
{
    static const struct api_header header = {"Content-Encoding", "gzip"};
    struct arena *arena = arena_create();
    const struct api_request request = {
        .headers = &header, .header_count = 1, .body = packed, .arena = arena};
    struct api_request plain;
    volatile uint8_t byte = 0;
    check(!coding_check(&request, NULL));
    if (!coding_remove(&request, NULL, &plain)) {
        check(plain.body.size <= (packed.size + 1) * CODING_RATIO_MAX);
        for (size_t at = 0; at < plain.body.size; at++)
            byte = plain.body.data[at];
    }
    (void)byte;
    arena_destroy(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct bytes) = {fuzz_json, fuzz_base64, fuzz_gzip};
    if (size)
        kinds[data[0] % 3]((struct bytes){data + 1, size - 1});
    return 0;
}
