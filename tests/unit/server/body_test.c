#include "engine/base/clock.h"
#include "server/body.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int pair[2];
static struct registry *registry;
static struct connection connection;
static struct budget budget;

static void begin(void)
{
    struct failure failure;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert(!registry_create(4, &failure, &registry));
    connection_init(&connection, pair[0], registry);
    budget = (struct budget){.limit_bytes = (size_t)64 << 20};
}

static void end(void)
{
    connection_finish(&connection);
    registry_destroy(&registry);
    close(pair[0]);
    close(pair[1]);
    ck_assert_uint_eq(budget.used_bytes, 0);
}

static void send_text(const char *text)
{
    ck_assert_int_eq(write(pair[1], text, strlen(text)), (ssize_t)strlen(text));
}

/* Reads a body into a new arena, and gives its memory back. */
static enum status read_one(const struct head *head, uint32_t timeout_ms, uint32_t pause_ms, char *text)
{
    struct arena *arena = arena_create_within(&budget);
    struct failure failure = {0};
    struct bytes body;
    const struct body_limits limits = {API_BODY_BYTES_MAX, clock_now_ns() + timeout_ms * UINT64_C(1000000),
                                       timeout_ms, pause_ms};
    enum status status = body_read(&connection, head, &limits, arena, &failure, &body);
    ck_assert_int_eq(failure.status, status);
    if (!status)
        snprintf(text, 64, "%.*s", (int)body.size, (const char *)body.data);
    arena_destroy(&arena);
    return status;
}

START_TEST(a_body_is_as_long_as_its_head_says)
{
    char text[64];
    const struct head head = {.framing = BODY_SIZED, .body_bytes = 5};
    send_text("hellorest");
    ck_assert(!read_one(&head, 1000, 1000, text));
    ck_assert_str_eq(text, "hello");
    ck_assert_uint_eq(connection_pending(&connection).size, 4);
    shutdown(pair[1], SHUT_WR);
    ck_assert_int_eq(read_one(&head, 1000, 1000, text), STATUS_BAD_REQUEST); /* four of five */
}
END_TEST

START_TEST(chunks_are_joined)
{
    char text[64];
    const struct head head = {.framing = BODY_CHUNKED};
    send_text("3\r\nhel\r\n1\r\nl\r\n00000001\r\no\r\n0\r\n\r\nrest");
    ck_assert(!read_one(&head, 1000, 1000, text));
    ck_assert_str_eq(text, "hello");
    ck_assert_uint_eq(connection_pending(&connection).size, 4);
}
END_TEST

START_TEST(malformed_chunks_are_refused)
{
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {{"\r\n", STATUS_BAD_REQUEST},
                 {"x\r\n", STATUS_BAD_REQUEST},
                 {"3;a=b\r\nhel\r\n", STATUS_BAD_REQUEST},
                 {"3\nhel\r\n", STATUS_BAD_REQUEST},
                 {"3\r\nhelo\r\n", STATUS_BAD_REQUEST},
                 {"0\r\nX: y\r\n\r\n", STATUS_BAD_REQUEST},
                 {"3 \r\nhel\r\n", STATUS_BAD_REQUEST},
                 {"000000003\r\n", STATUS_BAD_REQUEST},
                 {"3\rxhel", STATUS_BAD_REQUEST},
                 {"2000001\r\n", STATUS_TOO_LARGE},
                 {"ffffffff\r\n", STATUS_TOO_LARGE},
                 {"1\r\na\r\n2000000\r\n", STATUS_TOO_LARGE}};
    const struct head head = {.framing = BODY_CHUNKED};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        connection.start = connection.end = 0;
        send_text(cases[i].text);
        ck_assert_msg(read_one(&head, 1000, 1000, text) == cases[i].status, "%s", cases[i].text);
    }
}
END_TEST

static void *drip(void *stop)
{
    while (!*(_Atomic bool *)stop) {
        (void)!write(pair[1], "x", 1);
        usleep(1000);
    }
    return NULL;
}

START_TEST(a_body_has_a_deadline_even_while_bytes_come)
{
    char text[64];
    pthread_t thread;
    _Atomic bool stop = false;
    const struct head head = {.framing = BODY_SIZED, .body_bytes = 1 << 20};
    ck_assert(!pthread_create(&thread, NULL, drip, (void *)&stop));
    uint64_t start_ns = clock_now_ns();
    ck_assert_int_eq(read_one(&head, 200, 10000, text), STATUS_REQUEST_TIMEOUT);
    ck_assert_double_ge(clock_elapsed_ms(start_ns), 200);
    stop = true;
    pthread_join(thread, NULL);
    start_ns = clock_now_ns();
    ck_assert_int_eq(read_one(&head, 10000, 100, text), STATUS_REQUEST_TIMEOUT); /* it stopped coming */
    ck_assert_double_lt(clock_elapsed_ms(start_ns), 5000);
}
END_TEST

START_TEST(memory_grows_with_what_arrives)
{
    char text[64];
    const struct head head = {.framing = BODY_SIZED, .body_bytes = (size_t)32 << 20};
    budget.limit_bytes = 100 << 10;
    send_text("only a little comes");
    ck_assert_int_eq(read_one(&head, 100, 100, text), STATUS_REQUEST_TIMEOUT); /* not BUSY */
    budget.limit_bytes = 1000;
    send_text("only a little comes");
    ck_assert_int_eq(read_one(&head, 100, 100, text), STATUS_TOO_LARGE);
    budget.limit_bytes = 100 << 10;
    ck_assert(budget_take(&budget, 90 << 10)); /* by others */
    send_text("only a little comes");
    ck_assert_int_eq(read_one(&head, 100, 100, text), STATUS_NO_ROOM);
    budget_give(&budget, 90 << 10);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("body");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, a_body_is_as_long_as_its_head_says);
    tcase_add_test(cases, chunks_are_joined);
    tcase_add_test(cases, malformed_chunks_are_refused);
    tcase_add_test(cases, a_body_has_a_deadline_even_while_bytes_come);
    tcase_add_test(cases, memory_grows_with_what_arrives);
    return suite_run("server/body", cases);
}
