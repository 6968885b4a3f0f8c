/* Opening a package, and each way it can be damaged or say what its weights do not. Works on a copy of a
 * golden package. */
#include "engine/base/sha256.h"
#include "engine/package/package.h"
#include "tests/unit/package/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(opens)
{
    struct package *package = NULL;
    char sums[SHA256_HEX_BYTES];
    ck_assert_int_eq(package_open(sample_folder, NULL, &package), STATUS_OK);
    const struct model_card *card = package_card(package);
    ck_assert_str_eq(card->name, "golden-plain");
    ck_assert_uint_eq(strlen(card->weights_sha256), 64);
    struct bytes text = sample_read("SHA256SUMS");
    sha256_hex(text, sums);
    free((void *)text.data);
    ck_assert_str_eq(card->package_sha256, sums); /* what `sha256sum SHA256SUMS` says */
    ck_assert_int_eq(package_verify(package, NULL), STATUS_OK);
    ck_assert_ptr_nonnull(safetensors_find(package_backbone(package), "cls_token"));
    ck_assert_ptr_nonnull(safetensors_find(package_head(package, 1), "linear.weight"));
    package_close(&package);
    ck_assert_ptr_null(package);
}
END_TEST

START_TEST(takes_what_sha256sum_writes)
{
    sample_sum();
    ck_assert_int_eq(sample_open(NULL), STATUS_OK);
}
END_TEST

START_TEST(refuses_a_changed_weight)
{
    sample_damage("head.nodule.safetensors");
    sample_check_refused(STATUS_INVALID_FILE, "its SHA-256 is not the one in model.json");
}
END_TEST

START_TEST(refuses_a_missing_file)
{
    char *path = sample_path("head.findings.safetensors");
    unlink(path);
    free(path);
    sample_check_refused(STATUS_NOT_FOUND, "head.findings.safetensors");
}
END_TEST

START_TEST(refuses_a_folder_without_a_card)
{
    char *path = sample_path("model.json");
    unlink(path);
    free(path);
    sample_check_refused(STATUS_NOT_FOUND,
                         ": It is a folder and no model package, which is a folder with a model.json. Of a "
                         "model as it is published cxrd import --backbone makes one.");
}
END_TEST

/* Weights as they are published, or a part of a package. */
START_TEST(refuses_a_file_in_its_place)
{
    struct failure failure = {0};
    struct package *package = NULL;
    char *path = sample_path("backbone.safetensors");
    ck_assert_int_ne(package_open(path, &failure, &package), STATUS_OK);
    ck_assert_ptr_nonnull(strstr(failure.sentence, ": It is a file and no model package, which is a folder"));
    ck_assert_ptr_nonnull(strstr(failure.sentence, "cxrd import --backbone makes one."));
    free(path);
}
END_TEST

START_TEST(refuses_a_malformed_card)
{
    sample_write("model.json", (struct bytes){(const uint8_t *)"{\"format\":", 10});
    sample_check_refused(STATUS_INVALID_FILE, "model.json: The JSON ends too early, after 10 bytes.");
}
END_TEST

START_TEST(refuses_a_card_without_hashes)
{
    sample_edit("weights_sha256", "Weights_sha256");
    sample_check_refused(STATUS_INVALID_FILE, "\"backbone.safetensors\" of \"weights_sha256\" must be");
}
END_TEST

START_TEST(tells_how_an_older_package_is_sealed)
{
    char *path = sample_path("SHA256SUMS");
    unlink(path);
    free(path);
    sample_check_refused(STATUS_INVALID_FILE,
                         ": the package is not sealed, so nothing says that its labels, thresholds "
                         "and weights belong together. Look at it, then seal it with cxrd inspect "
                         "--seal.");
}
END_TEST

/* Each is a change of model.json that loaded without a word when only the weights were hashed. */
static const struct {
    const char *from, *to;
} edits[] = {
    {"\"Label 0\"", "\"Label 9\""},
    {"\"threshold\":\t0.5", "\"threshold\":\t0.1"},
    {"Tests only.", "Cleared for clinical use."},
    {"\"version\":\t\"1\"", "\"version\":\t\"2\""},
    {"\"interpolate_offset\":\t0.1", "\"interpolate_offset\":\t0.0"},
};

