/* Three thousand files, each changed at random, of safetensors, indexes and archives: whatever becomes of
 * them, they are taken or refused with a sentence. Run under sanitizers by ./check. */
#include "engine/base/file.h"
#include "engine/checkpoint/import_backbone.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/published.h"
#include "tests/unit/checkpoint/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MUTATIONS = 1000, CHANGES_MAX = 4 };

static uint32_t state = 12345;

/* Numerical Recipes' generator: the same files each time. */
static size_t random_below(size_t bound)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % bound;
}

/* Without waiting for the disk, as file_put does, and file systems do where a file is cut to be written anew.
 */
static void put(const char *path, const uint8_t *data, size_t size)
{
    unlink(path);
    FILE *stream = fopen(path, "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(data, 1, size, stream), size);
    fclose(stream);
}

static void mutate(uint8_t *data, size_t *size, size_t interesting)
{
    static const char *const words[] = {"\"",
                                        "{",
                                        "}",
                                        "[",
                                        ",",
                                        ":",
                                        "0",
                                        "-1",
                                        "9",
                                        "1e9",
                                        "18446744073709551615",
                                        "null",
                                        "\\u0000",
                                        "F32",
                                        "F16",
                                        "data_offsets",
                                        "/",
                                        ".."};
    for (size_t i = 1 + random_below(CHANGES_MAX); i-- > 0 && *size;) {
        const size_t at = random_below(interesting < *size ? interesting : *size);
        const char *word = words[random_below(sizeof words / sizeof *words)];
        switch (random_below(4)) {
        case 0:
            data[at] = (uint8_t)random_below(256);
            break;
        case 1:
            data[at] ^= (uint8_t)(1u << random_below(8));
            break;
        case 2:
            memcpy(data + at, word, strlen(word) < *size - at ? strlen(word) : *size - at);
            break;
        default:
            *size -= random_below(32) ? 0 : random_below(*size);
        }
    }
}

/* Changes the file at `path`, of whose bytes the first are the interesting ones, and opens `open`. */
static void try_all(const char *path, const char *open, size_t interesting)
{
    struct bytes whole;
    size_t taken = 0, refused = 0;
    ck_assert_int_eq(file_read(path, 1 << 24, &failure, &whole), STATUS_OK);
    uint8_t *changed = memory_allocate(whole.size, 1);
    for (int i = 0; i < MUTATIONS; i++) {
        struct backbone_import imported;
        const struct backbone_options asked_for = {.path = open};
        size_t size = whole.size;
        memcpy(changed, whole.data, whole.size);
        mutate(changed, &size, interesting);
        put(path, changed, size);
        failure.sentence[0] = '\0';
        if (import_backbone_open(&asked_for, &failure, &imported)) {
            ck_assert(*failure.sentence);
            refused++;
            continue;
        }
        for (size_t k = 0; k < imported.selection.count; k++) {
            const struct selected *item = &imported.selection.items[k];
            float *values = memory_allocate(item->source->elements, sizeof *values);
            ck_assert(!selection_read(item, imported.checkpoint, &failure, values) || *failure.sentence);
            free(values);
        }
        import_backbone_finish(&imported);
        taken++;
    }
    ck_assert_uint_gt(refused, MUTATIONS / 20);
    if (interesting < whole.size) /* else every change matters */
        ck_assert_uint_gt(taken, 0);
    file_put(path, whole.data, whole.size);
    free(changed);
    free((void *)whole.data);
}

static size_t header_bytes(const char *path)
{
    struct bytes file;
    uint64_t length;
    ck_assert_int_eq(file_read(path, 1 << 24, &failure, &file), STATUS_OK);
    memcpy(&length, file.data, sizeof length);
    free((void *)file.data);
    return (size_t)length + sizeof length;
}

START_TEST(mutated_safetensors)
{
    struct published published;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_OLD, 4, true, "dinov2."});
    published_write(&published, 0, published.count, backbone);
    published_end(&published);
    try_all(backbone, backbone, header_bytes(backbone));
}
END_TEST

START_TEST(mutated_indexes)
{
    struct published published;
    char *shard = file_join(folder, "s");
    struct buffer index = {.maximum = 1 << 20};
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_TIMM, 4, false, ""});
    published_write(&published, 0, published.count, shard);
    buffer_append(&index, "{\"weight_map\": {", 16);
    for (size_t i = 0; i < published.count; i++) {
        const char *entry =
            arena_format(published.arena, "%s\"%s\": \"s\"", i ? ", " : "", published.tensors[i].name);
        buffer_append(&index, entry, strlen(entry));
    }
    /* Half of the file may change without a consequence. */
    char *note_text = memory_allocate(index.size + 1, 1);
    memset(note_text, 'x', index.size);
    const char *end = arena_format(published.arena, "}, \"metadata\": {\"note\": \"%s\"}}", note_text);
    buffer_append(&index, end, strlen(end));
    free(note_text);
    file_put(backbone, index.data, index.size);
    try_all(backbone, backbone, index.size - 1);
    buffer_finish(&index);
    published_end(&published);
    free(shard);
}
END_TEST

START_TEST(mutated_archives)
{
    struct bytes file;
    sample_backbone(backbone, &SAMPLE_AS_IS);
    ck_assert_int_eq(file_read(backbone, 1 << 24, &failure, &file), STATUS_OK);
    free((void *)file.data);
    try_all(backbone, backbone, file.size);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 110);
    tcase_add_test(all, mutated_safetensors);
    tcase_add_test(all, mutated_indexes);
    tcase_add_test(all, mutated_archives);
    return suite_run("mutated", all);
}
