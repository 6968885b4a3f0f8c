/* What a command is given: which files that comes to, where their results belong, and what is said of the
 * rest. Works in a folder of its own under /tmp. */
#include "cli/inputs.h"
#include "cli/label_names.h"
#include "cli/places.h"
#include "engine/base/file.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/inputs_test.XXXXXX";
static struct inputs inputs;
static struct failure failure;
static char said[4096]; /* on standard error */

static void make(const char *path)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *at = copy; (at = strchr(at, '/')); *at++ = '/') {
        *at = '\0';
        mkdir(copy, 0777);
    }
    ck_assert_int_eq(file_write(path, (struct bytes){(const uint8_t *)path, strlen(path)}, NULL), STATUS_OK);
}

static void begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    inputs = (struct inputs){0};
    failure = (struct failure){0};
}

static void end(void)
{
    char command[256];
    inputs_finish(&inputs);
    snprintf(command, sizeof command, "cd / && chmod -R u+rwx %s && rm -rf %s", folder, folder);
    ck_assert_int_eq(system(command), 0);
}

/* Lists the paths up to a NULL. */
static enum status list(const char *output, char *const *paths)
{
    size_t count = 0;
    while (paths[count])
        count++;
    fflush(stderr);
    int file = open("/tmp", O_TMPFILE | O_RDWR, 0600), saved = dup(STDERR_FILENO);
    ck_assert(file >= 0 && saved >= 0);
    dup2(file, STDERR_FILENO);
    enum status status = inputs_list("test", paths, count, output, &failure, &inputs);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t size = pread(file, said, sizeof said - 1, 0);
    said[size > 0 ? size : 0] = '\0';
    close(file);
    return status;
}
#define LIST(output, ...) list(output, (char *[]){__VA_ARGS__, NULL})

static void refused(enum status status, enum status expected, const char *words)
{
    ck_assert_int_eq(status, expected);
    ck_assert_msg(strstr(failure.sentence, words), "'%s' lacks '%s'", failure.sentence, words);
}

/* The inputs as "path=place path=place". */
static const char *listed(void)
{
    static char text[1024];
    *text = '\0';
    for (size_t i = 0; i < inputs.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s=%s", i ? " " : "",
                 inputs.items[i].path, inputs.items[i].place);
    return text;
}

