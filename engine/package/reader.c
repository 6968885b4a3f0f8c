#include "engine/package/reader.h"

#include "engine/base/utf8.h"

#include <stdio.h>
#include <string.h>

const struct json *reader_take(struct reader *reader, const struct json *object, const char *name)
{
    const struct json *member = json_member(object, name);
    if (member) {
        reader->taken = memory_resize(reader->taken, reader->taken_count + 1, sizeof *reader->taken);
        reader->taken[reader->taken_count++] = member;
    }
    return member;
}

void reader_refuse(struct reader *reader, const char *where, const char *name, const char *wanted)
{
    if (!reader->status)
        reader->status = failure_set(reader->failure, STATUS_INVALID_FILE, "\"%s\" of %s must be %s.", name,
                                     where, wanted);
}

void reader_check(struct reader *reader, const struct json *value, const char *name)
{
    const char *text = json_text(value);
    if (reader->status)
        return;
    if (!utf8_is_plain(name, strlen(name)))
        reader->status = failure_set(reader->failure, STATUS_INVALID_FILE,
                                     "The name of a member holds control characters or is not UTF-8.");
    else if (text && !utf8_is_plain(text, strlen(text)))
        reader->status = failure_set(reader->failure, STATUS_INVALID_FILE,
                                     "\"%.80s\" holds control characters or is not UTF-8.", name);
    for (const struct json *at = json_first(value); at; at = json_next(at))
        reader_check(reader, at, json_name(at) ? json_name(at) : name);
}

const char *reader_optional_text(struct reader *reader, const struct json *object, const char *where,
                                 const char *name)
{
    const struct json *member = reader_take(reader, object, name);
    const char *text = json_text(member);
    if (member && !text)
        reader_refuse(reader, where, name, "a text");
    return text ? arena_copy_text(reader->arena, text, strlen(text)) : NULL;
}

const char *reader_text(struct reader *reader, const struct json *object, const char *where, const char *name)
{
    const char *text = reader_optional_text(reader, object, where, name);
    if (!text || !*text)
        reader_refuse(reader, where, name, "a text");
    return text ? text : "";
}

const char *reader_file_name(struct reader *reader, const struct json *object, const char *where)
{
    const char *name = reader_text(reader, object, where, "weights");
    if (strchr(name, '/') || name[0] == '.')
        reader_refuse(reader, where, "weights", "a file name without a folder");
    return name;
}

uint32_t reader_integer(struct reader *reader, const struct json *object, const char *where, const char *name,
                        int64_t minimum, int64_t maximum)
{
    int64_t value = 0;
    if (!json_integer(reader_take(reader, object, name), minimum, maximum, &value)) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld", (long long)minimum,
                 (long long)maximum);
        reader_refuse(reader, where, name, wanted);
    }
    return (uint32_t)value;
}

double reader_number_in(struct reader *reader, const struct json *value, const char *where, const char *name,
                        double minimum, double maximum)
{
    double number = 0;
    if (!json_number(value, &number) || number < minimum || number > maximum) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "a number from %g to %g", minimum, maximum);
        reader_refuse(reader, where, name, wanted);
    }
    return number;
}

double reader_number(struct reader *reader, const struct json *object, const char *where, const char *name,
                     double minimum, double maximum)
{
    return reader_number_in(reader, reader_take(reader, object, name), where, name, minimum, maximum);
}

double reader_optional_number(struct reader *reader, const struct json *object, const char *where,
                              const char *name, double minimum, double maximum, double otherwise)
{
    const struct json *member = reader_take(reader, object, name);
    return member ? reader_number_in(reader, member, where, name, minimum, maximum) : otherwise;
}

bool reader_boolean(struct reader *reader, const struct json *object, const char *where, const char *name)
{
    bool value = false;
    const struct json *member = reader_take(reader, object, name);
    if (member && !json_boolean(member, &value))
        reader_refuse(reader, where, name, "true or false");
    return value;
}

int reader_choice(struct reader *reader, const struct json *object, const char *where, const char *name,
                  const char *first, const char *second)
{
    const char *text = reader_text(reader, object, where, name);
    if (strcmp(text, first) && strcmp(text, second)) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "\"%s\" or \"%s\"", first, second);
        reader_refuse(reader, where, name, wanted);
    }
    return !strcmp(text, second);
}

const struct json *reader_array(struct reader *reader, const struct json *object, const char *where,
                                const char *name, size_t minimum, size_t maximum, size_t *count)
{
    const struct json *array = reader_take(reader, object, name);
    *count = json_length(array);
    if ((array && !json_is_array(array)) || *count < minimum || *count > maximum) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "a list of %zu to %zu", minimum, maximum);
        reader_refuse(reader, where, name, wanted);
        *count = 0;
    }
    return array;
}
