#include "api/base64.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;

static void begin(void)
{
    arena = arena_create();
}

static void end(void)
{
    arena_destroy(&arena);
}

/* The vectors of RFC 4648, section 10. */
static const char *const vectors[][2] = {{"", ""},
                                         {"f", "Zg=="},
                                         {"fo", "Zm8="},
                                         {"foo", "Zm9v"},
                                         {"foob", "Zm9vYg=="},
                                         {"fooba", "Zm9vYmE="},
                                         {"foobar", "Zm9vYmFy"}};

START_TEST(the_vectors_of_the_standard)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const char *plain = vectors[i][0], *coded = vectors[i][1];
        struct bytes decoded = {0};
        char *text = base64_encode((struct bytes){(const uint8_t *)plain, strlen(plain)});
        ck_assert_str_eq(text, coded);
        ck_assert(!base64_decode(arena, coded, strlen(coded), NULL, &decoded));
        ck_assert_uint_eq(decoded.size, strlen(plain));
        ck_assert(!memcmp(decoded.data, plain, decoded.size));
        free(text);
    }
}
END_TEST

START_TEST(every_byte_comes_back)
{
    uint8_t all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    for (size_t size = 0; size <= sizeof all; size++) {
        struct bytes decoded = {0};
        char *text = base64_encode((struct bytes){all, size});
        ck_assert(!base64_decode(arena, text, strlen(text), NULL, &decoded));
        ck_assert_uint_eq(decoded.size, size);
        ck_assert(!memcmp(decoded.data, all, size));
        free(text);
    }
}
END_TEST

START_TEST(anything_else_is_refused)
{
    static const char *const wrong[][2] = {
        {"Zg", "multiple of 4"},      {"Zg=", "multiple of 4"},    {"Zg== ", "multiple of 4"},
        {"Z===", "position 1"},       {"Zm9v\nZg=", "position 4"}, {"Zm-v", "position 2"},
        {"=m9v", "position 0"},       {"Zg==Zg==", "position 2"},  {"Zh==", "middle of a byte"},
        {"Zm9=", "middle of a byte"}, {"====", "position 0"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct failure failure = {0};
        struct bytes decoded = {0};
        ck_assert_int_eq(base64_decode(arena, wrong[i][0], strlen(wrong[i][0]), &failure, &decoded),
                         STATUS_BAD_REQUEST);
        ck_assert_msg(strstr(failure.sentence, wrong[i][1]), "%s: %s", wrong[i][0], failure.sentence);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("base64");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, the_vectors_of_the_standard);
    tcase_add_test(cases, every_byte_comes_back);
    tcase_add_test(cases, anything_else_is_refused);
    return suite_run("api/base64", cases);
}
