#include "engine/checkpoint/classifier_config.h"

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/checkpoint/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct json_limits limits = {.depth = 16, .values = 1 << 16};

static bool says(const struct json *document, const char *key, const char *text)
{
    const char *value = json_text(json_member(document, key));
    return value && !strcmp(value, text);
}

static bool is_of_pooled_registers(const struct json *document)
{
    const char *version = json_text(json_member(document, "transformers_version"));
    int major, minor;
    return version && sscanf(version, "%d.%d", &major, &minor) == 2 && major == 4 && minor >= 48 &&
           minor < 52;
}

enum status classifier_config_read(const char *path, struct failure *failure, struct classifier_config *out)
{
    struct bytes text;
    struct json *document = NULL;
    enum status status = file_read_text(path, CONFIG_BYTES_MAX, failure, &text);
    *out = (struct classifier_config){0};
    if (status)
        return status;
    if (!json_parse(text, limits, NULL, &document)) {
        out->one_choice = says(document, "problem_type", "single_label_classification");
        out->pooled_registers = is_of_pooled_registers(document);
        if (says(document, "problem_type", "regression"))
            status = failure_set(failure, STATUS_INVALID_FILE,
                                 "%.200s: the classifier was trained by regression (problem_type): its "
                                 "outputs are values of their own, of which no probability can be made.",
                                 path);
    }
    json_destroy(&document);
    free((void *)text.data);
    return status;
}
