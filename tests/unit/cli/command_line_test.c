/* The program as a person at a terminal meets it: exit codes, sentences, formats.
 *
 * command_line_test CXRD PACKAGE ROTATED works in a folder of its own under /tmp with pictures it draws
 * itself, and ROTATED, an image that a reader is to be warned of.
 */
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/image/overlay.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program, *package, *rotated;
static char folder[] = "/tmp/command_line_test.XXXXXX";
static char *output, *errors; /* of the last run */

static char *read_text(const char *name)
{
    struct bytes content;
    char *path = file_join(folder, name);
    ck_assert_int_eq(file_read(path, 64 << 20, NULL, &content), STATUS_OK);
    char *text = memory_allocate(content.size + 1, 1);
    memcpy(text, content.data, content.size);
    free((void *)content.data);
    free(path);
    return text;
}

/* Runs the program in the folder with the words of `format`; returns its exit code. */
static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *format, ...)
{
    char words[1024], command[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    /* What the driver compiled is taken from where it keeps it: compiling is not what this is about. */
    snprintf(command, sizeof command,
             "cd %s && XDG_CACHE_HOME=%s MESA_SHADER_CACHE_DIR=${MESA_SHADER_CACHE_DIR:-$HOME/.cache} "
             "$CXRD_TEST_WRAPPER '%s' %s >out 2>err",
             folder, folder, program, words);
    int status = system(command);
    free(output);
    free(errors);
    output = read_text("out");
    errors = read_text("err");
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check_says(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

static void draw(const char *name, uint32_t width, uint32_t height)
{
    struct buffer png = {.maximum = 16 << 20};
    uint8_t *pixels = memory_allocate((size_t)width * height, 1);
    char *path = file_join(folder, name);
    for (uint32_t i = 0; i < width * height; i++)
        pixels[i] = (uint8_t)(i % width * 3 + i / width * 2);
    ck_assert_int_eq(image_write_png(pixels, width, height, 1, NULL, NULL, &png), STATUS_OK);
    ck_assert_int_eq(file_write(path, (struct bytes){png.data, png.size}, NULL), STATUS_OK);
    buffer_finish(&png);
    free(path);
    free(pixels);
}

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char command[256];
    snprintf(command, sizeof command, "cd %s && mkdir -p more/deep && echo hello >more/text.png", folder);
    ck_assert_int_eq(system(command), 0);
    draw("a.png", 80, 100);
    draw("more/deep/b.png", 64, 64);
}

static void remove_folder(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(usage_errors_exit_2_and_say_what_to_do)
{
    static const struct {
        const char *words, *says;
    } cases[] = {
        {"", "usage: cxrd COMMAND"},
        {"dance", "there is no command \"dance\"; see cxrd --help."},
        {"predict a.png", "give --model DIR and at least one image"},
        {"predict --model", "option --model needs a value"},
        {"predict --frobnicate", "unknown option --frobnicate; see cxrd predict --help."},
        {"predict --model x --format yaml a.png", "--format is table, json, jsonl or csv, not \"yaml\"."},
        {"predict --model x --batch 0 a.png", "--batch is a whole number from 1 to 64, not \"0\"."},
        {"bench", "give either --model DIR or --arch NAME"},
        {"bench --arch resnet50", "no architecture \"resnet50\"; there are vitl16-512"},
        {"bench --arch vits16-500", "no architecture \"vits16-500\""},
        {"bench --arch vits16-512x500", "no architecture \"vits16-512x500\""},
        {"predict --model x --precision int8 a.png", "--precision is auto, fp16 or fp32, not \"int8\"."},
        {"bench --arch vits16-512 --batch 1,x", "from 1 to 64 with commas between them, not \"1,x\"."},
        {"bench --arch vits16-512 --runs -18446744073709551612", "whole number from 1 to 1000, not"},
        {"bench --arch vits16-512 --format csv", "--format is table or json, not \"csv\"."},
        {"import --frobnicate", "unknown option --frobnicate"},
        {"import --image-size 0", "from 16 to 4096, or HEIGHTxWIDTH, not '0'."},
        {"import --head name=a,file=b", "blocks and views, not 'file'."},
        {"inspect", "cxrd inspect"},
        {"devices --format csv", "cxrd devices"},
        {"version please", "takes no arguments"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(run("%s", cases[i].words) == 2, "cxrd %s", cases[i].words);
        check_says(errors, cases[i].says);
        ck_assert_str_eq(output, "");
    }
}
END_TEST

START_TEST(help_goes_to_standard_output)
{
    static const char *const commands[] = {"", "bench", "devices", "import", "inspect", "predict", "serve"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        ck_assert_int_eq(run("%s --help", commands[i]), 0);
        ck_assert_str_eq(errors, "");
        ck_assert_uint_gt(strlen(output), 60);
    }
}
END_TEST

START_TEST(the_help_of_predict_tells_ranges_endings_and_exit_codes)
{
    ck_assert_int_eq(run("predict --help"), 0);
    check_says(output, "images a batch: 1 to 64, 8 by default, 4 on a CPU\n");
    check_says(output, "json and jsonl both write .json");
    check_says(output, "Exit codes: 0 ");
    check_says(output, "end in .png, .jpg, ");
}
END_TEST

START_TEST(a_wrong_choice_names_what_there_is)
{
    ck_assert_int_eq(run("predict --model %s --heads bones a.png", package), 2);
    check_says(errors, "bones");
    check_says(errors, "findings");
    ck_assert_int_eq(run("predict --model %s --attention-for Gout a.png", package), 2);
    check_says(errors, "Gout");
    ck_assert_int_eq(run("predict --model %s --device 99 a.png", package), 1);
    ck_assert_int_eq(run("predict --model %s --rung warp a.png", package), 2);
    check_says(errors, "There is no rung \"warp\"");
    ck_assert_int_eq(run("predict --model nowhere a.png"), 1);
    check_says(errors, "nowhere/model.json");
    ck_assert_int_eq(run("inspect a.png"), 1);
    check_says(errors, "a.png: It is of no kind that this program knows.");
}
END_TEST

START_TEST(json_names_the_bad_image_and_answers_the_others)
{
    struct json *root = NULL;
    ck_assert_int_eq(run("predict --model %s --format json a.png more", package), 1);
    check_says(errors, "cxrd predict: more/text.png: ");
    ck_assert_int_eq(json_parse((struct bytes){(uint8_t *)output, strlen(output)},
                                (struct json_limits){16, 1 << 20}, NULL, &root),
                     STATUS_OK);
    ck_assert_str_eq(json_text(json_member(json_member(root, "model"), "name")), "golden-registers");
    const struct json *list = json_member(root, "predictions");
    ck_assert_uint_eq(json_length(list), 3);
    const struct json *a = json_first(list), *b = json_next(a), *text = json_next(b);
    ck_assert_str_eq(json_text(json_member(json_member(a, "image"), "id")), "a.png");
    ck_assert_uint_eq(json_length(json_member(a, "findings")), 5 + 3);
    ck_assert_uint_eq(json_length(json_member(a, "risk_scores")), 2);
    ck_assert_uint_ge(json_length(json_member(a, "attention_maps")), 1);
    ck_assert_str_eq(json_text(json_member(json_member(b, "image"), "id")), "more/deep/b.png");
    ck_assert(json_is_object(json_member(text, "error")));
    json_destroy(&root);
}
END_TEST

START_TEST(repeats_give_the_same_bytes)
{
    ck_assert_int_eq(run("predict --model %s --format jsonl a.png more/deep", package), 0);
    char *first = memory_copy_text(output);
    ck_assert_int_eq(run("predict --model %s --format jsonl --batch 1 a.png more/deep", package), 0);
    ck_assert_str_eq(first, output);
    ck_assert_ptr_nonnull(strchr(first, '\n'));
    ck_assert_ptr_ne(strchr(first, '\n'), strrchr(first, '\n')); /* one line an image */
    free(first);
}
END_TEST

START_TEST(csv_has_a_row_a_label)
{
    ck_assert_int_eq(run("predict --model %s --format csv --attention png a.png", package), 2);
    check_says(errors, "Pictures have no place in this form");
    ck_assert_int_eq(run("predict --model %s --format csv --heads findings,risk a.png", package), 0);
    check_says(output,
               "image,head,label,logit,probability,threshold,positive,warnings,error,package_sha256,");
    check_says(output, "\na.png,risk,Label 0,");
    check_says(output, ",,,,,"); /* a risk is not judged */
    size_t lines = 0;
    for (const char *at = output; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_uint_eq(lines, 1 + 5 + 1);
}
END_TEST

START_TEST(csv_holds_no_formula_of_a_file_name)
{
    draw("=1+2.png", 1, 1);
    draw("-a;b.png", 1, 1);
    ck_assert_int_eq(run("predict --model %s --format csv -- =1+2.png '-a;b.png' more/text.png", package), 1);
    check_says(output, "\n./=1+2.png,,");
    check_says(output, "\n\"./-a;b.png\",,");
    check_says(output, "\nmore/text.png,,");
    char *first = file_join(folder, "=1+2.png"), *second = file_join(folder, "-a;b.png");
    ck_assert(!unlink(first) && !unlink(second));
    free(second);
    free(first);
}
END_TEST

START_TEST(a_folder_takes_answers_and_pictures)
{
    ck_assert_int_eq(run("predict --model %s --format json --attention overlay --attention-for 'Label 1' "
                         "--heads findings --output answers a.png",
                         package),
                     0);
    ck_assert_str_eq(output, "");
    char *text = read_text("answers/a.json"), *path = file_join(folder, "answers/a.findings-Label_1.png");
    struct bytes picture;
    struct image image;
    struct image_info info;
    ck_assert_int_eq(file_read(path, 16 << 20, NULL, &picture), STATUS_OK);
    ck_assert_int_eq(image_decode(picture, NULL, &image, &info), STATUS_OK);
    ck_assert_uint_eq(image.width, 80); /* the region: the centre 80 x 80 of 80 x 100 */
    ck_assert_uint_eq(image.height, 80);
    image_finish(&image);
    free((void *)picture.data);
    free(path);
    free(text);
}
END_TEST

static struct json *parse(const char *text)
{
    struct json *root = NULL;
    ck_assert_int_eq(json_parse((struct bytes){(const uint8_t *)text, strlen(text)},
                                (struct json_limits){16, 10000}, NULL, &root),
                     STATUS_OK);
    return root;
}

/* The same file name of three patients, one of whom has no image: each has an answer of its own. */
START_TEST(patients_are_not_mixed)
{
    char command[256];
    snprintf(command, sizeof command,
             "cd %s && mkdir -p study/p1 study/p2 study/p3 && echo x >study/p3/v.png", folder);
    ck_assert_int_eq(system(command), 0);
    draw("study/p1/v.png", 80, 100);
    draw("study/p2/v.png", 64, 64);
    ck_assert_int_eq(run("predict --model %s --format json --attention png --attention-for all --size 32 "
                         "--output mixed study",
                         package),
                     1);
    static const char *const answers[][2] = {{"mixed/p1/v.json", "study/p1/v.png"},
                                             {"mixed/p2/v.json", "study/p2/v.png"},
                                             {"mixed/p3/v.json", "study/p3/v.png"}};
    for (int i = 0; i < 3; i++) {
        char *text = read_text(answers[i][0]);
        struct json *root = parse(text);
        ck_assert_str_eq(json_text(json_member(json_member(root, "image"), "id")), answers[i][1]);
        ck_assert_int_eq(json_is_object(json_member(root, "error")), i == 2);
        json_destroy(&root);
        free(text);
    }
    snprintf(command, sizeof command,
             "cd %s && test $(ls mixed/p1/*.png | wc -l) = $(grep -c '\"png\":' mixed/p1/v.json)", folder);
    ck_assert_int_eq(system(command), 0); /* no label's picture lies over another's */
    ck_assert_int_eq(run("predict --model %s --output mixed study/p1 study/p2", package), 1);
    check_says(errors, "study/p1/v.png and study/p2/v.png would have their results in one place");
}
END_TEST

START_TEST(every_form_tells_warnings_and_failures)
{
    static const char short_file[] = "/sys/devices/system/cpu/online"; /* has fewer bytes than it says */
    static const char warning[] = "asks to be rotated or mirrored";
    ck_assert_int_eq(run("predict --model %s %s more/text.png", package, rotated), 1);
    check_says(output, warning);
    check_says(output, "more/text.png  failed: The file is plain text");
    ck_assert_int_eq(run("predict --model %s --format csv --heads risk %s more/text.png", package, rotated),
                     1);
    check_says(output,
               ",\"The image asks to be rotated or mirrored (EXIF orientation); it was read as stored.\",,");
    check_says(output, "\nmore/text.png,,,,,,,,\"The file is plain text");
    static const char *const forms[] = {"json", "jsonl"};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(run("predict --model %s --format %s %s more/text.png", package, forms[i], rotated),
                         1);
        check_says(output, warning);
        check_says(output, "\"detail\":\"The file is plain text");
        ck_assert_int_eq(run("predict --model %s --format %s %s", package, forms[i], short_file), 1);
        check_says(output, "\"detail\":\"It was cut short while it was read.\"");
        check_says(errors, "cxrd predict: /sys/devices/system/cpu/online: It was cut short");
    }
}
END_TEST

START_TEST(names_that_are_no_utf_8_are_escaped)
{
    draw("odd\xff\n.png", 64, 64);
    ck_assert_int_eq(run("predict --model %s --format jsonl --attention none odd* nowhere.png", package), 1);
    check_says(errors, "nowhere.png: there is no such file or folder.");
    ck_assert_int_eq(run("predict --model %s --format jsonl --attention none odd*", package), 0);
    struct json *root = parse(output);
    ck_assert_str_eq(json_text(json_member(json_member(root, "image"), "id")), "odd\\xff\\x0a.png");
    json_destroy(&root);
    ck_assert_int_eq(run("predict --model %s --attention none odd*", package), 0);
    check_says(output, "odd\\xff\\x0a.png  64 x 64 png\n");
}
END_TEST

START_TEST(the_version_is_told_either_way)
{
    ck_assert_int_eq(run("version"), 0);
    char *first = memory_copy_text(output);
    ck_assert_int_eq(run("--version"), 0);
    ck_assert_str_eq(output, first);
    check_says(output, "cxrd ");
    free(first);
}
END_TEST

START_TEST(the_table_marks_what_is_positive)
{
    ck_assert_int_eq(run("predict --model %s --threshold 0 a.png", package), 0);
    check_says(output, "a.png  80 x 100 png\n");
    check_says(output, "  * Label 0");
    ck_assert_int_eq(run("predict --model %s --threshold 1 a.png", package), 0);
    ck_assert_ptr_null(strstr(output, "*"));
}
END_TEST

START_TEST(bench_tells_operations_and_ceilings)
{
    struct json *root = NULL;
    ck_assert_int_eq(run("bench --model %s --batch 1,2 --runs 2 --format json", package), 0);
    ck_assert_int_eq(json_parse((struct bytes){(uint8_t *)output, strlen(output)},
                                (struct json_limits){16, 1 << 20}, NULL, &root),
                     STATUS_OK);
    ck_assert_uint_eq(json_length(json_member(root, "batches")), 2);
    const struct json *first = json_first(json_member(root, "batches"));
    double rate = 0, ceiling = 0;
    ck_assert(json_number(json_member(first, "images_per_s"), &rate) && rate > 0);
    ck_assert(json_number(json_member(json_member(root, "ceilings"), "gemm_gflops"), &ceiling) &&
              ceiling > 0);
    ck_assert(json_number(json_member(json_member(root, "ceilings"), "peak_gflops"), &ceiling) &&
              ceiling > 0);
    ck_assert_uint_gt(json_length(json_member(first, "operations")), 10);
    json_destroy(&root);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 4 || !(program = realpath(argv[1], NULL))) /* it is run from another folder */
        return 2;
    package = argv[2];
    rotated = argv[3];
    TCase *cases = tcase_create("command_line");
    tcase_set_timeout(cases, 120);
    tcase_add_unchecked_fixture(cases, make_folder, remove_folder);
    tcase_add_test(cases, usage_errors_exit_2_and_say_what_to_do);
    tcase_add_test(cases, help_goes_to_standard_output);
    tcase_add_test(cases, the_help_of_predict_tells_ranges_endings_and_exit_codes);
    tcase_add_test(cases, a_wrong_choice_names_what_there_is);
    tcase_add_test(cases, json_names_the_bad_image_and_answers_the_others);
    tcase_add_test(cases, repeats_give_the_same_bytes);
    tcase_add_test(cases, csv_has_a_row_a_label);
    tcase_add_test(cases, csv_holds_no_formula_of_a_file_name);
    tcase_add_test(cases, a_folder_takes_answers_and_pictures);
    tcase_add_test(cases, patients_are_not_mixed);
    tcase_add_test(cases, every_form_tells_warnings_and_failures);
    tcase_add_test(cases, names_that_are_no_utf_8_are_escaped);
    tcase_add_test(cases, the_version_is_told_either_way);
    tcase_add_test(cases, the_table_marks_what_is_positive);
    tcase_add_test(cases, bench_tells_operations_and_ceilings);
    return suite_run("command_line", cases);
}
