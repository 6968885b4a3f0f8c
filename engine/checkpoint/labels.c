#include "engine/checkpoint/labels.h"

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/utf8.h"
#include "engine/checkpoint/format.h"
#include "engine/package/card.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LABELS_BYTES_MAX = 1 << 20 };
/* Of a config.json, which names each label twice. */
static const struct json_limits config_limits = {.depth = 16, .values = 1 << 15};

/* Without white space at its end, CR of a line's CR LF among it. */
static size_t line_length(const uint8_t *line, size_t length)
{
    while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    return length;
}

/* Editors and spreadsheets of Windows save as Windows-1252, which has a letter for all but five bytes. */
static enum status refuse_encoding(const char *line, size_t length, size_t at, size_t number,
                                   struct failure *failure)
{
    bool windows = true;
    for (size_t i = 0; i < length; i++)
        windows = windows && !strchr("\x81\x8d\x8f\x90\x9d", line[i]);
    return failure_set(failure, STATUS_INVALID_FILE,
                       "Line %zu is not UTF-8: its byte %zu is 0x%02x. It was saved in another encoding, %s: "
                       "convert it with "
                       "iconv -f %s -t UTF-8 FILE >NEW, and see that its letters are right.",
                       number, at + 1, (unsigned char)line[at],
                       windows ? "Windows-1252 probably" : "which nothing tells",
                       windows ? "WINDOWS-1252" : "ENCODING");
}

static enum status check_line(const struct label_list *labels, const char *line, size_t length,
                              struct failure *failure)
{
    const size_t number = labels->count + 1; /* every line before has a label */
    if (length == 0)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Line %zu is empty, where each has the label of one output: which one is missing?",
                           number);
    if (length > LABEL_BYTES_MAX)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Line %zu is over %d bytes long, too long for a label.", number, LABEL_BYTES_MAX);
    for (size_t at = 0, bytes; at < length; at += bytes)
        if (!(bytes = utf8_sequence(line + at, length - at)))
            return refuse_encoding(line, length, at, number, failure);
    if (!utf8_is_plain(line, length))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Line %zu holds a control character, or one that turns the direction of text.",
                           number);
    if (labels->count == HEAD_LABELS_MAX)
        return failure_set(failure, STATUS_INVALID_FILE, "It holds over %d labels.", HEAD_LABELS_MAX);
    return STATUS_OK;
}

/* A reader takes labels for one that differ in what is hardly seen. */
static enum status check_repeat(const struct label_list *labels, const char *name, struct failure *failure)
{
    const size_t number = labels->count + 1;
    char folded[LABEL_BYTES_MAX + 1], other[LABEL_BYTES_MAX + 1];
    if (utf8_has_mark(name))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Line %zu, '%.80s', has a mark that joins the letter before it, with which one label can "
            "be written in two ways: save the file with composed letters (Unicode's NFC).",
            number, name);
    utf8_fold(name, folded);
    if (!*folded)
        return failure_set(failure, STATUS_INVALID_FILE, "Line %zu has no letter: which label is missing?",
                           number);
    for (size_t i = 0; i < labels->count; i++) {
        if (!strcmp(labels->names[i], name))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "The label '%s' stands on line %zu and again on line %zu.", name, i + 1,
                               number);
        utf8_fold(labels->names[i], other);
        if (!strcmp(folded, other))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "The labels of lines %zu and %zu, '%.60s' and '%.60s', differ in nothing but "
                               "spaces or capital letters: give each output a label of its own.",
                               i + 1, number, labels->names[i], name);
    }
    return STATUS_OK;
}

static enum status add_label(struct label_list *labels, const uint8_t *line, size_t length,
                             struct failure *failure)
{
    enum status status = check_line(labels, (const char *)line, length, failure);
    if (status)
        return status;
    char *name = memory_allocate(length + 1, 1);
    memcpy(name, line, length);
    status = check_repeat(labels, name, failure);
    if (status) {
        free(name);
        return status;
    }
    labels->names = memory_resize(labels->names, labels->count + 1, sizeof *labels->names);
    labels->names[labels->count++] = name;
    return STATUS_OK;
}