START_TEST(refuses_a_card_that_was_changed_since)
{
    sample_edit(edits[_i].from, edits[_i].to);
    sample_check_refused(STATUS_INVALID_FILE,
                         "/model.json: it was changed since the package was sealed. If the change "
                         "is meant, seal it again with cxrd inspect --seal.");
}
END_TEST

START_TEST(refuses_sums_of_other_files)
{
    struct bytes text = sample_read("SHA256SUMS");
    struct buffer more = {.maximum = SIZE_MAX};
    buffer_append(&more, text.data, text.size);
    buffer_append(&more, text.data, text.size);
    sample_write("SHA256SUMS", (struct bytes){more.data, more.size});
    sample_check_refused(STATUS_INVALID_FILE,
                         "/SHA256SUMS: it does not list exactly the files and hashes of model.json.");
    sample_write("SHA256SUMS", (struct bytes){text.data, 0});
    sample_check_refused(STATUS_INVALID_FILE, "/SHA256SUMS: it does not list exactly");
    buffer_finish(&more);
    free((void *)text.data);
}
END_TEST

/* What no sums made anew can cover up. */
static const struct {
    const char *from, *to, *sentence;
} contradictions[] = {
    {"\"Label 0\"", "\"Label 1 \"",
     "Output 1 of head 'findings' is 'Label 1 ' in model.json but was trained as 'Label 0', as its weights "
     "(head.findings.safetensors) say."},
    {"\"patch_size\":\t14", "\"patch_size\":\t7",
     "Tensor 'patch_embed.proj.weight' has shape [64, 3, 14, 14] where [64, 3, 7, 7] is needed."},
    {"\"registers\":\t0", "\"registers\":\t4", "Tensor 'register_tokens' of shape [1, 4, 64] is missing."},
    {"\"depth\":\t2", "\"depth\":\t3", "Tensor 'blocks.2.norm1.weight' of shape [64] is missing."},
    {"\"position_grid\":\t5", "\"position_grid\":\t3",
     "Tensor 'pos_embed' has shape [1, 26, 64] where [1, 10, 64] is needed."},
    {"\"ffn\":\t\"gelu\"", "\"ffn\":\t\"swiglu\"",
     "Tensor 'blocks.0.mlp.w12.weight' of shape [512, 64] is missing."},
    {"\"blocks\":\t1", "\"blocks\":\t2",
     "Tensor 'embed_standart.weight' has shape [256, 64] where [?, 128] is needed."},
    {"\"average_pool\":\ttrue", "\"average_pool\":\tfalse",
     "Tensor 'linear.weight' has shape [1, 192] where [1, 128] is needed."},
    {"\"threshold_source\":\t\"default\"", "\"threshold_source\":\t\"us\"",
     "The threshold of 'Label 0' does not say on which weights it was set."},
    {"\"threshold_source\":\t\"default\"",
     "\"threshold_source\":\t\"us\",\"threshold_weights_sha256\":\"00\"",
     "The threshold of 'Label 0' was set on other weights. Set it anew; or, if it still holds, remove its "
     "threshold_weights_sha256 from model.json and seal the package."},
};

START_TEST(refuses_contradictions_under_right_sums)
{
    sample_edit(contradictions[_i].from, contradictions[_i].to);
    sample_sum();
    sample_check_refused(STATUS_INVALID_FILE, contradictions[_i].sentence);
}
END_TEST

/* As older packages had them, of which a sealed one has none: the backbone decides the output, too. */
START_TEST(refuses_a_threshold_that_is_bound_to_the_head_alone)
{
    struct failure failure = {0};
    char hash[SHA256_HEX_BYTES], to[160], *path = sample_path("head.findings.safetensors");
    ck_assert(!sha256_file(path, &failure, hash));
    snprintf(to, sizeof to, "\"threshold_source\":\t\"us\",\"threshold_weights_sha256\":\"%s\"", hash);
    sample_edit("\"threshold_source\":\t\"default\"", to);
    sample_sum();
    sample_check_refused(STATUS_INVALID_FILE, "The threshold of 'Label 0' was set on other weights.");
    free(path);
}
END_TEST

