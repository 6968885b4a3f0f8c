/* The files of cxrd embed: what they hold. */
#include "cli/embed_header.h"
#include "engine/weights/safetensors.h"
#include "tests/unit/cli/embedded.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

START_TEST(an_npy_file_has_numpys_header_and_dense_rows)
{
    static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), }";
    const struct embed_run run = run_of("e.npy", true, false, false);
    run_up_to(&run, false, IMAGES);
    struct bytes file = read_file("e.npy");
    ck_assert_uint_eq(file.size, 128 + ROWS * WIDTH * sizeof(float));
    ck_assert(!memcmp(file.data, "\x93NUMPY\1\0\x76\0", 10));
    ck_assert(!memcmp(file.data + 10, header, strlen(header)));
    ck_assert_int_eq(file.data[127], '\n');
    for (size_t i = 10 + strlen(header); i < 127; i++)
        ck_assert_int_eq(file.data[i], ' ');
    float first, last;
    memcpy(&first, file.data + 128, sizeof first);
    memcpy(&last, file.data + file.size - sizeof last, sizeof last);
    ck_assert_float_eq(first, value_of(0, TOKENS_CLASS, 0));
    ck_assert_float_eq(last, value_of(IMAGES - 1, TOKENS_CLASS, WIDTH - 1));
    ck_assert(!is_there("e.npy.part"));
    free((void *)file.data);
}
END_TEST

START_TEST(patch_tokens_have_three_dimensions)
{
    static const char header[] = "'shape': (4, 2, 4), }";
    const struct embed_run run = run_of("e.npy", false, false, true);
    run_up_to(&run, false, IMAGES);
    struct bytes file = read_file("e.npy");
    ck_assert_uint_eq(file.size, 128 + ROWS * PATCHES * WIDTH * sizeof(float));
    ck_assert_ptr_nonnull(memmem(file.data, 128, header, strlen(header)));
    free((void *)file.data);
}
END_TEST

START_TEST(a_safetensors_file_has_a_tensor_a_kind)
{
    const struct embed_run run = run_of("e.safetensors", true, true, true);
    struct safetensors *file = NULL;
    run_up_to(&run, false, IMAGES);
    ck_assert_msg(!safetensors_open("e.safetensors", &failure, &file), "%s", failure.sentence);
    ck_assert_uint_eq(safetensors_count(file), TOKENS_KINDS);
    ck_assert_str_eq(json_text(json_member(safetensors_metadata(file), "package_sha256")),
                     card.package_sha256);
    for (enum tokens kind = 0; kind < TOKENS_KINDS; kind++) {
        bool patch = kind == TOKENS_PATCH;
        const struct tensor *tensor = safetensors_find(file, tokens_names[kind]);
        size_t count = patch ? PATCHES * WIDTH : WIDTH, number = 0;
        ck_assert_ptr_nonnull(tensor);
        ck_assert_uint_eq(tensor->rank, patch ? 3 : 2);
        ck_assert_uint_eq(tensor->shape[0], ROWS);
        ck_assert_uint_eq(tensor->size_bytes, ROWS * count * sizeof(float));
        for (size_t image = 0; image < IMAGES; image++)
            for (size_t i = 0; i < count && image != FAILED; i++) {
                float found;
                memcpy(&found, (const uint8_t *)tensor->data + number++ * sizeof found, sizeof found);
                ck_assert_float_eq(found, value_of(image, kind, i));
            }
    }
    safetensors_close(&file);
    ck_assert(!is_there("e.safetensors.part") && !is_there("e.safetensors.mean.part") &&
              !is_there("e.safetensors.class.part"));
}
END_TEST

