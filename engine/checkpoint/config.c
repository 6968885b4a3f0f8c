#include "engine/checkpoint/config.h"

#include "engine/base/file.h"
#include "engine/base/yaml_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

void config_init(struct config *config)
{
    *config = (struct config){.patch_size = -1, .registers = -1, .image_size = -1, .interpolate_offset = 0.1};
}

static enum status wrong(struct failure *failure, const char *key, const char *kind)
{
    return failure_set(failure, STATUS_INVALID_FILE, "%s is not %s.", key, kind);
}

/* The readers below leave *out as it is when the value is absent or null. */
static bool is_given(const struct json *value)
{
    return value && !json_is_null(value);
}

static enum status read_integer(const struct json *value, const char *key, struct failure *failure,
                                int64_t *out)
{
    if (is_given(value) && !json_integer(value, 0, 1000000, out))
        return wrong(failure, key, "a whole number from 0 to 1000000");
    return STATUS_OK;
}

static enum status read_offset(const struct json *value, const char *key, struct failure *failure,
                               double *out)
{
    double number;
    if (!is_given(value))
        return STATUS_OK;
    if (!json_number(value, &number) || number < -1 || number > 1)
        return wrong(failure, key, "a number from -1 to 1");
    *out = number;
    return STATUS_OK;
}

static enum status read_boolean(const struct json *value, const char *key, struct failure *failure, bool *out)
{
    const char *text = json_text(value); /* Python writes True */
    if (text && (!strcasecmp(text, "true") || !strcasecmp(text, "false")))
        *out = !strcasecmp(text, "true");
    else if (is_given(value) && !json_boolean(value, out))
        return wrong(failure, key, "true or false");
    return STATUS_OK;
}

static enum status read_document(const struct json *document, struct failure *failure, struct config *config)
{
    const struct json *student = json_member(document, "student"), *crops = json_member(document, "crops");
    const char *ffn = json_text(json_member(student, "ffn_layer"));
    if (ffn)
        snprintf(config->ffn_layer, sizeof config->ffn_layer, "%s", ffn);
    enum status status =
        read_integer(json_member(student, "patch_size"), "student.patch_size", failure, &config->patch_size);
    if (!status)
        status = read_integer(json_member(student, "num_register_tokens"), "student.num_register_tokens",
                              failure, &config->registers);
    if (!status)
        status = read_integer(json_member(crops, "global_crops_size"), "crops.global_crops_size", failure,
                              &config->image_size);
    if (!status)
        status = read_offset(json_member(student, "interpolate_offset"), "student.interpolate_offset",
                             failure, &config->interpolate_offset);
    if (!status)
        status = read_boolean(json_member(student, "interpolate_antialias"), "student.interpolate_antialias",
                              failure, &config->interpolate_antialias);
    return status;
}

enum status config_parse(struct bytes text, struct failure *failure, struct config *out)
{
    struct json *document;
    struct failure why;
    if (yaml_parse(text, &why, &document))
        return failure_set(failure, STATUS_INVALID_FILE, "%s", why.sentence);
    struct config config;
    config_init(&config);
    enum status status = read_document(document, failure, &config);
    if (!status)
        *out = config;
    json_destroy(&document);
    return status;
}

enum status config_read(const char *path, struct failure *failure, struct config *out)
{
    struct bytes text;
    enum status status = file_read_text(path, CONFIG_BYTES_MAX, failure, &text);
    if (status)
        return status;
    status = config_parse(text, failure, out);
    if (status)
        failure_prefix(failure, "%s", path);
    free((void *)text.data);
    return status;
}
