#include "engine/checkpoint/results.h"

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/checkpoint/format.h"

#include <stdlib.h>
#include <string.h>

enum { RESULTS_BYTES_MAX = 64 << 20 };
static const struct json_limits line_limits = {.depth = 32, .values = 1 << 20};

/* The name one line gives, in memory the caller frees, or NULL. */
static char *best_of_line(struct bytes line)
{
    struct json *json;
    if (line.size == 0 || line.data[0] != '{' || json_parse(line, line_limits, NULL, &json))
        return NULL;
    const char *name = json_text(json_member(json_member(json, "best_classifier"), "name"));
    char *copy = name ? memory_copy_text(name) : NULL;
    json_destroy(&json);
    return copy;
}

enum status results_parse(struct bytes text, struct failure *failure, char **out)
{
    for (size_t end = text.size; end > 0;) { /* from the last line up */
        const uint8_t *feed = memrchr(text.data, '\n', end);
        size_t start = feed ? (size_t)(feed - text.data) + 1 : 0;
        char *name = best_of_line((struct bytes){text.data + start, end - start});
        if (name) {
            *out = name;
            return STATUS_OK;
        }
        end = feed ? start - 1 : 0;
    }
    if (format_is_foreign(text))
        return format_refuse(text, failure);
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "No line is a JSON object with best_classifier.name; choose with candidate=KEY instead.");
}

enum status results_read(const char *path, struct failure *failure, char **out)
{
    struct bytes text;
    enum status status = file_read_text(path, RESULTS_BYTES_MAX, failure, &text);
    if (status)
        return status;
    status = results_parse(text, failure, out);
    if (status)
        failure_prefix(failure, "%s", path);
    free((void *)text.data);
    return status;
}
