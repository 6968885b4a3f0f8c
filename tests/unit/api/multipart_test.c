#include "api/multipart.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM "multipart/form-data; boundary=xyz"

static struct arena *arena;

static void begin(void)
{
    arena = arena_create();
}

static void end(void)
{
    arena_destroy(&arena);
}

/* Reads all parts of an exact-size copy; returns "name[filename]=content;" of each, or the sentence. */
static char *parts(const char *type, const char *body, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, body, size);
    struct failure failure = {0};
    struct multipart multipart;
    char *all = arena_format(arena, "%s", "");
    bool more = true;
    enum status status = multipart_start(type, (struct bytes){exact, size}, &failure, &multipart);
    while (!status && more) {
        struct multipart_part part;
        status = multipart_next(&multipart, arena, &failure, &part, &more);
        if (!status && more)
            all = arena_format(arena, "%s%s[%s]=%.*s;", all, part.name, part.filename ? part.filename : "-",
                               (int)part.content.size, (const char *)part.content.data);
    }
    free(exact);
    return status ? arena_format(arena, "%s", failure.sentence) : all;
}

static void expect(const char *type, const char *body, const char *result)
{
    ck_assert_str_eq(parts(type, body, strlen(body)), result);
}

static void refused(const char *type, const char *body, const char *words)
{
    const char *sentence = parts(type, body, strlen(body));
    ck_assert_msg(strstr(sentence, words), "%s: %s", body, sentence);
}

#define PART(disposition, content) "--xyz\r\nContent-Disposition: " disposition "\r\n\r\n" content "\r\n"

START_TEST(parts_come_in_order)
{
    expect(FORM,
           PART("form-data; name=\"image\"; filename=\"a b.png\"", "1\r\n2")
               PART("form-data; name=heads", "x") "--xyz--",
           "image[a b.png]=1\r\n2;heads[-]=x;");
    expect(
        "Multipart/Form-Data; charset=x; BOUNDARY=\"x y\"",
        "--x y\r\ncontent-disposition:form-data;name=\"a\"\r\nContent-Type: image/png\r\n\r\n\r\n--x y--\r\n",
        "a[-]=;");
}
END_TEST

START_TEST(what_surrounds_the_parts_is_ignored)
{
    expect(FORM, "preamble\r\n" PART("form-data; name=a", "1") "--xyz--\r\nepilogue --xyz", "a[-]=1;");
    expect(FORM, "--xyz \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--xyz--", "a[-]=1;");
    expect(FORM, "--xyz--", "");
}
END_TEST

