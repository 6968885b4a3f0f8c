/* What a long run says of how far it is. */
#include "cli/progress.h"
#include "engine/base/file.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t second_ns = 1000000000;

static const char *text(size_t before, size_t done, uint64_t seconds)
{
    static char room[PROGRESS_TEXT_BYTES];
    const struct progress progress = {
        .unit = "images", .total = 1000, .before = before, .began_ns = 7 * second_ns};
    return progress_text(&progress, done, (7 + seconds) * second_ns, room);
}

START_TEST(rate_and_time_are_those_of_this_run)
{
    ck_assert_str_eq(text(0, 0, 0), "0 of 1000 images");
    ck_assert_str_eq(text(0, 0, 50), "0 of 1000 images");
    ck_assert_str_eq(text(0, 100, 50), "100 of 1000 images, 2.0 images/s, 8 min left"); /* of 7.5 */
    ck_assert_str_eq(text(600, 600, 50), "600 of 1000 images");
    ck_assert_str_eq(text(600, 640, 10), "640 of 1000 images, 4.0 images/s, 90 s left");
    ck_assert_str_eq(text(0, 10, 100), "10 of 1000 images, 0.100 images/s, 2 h 45 min left");
    ck_assert_str_eq(text(0, 500, 600), "500 of 1000 images, 0.833 images/s, 10 min left");
    ck_assert_str_eq(text(0, 1000, 600), "1000 of 1000 images, 1.7 images/s, 0 s left");
}
END_TEST

/* What it says of a run of `minutes` to a file in the place of standard error. */
static char *said(bool quiet, int minutes)
{
    char path[] = "/tmp/progress_test.XXXXXX";
    struct bytes content;
    int file = mkstemp(path), kept = dup(STDERR_FILENO);
    ck_assert(file >= 0 && kept >= 0 && dup2(file, STDERR_FILENO) == STDERR_FILENO);
    struct progress progress = {.command = "embed",
                                .unit = "images",
                                .total = 1000,
                                .quiet = quiet,
                                .began_ns = second_ns,
                                .said_ns = second_ns};
    for (int s = 0; s < 60 * minutes; s += 10)
        progress_show_at(&progress, (size_t)s, "a\033[2J.png", (1 + (uint64_t)s) * second_ns);
    progress_clear();
    ck_assert(dup2(kept, STDERR_FILENO) == STDERR_FILENO);
    ck_assert(!file_read(path, 4096, NULL, &content));
    char *text = memory_allocate(content.size + 1, 1);
    memcpy(text, content.data, content.size);
    free((void *)content.data);
    close(file);
    close(kept);
    unlink(path);
    return text;
}

START_TEST(a_line_a_minute_goes_to_what_is_no_terminal)
{
    char *text = said(false, 1);
    ck_assert_str_eq(text, "");
    free(text);
    text = said(false, 3);
    ck_assert_str_eq(text, "cxrd embed: 60 of 1000 images, 1.0 images/s, 16 min left.\n"
                           "cxrd embed: 120 of 1000 images, 1.0 images/s, 15 min left.\n");
    free(text);
}
END_TEST

/* One line of the terminal, however long the image's name, which moves no cursor. */
START_TEST(a_bar_fits_its_terminal)
{
    char text[1024];
    int ours, theirs, kept = dup(STDERR_FILENO);
    const struct winsize size = {.ws_row = 24, .ws_col = 80};
    ck_assert(!openpty(&ours, &theirs, NULL, NULL, &size) && kept >= 0);
    ck_assert(dup2(theirs, STDERR_FILENO) == STDERR_FILENO);
    struct progress progress = {.command = "embed", .unit = "images", .total = 1000, .began_ns = second_ns};
    progress_show_at(&progress, 500, "a\033[2J\xc2\x9b.png, of a very, very, very, very, very long name",
                     2 * second_ns);
    ck_assert(dup2(kept, STDERR_FILENO) == STDERR_FILENO);
    ssize_t got = read(ours, text, sizeof text - 1);
    ck_assert(got > 0);
    text[got] = '\0';
    ck_assert_str_eq(
        text, "\r[############            ] 500 of 1000 images, 500.0 images/s, 1 s left  a\\x1b[\033[K");
    close(ours);
    close(theirs);
    close(kept);
}
END_TEST

START_TEST(a_quiet_run_says_nothing)
{
    char *text = said(true, 30);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("progress");
    tcase_add_test(cases, rate_and_time_are_those_of_this_run);
    tcase_add_test(cases, a_line_a_minute_goes_to_what_is_no_terminal);
    tcase_add_test(cases, a_bar_fits_its_terminal);
    tcase_add_test(cases, a_quiet_run_says_nothing);
    return suite_run("cli/progress", cases);
}