/* What is saved in a list's place, whose lines would pass for labels. */
static enum status refuse_others(struct bytes text, struct failure *failure)
{
    const enum format format = format_of(text);
    if (!text.size)
        return STATUS_OK;
    if (format == FORMAT_JSON || *text.data == '[')
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It is JSON, and a list of labels has one a line. The id2label of a config.json "
                           "is read without labels=, where that lies beside the weights.");
    if (format_is_foreign(text))
        return format_refuse(text, failure);
    if (format != FORMAT_OTHER || memchr(text.data, 0, text.size))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It is no text, and a list of labels is one, with one a line.");
    return STATUS_OK;
}

/* What tables and notes have above a list. */
static bool is_heading(const char *line)
{
    static const char *const headings[] = {"label", "labels",  "name",    "names",
                                           "class", "classes", "finding", "findings"};
    bool heading = *line == '#';
    for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
        heading = heading || !strcasecmp(line, headings[i]);
    return heading;
}

/* "0 Edema", "1 Mass", or from 1 on; or down to there. */
static bool are_numbered(const struct label_list *labels)
{
    bool numbered = labels->count > 1;
    unsigned long first = 0;
    for (size_t i = 0; i < labels->count && numbered; i++) {
        char *end;
        const unsigned long number = strtoul(labels->names[i], &end, 10);
        first = i ? first : number;
        numbered = isdigit((unsigned char)*labels->names[i]) && *end && strchr(" \t,;:.", *end) &&
                   ((first <= 1 && number == first + i) ||
                    (first + 2 > labels->count && first <= labels->count && number == first - i));
    }
    return numbered;
}

enum status labels_parse(struct bytes text, struct failure *failure, struct label_list *out)
{
    struct label_list labels = {0};
    enum status status = refuse_others(text, failure);
    while (text.size &&
           memchr("\n\r \t", text.data[text.size - 1], 4)) /* empty lines at the end name nothing */
        text.size--;
    for (size_t start = 0; start < text.size && !status;) {
        const uint8_t *feed = memchr(text.data + start, '\n', text.size - start);
        size_t end = feed ? (size_t)(feed - text.data) : text.size;
        status = add_label(&labels, text.data + start, line_length(text.data + start, end - start), failure);
        start = end + 1;
    }
    if (!status && labels.count > 1 && is_heading(labels.names[0]))
        status = failure_set(
            failure, STATUS_INVALID_FILE,
            "Line 1, '%.80s', is a heading and no label: take it out, as each line is the label of "
            "one output.",
            labels.names[0]);
    if (!status && are_numbered(&labels))
        status = failure_set(failure, STATUS_INVALID_FILE,
                             "Each line begins with its number: leave the numbers out, as a label is what "
                             "stands on its line.");
    if (status)
        labels_finish(&labels);
    else
        *out = labels;
    return status;
}

enum status labels_read(const char *path, struct failure *failure, struct label_list *out)
{
    struct bytes text;
    enum status status = file_read_text(path, LABELS_BYTES_MAX, failure, &text);
    if (status)
        return status;
    status = labels_parse(text, failure, out);
    if (status)
        failure_prefix(failure, "%s", path);
    free((void *)text.data);
    return status;
}

static enum status read_array(const struct json *names, size_t count, struct label_list *labels)
{
    enum status status = json_length(names) == count ? STATUS_OK : STATUS_INVALID_FILE;
    for (const struct json *at = json_first(names); at && !status; at = json_next(at)) {
        const char *name = json_text(at);
        status = name ? add_label(labels, (const uint8_t *)name, strlen(name), NULL) : STATUS_INVALID_FILE;
    }
    return status;
}

static enum status read_id2label(const struct json *named, size_t count, struct label_list *labels)
{
    enum status status = json_length(named) == count ? STATUS_OK : STATUS_INVALID_FILE;
    for (size_t i = 0; i < count && !status; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        const char *name = json_text(json_member(named, number));
        status = name ? add_label(labels, (const uint8_t *)name, strlen(name), NULL) : STATUS_INVALID_FILE;
    }
    return status;
}