START_TEST(lines_say_what_became_of_each_image)
{
    struct embed_run run = run_of("e.npy", false, false, true);
    run.shard = (struct shard){.number = 2, .count = 3};
    memset(run.shard.inputs_sha256, 'c', SHA256_HEX_BYTES - 1);
    const struct timespec times[2] = {{1234, 5}, {1234, 5}};
    for (size_t i = 0; i < IMAGES; i++)
        ck_assert_int_eq(utimensat(AT_FDCWD, items[i].path, times, 0), 0);
    run_up_to(&run, false, IMAGES);
    struct bytes file = read_file("e.jsonl");
    char *text = memory_allocate(file.size + 1, 1);
    memcpy(text, file.data, file.size);
    static const char *const expected[] = {"{\"row\":0,\"image\":\"a.png\",\"width\":40,\"height\":20,",
                                           "{\"row\":1,\"image\":\"b\\\\x0a\\\\xff.png\",\"width\":40,",
                                           "{\"row\":null,\"image\":\"c.png\",\"width\":40,\"height\":20,",
                                           "{\"row\":2,\"image\":\"x/a.png\",",
                                           "{\"row\":3,\"image\":\"y/a.png\","};
    static const char whole[] = "\"warnings\":[],\"grid\":[1,2],\"tokens\":\"patch\","
                                "\"dicom_profile\":\"voi\",\"package_sha256\":\"aaaa";
    static const char *const parts[] = {"\"warnings\":[\"The image asks to be rotated", whole,
                                        "\"error\":\"The PNG is \\\"truncated\\\".\",", "", ""};
    static const char file_part[] = "\"bytes\":7,\"modified\":\"1970-01-01T00:20:34.000000005Z\",\"sha256\":"
                                    "\"2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97\",";
    static const char end[] =
        "\"device\":\"none\",\"rung\":\"fake\",\"precision\":\"auto\",\"shard\":\"2/3\","
        "\"inputs_sha256\":\"cccc";
    size_t count = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), count++) {
        ck_assert_msg(!strncmp(line, expected[count], strlen(expected[count])), "%s", line);
        ck_assert_msg(strstr(line, parts[count]) && strstr(line, file_part) && strstr(line, end), "%s", line);
    }
    ck_assert_uint_eq(count, IMAGES);
    ck_assert_int_eq(file.data[file.size - 1], '\n');
    free(text);
    free((void *)file.data);
}
END_TEST

START_TEST(no_image_makes_a_file_without_rows)
{
    static const char *const paths[] = {"e.npy", "f.safetensors"};
    for (size_t i = 0; i < 2; i++) {
        const struct embed_run run = run_of(paths[i], true, i, false);
        const struct inputs none = {0};
        struct embed_output *output = NULL;
        ck_assert_msg(!embed_output_open(&run, &none, false, &failure, &output), "%s", failure.sentence);
        ck_assert(!embed_output_finish(output, &failure));
        embed_output_close(&output);
    }
    struct bytes file = read_file("e.npy");
    ck_assert_uint_eq(file.size, 128);
    ck_assert_ptr_nonnull(memmem(file.data, 128, "(0, 4)", 6));
    free((void *)file.data);
    struct safetensors *tensors = NULL;
    ck_assert_msg(!safetensors_open("f.safetensors", &failure, &tensors), "%s", failure.sentence);
    ck_assert_uint_eq(safetensors_find(tensors, "mean")->shape[0], 0);
    safetensors_close(&tensors);
}
END_TEST

START_TEST(headers_have_room_for_any_number_of_rows)
{
    struct model_card large = {
        .backbone = {.patch_size = 16, .image_height = 4096, .image_width = 4096, .width = 2048}};
    memset(large.package_sha256, 'a', 64);
    for (enum embed_form form = EMBED_NPY; form < EMBED_FORMS; form++) {
        struct embed_run run = run_of("x", form == EMBED_SAFETENSORS, form == EMBED_SAFETENSORS, true);
        run.card = &large;
        uint8_t *header = embed_header(&run, form, 1000000); /* 537 TB */
        const char *shape = form == EMBED_NPY ? "(1000000, 65536, 2048)" : "[1000000,65536,2048]";
        ck_assert_ptr_nonnull(memmem(header, embed_header_bytes(form), shape, strlen(shape)));
        free(header);
    }
}
END_TEST

START_TEST(the_form_is_told_by_the_name)
{
    static const char *const wrong[] = {"e",       "e.NPY",          "e.npz",      ".npy",
                                        "a.npy/e", "x/.safetensors", "e.npy.part", ""};
    enum embed_form form;
    ck_assert(embed_form_read("x.y/e.npy", &form) && form == EMBED_NPY);
    ck_assert(embed_form_read("e.b.safetensors", &form) && form == EMBED_SAFETENSORS);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!embed_form_read(wrong[i], &form), "%s", wrong[i]);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("embed");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, embedded_begin, embedded_end);
    tcase_add_test(cases, an_npy_file_has_numpys_header_and_dense_rows);
    tcase_add_test(cases, patch_tokens_have_three_dimensions);
    tcase_add_test(cases, a_safetensors_file_has_a_tensor_a_kind);
    tcase_add_test(cases, lines_say_what_became_of_each_image);
    tcase_add_test(cases, no_image_makes_a_file_without_rows);
    tcase_add_test(cases, headers_have_room_for_any_number_of_rows);
    tcase_add_test(cases, the_form_is_told_by_the_name);
    return suite_run("cli/embed", cases);
}