START_TEST(names_are_read_whole)
{
    static const struct {
        const char *sent, *read;
    } names[] = {
        {"\"a b.png\"", "a b.png"},
        {"\"say \\\"aah\\\".png\"", "say \"aah\".png"},
        {"\"say %22aah%22.png\"", "say \"aah\".png"},
        {"\"C:\\films\\a.png\"", "C:\\films\\a.png"},
        {"\"a\\\\b\"", "a\\b"},
        {"\"; name=x\"", "; name=x"},
        {"\"M\xfcller.png\"", "M\xfcller.png"}, /* Latin-1, as it is */
        {"\"100%.png\"", "100%.png"},
        {"a.png; filename*=UTF-8''M%C3%BCller%20%22a%22.png", "M\xc3\xbcller \"a\".png"},
        {"a.png; filename*=utf-8'de'%e2%82%ac", "\xe2\x82\xac"},
        {"a.png; filename*=ISO-8859-1''M%FCller.png", "a.png"}, /* what is not read counts as not sent */
        {"a.png; filename*=UTF-8''%FC", "a.png"},
        {"a.png; filename*=UTF-8''%zz", "a.png"},
        {"a.png; filename*=UTF-8", "a.png"},
        {"a.png; filename*=", "a.png"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *body =
            arena_format(arena, PART("form-data; name=image; filename=%s", "1") "--xyz--", names[i].sent);
        expect(FORM, body, arena_format(arena, "image[%s]=1;", names[i].read));
        body = arena_format(arena, PART("form-data; filename=%s; name=image", "1") "--xyz--", names[i].sent);
        expect(FORM, body, arena_format(arena, "image[%s]=1;", names[i].read));
    }
    expect(FORM, PART("form-data; filename*=UTF-8''a; name=\"\xff\\\"%22\"", "1") "--xyz--",
           "\\xff\"\"[a]=1;");
    expect(FORM, PART("form-data; name=a; filename=\"open\\\"", "1") "--xyz--", "a[-]=1;");
}
END_TEST

START_TEST(an_empty_content_needs_no_line_of_its_own)
{
    expect(FORM, "--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n--xyz--", "a[-]=;");
}
END_TEST

START_TEST(malformed_bodies_are_refused)
{
    refused("multipart/form-data", "", "no usable boundary");
    refused("multipart/form-data; boundary=", "",
            "The Content-Type 'multipart/form-data; boundary=' has no usable boundary");
    refused("multipart/form-data; boundary=a\x01", "", "no usable boundary");
    refused("multipart/form-data; boundary=\"open", "", "no usable boundary");
    refused("multipart/form-data; "
            "boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
            "", "no usable boundary");
    refused(FORM, "", "does not contain its boundary");
    refused(FORM, "--xyz", "cut off");
    refused(FORM, "--xyz\r\nContent-Disposition: form-data; name=a", "cut off");
    refused(FORM, PART("form-data; name=a", "1"), "cut off");
    refused(FORM, PART("attachment; name=a", "1") "--xyz--", "not form-data with a name");
    refused(FORM, PART("form-data", "1") "--xyz--", "not form-data with a name");
    refused(FORM, "--xyz\r\n\r\n1\r\n--xyz--", "no Content-Disposition");
    refused(FORM, "--xyz\r\nbroken\r\n\r\n1\r\n--xyz--", "without a colon");
    refused(FORM, PART("form-data; name=a\r\nContent-Disposition: form-data; name=b", "1") "--xyz--", "two");
    refused(FORM, PART("form-data; name=a\r\nContent-Transfer-Encoding: base64", "1") "--xyz--",
            "Content-Transfer-Encoding 'base64'");
}
END_TEST

START_TEST(every_cut_of_a_body_is_refused)
{
    static const char body[] = PART("form-data; name=a", "1") PART("form-data; name=b", "2") "--xyz--";
    for (size_t size = 0; size + 1 < sizeof body; size++) {
        const char *result = parts(FORM, body, size);
        ck_assert_msg(!strstr(result, "[-]="), "cut at %zu: %s", size, result);
    }
}
END_TEST

START_TEST(parts_and_headers_are_bounded)
{
    char *body = arena_allocate(arena, 1 << 16, 1);
    for (int i = 0; i <= MULTIPART_PARTS_MAX; i++)
        strcat(body, PART("form-data; name=a", "1"));
    strcat(body, "--xyz--");
    refused(FORM, body, "more than 128 parts");
    char *wide = arena_allocate(arena, 1 << 16, 1);
    strcpy(wide, "--xyz\r\nX-Long: ");
    memset(wide + strlen(wide), 'x', MULTIPART_HEADER_BYTES_MAX);
    strcat(wide, "\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--xyz--");
    refused(FORM, wide, "do not end within");
    char name[MULTIPART_NAME_BYTES_MAX + 1] = "";
    memset(name, 'a', sizeof name - 1);
    expect(FORM, arena_format(arena, PART("form-data; name=%s", "1") "--xyz--", name),
           arena_format(arena, "%s[-]=1;", name));
    refused(FORM, arena_format(arena, PART("form-data; name=%sa", "1") "--xyz--", name),
            "of at most 256 bytes");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("multipart");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, parts_come_in_order);
    tcase_add_test(cases, what_surrounds_the_parts_is_ignored);
    tcase_add_test(cases, names_are_read_whole);
    tcase_add_test(cases, an_empty_content_needs_no_line_of_its_own);
    tcase_add_test(cases, malformed_bodies_are_refused);
    tcase_add_test(cases, every_cut_of_a_body_is_refused);
    tcase_add_test(cases, parts_and_headers_are_bounded);
    return suite_run("api/multipart", cases);
}
