#include "engine/base/log.h"

#include "engine/base/json.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *captured;
static int original;
static char text[1 << 20];

static void capture(void)
{
    captured = tmpfile();
    fflush(stderr);
    original = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

static void restore(void)
{
    dup2(original, STDERR_FILENO);
    close(original);
    fclose(captured);
}

/* What was logged so far, in `text`. */
static const char *logged(void)
{
    fflush(stderr);
    ssize_t size = pread(fileno(captured), text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

static struct json *logged_object(void)
{
    struct failure failure = {0};
    struct json *line = NULL;
    logged();
    ck_assert_msg(json_parse((struct bytes){(const uint8_t *)text, strlen(text)},
                             (struct json_limits){8, 1 << 20}, &failure, &line) == STATUS_OK,
                  "%s in: %s", failure.sentence, text);
    return line;
}

START_TEST(levels_are_kept)
{
    log_configure(LOG_WARNING, LOG_TEXT);
    ck_assert(log_enabled(LOG_ERROR) && log_enabled(LOG_WARNING) && !log_enabled(LOG_INFO));
    log_message(LOG_INFO, "hidden");
    log_event(LOG_DEBUG, "hidden", "");
    ck_assert_str_eq(logged(), "");
    log_message(LOG_ERROR, "seen %d", 7);
    ck_assert_str_eq(logged(), "error seen 7\n");
}
END_TEST

START_TEST(json_lines_parse_whatever_the_text)
{
    log_configure(LOG_INFO, LOG_JSON);
    const char *nasty = "quote \" backslash \\ line\nreturn\r tab\t bell\a escape\x1b[2J end \xc3\xa9";
    log_message(LOG_INFO, "%s", nasty);
    struct json *line = logged_object();
    ck_assert_str_eq(json_text(json_member(line, "message")), nasty);
    ck_assert_str_eq(json_text(json_member(line, "level")), "info");
    ck_assert_uint_eq(strlen(json_text(json_member(line, "time"))), strlen("2026-01-01T00:00:00.000Z"));
    json_destroy(&line);
}
END_TEST

START_TEST(a_message_is_one_line_of_text)
{
    log_configure(LOG_INFO, LOG_TEXT);
    log_message(LOG_INFO, "first\nerror forged \x1b[31m");
    const char *line = logged();
    ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
    ck_assert_ptr_null(strchr(line, '\x1b'));
}
END_TEST

START_TEST(long_messages_are_cut_and_still_parse)
{
    log_configure(LOG_INFO, LOG_JSON);
    char *message = memory_allocate(20001, 1);
    memset(message, '"', 20000);
    log_message(LOG_INFO, "%s", message);
    free(message);
    struct json *line = logged_object();
    ck_assert_uint_gt(strlen(json_text(json_member(line, "message"))), 1000);
    json_destroy(&line);
}
END_TEST

START_TEST(events_carry_members)
{
    log_configure(LOG_INFO, LOG_JSON);
    log_event(LOG_INFO, "request", "\"code\":200,\"ms\":3.5");
    struct json *line = logged_object();
    double number = 0;
    ck_assert(json_number(json_member(line, "code"), &number) && number == 200);
    ck_assert_str_eq(json_text(json_member(line, "event")), "request");
    json_destroy(&line);
}
END_TEST

START_TEST(events_without_members)
{
    log_configure(LOG_INFO, LOG_JSON);
    log_event(LOG_INFO, "ready", "");
    struct json *line = logged_object();
    ck_assert_str_eq(json_text(json_member(line, "event")), "ready");
    json_destroy(&line);
}
END_TEST

static void *chatter(void *argument)
{
    for (int i = 0; i < 500; i++)
        log_message(LOG_INFO, "thread %c says %060d", *(const char *)argument, i);
    return NULL;
}

START_TEST(lines_of_threads_do_not_mix)
{
    log_configure(LOG_INFO, LOG_JSON);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, chatter, &"abcd"[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    size_t lines = 0;
    char *rest = (char *)logged();
    for (char *line; (line = strsep(&rest, "\n")) && *line; lines++) {
        struct json *value = NULL;
        struct failure failure;
        ck_assert_int_eq(json_parse((struct bytes){(const uint8_t *)line, strlen(line)},
                                    (struct json_limits){4, 1 << 20}, &failure, &value),
                         STATUS_OK);
        json_destroy(&value);
    }
    ck_assert_uint_eq(lines, 2000);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("log");
    tcase_add_checked_fixture(cases, capture, restore);
    tcase_add_test(cases, levels_are_kept);
    tcase_add_test(cases, json_lines_parse_whatever_the_text);
    tcase_add_test(cases, a_message_is_one_line_of_text);
    tcase_add_test(cases, long_messages_are_cut_and_still_parse);
    tcase_add_test(cases, events_carry_members);
    tcase_add_test(cases, events_without_members);
    tcase_add_test(cases, lines_of_threads_do_not_mix);
    return suite_run("base/log", cases);
}
