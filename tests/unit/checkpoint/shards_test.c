/* The index of several files, and checkpoints that are read through one. */
#include "engine/base/file.h"
#include "engine/checkpoint/import_backbone.h"
#include "engine/checkpoint/shards.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/published.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status parse(const char *text, struct shards *out)
{
    return shards_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &failure, out);
}

START_TEST(reads_which_tensor_lies_where)
{
    struct shards shards;
    ck_assert_int_eq(
        parse("{\"metadata\": {}, \"weight_map\": {\"c\": \"2.bin\", \"a\": \"1.bin\", \"b\": \"2.bin\"}}",
              &shards),
        STATUS_OK);
    ck_assert_uint_eq(shards.count, 2);
    ck_assert_str_eq(shards.files[0], "1.bin");
    ck_assert_str_eq(shards.files[1], "2.bin");
    ck_assert_uint_eq(shards.entry_count, 3);
    ck_assert_uint_eq(shards_find(&shards, "a")->file, 0);
    ck_assert_uint_eq(shards_find(&shards, "c")->file, 1);
    ck_assert_ptr_null(shards_find(&shards, "d"));
    shards_finish(&shards);
}
END_TEST

START_TEST(wrong_indexes_are_refused)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"{\"weight_map\": {", "It begins as JSON but is not valid JSON."},
        {"{\"hidden_size\": 64}",
         "It is JSON without a \"weight_map\", so no index of weights: give the file of the "
         "weights, or the folder."},
        {"{\"weight_map\": []}",
         "It is JSON without a \"weight_map\", so no index of weights: give the file of the "
         "weights, or the folder."},
        {"{\"weight_map\": {}}", "The index names no tensor."},
        {"{\"weight_map\": {\"a\": 1}}", "The index has tensor 'a' in something else than a file beside it."},
        {"{\"weight_map\": {\"a\": \"../x\"}}",
         "The index has tensor 'a' in something else than a file beside it."},
        {"{\"weight_map\": {\"a\": \"/etc/passwd\"}}",
         "The index has tensor 'a' in something else than a file beside it."},
        {"{\"weight_map\": {\"a\": \"..\"}}",
         "The index has tensor 'a' in something else than a file beside it."},
        {"{\"weight_map\": {\"a\": \"x\", \"a\": \"y\"}}", "The index says 'a' twice."},
        {"{\"weight_map\": {\"a\": \"x\"}, \"weight_map\": {\"b\": \"y\"}}",
         "The index says 'weight_map' twice."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shards shards = {.count = 77};
        ck_assert_int_eq(parse(cases[i].text, &shards), STATUS_INVALID_FILE);
        ck_assert_str_eq(failure.sentence, cases[i].sentence);
        ck_assert_uint_eq(shards.count, 77);
    }
}
END_TEST

START_TEST(the_number_of_files_is_bounded)
{
    struct shards shards;
    struct buffer text = {.maximum = 1 << 16};
    buffer_append(&text, "{\"weight_map\": {", 16);
    for (int i = 0; i <= SHARDS_MAX; i++) {
        char entry[64];
        int length = snprintf(entry, sizeof entry, "%s\"%d\": \"%d\"", i ? ", " : "", i, i);
        buffer_append(&text, entry, (size_t)length);
    }
    buffer_append(&text, "}}", 2);
    ck_assert_int_eq(shards_parse((struct bytes){text.data, text.size}, &failure, &shards),
                     STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, "The index names over 128 files.");
    buffer_finish(&text);
}
END_TEST

/* The network in two files and its index, which says of as many of the first file's tensors as are `moved`
 * that they are in the second. */
static void write_shards(const char *second_name, size_t second_count, size_t moved)
{
    struct published published;
    char *first = file_join(folder, "first.safetensors"), *second = file_join(folder, "second.safetensors");
    struct buffer index = {.maximum = 1 << 20};
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_OLD, 4, false, ""});
    const size_t half = published.count / 2;
    published_write(&published, 0, half, first);
    published_write(&published, half, second_count ? second_count : published.count - half, second);
    buffer_append(&index, "{\"weight_map\": {", 16);
    for (size_t i = 0; i < published.count; i++) {
        const char *entry =
            arena_format(published.arena, "%s\"%s\": \"%s\"", i ? ", " : "", published.tensors[i].name,
                         i < half - moved ? "first.safetensors" : second_name);
        buffer_append(&index, entry, strlen(entry));
    }
    buffer_append(&index, "}}", 2);
    file_put(backbone, index.data, index.size);
    buffer_finish(&index);
    published_end(&published);
    free(first);
    free(second);
}

START_TEST(several_files_are_one_checkpoint)
{
    struct backbone_import imported;
    const struct backbone_options asked_for = {.path = backbone};
    char hex[SHA256_HEX_BYTES];
    write_shards("second.safetensors", 0, 0);
    ck_assert_msg(!import_backbone_open(&asked_for, &failure, &imported), "%s", failure.sentence);
    ck_assert_str_eq(checkpoint_kind(imported.checkpoint), "weights in 2 files with an index");
    for (size_t i = 0; i < imported.selection.count; i++) {
        const struct selected *item = &imported.selection.items[i];
        float *values = memory_allocate(item->source->elements, sizeof *values);
        ck_assert_int_eq(selection_read(item, imported.checkpoint, &failure, values), STATUS_OK);
        for (size_t k = 0; k < item->source->elements; k++)
            ck_assert_float_eq(values[k], published_value(item->name, k));
        free(values);
    }
    checkpoint_sha256(imported.checkpoint, hex);
    ck_assert_uint_eq(strlen(hex), 64);
    import_backbone_finish(&imported);
}
END_TEST

START_TEST(files_and_index_must_belong_together)
{
    options.head_count = 0;
    set_image_size(0);
    write_shards("third.safetensors", 0, 0);
    ck_assert_int_eq(checkpoint_import(&options, NULL, NULL, &failure, note, NULL), STATUS_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "third.safetensors: No such file or directory."));
    write_shards("first.safetensors", 0, 0);
    expect(STATUS_INVALID_FILE,
           "its files have 22 of the 44 tensors that it names: they do not belong together.");
    write_shards("second.safetensors", 3, 0);
    expect(STATUS_INVALID_FILE,
           "its files have 25 of the 44 tensors that it names: they do not belong together.");
    write_shards("second.safetensors", 0, 1); /* all are there, and one is not where it should be */
    expect(STATUS_INVALID_FILE, "' is in it, but not by the index: they do not belong together.");
    ck_assert_ptr_nonnull(strstr(failure.sentence, "first.safetensors: Tensor '"));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, reads_which_tensor_lies_where);
    tcase_add_test(all, wrong_indexes_are_refused);
    tcase_add_test(all, the_number_of_files_is_bounded);
    tcase_add_test(all, several_files_are_one_checkpoint);
    tcase_add_test(all, files_and_index_must_belong_together);
    return suite_run("shards", all);
}
