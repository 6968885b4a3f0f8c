#include "engine/base/file.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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
    struct file_mapping mapping;
    ck_assert_int_eq(file_map(path, &failure, &mapping), STATUS_OK);
    ck_assert_uint_eq(mapping.content.size, 5);
    ck_assert_mem_eq(mapping.content.data, "a\0b\n\xff", 5);
    ck_assert_int_eq(file_unchanged(&mapping, &failure), STATUS_OK);
    file_unmap(&mapping);
    ck_assert_ptr_null(mapping.content.data);
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
    struct file_mapping mapping = {.content.size = 9};
    ck_assert_int_eq(file_map(path, &failure, &mapping), STATUS_OK);
    ck_assert_uint_eq(mapping.content.size, 0);
    file_unmap(&mapping);
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

/* Reading and mapping end in the same sentence. */
static void check_refused(const char *path, enum status status, const char *sentence)
{
    struct failure failure = {0};
    struct bytes content = {NULL, 77};
    struct file_mapping mapping = {.descriptor = 77};
    ck_assert_int_eq(file_read(path, 100, &failure, &content), status);
    ck_assert_msg(strstr(failure.sentence, sentence) != NULL, "got: %s", failure.sentence);
    ck_assert_int_eq(file_map(path, &failure, &mapping), status);
    ck_assert_msg(strstr(failure.sentence, sentence) != NULL, "got: %s", failure.sentence);
    ck_assert_uint_eq(content.size, 77);
    ck_assert_int_eq(mapping.descriptor, 77);
}

/* None is waited for: nothing ever writes to the pipe. */
START_TEST(what_is_no_file_is_named)
{
    char *absent = file_join(folder, "absent"), *pipe = file_join(folder, "pipe"),
         *loop = file_join(folder, "loop"), *path = file_join(folder, "socket");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    ck_assert_int_eq(symlink(loop, loop), 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    check_refused(absent, STATUS_NOT_FOUND, "absent: No such file or directory.");
    check_refused(folder, STATUS_INVALID_FILE, "it is a folder, where a file is needed.");
    check_refused(pipe, STATUS_INVALID_FILE, "pipe: it is a named pipe, where a file is needed.");
    check_refused("/dev/null", STATUS_INVALID_FILE, "/dev/null: it is a device, where a file is needed.");
    check_refused(path, STATUS_INVALID_FILE, "socket: it is a socket");
    check_refused(loop, STATUS_INVALID_FILE, "loop: Too many levels of symbolic links.");
    close(listener);
    free(path);
    free(loop);
    free(pipe);
    free(absent);
}
END_TEST

START_TEST(a_mapped_file_knows_that_it_was_changed)
{
    char *path = file_join(folder, "weights.bin");
    struct failure failure = {0};
    struct file_mapping mapping;
    ck_assert_int_eq(file_write(path, of_text("0123456789"), &failure), STATUS_OK);
    ck_assert_int_eq(file_map(path, &failure, &mapping), STATUS_OK);
    ck_assert_int_eq(file_write(path, of_text("another"), &failure), STATUS_OK); /* in its place, not in it */
    ck_assert_int_eq(file_unchanged(&mapping, &failure), STATUS_OK);
    file_unmap(&mapping);
    ck_assert_int_eq(file_map(path, &failure, &mapping), STATUS_OK);
    FILE *stream = fopen(path, "r+");
    fputs("x", stream);
    fclose(stream);
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0),
                     0); /* a clock too coarse to tell is no excuse here */
    ck_assert_int_eq(file_unchanged(&mapping, &failure), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, "It was changed while it was in use.");
    file_unmap(&mapping);
    free(path);
}
END_TEST

/* As cp -p and rsync -t do. */
START_TEST(a_time_that_is_set_back_hides_no_change)
{
    char *path = file_join(folder, "weights.bin");
    struct failure failure = {0};
    struct file_mapping mapping;
    struct stat before;
    ck_assert_int_eq(file_write(path, of_text("0123456789"), &failure), STATUS_OK);
    ck_assert_int_eq(stat(path, &before), 0);
    ck_assert_int_eq(file_map(path, &failure, &mapping), STATUS_OK);
    struct file_stamp now, then = mapping.stamp;
    do {
        FILE *stream = fopen(path, "r+");
        fputs("x", stream);
        fclose(stream);
        const struct timespec times[2] = {before.st_atim, before.st_mtim};
        ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
        now = file_stamp_now(&mapping);
    } while (now.changed_ns == then.changed_ns); /* until the clock of the file system has moved on */
    ck_assert(now.size_bytes == then.size_bytes && now.modified_ns == then.modified_ns);
    ck_assert_int_eq(file_unchanged(&mapping, &failure), STATUS_INVALID_FILE);
    file_unmap(&mapping);
    free(path);
}
END_TEST

