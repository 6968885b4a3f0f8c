#include "engine/base/file.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void folder_make(void)
{
    strcpy(folder, "/tmp/cxrd-file-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void folder_remove(void)
{
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        char *path = file_join(folder, entry->d_name);
        unlink(path);
        free(path);
    }
    closedir(listing);
    rmdir(folder);
}

static size_t folder_count(void)
{
    size_t count = 0;
    DIR *listing = opendir(folder);
    for (struct dirent *entry; (entry = readdir(listing));)
        count += entry->d_name[0] != '.';
    closedir(listing);
    return count;
}

static struct bytes of_text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

START_TEST(written_is_what_is_read_and_mapped)
{
    char *path = file_join(folder, "weights.bin");
    struct failure failure = {0};
    struct bytes content = {0};
    ck_assert_int_eq(file_write(path, of_text("one"), &failure), STATUS_OK);
    ck_assert_int_eq(file_write(path, (struct bytes){(const uint8_t *)"a\0b\n\xff", 5}, &failure), STATUS_OK);
    ck_assert_int_eq(file_read(path, 5, &failure, &content), STATUS_OK);
    ck_assert_uint_eq(content.size, 5);
    ck_assert_mem_eq(content.data, "a\0b\n\xff", 5);
    free((void *)content.data);
    ck_assert_int_eq(file_map(path, &failure, &content), STATUS_OK);
    ck_assert_uint_eq(content.size, 5);
    ck_assert_mem_eq(content.data, "a\0b\n\xff", 5);
    file_unmap(&content);
    ck_assert_ptr_null(content.data);
    ck_assert_uint_eq(folder_count(), 1); /* no temporary file is left */
    free(path);
}
END_TEST

START_TEST(written_files_are_readable_by_others)
{
    char *path = file_join(folder, "model.json");
    struct failure failure;
    mode_t mask = umask(022);
    ck_assert_int_eq(file_write(path, of_text("{}"), &failure), STATUS_OK);
    umask(mask);
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0644);
    free(path);
}
END_TEST

START_TEST(empty_file)
{
    char *path = file_join(folder, "empty");
    struct failure failure;
    struct bytes content = {0};
    ck_assert_int_eq(file_write(path, of_text(""), &failure), STATUS_OK);
    ck_assert_int_eq(file_read(path, 0, &failure, &content), STATUS_OK);
    ck_assert_uint_eq(content.size, 0);
    free((void *)content.data);
    content.size = 9;
    ck_assert_int_eq(file_map(path, &failure, &content), STATUS_OK);
    ck_assert_uint_eq(content.size, 0);
    file_unmap(&content);
    free(path);
}
END_TEST

START_TEST(bound_is_kept)
{
    char *path = file_join(folder, "large");
    struct failure failure = {0};
    struct bytes content = {NULL, 77};
    ck_assert_int_eq(file_write(path, of_text("123456"), &failure), STATUS_OK);
    ck_assert_int_eq(file_read(path, 5, &failure, &content), STATUS_TOO_LARGE);
    ck_assert_int_eq(failure.status, STATUS_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "6 bytes"));
    ck_assert_ptr_nonnull(strstr(failure.sentence, "limit of 5"));
    ck_assert_uint_eq(content.size, 77); /* untouched */
    free(path);
}
END_TEST

START_TEST(missing_and_irregular_files)
{
    struct failure failure = {0};
    struct bytes content = {NULL, 77};
    char *path = file_join(folder, "absent");
    ck_assert_int_eq(file_read(path, 100, &failure, &content), STATUS_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "absent"));
    ck_assert_int_eq(file_map(path, &failure, &content), STATUS_NOT_FOUND);
    ck_assert_int_eq(file_read(folder, 100, &failure, &content), STATUS_INVALID_FILE);
    ck_assert_int_eq(file_map("/dev/null", &failure, &content), STATUS_INVALID_FILE);
    ck_assert_uint_eq(content.size, 77);
    free(path);
}
END_TEST

START_TEST(failed_write_leaves_the_old_file_alone)
{
    char *path = file_join(folder, "sub");
    struct failure failure = {0};
    ck_assert_int_eq(mkdir(path, 0755), 0);
    ck_assert_int_eq(file_write(path, of_text("x"), &failure),
                     STATUS_INVALID_FILE); /* cannot replace a folder */
    ck_assert_uint_eq(folder_count(), 1);
    char *inside = file_join(path, "no/such/folder");
    ck_assert_int_eq(file_write(inside, of_text("x"), &failure), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "cannot be written"));
    rmdir(path);
    free(inside);
    free(path);
}
END_TEST

START_TEST(join)
{
    char *path = file_join("models/phantom", "model.json");
    ck_assert_str_eq(path, "models/phantom/model.json");
    free(path);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("file");
    tcase_add_checked_fixture(cases, folder_make, folder_remove);
    tcase_add_test(cases, written_is_what_is_read_and_mapped);
    tcase_add_test(cases, written_files_are_readable_by_others);
    tcase_add_test(cases, empty_file);
    tcase_add_test(cases, bound_is_kept);
    tcase_add_test(cases, missing_and_irregular_files);
    tcase_add_test(cases, failed_write_leaves_the_old_file_alone);
    tcase_add_test(cases, join);
    return suite_run("base/file", cases);
}