enum status labels_parse_array(struct bytes text, size_t count, struct failure *failure,
                               struct label_list *out)
{
    struct json *root = NULL;
    struct label_list labels = {0};
    enum status status = STATUS_OK;
    if (!json_parse(text, config_limits, NULL, &root) && json_is_array(root))
        status = read_array(root, count, &labels);
    if (status) {
        labels_finish(&labels);
        failure_set(failure, status,
                    "The \"labels\" of its metadata do not name each of %zu outputs once, in plain text.",
                    count);
    }
    *out = labels;
    json_destroy(&root);
    return status;
}

/* Where the other direction is there, it says the same. */
static bool are_same(const struct json *numbers, const struct label_list *labels)
{
    bool same = !json_is_object(numbers) || json_length(numbers) == labels->count;
    for (size_t i = 0; i < labels->count && json_is_object(numbers) && same; i++) {
        int64_t number;
        same = json_integer(json_member(numbers, labels->names[i]), 0, (int64_t)labels->count, &number) &&
               (size_t)number == i;
    }
    return same;
}

/* What transformers writes where nobody named anything. */
static bool are_numbers(const struct label_list *labels)
{
    bool numbers = true;
    for (size_t i = 0; i < labels->count && numbers; i++) {
        char number[32];
        snprintf(number, sizeof number, "LABEL_%zu", i);
        numbers = !strcmp(labels->names[i], number);
    }
    return numbers;
}

/* timm keeps them in the model's configuration or in that of its weights. */
static const struct json *timms_names(const struct json *root)
{
    const struct json *names = json_member(root, "label_names");
    names = json_is_array(names) ? names : json_member(json_member(root, "pretrained_cfg"), "label_names");
    return json_is_array(names) ? names : NULL;
}

enum status labels_parse_config(struct bytes text, size_t count, struct failure *failure,
                                struct label_list *out)
{
    struct json *root = NULL;
    struct label_list labels = {0};
    enum status status = json_parse(text, config_limits, NULL, &root);
    const struct json *named = status ? NULL : json_member(root, "id2label"),
                      *list = status || named ? NULL : timms_names(root);
    status = named  ? read_id2label(named, count, &labels)
             : list ? read_array(list, count, &labels)
                    : STATUS_OK;
    if (status)
        failure_set(failure, status,
                    "Its %s not name each of %zu outputs once, in plain text: give labels=FILE.",
                    named ? "id2label does" : "label_names do", count);
    if (!status && named && !are_same(json_member(root, "label2id"), &labels))
        status = failure_set(failure, STATUS_INVALID_FILE,
                             "Its label2id and its id2label contradict one another: give labels=FILE.");
    if (status || are_numbers(&labels))
        labels_finish(&labels);
    if (!status)
        *out = labels;
    json_destroy(&root);
    return status;
}

enum status labels_read_config(const char *path, size_t count, struct failure *failure,
                               struct label_list *out)
{
    struct bytes text;
    enum status status = file_read_text(path, LABELS_BYTES_MAX, failure, &text);
    if (status)
        return status;
    status = labels_parse_config(text, count, failure, out);
    if (status)
        failure_prefix(failure, "%s", path);
    free((void *)text.data);
    return status;
}

enum labels_order labels_compare(const struct label_list *a, const struct label_list *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; i < a->count; i++) {
        const bool here = i < b->count && !strcasecmp(a->names[i], b->names[i]);
        for (size_t j = 0; j < b->count && !here; j++)
            if (!strcasecmp(a->names[i], b->names[j]))
                return LABELS_REORDERED;
        same = same && here;
    }
    return same ? LABELS_SAME : LABELS_OTHER;
}

void labels_finish(struct label_list *labels)
{
    for (size_t i = 0; i < labels->count; i++)
        free(labels->names[i]);
    free(labels->names);
    *labels = (struct label_list){0};
}
