/* The viewer's files as they are served: whole, from nowhere else, and only where they have changed. */
#include "api/page/page.h"
#include "tests/unit/api/request.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { OWN_BYTES_MAX = 150000 };

static struct service service;
static struct call call;

static void begin(void)
{
    service_begin(&service, NULL);
}

static void end(void)
{
    service_end(&service);
}

static void get(const char *target, const char *known)
{
    const struct api_header header = {"If-None-Match", known};
    call_run_headers(&call, service.api, "GET", target, &header, known ? 1 : 0, (struct bytes){0});
}

static bool ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    return length > tail && !strcmp(name + length - tail, ending);
}

/* Of the page's own, not a drawing to try. */
static bool is_text(const struct page_file *file)
{
    return ends_with(file->name, ".html") || ends_with(file->name, ".css") || ends_with(file->name, ".js") ||
           ends_with(file->name, ".svg");
}

static char *copy_text(const struct page_file *file)
{
    return strndup((const char *)file->content.data, file->content.size);
}

START_TEST(every_file_is_served_as_what_it_is)
{
    for (size_t i = 0; i < page_file_count; i++) {
        const struct page_file *file = &page_files[i];
        char target[128];
        snprintf(target, sizeof target, "/page/%s", file->name);
        get(target, NULL);
        ck_assert_int_eq(call.response.code, 200);
        ck_assert_str_eq(call.response.content_type, file->media_type);
        ck_assert_str_eq(call_header(&call, "ETag"), file->etag);
        ck_assert_uint_gt(call.response.body.size, 0);
        ck_assert(call.response.may_be_kept);
        ck_assert_str_eq(call_header(&call, "Referrer-Policy"), "no-referrer");
        ck_assert_msg((is_text(file) && file->content.size > 1024) == call.response.varies_by_encoding, "%s",
                      file->name);
        call_end(&call);
    }
    get("/", NULL);
    ck_assert_str_eq(call.response.content_type, "text/html; charset=utf-8");
    ck_assert_ptr_eq(call.response.body.data, page_file("index.html")->content.data);
    call_end(&call);
    ck_assert_str_eq(page_file("main.js")->media_type, "text/javascript; charset=utf-8");
    ck_assert_str_eq(page_file("edema_effusion.dcm")->media_type, "application/dicom");
}
END_TEST

START_TEST(the_policy_lets_nothing_in_from_elsewhere)
{
    get("/", NULL);
    const char *policy = call_header(&call, "Content-Security-Policy");
    ck_assert(!strncmp(policy, "default-src 'none'; ", 20));
    ck_assert_ptr_null(strstr(policy, "unsafe"));
    ck_assert_ptr_null(strstr(policy, "http"));
    ck_assert_ptr_null(strchr(policy, '*'));
    ck_assert_ptr_nonnull(strstr(policy, "script-src 'self';"));
    ck_assert_ptr_nonnull(strstr(policy, "frame-ancestors 'none'"));
    call_end(&call);
}
END_TEST

START_TEST(what_a_client_has_is_not_sent_again)
{
    const char *etag = page_file("main.js")->etag;
    char lists[3][128];
    snprintf(lists[0], sizeof lists[0], "%s", etag);
    snprintf(lists[1], sizeof lists[1], "%s", etag + 2); /* the strong form: weak tags compare alike */
    snprintf(lists[2], sizeof lists[2], "\"other\", %s", etag);
    const char *const known[] = {lists[0], lists[1], lists[2], "*"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        get("/page/main.js", known[i]);
        ck_assert_msg(call.response.code == 304, "%s", known[i]);
        ck_assert_uint_eq(call.response.body.size, 0);
        ck_assert_ptr_null(call.response.content_type);
        ck_assert_str_eq(call_header(&call, "ETag"), etag);
        ck_assert_str_eq(call_header(&call, "Vary"), "Accept-Encoding");
        call_end(&call);
    }
    const char *const others[] = {"", "\"other\"", "main.js", page_file("dom.js")->etag};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        get("/page/main.js", others[i]);
        ck_assert_msg(call.response.code == 200, "%s", others[i]);
        call_end(&call);
    }
}
END_TEST

/* Whether every name between `before` and a quote, in any file, is one of a file. */
static size_t check_references(const char *text, const char *before, const char *where)
{
    size_t found = 0;
    for (const char *at = text; (at = strstr(at, before)); found++) {
        at += strlen(before);
        char name[64] = "";
        sscanf(at, "%63[A-Za-z0-9_.-]", name);
        ck_assert_msg(page_file(name), "%s needs '%s', which is not built in", where, name);
    }
    return found;
}

START_TEST(every_file_that_another_needs_is_there)
{
    size_t imports = 0;
    for (size_t i = 0; i < page_file_count; i++) {
        if (!is_text(&page_files[i]))
            continue;
        char *text = copy_text(&page_files[i]);
        imports += check_references(text, "from './", page_files[i].name);
        if (ends_with(page_files[i].name, ".html"))
            ck_assert_uint_ge(check_references(text, "\"page/", page_files[i].name), 3);
        free(text);
    }
    ck_assert_uint_gt(imports, 20);
}
END_TEST

START_TEST(files_name_no_other_host_and_stay_small)
{
    static const char *const foreign[] = {
        "https:",         "//cdn",     "@import",     "eval(",  "innerHTML", "insertAdjacentHTML",
        "document.write", " style=\"", " onclick=\"", "<style", "<script>"};
    size_t bytes = 0;
    for (size_t i = 0; i < page_file_count; i++) {
        if (!is_text(&page_files[i]))
            continue;
        bytes += page_files[i].content.size;
        char *text = copy_text(&page_files[i]);
        for (size_t k = 0; k < sizeof foreign / sizeof *foreign; k++)
            ck_assert_msg(!strstr(text, foreign[k]), "%s: %s", page_files[i].name, foreign[k]);
        for (const char *at = text; (at = strstr(at, "http:")); at++)
            ck_assert_msg(!strncmp(at, "http://www.w3.org/2000/svg", 26), "%s: %.40s", page_files[i].name,
                          at);
        free(text);
    }
    ck_assert_uint_lt(bytes, OWN_BYTES_MAX);
}
END_TEST

START_TEST(the_page_is_there_while_the_model_is_loaded)
{
    struct api *loading = api_create();
    call_run(&call, loading, "GET", "/", NULL, (struct bytes){0});
    ck_assert_int_eq(call.response.code, 200);
    call_end(&call);
    api_destroy(&loading);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("page");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, every_file_is_served_as_what_it_is);
    tcase_add_test(cases, the_policy_lets_nothing_in_from_elsewhere);
    tcase_add_test(cases, what_a_client_has_is_not_sent_again);
    tcase_add_test(cases, every_file_that_another_needs_is_there);
    tcase_add_test(cases, files_name_no_other_host_and_stay_small);
    tcase_add_test(cases, the_page_is_there_while_the_model_is_loaded);
    return suite_run("api/page", cases);
}
