/* JSON documents as text. On one line they are printed here and not by cJSON: in two passes, so that the text
 * takes exactly its room, which is known before it is taken.
 */
#include "engine/base/json.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Counts what is put into it, and writes it where there is room. */
struct sink {
    char *text; /* NULL: only counts */
    size_t size;
};

static void put(struct sink *sink, const char *text, size_t size)
{
    if (sink->text && size)
        memcpy(sink->text + sink->size, text, size);
    sink->size += size;
}

static void put_text(struct sink *sink, const char *text)
{
    static const char plain[] = "\"\\\b\f\n\r\t", escaped[] = "\"\\bfnrt";
    put(sink, "\"", 1);
    while (*text) {
        size_t length = 0;
        while ((unsigned char)text[length] >= 0x20 && text[length] != '"' && text[length] != '\\')
            length++;
        put(sink, text, length);
        text += length;
        if (!*text)
            break;
        const char *at = strchr(plain, *text);
        char code[8];
        int size = at ? snprintf(code, sizeof code, "\\%c", escaped[at - plain])
                      : snprintf(code, sizeof code, "\\u%04x", (unsigned)*text);
        put(sink, code, (size_t)size);
        text++;
    }
    put(sink, "\"", 1);
}

/* With 15 digits, which people's own numbers have at most, else with the 17 that tell all doubles apart. */
static void put_number(struct sink *sink, double number)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%.15g", number);
    if (strtod(text, NULL) != number)
        size = snprintf(text, sizeof text, "%.17g", number);
    put(sink, text, (size_t)size);
}

static void put_value(struct sink *sink, const cJSON *value);

static void put_container(struct sink *sink, const cJSON *container)
{
    bool object = cJSON_IsObject(container);
    put(sink, object ? "{" : "[", 1);
    for (const cJSON *child = container->child; child; child = child->next) {
        if (object) {
            put_text(sink, child->string);
            put(sink, ":", 1);
        }
        put_value(sink, child);
        put(sink, ",", child->next != NULL);
    }
    put(sink, object ? "}" : "]", 1);
}

static void put_value(struct sink *sink, const cJSON *value)
{
    if (cJSON_IsObject(value) || cJSON_IsArray(value))
        put_container(sink, value);
    else if (cJSON_IsString(value))
        put_text(sink, value->valuestring);
    else if (cJSON_IsRaw(value))
        put(sink, value->valuestring, strlen(value->valuestring));
    else if (cJSON_IsNumber(value) && isfinite(value->valuedouble))
        put_number(sink, value->valuedouble);
    else if (cJSON_IsBool(value))
        put(sink, cJSON_IsTrue(value) ? "true" : "false", cJSON_IsTrue(value) ? 4 : 5);
    else
        put(sink, "null", 4);
}

size_t json_print_size(const struct json *value)
{
    struct sink sink = {0};
    put_value(&sink, (const cJSON *)value);
    return sink.size;
}

void json_print_into(const struct json *value, char *text)
{
    struct sink sink = {.text = text};
    put_value(&sink, (const cJSON *)value);
}

static char *print_line(const struct json *value)
{
    char *text = memory_allocate(json_print_size(value) + 1, 1);
    json_print_into(value, text);
    return text;
}

char *json_print(const struct json *value, bool indented)
{
    char *text = indented ? cJSON_Print((const cJSON *)value) : print_line(value);
    if (!text) {
        fprintf(stderr, "cxrd: out of memory (JSON text)\n");
        abort();
    }
    return text;
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
    json_add(object, name, json_printed(text));
}

void json_print_floats(const float *values, size_t count, char *text)
{
    *text++ = '[';
    for (size_t i = 0; i < count; i++) {
        char number[FLOAT_TEXT_BYTES];
        float_print(values[i], number);
        if (i)
            *text++ = ',';
        size_t length = strlen(number);
        memcpy(text, number, length);
        text += length;
    }
    memcpy(text, "]", 2);
}

struct json *json_float_array(const float *values, size_t count)
{
    char *text = memory_allocate(JSON_FLOATS_BYTES(count), 1);
    json_print_floats(values, count, text);
    struct json *array = json_printed(text);
    free(text);
    return array;
}
