/* Opening a package, and each way it can be damaged. Works on a copy of a golden package. */
#include "engine/base/file.h"
#include "engine/package/package.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const FILES[] = {"model.json", "backbone.safetensors", "head.findings.safetensors",
                                    "head.nodule.safetensors"};
enum { FILE_COUNT = sizeof FILES / sizeof *FILES };
static const char *original; /* the golden package */
static char folder[] = "/tmp/package_test.XXXXXX";

static struct bytes read_whole(const char *from, const char *name)
{
    struct bytes content;
    char *path = file_join(from, name);
    ck_assert_int_eq(file_read(path, 64 << 20, NULL, &content), STATUS_OK);
    free(path);
    return content;
}

static void write_whole(const char *name, struct bytes content)
{
    char *path = file_join(folder, name);
    ck_assert_int_eq(file_write(path, content, NULL), STATUS_OK);
    free(path);
}

static void copy_package(void)
{
    strcpy(folder, "/tmp/package_test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (int i = 0; i < FILE_COUNT; i++) {
        struct bytes content = read_whole(original, FILES[i]);
        write_whole(FILES[i], content);
        free((void *)content.data);
    }
}

static void remove_package(void)
{
    for (int i = 0; i < FILE_COUNT; i++) {
        char *path = file_join(folder, FILES[i]);
        unlink(path);
        free(path);
    }
    rmdir(folder);
}

static void check_refused(enum status status, const char *sentence)
{
    struct failure failure = {0};
    struct package *package = NULL;
    enum status found = package_open(folder, &failure, &package);
    if (!found) {
        found = package_verify(package, &failure);
        ck_assert_int_eq(package_verify(package, NULL), found);
        package_close(&package);
    }
    ck_assert_int_eq(found, status);
    ck_assert_ptr_null(package);
    ck_assert_msg(strstr(failure.sentence, sentence) != NULL, "got: %s", failure.sentence);
}

START_TEST(opens)
{
    struct package *package = NULL;
    ck_assert_int_eq(package_open(folder, NULL, &package), STATUS_OK);
    const struct model_card *card = package_card(package);
    ck_assert_str_eq(card->name, "golden-plain");
    ck_assert_uint_eq(strlen(card->weights_sha256), 64);
    ck_assert_int_eq(package_verify(package, NULL), STATUS_OK);
    ck_assert_ptr_nonnull(safetensors_find(package_backbone(package), "cls_token"));
    ck_assert_ptr_nonnull(safetensors_find(package_head(package, 1), "linear.weight"));
    package_close(&package);
    ck_assert_ptr_null(package);
}
END_TEST

START_TEST(refuses_a_changed_weight)
{
    struct bytes content = read_whole(folder, "head.nodule.safetensors");
    ((uint8_t *)content.data)[content.size - 1] ^= 1;
    write_whole("head.nodule.safetensors", content);
    free((void *)content.data);
    check_refused(STATUS_INVALID_FILE, "its SHA-256 is not the one in model.json");
}
END_TEST

START_TEST(refuses_a_missing_file)
{
    char *path = file_join(folder, "head.findings.safetensors");
    unlink(path);
    free(path);
    check_refused(STATUS_NOT_FOUND, "head.findings.safetensors");
}
END_TEST

START_TEST(refuses_a_folder_without_a_card)
{
    char *path = file_join(folder, "model.json");
    unlink(path);
    free(path);
    check_refused(STATUS_NOT_FOUND, "model.json");
}
END_TEST

START_TEST(refuses_a_malformed_card)
{
    write_whole("model.json", (struct bytes){(const uint8_t *)"{\"format\":", 10});
    check_refused(STATUS_INVALID_FILE, "model.json: The JSON is malformed at byte");
}
END_TEST

START_TEST(refuses_a_card_without_hashes)
{
    struct bytes content = read_whole(folder, "model.json");
    char *at = memmem(content.data, content.size, "weights_sha256", 14);
    ck_assert_ptr_nonnull(at);
    *at = 'W';
    write_whole("model.json", content);
    free((void *)content.data);
    check_refused(STATUS_INVALID_FILE, "\"weights_sha256\" of model.json lacks \"backbone.safetensors\".");
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    original = argv[1];
    TCase *cases = tcase_create("package");
    tcase_add_checked_fixture(cases, copy_package, remove_package);
    tcase_add_test(cases, opens);
    tcase_add_test(cases, refuses_a_changed_weight);
    tcase_add_test(cases, refuses_a_missing_file);
    tcase_add_test(cases, refuses_a_folder_without_a_card);
    tcase_add_test(cases, refuses_a_malformed_card);
    tcase_add_test(cases, refuses_a_card_without_hashes);
    return suite_run("package", cases);
}
