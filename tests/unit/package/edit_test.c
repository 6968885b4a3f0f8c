/* Other heads for a package that is there. Works on a copy of a golden package. */
#include "engine/package/create.h"
#include "engine/package/edit.h"
#include "engine/package/seal.h"
#include "tests/unit/package/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct failure failure;
static char sha256[SHA256_HEX_BYTES];

static struct package_edit *begin(void)
{
    struct package_edit *edit = NULL;
    ck_assert_msg(!package_edit_begin(sample_folder, &failure, &edit), "%s", failure.sentence);
    return edit;
}

static bool has_file(const char *name)
{
    char *path = sample_path(name);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

/* A second "nodule" under another name, in a file of its own. The caller ends the edit. */
static struct package_edit *begin_adding(const char *name, const char **file)
{
    struct package_edit *edit = begin();
    struct head_card head = package_card(package_edit_package(edit))->heads[1];
    struct bytes weights = sample_read(head.weights);
    char hash[SHA256_HEX_BYTES];
    head.name = name;
    head.sha256 = CARD_NO_HASH;
    const char *path = package_edit_file(edit, name, &head.weights);
    ck_assert_msg(!package_edit_add(edit, &head, json_object(), &failure), "%s", failure.sentence);
    ck_assert_msg(!package_edit_check(edit, &failure), "%s", failure.sentence);
    sample_write(head.weights, weights);
    ck_assert_int_eq(access(path, F_OK), 0);
    sha256_hex(weights, hash);
    package_edit_hash(edit, head.weights, hash);
    free((void *)weights.data);
    *file = head.weights;
    return edit;
}

/* The card of the copy as it is, which must open. The caller closes the package. */
static struct package *open_copy(void)
{
    struct package *package = NULL;
    ck_assert_msg(!package_open(sample_folder, &failure, &package), "%s", failure.sentence);
    ck_assert_msg(!package_verify(package, &failure), "%s", failure.sentence);
    return package;
}

static void remove_file(const char *name)
{
    char *path = sample_path(name);
    ck_assert_int_eq(unlink(path), 0);
    free(path);
}

START_TEST(a_head_is_added_and_the_others_keep_what_they_had)
{
    const char *file;
    sample_edit("\"threshold\":\t0.5,\n\t\t\t\t\t\"threshold_source\":\t\"default\"",
                "\"threshold\":\t0.3,\n\t\t\t\t\t\"threshold_source\":\t\"ours\",\"calibration\":"
                "{\"scale\":2,\"offset\":-1}");
    ck_assert_msg(!package_seal(sample_folder, &failure, sha256), "%s", failure.sentence);
    struct package_edit *edit = begin_adding("second", &file);
    ck_assert_str_eq(file, "head.second.safetensors");
    ck_assert_msg(!package_edit_commit(edit, &failure, sha256), "%s", failure.sentence);
    package_edit_end(&edit);

    struct package *package = open_copy();
    const struct model_card *card = package_card(package);
    ck_assert_uint_eq(card->head_count, 3);
    ck_assert_str_eq(card->package_sha256, sha256);
    ck_assert_str_eq(card->heads[2].name, "second");
    const struct label *label = &card->heads[0].labels[0];
    ck_assert_str_eq(label->threshold_source, "ours");
    ck_assert(label->threshold == 0.3 && label->calibrated && label->scale == 2 && label->offset == -1);
    ck_assert_ptr_nonnull(label->threshold_weights_sha256);
    package_close(&package);
    remove_file("head.second.safetensors");
}
END_TEST

START_TEST(without_a_commit_nothing_has_changed)
{
    const char *file;
    struct bytes before = sample_read("model.json");
    struct package_edit *edit = begin_adding("second", &file);
    ck_assert(has_file(file));
    package_edit_end(&edit);
    ck_assert(!has_file("head.second.safetensors"));
    struct bytes after = sample_read("model.json");
    ck_assert_uint_eq(after.size, before.size);
    ck_assert_mem_eq(after.data, before.data, after.size);
    free((void *)before.data);
    free((void *)after.data);
}
END_TEST

START_TEST(a_file_that_is_there_is_not_written_over)
{
    struct package_edit *edit = begin();
    const char *file;
    package_edit_file(edit, "nodule", &file);
    ck_assert_str_eq(file, "head.nodule.2.safetensors");
    package_edit_end(&edit);
    ck_assert(has_file("head.nodule.safetensors"));
}
END_TEST

START_TEST(a_name_that_is_taken_is_refused)
{
    struct package_edit *edit = begin();
    struct head_card head = package_card(package_edit_package(edit))->heads[0];
    ck_assert_int_eq(package_edit_add(edit, &head, json_object(), &failure), STATUS_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "it has a head 'findings' already"));
    package_edit_end(&edit);
}
END_TEST

