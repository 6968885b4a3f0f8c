#include "engine/base/json.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A struct json is a cJSON: the name only keeps the rest of the project from its functions. */
static cJSON *raw(const struct json *value)
{
    return (cJSON *)value;
}

static struct json *made(cJSON *value)
{
    if (!value) {
        fprintf(stderr, "cxrd: out of memory (JSON value)\n");
        abort();
    }
    return (struct json *)value;
}

/* cJSON bounds its own recursion at 1000; this bounds the document before any of it is built. */
static bool depth_within(struct bytes text, int max_depth)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > max_depth)
                return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

enum status json_parse(struct bytes text, int max_depth, struct failure *failure, struct json **out)
{
    if (!depth_within(text, max_depth))
        return failure_set(failure, STATUS_BAD_REQUEST, "The JSON is nested deeper than %d levels.",
                           max_depth);
    const char *start = (const char *)text.data, *end = NULL;
    cJSON *value = text.size ? cJSON_ParseWithLengthOpts(start, text.size, &end, 0) : NULL;
    if (!value)
        return failure_set(failure, STATUS_BAD_REQUEST, "The JSON is malformed at byte %zu.",
                           text.size && end ? (size_t)(end - start) : 0);
    while (end < start + text.size && (*end == ' ' || *end == '\n' || *end == '\r' || *end == '\t'))
        end++;
    if (end != start + text.size) {
        cJSON_Delete(value);
        return failure_set(failure, STATUS_BAD_REQUEST, "The JSON has more text after its end, at byte %zu.",
                           (size_t)(end - start));
    }
    *out = (struct json *)value;
    return STATUS_OK;
}

void json_destroy(struct json **value)
{
    if (!value || !*value)
        return;
    cJSON_Delete(raw(*value));
    *value = NULL;
}

const struct json *json_member(const struct json *object, const char *name)
{
    return (const struct json *)cJSON_GetObjectItemCaseSensitive(raw(object), name);
}

const struct json *json_first(const struct json *container)
{
    return json_is_object(container) || json_is_array(container) ? (struct json *)raw(container)->child
                                                                 : NULL;
}

const struct json *json_next(const struct json *value)
{
    return value ? (struct json *)raw(value)->next : NULL;
}

const char *json_name(const struct json *member)
{
    return member ? raw(member)->string : NULL;
}

size_t json_length(const struct json *container)
{
    return json_is_object(container) || json_is_array(container) ? (size_t)cJSON_GetArraySize(raw(container))
                                                                 : 0;
}

bool json_is_object(const struct json *value)
{
    return value && cJSON_IsObject(raw(value));
}

bool json_is_array(const struct json *value)
{
    return value && cJSON_IsArray(raw(value));
}

bool json_is_null(const struct json *value)
{
    return value && cJSON_IsNull(raw(value));
}

const char *json_text(const struct json *value)
{
    return value ? cJSON_GetStringValue(raw(value)) : NULL;
}

bool json_number(const struct json *value, double *out)
{
    if (!value || !cJSON_IsNumber(raw(value)) || !isfinite(raw(value)->valuedouble))
        return false;
    *out = raw(value)->valuedouble;
    return true;
}

bool json_boolean(const struct json *value, bool *out)
{
    if (!value || !cJSON_IsBool(raw(value)))
        return false;
    *out = cJSON_IsTrue(raw(value));
    return true;
}

bool json_integer(const struct json *value, int64_t minimum, int64_t maximum, int64_t *out)
{
    double number;
    if (!json_number(value, &number) || number != floor(number) || number < (double)minimum ||
        number > (double)maximum)
        return false;
    *out = (int64_t)number;
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *json_duplicate_name(const struct json *object)
{
    size_t count = json_length(object), i = 0;
    if (!json_is_object(object) || count < 2)
        return NULL;
    const char **names = memory_allocate(count, sizeof *names);
    for (const struct json *member = json_first(object); member; member = json_next(member))
        names[i++] = json_name(member);
    qsort(names, count, sizeof *names, compare_names);
    const char *twice = NULL;
    for (i = 1; i < count && !twice; i++)
        if (!strcmp(names[i - 1], names[i]))
            twice = names[i];
    free(names);
    return twice;
}

struct json *json_object(void)
{
    return made(cJSON_CreateObject());
}

struct json *json_array(void)
{
    return made(cJSON_CreateArray());
}

struct json *json_null(void)
{
    return made(cJSON_CreateNull());
}

struct json *json_add(struct json *object, const char *name, struct json *value)
{
    cJSON_AddItemToObject(raw(object), name, raw(value));
    return value;
}

struct json *json_append(struct json *array, struct json *value)
{
    cJSON_AddItemToArray(raw(array), raw(value));
    return value;
}

struct json *json_text_value(const char *text)
{
    return made(cJSON_CreateString(text));
}

struct json *json_boolean_value(bool value)
{
    return made(cJSON_CreateBool(value));
}

struct json *json_number_value(double number)
{
    assert(isfinite(number));
    return made(cJSON_CreateNumber(number));
}

void json_add_text(struct json *object, const char *name, const char *text)
{
    json_add(object, name, json_text_value(text));
}

void json_add_number(struct json *object, const char *name, double number)
{
    json_add(object, name, json_number_value(number));
}

void json_add_boolean(struct json *object, const char *name, bool value)
{
    json_add(object, name, json_boolean_value(value));
}

void json_append_text(struct json *array, const char *text)
{
    json_append(array, json_text_value(text));
}

void json_append_number(struct json *array, double number)
{
    json_append(array, json_number_value(number));
}

enum { FLOAT_TEXT_BYTES = 32 };

/* cJSON prints doubles with up to 17 digits; a float needs at most 9. */
static void float_print(float number, char text[FLOAT_TEXT_BYTES])
{
    assert(isfinite(number));
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, FLOAT_TEXT_BYTES, "%.*g", digits, (double)number);
        if (strtof(text, NULL) == number)
            break;
    }
}

void json_add_float(struct json *object, const char *name, float number)
{
    char text[FLOAT_TEXT_BYTES];
    float_print(number, text);
    json_add(object, name, made(cJSON_CreateRaw(text)));
}

struct json *json_float_array(const float *values, size_t count)
{
    size_t capacity = count * 17 + 3, used = 0;
    char *text = memory_allocate(capacity, 1);
    text[used++] = '[';
    for (size_t i = 0; i < count; i++) {
        char number[FLOAT_TEXT_BYTES];
        float_print(values[i], number);
        used += (size_t)snprintf(text + used, capacity - used, i ? ",%s" : "%s", number);
    }
    text[used++] = ']';
    struct json *array = made(cJSON_CreateRaw(text));
    free(text);
    return array;
}

struct json *json_copy(const struct json *value)
{
    return made(cJSON_Duplicate(raw(value), 1));
}

char *json_print(const struct json *value, bool indented)
{
    char *text = indented ? cJSON_Print(raw(value)) : cJSON_PrintUnformatted(raw(value));
    if (!text)
        made(NULL);
    return text;
}
