/* Runs of cxrd embed that end early or meet what is there: one that was cut off anywhere ends as one in one
 * go. */
#include "engine/base/file.h"
#include "tests/unit/cli/embedded.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void cut(const char *path, size_t size)
{
    ck_assert_int_eq(truncate(path, (off_t)size), 0);
}

/* As a kill leaves it, and as a loss of power may: rows and lines cut anywhere, and rows without lines. */
static void check_cut_off_anywhere(const struct embed_run *run, const char *const *parts, const char *file)
{
    run_up_to(run, false, IMAGES);
    struct bytes rows = read_file(file), lines = read_file("e.jsonl");
    for (size_t done = 0; done < IMAGES; done++)
        for (size_t cut_part = 0; parts[cut_part]; cut_part++) {
            struct stat info;
            ck_assert(!unlink(file) && !unlink("e.jsonl"));
            run_up_to(run, false, done);
            ck_assert(!is_there(file));
            ck_assert(!stat(parts[cut_part], &info));
            cut(parts[cut_part], (size_t)info.st_size - (size_t)info.st_size / (3 + done));
            run_up_to(run, true, IMAGES);
            check_same(file, rows);
            check_same("e.jsonl", lines);
        }
    for (size_t size = 0; size < lines.size; size += 1 + size % 73) {
        ck_assert(!unlink(file) && !unlink("e.jsonl"));
        run_up_to(run, false, IMAGES - 1);
        struct stat info;
        ck_assert(!stat("e.jsonl", &info));
        cut("e.jsonl", size < (size_t)info.st_size ? size : (size_t)info.st_size);
        run_up_to(run, true, IMAGES);
        check_same(file, rows);
        check_same("e.jsonl", lines);
    }
    for (size_t i = 0; parts[i]; i++)
        ck_assert(!is_there(parts[i]));
    free((void *)rows.data);
    free((void *)lines.data);
}

START_TEST(a_run_that_was_cut_off_anywhere_ends_as_one_in_one_go)
{
    static const char *const npy[] = {"e.npy.part", NULL};
    static const char *const all[] = {"e.safetensors.part", "e.safetensors.mean.part",
                                      "e.safetensors.class.part", NULL};
    const struct embed_run one = run_of("e.npy", false, true, false);
    check_cut_off_anywhere(&one, npy, "e.npy");
    ck_assert(!unlink("e.jsonl"));
    const struct embed_run three = run_of("e.safetensors", true, true, true);
    check_cut_off_anywhere(&three, all, "e.safetensors");
}
END_TEST

/* The first part has the others' rows behind its own already, and a header. */
START_TEST(a_run_that_ended_while_parts_were_moved_is_finished)
{
    const struct embed_run run = run_of("e.safetensors", true, false, true);
    run_up_to(&run, false, IMAGES);
    struct bytes whole = read_file("e.safetensors");
    ck_assert(!unlink("e.safetensors") && !unlink("e.jsonl"));
    struct embed_output *output = NULL;
    ck_assert(!embed_output_open(&run, &inputs, false, &failure, &output));
    ck_assert(!write_up_to(output, IMAGES));
    embed_output_close(&output);
    for (size_t size = whole.size; size > whole.size - 40; size -= 13) {
        ck_assert(!file_write("e.safetensors.part", (struct bytes){whole.data, size}, &failure));
        run_up_to(&run, true, IMAGES);
        check_same("e.safetensors", whole);
        if (size > whole.size - 27) { /* again, from where it was */
            ck_assert(!rename("e.safetensors", "e.safetensors.part"));
            FILE *part = fopen("e.safetensors.class.part", "wb");
            for (size_t image = 0; image < IMAGES; image++)
                for (size_t i = 0; i < WIDTH && image != FAILED; i++) {
                    float one = value_of(image, TOKENS_CLASS, i);
                    fwrite(&one, sizeof one, 1, part);
                }
            fclose(part);
        }
    }
    free((void *)whole.data);
}
END_TEST

