/* Sealing: what it writes, and what it will not cover up. Works on a copy of a golden package. */
#include "engine/base/json.h"
#include "engine/package/edit.h"
#include "engine/package/package.h"
#include "engine/package/seal.h"
#include "tests/unit/package/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HEAD[] = "head.nodule.safetensors";
static char package_sha256[SHA256_HEX_BYTES];

static void check_sealed(void)
{
    struct failure failure = {0};
    ck_assert_msg(!package_seal(sample_folder, &failure, package_sha256), "%s", failure.sentence);
    ck_assert_msg(!sample_open(&failure), "%s", failure.sentence);
}

/* Refused, and nothing is written. */
static void check_not_sealed(const char *sentence)
{
    static const char *const names[] = {"SHA256SUMS", "model.json", "head.nodule.safetensors"};
    struct failure failure = {0};
    struct bytes before[3];
    for (int i = 0; i < 3; i++)
        before[i] = sample_read(names[i]);
    ck_assert_int_eq(package_seal(sample_folder, &failure, package_sha256), STATUS_INVALID_FILE);
    ck_assert_msg(strstr(failure.sentence, sentence) != NULL, "got: %s", failure.sentence);
    for (int i = 0; i < 3; i++) {
        struct bytes after = sample_read(names[i]);
        ck_assert_uint_eq(after.size, before[i].size);
        ck_assert_mem_eq(after.data, before[i].data, after.size);
        free((void *)after.data);
        free((void *)before[i].data);
    }
}

/* The value of a member of model.json's first label, which the caller frees; NULL when it has none. */
static char *first_label(const char *member)
{
    struct bytes text = sample_read("model.json");
    struct json *root = NULL;
    ck_assert_int_eq(json_parse(text, (struct json_limits){16, 10000}, NULL, &root), STATUS_OK);
    const struct json *label = json_first(json_member(json_first(json_member(root, "heads")), "labels"));
    const char *value = json_text(json_member(label, member));
    char *copy = value ? memory_copy_text(value) : NULL;
    json_destroy(&root);
    free((void *)text.data);
    return copy;
}

START_TEST(sealing_again_changes_nothing)
{
    struct bytes before = sample_read("SHA256SUMS");
    char hash[SHA256_HEX_BYTES];
    sha256_hex(before, hash);
    check_sealed();
    ck_assert_str_eq(package_sha256, hash);
    free((void *)before.data);
}
END_TEST

START_TEST(a_threshold_can_be_changed_on_purpose)
{
    struct bytes sums = sample_read("SHA256SUMS");
    char before[SHA256_HEX_BYTES];
    sha256_hex(sums, before);
    free((void *)sums.data);
    sample_edit("\"threshold\":\t0.5,\n\t\t\t\t\t\"threshold_source\":\t\"default\"",
                "\"threshold\":\t0.3,\n\t\t\t\t\t\"threshold_source\":\t\"our validation of May\"");
    check_sealed();
    ck_assert_str_ne(package_sha256, before);
    char *bound = first_label("threshold_weights_sha256");
    ck_assert_ptr_nonnull(bound);
    ck_assert_uint_eq(strlen(bound), 64);
    free(bound);
    sample_rewrite_header(HEAD, "\"__metadata__\"", " \"__metadata__\"",
                          0); /* another file: the other head's */
    check_sealed();
    sample_rewrite_header("head.findings.safetensors", "\"__metadata__\"", " \"__metadata__\"", 0);
    check_not_sealed("The threshold of 'Label 0' was set on other weights.");
}
END_TEST

/* Some editors put a byte order mark before what they save. */
START_TEST(a_mark_before_the_text_is_no_fault)
{
    struct bytes text = sample_read("model.json");
    struct buffer marked = {.maximum = SIZE_MAX};
    buffer_append(&marked, "\xef\xbb\xbf", 3);
    buffer_append(&marked, text.data, text.size);
    sample_write("model.json", (struct bytes){marked.data, marked.size});
    sample_check_refused(STATUS_INVALID_FILE, "model.json: it was changed since the package was sealed.");
    check_sealed();
    buffer_finish(&marked);
    free((void *)text.data);
}
END_TEST

static void remove_file(const char *name)
{
    char *path = sample_path(name);
    ck_assert_msg(!unlink(path), "%s", name);
    free(path);
}