START_TEST(a_card_that_would_not_load_is_refused_by_the_loaders_sentence)
{
    struct package_edit *edit = begin();
    struct head_card head = package_card(package_edit_package(edit))->heads[1];
    head.name = "more";
    head.sha256 = CARD_NO_HASH;
    head.blocks = 99;
    package_edit_file(edit, head.name, &head.weights);
    ck_assert_int_eq(package_edit_add(edit, &head, json_object(), &failure), STATUS_OK);
    ck_assert_int_eq(package_edit_check(edit, &failure), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(
        strstr(failure.sentence, "model.json: \"blocks\" of more must be a whole number from 0 to 2."));
    package_edit_end(&edit);
}
END_TEST

START_TEST(heads_are_removed_down_to_none)
{
    struct package_edit *edit = begin();
    ck_assert_int_eq(package_edit_remove(edit, "noddle", &failure), STATUS_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "it has no head 'noddle'; there are: findings, nodule."));
    ck_assert_int_eq(package_edit_remove(edit, "findings", &failure), STATUS_OK);
    ck_assert(has_file("head.findings.safetensors")); /* until it is meant */
    ck_assert_msg(!package_edit_commit(edit, &failure, sha256), "%s", failure.sentence);
    package_edit_end(&edit);
    ck_assert(!has_file("head.findings.safetensors"));
    ck_assert_int_eq(sample_open(&failure), STATUS_OK);

    edit = begin();
    ck_assert_int_eq(package_edit_remove(edit, "nodule", &failure), STATUS_OK);
    ck_assert_msg(!package_edit_commit(edit, &failure, sha256), "%s", failure.sentence);
    package_edit_end(&edit);
    struct package *package = open_copy();
    ck_assert_uint_eq(package_card(package)->head_count, 0);
    package_close(&package);

    edit = begin();
    ck_assert_int_eq(package_edit_remove(edit, "nodule", &failure), STATUS_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "it has no head 'nodule'; there are none."));
    package_edit_end(&edit);
}
END_TEST

START_TEST(a_file_that_heads_share_stays_with_the_last_of_them)
{
    struct package_edit *edit = begin();
    struct head_card head = package_card(package_edit_package(edit))->heads[1];
    head.name = "twin";
    ck_assert_int_eq(package_edit_add(edit, &head, json_object(), &failure), STATUS_OK);
    ck_assert_int_eq(package_edit_remove(edit, "nodule", &failure), STATUS_OK);
    ck_assert_msg(!package_edit_commit(edit, &failure, sha256), "%s", failure.sentence);
    package_edit_end(&edit);
    ck_assert(has_file("head.nodule.safetensors"));
    ck_assert_msg(!sample_open(&failure), "%s", failure.sentence);
}
END_TEST

/* What a process leaves that is killed between the two files it renames. */
START_TEST(a_change_cut_short_is_refused_until_it_is_sealed)
{
    struct bytes sums = sample_read("SHA256SUMS");
    struct package_edit *edit = begin();
    ck_assert_int_eq(package_edit_remove(edit, "findings", &failure), STATUS_OK);
    ck_assert_msg(!package_edit_commit(edit, &failure, sha256), "%s", failure.sentence);
    package_edit_end(&edit);
    sample_write("SHA256SUMS", sums);
    free((void *)sums.data);
    sample_check_refused(STATUS_INVALID_FILE, "seal it again with cxrd inspect --seal");
    ck_assert_msg(!package_seal(sample_folder, &failure, sha256), "%s", failure.sentence);
    ck_assert_int_eq(sample_open(&failure), STATUS_OK);
}
END_TEST

/* A folder in the place of SHA256SUMS cannot be renamed over. */
START_TEST(a_change_that_is_not_sealed_has_no_hash)
{
    char hash[SHA256_HEX_BYTES] = "none", *sums = sample_path("SHA256SUMS");
    struct package_edit *edit = begin();
    ck_assert_int_eq(package_edit_remove(edit, "findings", &failure), STATUS_OK);
    ck_assert(!unlink(sums) && !mkdir(sums, 0700));
    ck_assert_int_eq(package_edit_commit(edit, &failure, hash), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "The change is made but not sealed"));
    ck_assert_str_eq(hash, "none");
    package_edit_end(&edit);
    ck_assert(has_file("head.findings.safetensors"));
    ck_assert_int_eq(rmdir(sums), 0);
    free(sums);
}
END_TEST

START_TEST(what_is_not_sealed_or_is_being_changed_is_not_edited)
{
    struct package_edit *edit = begin(), *other = NULL;
    ck_assert_int_eq(package_edit_begin(sample_folder, &failure, &other), STATUS_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "another process is changing this package"));
    package_edit_end(&edit);
    sample_edit("\"threshold\":\t0.5", "\"threshold\":\t0.4");
    ck_assert_int_eq(package_edit_begin(sample_folder, &failure, &edit), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "changed since the package was sealed"));
    ck_assert_ptr_null(edit);
    ck_assert_int_eq(package_edit_begin("/nonexistent/package", &failure, &edit), STATUS_NOT_FOUND);
    char *file = sample_path("backbone.safetensors");
    ck_assert_int_ne(package_edit_begin(file, &failure, &edit), STATUS_OK);
    ck_assert_ptr_nonnull(strstr(failure.sentence, ": It is a file and no model package"));
    free(file);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    sample_original = argv[1];
    TCase *cases = tcase_create("edit");
    tcase_add_checked_fixture(cases, sample_copy, sample_remove);
    tcase_add_test(cases, a_head_is_added_and_the_others_keep_what_they_had);
    tcase_add_test(cases, without_a_commit_nothing_has_changed);
    tcase_add_test(cases, a_file_that_is_there_is_not_written_over);
    tcase_add_test(cases, a_name_that_is_taken_is_refused);
    tcase_add_test(cases, a_card_that_would_not_load_is_refused_by_the_loaders_sentence);
    tcase_add_test(cases, heads_are_removed_down_to_none);
    tcase_add_test(cases, a_file_that_heads_share_stays_with_the_last_of_them);
    tcase_add_test(cases, a_change_cut_short_is_refused_until_it_is_sealed);
    tcase_add_test(cases, a_change_that_is_not_sealed_has_no_hash);
    tcase_add_test(cases, what_is_not_sealed_or_is_being_changed_is_not_edited);
    return suite_run("edit", cases);
}
