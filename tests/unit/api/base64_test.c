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
        const char *plain = vectors[i][0], *coded = vectors[i][1], *within = NULL;
        const struct bytes bytes = {(const uint8_t *)plain, strlen(plain)};
        struct bytes decoded = {0};
        char *text = base64_encode(bytes);
        ck_assert_str_eq(text, coded);
        ck_assert(!base64_encode_within(arena, bytes, NULL, &within));
        ck_assert_str_eq(within, coded);
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
        size_t padded = strlen(text), length = strcspn(text, "=");
        ck_assert(!base64_decode(arena, text, padded, NULL, &decoded));
        ck_assert_uint_eq(decoded.size, size);
        ck_assert(!memcmp(decoded.data, all, size));
        for (char *at = text; *at; at++)
            *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
        ck_assert(!base64_decode(arena, text, length, NULL, &decoded)); /* as addresses have it */
        ck_assert_uint_eq(decoded.size, size);
        ck_assert(!memcmp(decoded.data, all, size));
        free(text);
    }
}
END_TEST

START_TEST(what_libraries_make_of_it_is_read)
{
    static const char *const same[] = {"Zm9vYmE=",
                                       "Zm9vYmE",
                                       "Zm9v\r\nYmE=\r\n",
                                       " Z m\t9vY\nmE =",
                                       "data:image/png;base64,Zm9vYmE=",
                                       "DATA:;BASE64,Zm9vYmE",
                                       "data:image/png;name=\"a;b\";base64,Zm9v\nYmE="};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct failure failure = {0};
        struct bytes decoded = {0};
        ck_assert_msg(!base64_decode(arena, same[i], strlen(same[i]), &failure, &decoded), "%s: %s", same[i],
                      failure.sentence);
        ck_assert_uint_eq(decoded.size, 5);
        ck_assert(!memcmp(decoded.data, "fooba", 5));
    }
    struct bytes none = {NULL, 9};
    ck_assert(!base64_decode(arena, "data:image/png;base64,", 22, NULL, &none));
    ck_assert_uint_eq(none.size, 0);
}
END_TEST

START_TEST(anything_else_is_refused)
{
    static const char *const wrong[][2] = {{"Z", "middle of a byte"},
                                           {"Zg=", "two or none"},
                                           {"Z===", "position 1"},
                                           {"Zg===", "position 4"},
                                           {"Zm9vZ", "middle of a byte"},
                                           {"Zm9v=", "position 4"},
                                           {"Zm,v", "position 2"},
                                           {"Zm\xc3\xa9v", "position 2"},
                                           {"Zm\x0bv", "position 2"},
                                           {"=m9v", "position 0"},
                                           {"Zg==Zg==", "position 4"},
                                           {"Zh==", "middle of a byte"},
                                           {"Zh", "middle of a byte"},
                                           {"Zm9=", "middle of a byte"},
                                           {"====", "position 0"},
                                           {"data:", "data:TYPE;base64,"},
                                           {"data:,Zg==", "data:TYPE;base64,"},
                                           {"data:base64,Zg==", "data:TYPE;base64,"},
                                           {"data:image/png,Zg==", "data:TYPE;base64,"},
                                           {"data:image/png;base64", "data:TYPE;base64,"},
                                           {"data:;base64,data:;base64,Zg==", "position 17"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct failure failure = {0};
        struct bytes decoded = {0};
        ck_assert_int_eq(base64_decode(arena, wrong[i][0], strlen(wrong[i][0]), &failure, &decoded),
                         STATUS_BAD_REQUEST);
        ck_assert_msg(strstr(failure.sentence, wrong[i][1]), "%s: %s", wrong[i][0], failure.sentence);
    }
    struct failure failure = {0};
    struct bytes decoded = {0};
    ck_assert_int_eq(base64_decode(arena, "Zg\0=", 4, &failure, &decoded), STATUS_BAD_REQUEST);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("base64");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, the_vectors_of_the_standard);
    tcase_add_test(cases, every_byte_comes_back);
    tcase_add_test(cases, what_libraries_make_of_it_is_read);
    tcase_add_test(cases, anything_else_is_refused);
    return suite_run("api/base64", cases);
}