START_TEST(refuses_reversed_labels_under_right_sums)
{
    sample_edit("\"Label 0\"", "\"Label X\"");
    sample_edit("\"Label 2\"", "\"Label 0\"");
    sample_edit("\"Label X\"", "\"Label 2\"");
    sample_sum();
    sample_check_refused(STATUS_INVALID_FILE,
                         "Output 1 of head 'findings' is 'Label 2' in model.json but was trained as "
                         "'Label 0'");
}
END_TEST

/* A linear layer's inputs may be other tokens altogether, which no shape shows. */
START_TEST(refuses_a_head_that_reads_what_it_was_not_trained_on)
{
    static const struct {
        const char *reads, *sentence; /* NULL: taken */
    } said[] = {
        {"{\\\"blocks\\\":2,\\\"average_pool\\\":true,\\\"views\\\":1}", NULL},
        {"{\\\"blocks\\\":1,\\\"average_pool\\\":true,\\\"views\\\":1}",
         "Head 'nodule' has other blocks, average_pool or views in model.json than those it was trained on, "
         "as its "
         "weights (head.nodule.safetensors) say: 1, true and 1."},
        {"{\\\"blocks\\\":2,\\\"average_pool\\\":false,\\\"views\\\":1}", "say: 2, false and 1."},
        {"{\\\"blocks\\\":2,\\\"average_pool\\\":true,\\\"views\\\":2}", "say: 2, true and 2."},
        {"{\\\"blocks\\\":0,\\\"average_pool\\\":false,\\\"views\\\":1}",
         "The \"reads\" of its metadata are not blocks, average_pool and views."},
        {"[2]", "The \"reads\" of its metadata are not blocks, average_pool and views."},
    };
    struct package *package = NULL;
    struct failure failure = {0};
    char member[128];
    snprintf(member, sizeof member, "\"__metadata__\":{\"reads\":\"%s\",", said[_i].reads);
    sample_rewrite_header("head.nodule.safetensors", "\"__metadata__\":{", member, 0);
    sample_sum();
    if (said[_i].sentence) {
        sample_check_refused(STATUS_INVALID_FILE, said[_i].sentence);
        return;
    }
    ck_assert_msg(!package_open(sample_folder, &failure, &package), "%s", failure.sentence);
    package_close(&package);
}
END_TEST

START_TEST(refuses_a_tensor_that_nothing_uses)
{
    sample_rewrite_header(
        "backbone.safetensors", "\"cls_token\"",
        "\"register_tokens\":{\"dtype\":\"F32\",\"shape\":[1,4,64],\"data_offsets\":[276736,277760]},"
        "\"cls_token\"",
        1024);
    sample_sum();
    sample_check_refused(STATUS_INVALID_FILE,
                         "backbone.safetensors: Tensor 'register_tokens' is there, but the network as it is "
                         "described does not use it: they do not belong together.");
}
END_TEST

START_TEST(refuses_a_head_that_does_not_say_its_labels)
{
    sample_rewrite_header("head.nodule.safetensors", "\"labels\"", "\"Labels\"", 0);
    sample_sum();
    sample_check_refused(STATUS_INVALID_FILE,
                         "The weights of head 'nodule' (head.nodule.safetensors) do not say which "
                         "labels their outputs have.");
}
END_TEST

START_TEST(counts_labels_in_words)
{
    sample_rewrite_header("head.nodule.safetensors", "\\\"]\"", "\\\",\\\"Mass\\\"]\"", 0);
    sample_sum();
    sample_check_refused(STATUS_INVALID_FILE,
                         "Head 'nodule' has 1 label in model.json and 2 in head.nodule.safetensors.");
}
END_TEST

START_TEST(does_not_wait_for_a_pipe)
{
    static const char *const names[] = {"backbone.safetensors", "model.json", "SHA256SUMS"};
    char *path = sample_path(names[_i]);
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    free(path);
    sample_check_refused(STATUS_INVALID_FILE, "it is a named pipe, where a file is needed.");
}
END_TEST

