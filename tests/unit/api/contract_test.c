/* What openapi.yaml repeats of tables in the sources: both name the same, and no more. */
#include "api/api.h"
#include "api/openapi/openapi.h"
#include "api/options.h"
#include "engine/base/json.h"
#include "engine/image/image.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

static struct json *contract;

static void read_contract(void)
{
    const struct json_limits limits = {.depth = 64, .values = 1 << 20};
    ck_assert(!json_parse(openapi_json(), limits, NULL, &contract));
}

static void free_contract(void)
{
    json_destroy(&contract);
}

/* A property of a schema. */
static const struct json *property(const char *schema, const char *name)
{
    const struct json *schemas = json_member(json_member(contract, "components"), "schemas");
    return json_member(json_member(json_member(schemas, schema), "properties"), name);
}

/* What a "$ref" points at, "#/components/KIND/NAME"; a value without one is itself. */
static const struct json *follow(const struct json *value)
{
    const char *at = json_text(json_member(value, "$ref"));
    if (!at)
        return value;
    value = contract;
    while ((at = strchr(at, '/'))) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 1, "/"), at + 1);
        value = json_member(value, name);
        at++;
    }
    ck_assert_ptr_nonnull(value);
    return value;
}

/* POST of a path, and what its bodies may be. */
static const struct json *post_of(const char *path)
{
    const struct json *post = json_member(json_member(json_member(contract, "paths"), path), "post");
    ck_assert_msg(post != NULL, "%s", path);
    return post;
}

static const struct json *content_of(const char *path)
{
    return json_member(follow(json_member(post_of(path), "requestBody")), "content");
}

static bool lists(const struct json *array, const char *word)
{
    const struct json *item = json_first(array);
    while (item && strcmp(json_text(item), word))
        item = json_next(item);
    return item;
}

START_TEST(every_format_is_listed_and_no_other)
{
    const struct json *all = json_member(property("FailedImage", "format"), "enum");
    const struct json *read = json_member(property("Image", "format"), "enum");
    size_t read_count = 0;
    for (enum image_format format = 0; format < IMAGE_FORMATS; format++) {
        const char *name = image_format_name(format);
        read_count += image_format_is_read(format);
        ck_assert_msg(lists(all, name), "%s", name);
        ck_assert_msg(lists(read, name) == image_format_is_read(format), "%s", name);
    }
    ck_assert_uint_eq(json_length(all), IMAGE_FORMATS);
    ck_assert_uint_eq(json_length(read), read_count);
}
END_TEST

/* The types that bodies may have, of all routes that take files as they are. */
START_TEST(media_types_of_formats_that_are_read_are_listed)
{
    static const char *const routes[] = {"/predict", "/v1/predict", "/embed", "/v1/embed"};
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const struct json *content = content_of(routes[i]);
        bool listed[IMAGE_FORMATS] = {false};
        for (const struct json *at = json_first(content); at; at = json_next(at))
            listed[image_format_by_media_type(json_name(at))] = true;
        for (enum image_format format = IMAGE_UNKNOWN + 1; format < IMAGE_FORMATS; format++)
            ck_assert_msg(listed[format] == image_format_is_read(format), "%s: %s", routes[i],
                          image_format_name(format));
    }
}
END_TEST

/* Wherever its sentences begin to list them. */
START_TEST(sentences_name_all_formats_that_are_read)
{
    const struct bytes text = openapi_yaml();
    const struct image_format_list list = image_formats_read();
    const size_t length = strlen(list.text), first = strcspn(list.text, ", ");
    size_t lists_found = 0;
    for (const uint8_t *at = text.data, *end = at + text.size;
         (at = memmem(at, (size_t)(end - at), list.text, first)); at += first) {
        const char *after = (const char *)at + first;
        if (strncmp(after, " or ", 4) && strncmp(after, ", ", 2))
            continue;
        ck_assert_msg((size_t)(end - at) >= length && !memcmp(at, list.text, length), "%.40s",
                      (const char *)at);
        lists_found++;
    }
    ck_assert_uint_gt(lists_found, 0);
}
END_TEST