START_TEST(another_run_is_refused_and_leaves_what_there_is)
{
    const struct embed_run run = run_of("e.safetensors", false, true, false);
    run_up_to(&run, false, 4);
    struct bytes rows = read_file("e.safetensors.part"), lines = read_file("e.jsonl");
    struct embed_run other = run_of("e.safetensors", true, true, false);
    refused(&other, &inputs, true,
            "e.jsonl was begun with tokens mean, and this run has class,mean; go on as it was begun, or give "
            "another "
            "--output.");
    struct model_card changed = card;
    changed.package_sha256[0] = 'b';
    other = run;
    other.card = &changed;
    refused(&other, &inputs, true, "begun with package_sha256 aaaa");
    other = run;
    other.shard = (struct shard){.number = 1, .count = 2};
    refused(&other, &inputs, true, "begun with shard none, and this run has 1/2");
    other = run;
    other.rung = "matrix";
    refused(&other, &inputs, true, "begun with rung fake, and this run has matrix");
    other = run;
    other.version = "1.2.4";
    refused(&other, &inputs, true, "begun with cxrd 1.2.3, and this run has 1.2.4");
    struct input swapped[IMAGES] = {items[0], items[3], items[2], items[1], items[4]};
    refused(&run, &(struct inputs){.items = swapped, .count = IMAGES}, true,
            "image 2 was b\\x0a\\xff.png, and in this run it is x/a.png; go on with the inputs");
    refused(&run, &(struct inputs){.items = items, .count = 3}, true,
            "has more images than the 3 of this run");
    check_same("e.safetensors.part", rows);
    check_same("e.jsonl", lines);
    ck_assert(!is_there("e.safetensors.class.part"));
    free((void *)rows.data);
    free((void *)lines.data);
}
END_TEST

/* A shard is of one list: with another it would overlap the others, or leave images out. */
START_TEST(a_shard_of_another_list_is_refused)
{
    struct embed_run run = run_of("e.npy", true, false, false);
    run.shard = (struct shard){.number = 1, .count = 2};
    memset(run.shard.inputs_sha256, 'c', SHA256_HEX_BYTES - 1);
    run_up_to(&run, false, 3);
    struct embed_run other = run;
    other.shard.inputs_sha256[7] = 'd';
    refused(&other, &inputs, true,
            "e.jsonl is a shard of another list of inputs: files were added or removed");
    run_up_to(&run, true, IMAGES);
    refused(&other, &inputs, true, "e.jsonl is a shard of another list of inputs");
}
END_TEST

/* Behind what is done the list may change: the file is that of a run with the list as it is. */
START_TEST(inputs_behind_those_done_may_come_and_go)
{
    const struct embed_run run = run_of("e.npy", true, false, false);
    const struct inputs fewer = {.items = items, .count = 4};
    struct embed_output *output = NULL;
    run_up_to(&run, false, IMAGES);
    struct bytes rows = read_file("e.npy"), lines = read_file("e.jsonl");
    ck_assert(!unlink("e.npy") && !unlink("e.jsonl"));
    ck_assert(!embed_output_open(&run, &fewer, false, &failure, &output));
    ck_assert(!write_up_to(output, 3));
    embed_output_close(&output);
    run_up_to(&run, true, IMAGES);
    check_same("e.npy", rows);
    check_same("e.jsonl", lines);
    free((void *)rows.data);
    free((void *)lines.data);
}
END_TEST

START_TEST(what_is_there_is_not_written_over)
{
    const struct embed_run run = run_of("e.npy", true, false, false);
    run_up_to(&run, false, 2);
    refused(&run, &inputs, false,
            "e.npy.part is of a run that did not end: go on with it with --resume, or delete it "
            "and e.jsonl.");
    run_up_to(&run, true, IMAGES);
    refused(&run, &inputs, false, "e.npy is there already; delete it, or give another --output.");
    ck_assert(!rename("e.npy", "f"));
    refused(&run, &inputs, false, "e.jsonl, where the names of this file's rows would go, is there already");
    refused(&run, &inputs, true, "e.jsonl is there without e.npy.part, which has its rows");
    ck_assert(!rename("f", "e.npy.part") && !unlink("e.jsonl"));
    refused(&run, &inputs, true, "e.npy.part is there without e.jsonl, which says what its rows are");
}
END_TEST

START_TEST(a_whole_file_needs_nothing_and_takes_nothing)
{
    const struct embed_run run = run_of("e.npy", true, false, false);
    struct embed_output *output = NULL;
    run_up_to(&run, true, IMAGES); /* where there is nothing to go on with, it begins */
    struct bytes rows = read_file("e.npy");
    ck_assert_msg(!embed_output_open(&run, &inputs, true, &failure, &output), "%s", failure.sentence);
    ck_assert(embed_output_complete(output));
    ck_assert_uint_eq(embed_output_progress(output)->failed, 1);
    embed_output_close(&output);
    struct input more[IMAGES + 1];
    memcpy(more, items, sizeof items);
    more[IMAGES] = (struct input){.path = "z.png"};
    refused(&run, &(struct inputs){.items = more, .count = IMAGES + 1}, true,
            "is complete with 5 images, and this run has 6");
    check_same("e.npy", rows);
    cut("e.npy", rows.size - 1);
    refused(&run, &inputs, true, "e.npy has another size than e.jsonl says");
    free((void *)rows.data);
}
END_TEST

