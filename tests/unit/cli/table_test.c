/* Tables of what may come from a file: nothing in them reaches a terminal but what is shown. */
#include "cli/table.h"
#include "engine/base/file.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(what_moves_a_cursor_or_turns_text_is_escaped)
{
    char path[] = "/tmp/table_test.XXXXXX";
    struct bytes content;
    struct table table;
    int file = mkstemp(path), kept = dup(STDOUT_FILENO);
    ck_assert(file >= 0 && kept >= 0 && dup2(file, STDOUT_FILENO) == STDOUT_FILENO);
    table_init(&table, "ll", "name", "size");
    table_add(&table, "a\033[2J\n");
    table_add(&table, "1");
    table_add(&table, "b\xc2\x9b"
                      "2J"); /* CSI of C1 */
    table_add(&table, "2");
    table_add(&table, "c\xe2\x80\xae"
                      "d\xd8\x9c"); /* right-to-left override, Arabic letter mark */
    table_add(&table, "3");
    table_add(&table, "\xc3\x89");
    table_add(&table, "4");
    table_print(&table);
    fflush(stdout);
    ck_assert(dup2(kept, STDOUT_FILENO) == STDOUT_FILENO);
    ck_assert(!file_read(path, 4096, NULL, &content));
    char *text = memory_allocate(content.size + 1, 1);
    memcpy(text, content.data, content.size);
    ck_assert_str_eq(text, "name                    size\n"
                           "a\\x1b[2J\\x0a            1\n"
                           "b\\xc2\\x9b2J             2\n"
                           "c\\xe2\\x80\\xaed\\xd8\\x9c  3\n"
                           "\xc3\x89                       4\n");
    free(text);
    free((void *)content.data);
    close(file);
    close(kept);
    unlink(path);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("table");
    tcase_add_test(cases, what_moves_a_cursor_or_turns_text_is_escaped);
    return suite_run("cli/table", cases);
}