START_TEST(what_a_killed_process_left_is_found)
{
    char *path = file_join(folder, "model"), *other = file_join(folder, "model2"), *name, *again;
    ck_assert_ptr_null(file_left_behind(path, false));
    int fd = folder_make_temporary(path, &name), file = file_make_temporary(other, &again);
    ck_assert(fd >= 0 && file >= 0);
    ck_assert(!strncmp(name, path, strlen(path)) && strlen(name) == strlen(path) + strlen(".part.XXXXXX"));
    ck_assert_ptr_null(file_left_behind(path, false)); /* it is being made */
    ck_assert_ptr_null(file_left_behind(folder, true));
    close(fd);
    char *left = file_left_behind(path, false), *any = file_left_behind(folder, true);
    ck_assert_str_eq(left, name);
    ck_assert_str_eq(any, name);
    ck_assert_int_eq(rmdir(name), 0);
    ck_assert_ptr_null(file_left_behind(path, false));
    close(file);
    free(left);
    free(any);
    any = file_left_behind(folder, true);
    ck_assert_str_eq(any, again);
    ck_assert_ptr_null(file_left_behind(path, false));
    free(any);
    free(again);
    free(name);
    free(other);
    free(path);
}
END_TEST

/* What people name a copy is none. */
START_TEST(a_copy_is_not_taken_for_a_rest)
{
    static const char *const names[] = {"model.backup",     "model.part",         "model.part.",
                                        "model.part.abcde", "model.part.abcdefg", "model.part.abc-ef",
                                        ".part.abcdef"};
    char *path = file_join(folder, "model");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *copy = file_join(folder, names[i]);
        ck_assert_int_eq(file_write(copy, of_text("x"), NULL), STATUS_OK);
        free(copy);
    }
    ck_assert_ptr_null(file_left_behind(path, false));
    ck_assert_ptr_null(file_left_behind(folder, true));
    free(path);
}
END_TEST

START_TEST(a_mapped_file_that_is_cut_short_reads_as_zeros)
{
    enum { PAGES = 3 };
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *path = file_join(folder, "weights.bin");
    struct failure failure = {0};
    struct file_mapping mapping;
    uint8_t *content = memory_allocate(PAGES, page);
    memset(content, 7, PAGES * page);
    ck_assert_int_eq(file_write(path, (struct bytes){content, PAGES * page}, &failure), STATUS_OK);
    ck_assert_int_eq(file_map(path, &failure, &mapping), STATUS_OK);
    ck_assert_uint_eq(mapping.content.data[PAGES * page - 1], 7);
    ck_assert_int_eq(truncate(path, (off_t)page), 0);
    ck_assert_uint_eq(mapping.content.data[page - 1], 7);
    ck_assert_uint_eq(mapping.content.data[page], 0);
    ck_assert_uint_eq(mapping.content.data[PAGES * page - 1], 0);
    ck_assert_int_eq(file_unchanged(&mapping, &failure), STATUS_INVALID_FILE);
    file_unmap(&mapping);
    free(content);
    free(path);
}
END_TEST

/* Any other bus error ends the process as ever. */
START_TEST(other_bus_errors_are_not_hidden)
{
    char *path = file_join(folder, "weights.bin");
    struct failure failure = {0};
    struct file_mapping mapping;
    signal(SIGBUS, SIG_DFL); /* a sanitizer's handler would end it otherwise */
    ck_assert_int_eq(file_write(path, of_text("0123456789"), &failure), STATUS_OK);
    ck_assert_int_eq(file_map(path, &failure, &mapping), STATUS_OK);
    raise(SIGBUS);
}
END_TEST

START_TEST(text_comes_without_a_byte_order_mark)
{
    static const struct {
        const char *content;
        size_t size;
        const char *text; /* NULL: refused */
    } cases[] = {{"\xef\xbb\xbf"
                  "abc",
                  6, "abc"},
                 {"abc", 3, "abc"},
                 {"\xef\xbb\xbf", 3, ""},
                 {"\xef\xbb", 2, "\xef\xbb"},
                 {"\xff\xfe"
                  "a\0",
                  4, NULL},
                 {"\xfe\xff"
                  "\0a",
                  4, NULL}};
    char *path = file_join(folder, "labels.txt");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct failure failure = {0};
        struct bytes text = {0};
        ck_assert_int_eq(
            file_write(path, (struct bytes){(const uint8_t *)cases[i].content, cases[i].size}, &failure),
            STATUS_OK);
        enum status status = file_read_text(path, 100, &failure, &text);
        ck_assert_int_eq(status, cases[i].text ? STATUS_OK : STATUS_INVALID_FILE);
        if (cases[i].text) {
            ck_assert_uint_eq(text.size, strlen(cases[i].text));
            ck_assert_mem_eq(text.data, cases[i].text, text.size);
        } else {
            ck_assert_ptr_nonnull(strstr(failure.sentence, "labels.txt: it is UTF-16; save it as UTF-8."));
        }
        free((void *)text.data);
    }
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
    tcase_add_test(cases, what_is_no_file_is_named);
    tcase_add_test(cases, a_mapped_file_knows_that_it_was_changed);
    tcase_add_test(cases, a_time_that_is_set_back_hides_no_change);
    tcase_add_test(cases, what_a_killed_process_left_is_found);
    tcase_add_test(cases, a_copy_is_not_taken_for_a_rest);
    if (!under_valgrind())
        tcase_add_test(cases, a_mapped_file_that_is_cut_short_reads_as_zeros);
    tcase_add_test_raise_signal(cases, other_bus_errors_are_not_hidden, SIGBUS);
    tcase_add_test(cases, text_comes_without_a_byte_order_mark);
    tcase_add_test(cases, failed_write_leaves_the_old_file_alone);
    tcase_add_test(cases, join);
    return suite_run("base/file", cases);
}
