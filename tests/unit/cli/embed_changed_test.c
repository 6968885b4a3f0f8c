/* Files that were changed or damaged between the runs of one cxrd embed: no row is ever of another picture,
 * or of other numbers, than its line says. */
#include "cli/embed_header.h"
#include "engine/base/file.h"
#include "tests/unit/cli/embedded.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void touch(const char *path, time_t seconds)
{
    const struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A row is never of another picture than the one that has its name: one is changed, or has the other's place.
 */
START_TEST(an_image_that_was_changed_since_is_refused)
{
    const struct embed_run run = run_of("e.npy", true, false, false);
    run_up_to(&run, false, 4);
    struct bytes rows = read_file("e.npy.part"), lines = read_file("e.jsonl");
    static const char *const contents[] = {"another", "picturf", ""}; /* of the same size, and of others */
    static const size_t images[] = {0, 1, FAILED, 3};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        for (size_t k = 0; k < sizeof contents / sizeof *contents; k++) {
            char words[128];
            write_image(images[i], contents[k]);
            touch(items[images[i]].path, 1000);
            snprintf(words, sizeof words, "this image was changed since its line %zu of e.jsonl was written",
                     images[i] + 1);
            refused(&run, &inputs, true, words);
            write_image(images[i], "picture"); /* as it was, written later */
            touch(items[images[i]].path, 2000);
        }
    check_same("e.npy.part", rows);
    check_same("e.jsonl", lines);
    write_image(IMAGES - 1, "not yet done"); /* no row is of it */
    run_up_to(&run, true, IMAGES);
    write_image(0, "changed");
    refused(&run, &inputs, true, "a.png: this image was changed since its line 1"); /* as a whole, too */
    free((void *)rows.data);
    free((void *)lines.data);
}
END_TEST

/* As who copies other pictures into a folder and keeps their times does. */
START_TEST(an_image_of_the_same_size_and_time_is_read_again)
{
    const struct embed_run run = run_of("e.npy", true, false, false);
    touch("a.png", 1000);
    run_up_to(&run, false, 3);
    const struct timespec tick = {.tv_nsec = 50000000}; /* of the file system's clock */
    nanosleep(&tick, NULL);
    touch("a.png", 1000); /* it is still the one */
    struct embed_output *output = NULL;
    ck_assert_msg(!embed_output_open(&run, &inputs, true, &failure, &output), "%s", failure.sentence);
    embed_output_close(&output);
    write_image(0, "another");
    touch("a.png", 1000);
    refused(&run, &inputs, true, "a.png: this image was changed since its line 1 of e.jsonl was written");
}
END_TEST

static void flip_bit(const char *path, size_t at)
{
    FILE *file = fopen(path, "r+b");
    ck_assert(file && !fseek(file, (long)at, SEEK_SET));
    int byte = fgetc(file);
    ck_assert(!fseek(file, (long)at, SEEK_SET) && fputc(byte ^ 1, file) >= 0 && !fclose(file));
}

/* A row that a disk has damaged is computed again, with those behind it, and the run says so. */
START_TEST(a_damaged_row_is_found_and_computed_again)
{
    static const char *const parts[] = {"e.safetensors.part", "e.safetensors.class.part"};
    const struct embed_run run = run_of("e.safetensors", true, false, true);
    run_up_to(&run, false, IMAGES);
    struct bytes rows = read_file("e.safetensors"), lines = read_file("e.jsonl");
    for (size_t row = 0; row < ROWS - 1; row++)
        for (size_t part = 0; part < 2; part++) {
            struct embed_output *output = NULL;
            const size_t row_bytes = (part ? 1 : PATCHES) * WIDTH * sizeof(float);
            remove("e.safetensors");
            remove("e.jsonl");
            run_up_to(&run, false, IMAGES - 1);
            flip_bit(parts[part], (part ? 0 : embed_header_bytes(EMBED_SAFETENSORS)) + row * row_bytes + 5);
            ck_assert_msg(!embed_output_open(&run, &inputs, true, &failure, &output), "%s", failure.sentence);
            const struct embed_progress *progress = embed_output_progress(output);
            ck_assert(progress->damaged);
            ck_assert_uint_eq(progress->rows, row);
            ck_assert(!write_up_to(output, IMAGES) && !embed_output_finish(output, &failure));
            embed_output_close(&output);
            check_same("e.safetensors", rows);
            check_same("e.jsonl", lines);
        }
    free((void *)rows.data);
    free((void *)lines.data);
}
END_TEST

/* Of a whole file each byte is the one that was written. */
START_TEST(a_whole_file_that_was_damaged_is_refused)
{
    const struct embed_run run = run_of("e.safetensors", true, false, true);
    run_up_to(&run, false, IMAGES);
    struct bytes rows = read_file("e.safetensors");
    for (size_t at = 0; at < rows.size; at++) {
        flip_bit("e.safetensors", at);
        refused(&run, &inputs, true, "the file was damaged; delete it and e.jsonl to begin anew.");
        flip_bit("e.safetensors", at);
    }
    struct embed_output *output = NULL;
    ck_assert_msg(!embed_output_open(&run, &inputs, true, &failure, &output), "%s", failure.sentence);
    embed_output_close(&output);
    flip_bit("e.safetensors", rows.size - 1);
    refused(&run, &inputs, true, "e.safetensors: row 3 has other bytes than were written");
    free((void *)rows.data);
}
END_TEST

START_TEST(a_file_that_is_gone_is_named)
{
    const struct embed_run run = run_of("e.npy", true, false, false);
    struct embed_output *output = NULL;
    run_up_to(&run, false, 3);
    ck_assert(!unlink("a.png"));
    ck_assert_int_eq(embed_output_open(&run, &inputs, true, &failure, &output), STATUS_NOT_FOUND);
    ck_assert_str_eq(failure.sentence, "a.png: No such file or directory.");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("embed changed");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, embedded_begin, embedded_end);
    tcase_add_test(cases, an_image_that_was_changed_since_is_refused);
    tcase_add_test(cases, an_image_of_the_same_size_and_time_is_read_again);
    tcase_add_test(cases, a_damaged_row_is_found_and_computed_again);
    tcase_add_test(cases, a_whole_file_that_was_damaged_is_refused);
    tcase_add_test(cases, a_file_that_is_gone_is_named);
    return suite_run("cli/embed changed", cases);
}