START_TEST(a_journal_of_something_else_is_refused)
{
    static const char *const lines[] = {"hello\n",
                                        "{}\n",
                                        "{\"row\":0}\n",
                                        "[1]\n",
                                        "\n",
                                        "{\"row\":1,\"image\":\"a.png\"}\n",
                                        "{\"row\":null,\"image\":\"a.png\"}\n",
                                        "{\"row\":0.5,\"image\":\"a.png\"}\n"};
    const struct embed_run run = run_of("e.npy", true, false, false);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        ck_assert(!file_write("e.npy.part", (struct bytes){(const uint8_t *)"", 0}, &failure));
        ck_assert(
            !file_write("e.jsonl", (struct bytes){(const uint8_t *)lines[i], strlen(lines[i])}, &failure));
        refused(&run, &inputs, true, "e.jsonl: line 1 is not what this command writes");
    }
    struct buffer line = {.maximum = 1 << 20};
    for (int i = 0; i < 70000; i++)
        buffer_append(&line, i == 69999 ? "\n" : " ", 1);
    ck_assert(!file_write("e.npy.part", (struct bytes){(const uint8_t *)"", 0}, &failure));
    ck_assert(!file_write("e.jsonl", (struct bytes){line.data, line.size}, &failure));
    refused(&run, &inputs, true, "line 1 is not what this command writes");
    buffer_finish(&line);
}
END_TEST

START_TEST(two_runs_do_not_write_one_file)
{
    const struct embed_run run = run_of("e.npy", true, false, false);
    run_up_to(&run, false, 2);
    int held = open("e.npy.part", O_RDWR);
    ck_assert(held >= 0 && !flock(held, LOCK_EX | LOCK_NB));
    refused(&run, &inputs, true, "e.npy: another run is writing it");
    close(held);
    run_up_to(&run, true, IMAGES);
}
END_TEST

START_TEST(a_disk_that_is_full_ends_a_run_that_goes_on_later)
{
    const struct embed_run run = run_of("e.safetensors", true, true, true);
    struct embed_output *output = NULL;
    run_up_to(&run, false, IMAGES);
    struct bytes whole = read_file("e.safetensors"), lines = read_file("e.jsonl");
    signal(SIGXFSZ, SIG_IGN); /* as command_prepare does */
    for (rlim_t room = 0; room < whole.size; room += 50) {
        struct rlimit limit;
        ck_assert(!unlink("e.safetensors") && !unlink("e.jsonl"));
        ck_assert(!embed_output_open(&run, &inputs, false, &failure, &output));
        ck_assert(!getrlimit(RLIMIT_FSIZE, &limit));
        int set =
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){room, limit.rlim_max}); /* an assertion would write */
        enum status status = write_up_to(output, IMAGES);
        if (!status)
            status = embed_output_finish(output, &failure);
        ck_assert(!set && !setrlimit(RLIMIT_FSIZE, &limit));
        ck_assert_int_eq(status, STATUS_INVALID_FILE);
        ck_assert_msg(strstr(failure.sentence, ": cannot be written: File too large."), "%s",
                      failure.sentence);
        ck_assert(!is_there("e.safetensors"));
        embed_output_close(&output);
        run_up_to(&run, true, IMAGES);
        check_same("e.safetensors", whole);
        check_same("e.jsonl", lines);
    }
    free((void *)whole.data);
    free((void *)lines.data);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("embed resume");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, embedded_begin, embedded_end);
    tcase_add_test(cases, a_run_that_was_cut_off_anywhere_ends_as_one_in_one_go);
    tcase_add_test(cases, a_run_that_ended_while_parts_were_moved_is_finished);
    tcase_add_test(cases, another_run_is_refused_and_leaves_what_there_is);
    tcase_add_test(cases, a_shard_of_another_list_is_refused);
    tcase_add_test(cases, inputs_behind_those_done_may_come_and_go);
    tcase_add_test(cases, what_is_there_is_not_written_over);
    tcase_add_test(cases, a_whole_file_needs_nothing_and_takes_nothing);
    tcase_add_test(cases, a_journal_of_something_else_is_refused);
    tcase_add_test(cases, two_runs_do_not_write_one_file);
    tcase_add_test(cases, a_disk_that_is_full_ends_a_run_that_goes_on_later);
    return suite_run("cli/embed resume", cases);
}