START_TEST(notices_weights_that_are_written_to_while_open)
{
    struct failure failure = {0};
    struct package *package = NULL;
    ck_assert_int_eq(package_open(sample_folder, NULL, &package), STATUS_OK);
    ck_assert_int_eq(package_verify(package, NULL), STATUS_OK);
    char *path = sample_path("head.nodule.safetensors");
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    ck_assert_int_eq(package_verify(package, &failure), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(
        strstr(failure.sentence, "head.nodule.safetensors: It was changed while it was in use."));
    package_close(&package);
    free(path);
}
END_TEST

/* As cp -p and rsync -t do. A file that gets another name, or loses one, is the one it was. */
START_TEST(a_time_that_is_put_back_hides_no_change)
{
    struct failure failure = {0};
    struct package *package = NULL;
    struct stat before, now;
    char *path = sample_path("head.nodule.safetensors"), *other = sample_path("other");
    ck_assert_int_eq(package_open(sample_folder, NULL, &package), STATUS_OK);
    ck_assert(!package_verify(package, NULL) && !link(path, other));
    ck_assert_int_eq(package_verify(package, NULL), STATUS_OK);
    package_close(&package);
    ck_assert_int_eq(unlink(other), 0);
    ck_assert_int_eq(package_open(sample_folder, NULL, &package), STATUS_OK);
    ck_assert_int_eq(package_verify(package, NULL), STATUS_OK);
    const uint64_t stamp = package_stamp(package);
    ck_assert_int_eq(package_verify_again(package, stamp, NULL), STATUS_OK);
    ck_assert_int_eq(stat(path, &before), 0);
    do { /* until the file system's clock has moved on */
        int file = open(path, O_WRONLY);
        ck_assert(file >= 0 && pwrite(file, "x", 1, before.st_size - 1) == 1);
        const struct timespec times[2] = {before.st_atim, before.st_mtim};
        ck_assert(!futimens(file, times) && !fstat(file, &now) && !close(file));
    } while (!memcmp(&now.st_ctim, &before.st_ctim, sizeof now.st_ctim));
    ck_assert(!memcmp(&now.st_mtim, &before.st_mtim, sizeof now.st_mtim));
    ck_assert_uint_ne(package_stamp(package), stamp);
    ck_assert_int_eq(package_verify(package, &failure), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(
        strstr(failure.sentence, "head.nodule.safetensors: It was changed while it was in use."));
    ck_assert_int_eq(package_verify_again(package, stamp, &failure), STATUS_INVALID_FILE);
    package_close(&package);
    free(other);
    free(path);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    sample_original = argv[1];
    TCase *cases = tcase_create("package");
    tcase_add_checked_fixture(cases, sample_copy, sample_remove);
    tcase_add_test(cases, opens);
    tcase_add_test(cases, takes_what_sha256sum_writes);
    tcase_add_test(cases, refuses_a_changed_weight);
    tcase_add_test(cases, refuses_a_missing_file);
    tcase_add_test(cases, refuses_a_folder_without_a_card);
    tcase_add_test(cases, refuses_a_file_in_its_place);
    tcase_add_test(cases, refuses_a_malformed_card);
    tcase_add_test(cases, refuses_a_card_without_hashes);
    tcase_add_test(cases, tells_how_an_older_package_is_sealed);
    tcase_add_loop_test(cases, refuses_a_card_that_was_changed_since, 0, sizeof edits / sizeof *edits);
    tcase_add_test(cases, refuses_sums_of_other_files);
    tcase_add_loop_test(cases, refuses_contradictions_under_right_sums, 0,
                        sizeof contradictions / sizeof *contradictions);
    tcase_add_test(cases, refuses_a_threshold_that_is_bound_to_the_head_alone);
    tcase_add_test(cases, refuses_reversed_labels_under_right_sums);
    tcase_add_loop_test(cases, refuses_a_head_that_reads_what_it_was_not_trained_on, 0, 6);
    tcase_add_test(cases, refuses_a_tensor_that_nothing_uses);
    tcase_add_test(cases, refuses_a_head_that_does_not_say_its_labels);
    tcase_add_test(cases, counts_labels_in_words);
    tcase_add_loop_test(cases, does_not_wait_for_a_pipe, 0, 3);
    tcase_add_test(cases, notices_weights_that_are_written_to_while_open);
    tcase_add_test(cases, a_time_that_is_put_back_hides_no_change);
    return suite_run("package", cases);
}
