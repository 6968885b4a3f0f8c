#include "engine/base/yaml_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { YAML_DEPTH_MAX = 32 };

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one being looked at; valid while `loaded` */
    bool loaded;
    struct failure *failure;
};

static enum status refuse(struct reader *reader, const char *sentence)
{
    return failure_set(reader->failure, STATUS_BAD_REQUEST, "Line %zu: %s.",
                       reader->event.start_mark.line + 1, sentence);
}

static enum status advance(struct reader *reader)
{
    if (reader->loaded)
        yaml_event_delete(&reader->event);
    reader->loaded = yaml_parser_parse(&reader->parser, &reader->event);
    if (!reader->loaded)
        return failure_set(reader->failure, STATUS_BAD_REQUEST, "Line %zu: the YAML is malformed.",
                           reader->parser.problem_mark.line + 1);
    return STATUS_OK;
}

/* The core schema's plain scalars. */
static struct json *plain_value(const char *text)
{
    if (!*text || !strcmp(text, "~") || !strcmp(text, "null"))
        return json_null();
    if (!strcmp(text, "true") || !strcmp(text, "false"))
        return json_boolean_value(*text == 't');
    if (strspn(text, "+-.0123456789eE") == strlen(text)) {
        char *end = NULL;
        errno = 0;
        double number = strtod(text, &end);
        if (end != text && !*end && !errno)
            return json_number_value(number);
    }
    return json_text_value(text);
}

static enum status scalar(struct reader *reader, struct json **out)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    if (strlen(text) != reader->event.data.scalar.length)
        return refuse(reader, "a NUL byte is not allowed");
    bool plain = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    *out = plain ? plain_value(text) : json_text_value(text);
    return STATUS_OK;
}

static enum status node(struct reader *reader, int depth, struct json **out);

static enum status sequence(struct reader *reader, int depth, struct json **out)
{
    struct json *array = json_array();
    enum status status = advance(reader);
    while (!status && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        struct json *item = NULL;
        status = node(reader, depth + 1, &item);
        if (!status)
            json_append(array, item);
        if (!status)
            status = advance(reader);
    }
    if (status)
        json_destroy(&array);
    else
        *out = array;
    return status;
}

/* The keys of a mapping, which are held against each other once all are there: each against all before it
 * takes minutes for some ten thousand. */
struct keys {
    struct key {
        const char *name; /* the member's own */
        size_t line;
    } * items;
    size_t count, room;
};

static int by_name_and_line(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : a->line < b->line ? -1 : a->line > b->line;
}

static enum status check_keys(struct reader *reader, struct keys *keys)
{
    if (keys->count)
        qsort(keys->items, keys->count, sizeof *keys->items, by_name_and_line);
    for (size_t i = 1; i < keys->count; i++)
        if (!strcmp(keys->items[i - 1].name, keys->items[i].name))
            return failure_set(reader->failure, STATUS_BAD_REQUEST, "Line %zu: this key stands twice.",
                               keys->items[i].line);
    return STATUS_OK;
}

static enum status member(struct reader *reader, int depth, struct json *object, struct keys *keys)
{
    if (reader->event.type != YAML_SCALAR_EVENT)
        return refuse(reader, "a key must be text");
    if (strlen((const char *)reader->event.data.scalar.value) != reader->event.data.scalar.length)
        return refuse(reader, "a NUL byte is not allowed");
    char *key = memory_copy_text((const char *)reader->event.data.scalar.value);
    const size_t line = reader->event.start_mark.line + 1;
    struct json *value = NULL;
    enum status status = advance(reader);
    if (!status)
        status = node(reader, depth + 1, &value);
    if (!status && keys->count == keys->room) {
        keys->room = keys->room ? 2 * keys->room : 16;
        keys->items = memory_resize(keys->items, keys->room, sizeof *keys->items);
    }
    if (!status)
        keys->items[keys->count++] = (struct key){json_name(json_add(object, key, value)), line};
    free(key);
    return status;
}

static enum status mapping(struct reader *reader, int depth, struct json **out)
{
    struct json *object = json_object();
    struct keys keys = {0};
    enum status status = advance(reader);
    while (!status && reader->event.type != YAML_MAPPING_END_EVENT) {
        status = member(reader, depth, object, &keys);
        if (!status)
            status = advance(reader);
    }
    if (!status)
        status = check_keys(reader, &keys);
    free(keys.items);
    if (status)
        json_destroy(&object);
    else
        *out = object;
    return status;
}

static enum status node(struct reader *reader, int depth, struct json **out)
{
    if (depth > YAML_DEPTH_MAX)
        return refuse(reader, "nested too deeply");
    switch (reader->event.type) {
    case YAML_SCALAR_EVENT:
        return scalar(reader, out);
    case YAML_SEQUENCE_START_EVENT:
        return sequence(reader, depth, out);
    case YAML_MAPPING_START_EVENT:
        return mapping(reader, depth, out);
    default:
        return refuse(reader, "anchors and aliases are not read");
    }
}

/* Stream start, document start, one node, document end, stream end. */
static enum status document(struct reader *reader, struct json **out)
{
    enum status status = advance(reader);
    if (!status)
        status = advance(reader);
    if (!status && reader->event.type != YAML_DOCUMENT_START_EVENT)
        return refuse(reader, "there is no document");
    if (!status)
        status = advance(reader);
    if (!status)
        status = node(reader, 0, out);
    if (!status)
        status = advance(reader);
    if (!status)
        status = advance(reader);
    if (!status && reader->event.type != YAML_STREAM_END_EVENT)
        status = refuse(reader, "only one document is read");
    return status;
}

enum status yaml_parse(struct bytes text, struct failure *failure, struct json **out)
{
    struct reader reader = {.failure = failure};
    if (!yaml_parser_initialize(&reader.parser))
        return failure_set(failure, STATUS_OUT_OF_MEMORY, "There is no memory to read YAML.");
    yaml_parser_set_input_string(&reader.parser, text.data, text.size);
    struct json *value = NULL;
    enum status status = document(&reader, &value);
    if (reader.loaded)
        yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    if (status)
        json_destroy(&value);
    else
        *out = value;
    return status;
}