static bool has_file(const char *name)
{
    char *path = sample_path(name);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

static void unbind_labels(void)
{
    sample_rewrite_header(HEAD, "\"__metadata__\":{\"labels\":\"[\\\"Label 0\\\"]\"},", "", 0);
    sample_rewrite_header(
        "head.findings.safetensors",
        "\"__metadata__\":{\"labels\":\"[\\\"Label 0\\\",\\\"Label 1\\\",\\\"Label 2\\\"]\"},", "", 0);
}

/* What a process leaves that is killed when the heads' files are written and model.json is not: the files of
 * the old one are as they were. */
START_TEST(sealing_cut_short_can_be_done_again)
{
    struct failure failure = {0};
    unbind_labels();
    struct bytes card = sample_read("model.json");
    char *sums = sample_path("SHA256SUMS");
    ck_assert(!unlink(sums) && !mkdir(sums, 0700)); /* nothing is renamed over a folder */
    ck_assert_int_eq(package_seal(sample_folder, &failure, package_sha256), STATUS_INVALID_FILE);
    ck_assert_int_eq(rmdir(sums), 0);
    sample_write("model.json", card);
    check_sealed();
    ck_assert(has_file("head.nodule.3.safetensors") && !has_file(HEAD));
    remove_file("head.nodule.2.safetensors");
    remove_file("head.nodule.3.safetensors");
    remove_file("head.findings.2.safetensors");
    remove_file("head.findings.3.safetensors");
    free(sums);
    free((void *)card.data);
}
END_TEST

/* As packages were before there were seals: no sums, no labels in the heads' files, thresholds bound to the
 * head's file alone. */
START_TEST(an_older_package_is_sealed)
{
    unbind_labels();
    struct bytes file = sample_read("head.findings.safetensors");
    char hash[SHA256_HEX_BYTES], member[256], *path = sample_path("SHA256SUMS");
    sha256_hex(file, hash);
    free((void *)file.data);
    snprintf(member, sizeof member, "\"threshold_source\":\t\"us\",\"threshold_weights_sha256\":\"%s\"",
             hash);
    sample_edit("\"threshold_source\":\t\"default\"", member);
    unlink(path);
    free(path);
    struct safetensors *before = NULL, *after = NULL;
    path = sample_path(HEAD);
    ck_assert_int_eq(safetensors_open(path, NULL, &before), STATUS_OK);
    check_sealed();
    ck_assert(!has_file(HEAD) && !has_file("head.findings.safetensors"));
    free(path);
    path = sample_path("head.nodule.2.safetensors");
    ck_assert_int_eq(safetensors_open(path, NULL, &after), STATUS_OK);
    ck_assert_str_eq(json_text(json_member(safetensors_metadata(after), "labels")), "[\"Label 0\"]");
    ck_assert_uint_eq(safetensors_count(after), safetensors_count(before));
    for (size_t i = 0; i < safetensors_count(after); i++) {
        const struct tensor *a = safetensors_at(before, i), *b = safetensors_at(after, i);
        ck_assert_str_eq(a->name, b->name);
        ck_assert_uint_eq(a->size_bytes, b->size_bytes);
        ck_assert_mem_eq(a->data, b->data, a->size_bytes);
    }
    char *bound = first_label("threshold_weights_sha256");
    ck_assert_str_ne(bound, hash);
    free(bound);
    safetensors_close(&after);
    safetensors_close(&before);
    free(path);
    remove_file("head.nodule.2.safetensors");
    remove_file("head.findings.2.safetensors");
}
END_TEST

/* A second head on the file of "nodule", which says nothing of its labels. */
START_TEST(heads_that_share_a_file_agree_on_its_labels)
{
    struct failure failure = {0};
    struct package_edit *edit = NULL;
    ck_assert_msg(!package_edit_begin(sample_folder, &failure, &edit), "%s", failure.sentence);
    struct head_card head = package_card(package_edit_package(edit))->heads[1];
    head.name = "twin";
    ck_assert_msg(!package_edit_add(edit, &head, json_object(), &failure), "%s", failure.sentence);
    ck_assert_msg(!package_edit_commit(edit, &failure, package_sha256), "%s", failure.sentence);
    package_edit_end(&edit);
    sample_rewrite_header(HEAD, "\"__metadata__\":{\"labels\":\"[\\\"Label 0\\\"]\"},", "", 0);
    struct bytes text = sample_read("model.json");
    char *copy = memory_allocate(text.size + 1, 1);
    memcpy(copy, text.data, text.size);
    char *label = strstr(copy, "\"twin\"");
    label = label ? strstr(label, "Label 0") : NULL;
    ck_assert_ptr_nonnull(label);
    label[strlen("Label ")] = '9';
    sample_write("model.json", (struct bytes){(const uint8_t *)copy, strlen(copy)});
    check_not_sealed(
        "Heads 'nodule' and 'twin' share head.nodule.safetensors, which does not say which labels "
        "its outputs have, and name them differently: give both the same labels, or each a file "
        "of its own.");
    sample_write("model.json", text);
    check_sealed();
    remove_file("head.nodule.2.safetensors"); /* one, which both name */
    free(copy);
    free((void *)text.data);
}
END_TEST

START_TEST(contradictions_stay)
{
    sample_edit("\"Label 0\"", "\"Label X\"");
    check_not_sealed("Output 1 of head 'findings' is 'Label X' in model.json but was trained as 'Label 0'");
    sample_edit("\"Label X\"", "\"Label 0\"");
    sample_edit("\"registers\":\t0", "\"registers\":\t1");
    check_not_sealed("Tensor 'register_tokens' of shape [1, 1, 64] is missing.");
    sample_edit("\"registers\":\t1", "\"registers\":\t0");
    sample_damage(HEAD);
    check_not_sealed("head.nodule.safetensors: its SHA-256 is not the one in model.json");
    sample_damage(HEAD);
    check_sealed();
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    sample_original = argv[1];
    TCase *cases = tcase_create("seal");
    tcase_add_checked_fixture(cases, sample_copy, sample_remove);
    tcase_add_test(cases, sealing_again_changes_nothing);
    tcase_add_test(cases, a_threshold_can_be_changed_on_purpose);
    tcase_add_test(cases, a_mark_before_the_text_is_no_fault);
    tcase_add_test(cases, sealing_cut_short_can_be_done_again);
    tcase_add_test(cases, an_older_package_is_sealed);
    tcase_add_test(cases, heads_that_share_a_file_agree_on_its_labels);
    tcase_add_test(cases, contradictions_stay);
    return suite_run("seal", cases);
}
