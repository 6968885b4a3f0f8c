#include "engine/base/json_text.h"

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

enum { LARGE_BYTES = 64 << 10 };

/* On this thread: json_parse is at work, and had no memory for a long text. */
static _Thread_local bool parsing, large_failed;

/* What cJSON allocates with: never fails, but for a long text that is parsed, which a client chose. */
static void *allocate(size_t size)
{
    if (!parsing || size < LARGE_BYTES)
        return memory_allocate(size, 1);
    void *memory = malloc(size);
    large_failed = large_failed || !memory;
    return memory;
}

__attribute__((constructor)) static void set_allocator(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){allocate, free});
}

enum status json_parse(struct bytes text, struct json_limits limits, struct failure *failure,
                       struct json **out)
{
    enum status status = json_text_check(text, limits, failure);
    if (status)
        return status;
    const char *start = (const char *)text.data, *end = NULL;
    large_failed = false;
    parsing = true;
    cJSON *value = text.size ? cJSON_ParseWithLengthOpts(start, text.size, &end, 0) : NULL;
    parsing = false;
    if (!value && large_failed)
        return failure_set(failure, STATUS_OUT_OF_MEMORY,
                           "There is no memory left to read the JSON; try again in a moment.");
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

enum status json_parse_within(struct arena *arena, struct bytes text, struct json_limits limits,
                              struct failure *failure, struct json **out)
{
    enum status status = arena_charge(arena, text.size, failure);
    return status ? status : json_parse(text, limits, failure, out);
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

char *json_text_inside(const struct json *value)
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

static const char *duplicate_in(const struct json *object)
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

const char *json_duplicate_name(const struct json *value)
{
    const char *twice = duplicate_in(value);
    for (const struct json *at = json_first(value); at && !twice; at = json_next(at))
        twice = json_duplicate_name(at);
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

struct json *json_set(struct json *object, const char *name, struct json *value)
{
    if (!json_member(object, name))
        return json_add(object, name, value);
    if (!cJSON_ReplaceItemInObjectCaseSensitive(raw(object), name, raw(value)))
        made(NULL);
    return value;
}

void json_remove(struct json *object, const char *name)
{
    cJSON_DeleteItemFromObjectCaseSensitive(raw(object), name);
}

void json_remove_at(struct json *array, size_t index)
{
    assert(index < json_length(array));
    cJSON_DeleteItemFromArray(raw(array), (int)index);
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

struct json *json_text_borrowed(const char *text)
{
    return made(cJSON_CreateStringReference(text));
}

struct json *json_printed(const char *text)
{
    return made(cJSON_CreateRaw(text));
}

struct json *json_printed_borrowed(const char *text)
{
    struct json *value = json_text_borrowed(text);
    raw(value)->type = cJSON_Raw | cJSON_IsReference;
    return value;
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

struct json *json_copy(const struct json *value)
{
    return made(cJSON_Duplicate(raw(value), 1));
}