START_TEST(results_lie_at_the_paths_below_the_folder_given)
{
    make("data/patient1/study1/view1.png");
    make("data/patient2/study1/view1.jpg");
    make("data/top.jpeg");
    ck_assert_int_eq(LIST("out", "data/"), STATUS_OK);
    ck_assert_str_eq(listed(), "data/patient1/study1/view1.png=patient1/study1/view1 "
                               "data/patient2/study1/view1.jpg=patient2/study1/view1 data/top.jpeg=top");
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(files_keep_the_path_they_are_given_by)
{
    make("a/x.png");
    make("b/x.png");
    ck_assert_int_eq(LIST("out", "a/x.png", "./b/../b//x.png"), STATUS_OK);
    ck_assert_str_eq(listed(), "a/x.png=a/x ./b/../b//x.png=b/x");
    static const char *const places[][2] = {{"../../a/x.png", "a/x.png"}, {"/a/x.png", "a/x.png"},
                                            {"a/../../x", "x"},           {"a/b/../../c/x", "c/x"},
                                            {"./.hidden", ".hidden"},     {"..x/y", "..x/y"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *place = place_of(places[i][0]);
        ck_assert_str_eq(place, places[i][1]);
        free(place);
    }
}
END_TEST

START_TEST(endings_stay_where_two_would_be_one_without)
{
    make("x.png");
    make("x.jpg");
    make("y.png");
    make("y.b.png");
    ck_assert_int_eq(LIST("out", "."), STATUS_OK);
    ck_assert_str_eq(listed(), "./x.jpg=x.jpg ./x.png=x.png ./y.b.png=y.b ./y.png=y");
}
END_TEST

START_TEST(two_inputs_with_one_place_are_refused)
{
    make("a/view1.png");
    make("b/view1.png");
    refused(LIST("out", "a", "b"), STATUS_BAD_REQUEST,
            "a/view1.png and b/view1.png would have their results");
    make("c/x.png");
    make("c/x.jpg");
    make("c/x.png.png"); /* has the name that the first keeps its ending for */
    refused(LIST("out", "c"), STATUS_BAD_REQUEST, "c/x.png and c/x.png.png");
}
END_TEST

START_TEST(one_file_is_done_once)
{
    make("a/x.png");
    ck_assert_int_eq(symlink("x.png", "a/b.png"), 0);
    ck_assert_int_eq(symlink("a", "again"), 0);
    ck_assert_int_eq(LIST("out", "a", "a/x.png", "again", "a"), STATUS_OK);
    ck_assert_str_eq(listed(), "a/x.png=x");
    ck_assert_str_eq(said, "cxrd test: skipped 6 the same file as another.\n");
}
END_TEST

START_TEST(what_is_skipped_is_said)
{
    make("a/x.png");
    make("a/notes.txt");
    make("a/more/model.pth");
    make("a/._x.png");
    make("a/.cache/y.png");
    ck_assert_int_eq(mkfifo("a/z.png", 0600), 0);
    ck_assert_int_eq(symlink("nothing", "a/readme"), 0);
    ck_assert_int_eq(LIST(NULL, "a"), STATUS_OK);
    ck_assert_str_eq(listed(), "a/x.png=x");
    ck_assert_str_eq(said, "cxrd test: skipped 3 without the name of an image, 2 hidden, 1 neither file nor "
                           "folder.\n");
    ck_assert_uint_eq(inputs.failed, 0);
}
END_TEST

START_TEST(what_cannot_be_looked_at_is_named)
{
    make("a/x.png");
    ck_assert_int_eq(symlink("../a", "a/loop"), 0);
    ck_assert_int_eq(symlink("nothing", "a/dead.png"), 0);
    ck_assert_int_eq(LIST(NULL, "a"), STATUS_OK);
    ck_assert_str_eq(listed(), "a/x.png=x");
    ck_assert_uint_eq(inputs.failed, 2);
    ck_assert_ptr_nonnull(strstr(said, "cxrd test: a/dead.png: No such file"));
    ck_assert_ptr_nonnull(strstr(said, "cxrd test: a/loop: The folder is a link to one it lies in.\n"));
    inputs_finish(&inputs);
    make("b/locked/x.png");
    ck_assert_int_eq(chmod("b/locked", 0), 0);
    if (access("b/locked/x.png", F_OK)) { /* who may do everything sees no locked folder */
        refused(LIST(NULL, "b"), STATUS_BAD_REQUEST, "No image was given or found that can be read.");
        ck_assert_str_eq(said, "cxrd test: b/locked: Permission denied.\n");
    }
}
END_TEST

START_TEST(what_is_no_image_is_refused_before_work)
{
    make("texts/a.txt");
    make("texts/b/c.txt");
    mkdir("empty", 0777);
    ck_assert_int_eq(mkfifo("pipe.png", 0600), 0);
    refused(LIST(NULL, "texts"), STATUS_BAD_REQUEST,
            "texts: this folder has no file named .png, .jpg, .jpeg, .jpe, .jfif or .jif; it has 2 without "
            "the name of an image.");
    refused(LIST(NULL, "empty"), STATUS_BAD_REQUEST, "; it has nothing.");
    refused(LIST(NULL, "pipe.png"), STATUS_BAD_REQUEST, "pipe.png: this is neither a file nor a folder");
    refused(LIST(NULL, "/dev/null"), STATUS_BAD_REQUEST, "neither a file nor a folder");
    refused(LIST(NULL, "nowhere"), STATUS_NOT_FOUND, "nowhere: there is no such file or folder.");
}
END_TEST

START_TEST(results_are_no_images)
{
    make("a/x.png");
    make("a/out/x.Edema.png");
    ck_assert_int_eq(LIST("a/out", "a"), STATUS_OK);
    ck_assert_str_eq(listed(), "a/x.png=x");
    ck_assert_str_eq(said, "cxrd test: skipped 1 in the folder for results.\n");
    inputs_finish(&inputs);
    refused(LIST("./a", "a"), STATUS_BAD_REQUEST, "results cannot lie among the images");
}
END_TEST

START_TEST(labels_have_names_of_their_own)
{
    static const struct label first[] = {{.name = "Mass"}, {.name = "A/B"}, {.name = "A B"}, {.name = "X"}},
                              second[] = {{.name = "Mass"}, {.name = "heads-Mass"}};
    const struct head_card heads[] = {{.name = "heads", .labels = first, .label_count = 4},
                                      {.name = "risk", .labels = second, .label_count = 2}};
    const struct model_card card = {.heads = heads, .head_count = 2};
    struct arena *arena = arena_create();
    char **names = label_names(arena, &card);
    static const char *const expected[] = {"heads-Mass-0", "heads-A_B-1", "heads-A_B", "X",
                                           "risk-Mass",    "heads-Mass"};
    for (size_t i = 0; i < 6; i++)
        ck_assert_str_eq(names[i], expected[i]);
    arena_destroy(&arena);
}
END_TEST

static enum status pair(char *const *paths)
{
    size_t count = 0;
    while (paths[count])
        count++;
    return inputs_pair(paths, count, &failure, &inputs);
}
#define PAIR(...) pair((char *[]){__VA_ARGS__, NULL})

START_TEST(pairs_keep_their_order_and_only_frontals_have_places)
{
    make("a/pa.png");
    make("a/ll.png");
    make("b/pa.png");
    ck_assert_int_eq(PAIR("b/pa.png", "a/ll.png", "a/pa.png", "a/ll.png"), STATUS_OK);
    ck_assert_uint_eq(inputs.count, 4); /* one lateral stands in both */
    ck_assert_str_eq(inputs.items[0].path, "b/pa.png");
    ck_assert_str_eq(inputs.items[0].place, "b/pa");
    ck_assert_str_eq(inputs.items[1].path, "a/ll.png");
    ck_assert_str_eq(inputs.items[2].place, "a/pa");
    ck_assert_str_eq(inputs.items[3].path, "a/ll.png");
    inputs_finish(&inputs);
    ck_assert_int_eq(PAIR("a/pa.png", "a/pa.png"), STATUS_OK);
    ck_assert_uint_eq(inputs.count, 2);
}
END_TEST

START_TEST(what_is_no_pair_of_files_is_refused)
{
    make("a/pa.png");
    make("a/ll.png");
    refused(PAIR("a", "a/ll.png"), STATUS_BAD_REQUEST,
            "a: with --views frontal,lateral files are given one by one");
    refused(PAIR("a/pa.png", "a/ll.png", "a/pa.png"), STATUS_BAD_REQUEST, "a/pa.png lacks its lateral");
    refused(PAIR("a/pa.png", "none.png"), STATUS_NOT_FOUND, "none.png: there is no such file");
    refused(PAIR("a/pa.png", "a/ll.png", "a/pa.png", "a/ll.png"), STATUS_BAD_REQUEST, "in one place");
    ck_assert_uint_eq(inputs.count, 0);
}
END_TEST

/* Where x.png lies beside a folder x.json. */
START_TEST(a_result_and_a_folder_of_results_do_not_share_a_name)
{
    static const char *const endings[] = {"json", "Mass.png"};
    const struct results results = {"out", endings, 2, 1};
    make("in/x.png");
    make("in/x.jsonl/y.png");
    ck_assert_int_eq(LIST(NULL, "in"), STATUS_OK);
    ck_assert_msg(!places_check_results(&inputs, &results, &failure), "%s", failure.sentence);
    inputs_finish(&inputs);
    make("in/x.json/deep/y.png");
    ck_assert_int_eq(LIST(NULL, "in"), STATUS_OK);
    refused(
        places_check_results(&inputs, &results, &failure), STATUS_BAD_REQUEST,
        "in/x.png would have its results in the file x.json, which is also the folder of others' results");
    inputs_finish(&inputs);
    ck_assert_int_eq(rename("in/x.json/deep", "in/x.Mass.png"), 0);
    ck_assert_int_eq(LIST(NULL, "in"), STATUS_OK);
    refused(places_check_results(&inputs, &results, &failure), STATUS_BAD_REQUEST,
            "in/x.png would have its results in the file x.Mass.png");
    const struct results no_pictures = {"out", endings, 1, 1};
    ck_assert_msg(!places_check_results(&inputs, &no_pictures, &failure), "%s", failure.sentence);
}
END_TEST

START_TEST(what_is_in_the_way_of_results_is_told_before)
{
    static const char *const endings[] = {"json"};
    const struct results results = {"out", endings, 1, 1};
    make("in/a/x.png");
    make("out/a/x.json");
    ck_assert_int_eq(LIST(NULL, "in"), STATUS_OK);
    ck_assert_msg(!places_check_results(&inputs, &results, &failure), "%s", failure.sentence);
    ck_assert(!unlink("out/a/x.json") && !mkdir("out/a/x.json", 0777));
    refused(places_check_results(&inputs, &results, &failure), STATUS_BAD_REQUEST,
            "out: there is a folder a/x.json where the results of in/a/x.png belong");
    ck_assert(!rmdir("out/a/x.json") && !rmdir("out/a"));
    make("out/a");
    refused(places_check_results(&inputs, &results, &failure), STATUS_BAD_REQUEST,
            "out: there is a file a where a folder for results belongs");
}
END_TEST

/* Names of files come from anyone: on standard error none moves the cursor or turns text. */
START_TEST(names_are_escaped_on_standard_error)
{
    make("in/a.png");
    ck_assert_int_eq(symlink("nowhere", "in/b\033[2J\xc2\x9b\xe2\x80\xae.png"), 0);
    ck_assert_int_eq(LIST(NULL, "in"), STATUS_OK);
    ck_assert_str_eq(said,
                     "cxrd test: in/b\\x1b[2J\\xc2\\x9b\\xe2\\x80\\xae.png: No such file or directory.\n");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("inputs");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, results_lie_at_the_paths_below_the_folder_given);
    tcase_add_test(cases, files_keep_the_path_they_are_given_by);
    tcase_add_test(cases, endings_stay_where_two_would_be_one_without);
    tcase_add_test(cases, two_inputs_with_one_place_are_refused);
    tcase_add_test(cases, one_file_is_done_once);
    tcase_add_test(cases, what_is_skipped_is_said);
    tcase_add_test(cases, what_cannot_be_looked_at_is_named);
    tcase_add_test(cases, what_is_no_image_is_refused_before_work);
    tcase_add_test(cases, results_are_no_images);
    tcase_add_test(cases, labels_have_names_of_their_own);
    tcase_add_test(cases, pairs_keep_their_order_and_only_frontals_have_places);
    tcase_add_test(cases, what_is_no_pair_of_files_is_refused);
    tcase_add_test(cases, a_result_and_a_folder_of_results_do_not_share_a_name);
    tcase_add_test(cases, what_is_in_the_way_of_results_is_told_before);
    tcase_add_test(cases, names_are_escaped_on_standard_error);
    return suite_run("cli/inputs", cases);
}