START_TEST(every_warning_is_described)
{
    const struct json *warnings = property("Image", "warnings");
    double most = 0, described = 1;
    ck_assert(json_number(json_member(warnings, "maxItems"), &most));
    ck_assert_int_eq(1 << (int)most, IMAGE_WARNING_END);
    for (const char *at = json_text(json_member(warnings, "description")); (at = strchr(at, ';')); at++)
        described++;
    ck_assert_double_eq(described, most);
}
END_TEST

/* The names of the parameters that hold them are numbers below the most images there can be. */
START_TEST(warnings_are_of_as_many_images_as_there_can_be)
{
    const struct json *schemas = json_member(json_member(contract, "components"), "schemas");
    const struct json *response = json_member(json_member(schemas, "InferResponse"), "properties");
    const struct json *patterns = json_member(json_member(response, "parameters"), "patternProperties");
    regex_t pattern;
    ck_assert_int_eq(regcomp(&pattern, json_name(json_first(patterns)), REG_EXTENDED | REG_NOSUB), 0);
    for (int i = 0; i <= 2 * API_IMAGES_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "warnings_%d", i);
        ck_assert_msg(!regexec(&pattern, name, 0, NULL, 0) == (i < API_IMAGES_MAX), "%s", name);
    }
    regfree(&pattern);
}
END_TEST

/* Whether these are exactly the options of a route, and beside them `images`, which end with NULL. */
static void check_options(const char *where, const char *const *names, size_t count,
                          const char *const *options, const char *const *images)
{
    size_t known = 0;
    const char *const *const lists[] = {options, images};
    for (size_t list = 0; list < 2; list++)
        for (const char *const *at = lists[list]; *at; at++, known++) {
            size_t i = 0;
            while (i < count && strcmp(names[i], *at))
                i++;
            ck_assert_msg(i < count, "%s lacks '%s'", where, *at);
        }
    ck_assert_msg(known == count, "%s has %zu options more than there are", where, count - known);
}

static size_t names_of(const struct json *object, const char *names[32])
{
    size_t count = 0;
    for (const struct json *at = json_first(object); at && count < 32; at = json_next(at))
        names[count++] = json_name(at);
    return count;
}

/* In the query, in a form and in JSON. */
START_TEST(every_option_of_a_request_is_described_and_no_other)
{
    static const struct {
        const char *route, *schema;
        const char *const *options;
        const char *images[4];
    } routes[] = {{"/predict", "PredictBody", predict_option_names, {"image", "frontal", "lateral"}},
                  {"/v1/predict", "PredictBody", predict_option_names, {"image", "frontal", "lateral"}},
                  {"/embed", "EmbedBody", embed_option_names, {"image"}},
                  {"/v1/embed", "EmbedBody", embed_option_names, {"image"}}};
    static const char *const none[] = {NULL}, *const images[] = {"images", NULL};
    const struct json *components = json_member(contract, "components");
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const char *names[32];
        size_t count = 0;
        const struct json *given = json_member(post_of(routes[i].route), "parameters");
        for (const struct json *at = json_first(given); at; at = json_next(at))
            if (!strcmp(json_text(json_member(follow(at), "in")), "query"))
                names[count++] = json_text(json_member(follow(at), "name"));
        check_options("the query", names, count, routes[i].options, none);
        const struct json *content = content_of(routes[i].route);
        const struct json *form = json_member(json_member(content, "multipart/form-data"), "schema");
        count = names_of(json_member(form, "properties"), names);
        check_options("the form", names, count, routes[i].options, routes[i].images);
        const struct json *schema = json_member(json_member(components, "schemas"), routes[i].schema);
        count = names_of(json_member(schema, "properties"), names);
        check_options(routes[i].schema, names, count, routes[i].options, images);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("contract");
    tcase_add_checked_fixture(cases, read_contract, free_contract);
    tcase_add_test(cases, every_format_is_listed_and_no_other);
    tcase_add_test(cases, media_types_of_formats_that_are_read_are_listed);
    tcase_add_test(cases, sentences_name_all_formats_that_are_read);
    tcase_add_test(cases, every_warning_is_described);
    tcase_add_test(cases, warnings_are_of_as_many_images_as_there_can_be);
    tcase_add_test(cases, every_option_of_a_request_is_described_and_no_other);
    return suite_run("api/contract", cases);
}
