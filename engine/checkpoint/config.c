#include "engine/checkpoint/config.h"

#include "engine/base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

void config_init(struct config *config)
{
    *config = (struct config){.patch_size = -1, .registers = -1, .image_size = -1, .interpolate_offset = 0.1};
}

static yaml_node_t *member(yaml_document_t *document, yaml_node_t *mapping, const char *name)
{
    if (!mapping || mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top;
         pair++) {
        yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (key && key->type == YAML_SCALAR_NODE && !strcmp((const char *)key->data.scalar.value, name))
            return yaml_document_get_node(document, pair->value);
    }
    return NULL;
}

/* The scalar text under section.key, or NULL when it is absent or null. */
static const char *scalar(yaml_document_t *document, const char *section, const char *key)
{
    yaml_node_t *node =
        member(document, member(document, yaml_document_get_root_node(document), section), key);
    if (!node || node->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strcmp(text, "null") && strcmp(text, "~") && *text ? text : NULL;
}

static enum status wrong(struct failure *failure, const char *section, const char *key, const char *kind)
{
    return failure_set(failure, STATUS_INVALID_FILE, "%s.%s is not %s.", section, key, kind);
}

static enum status read_integer(yaml_document_t *document, const char *section, const char *key,
                                struct failure *failure, int64_t *out)
{
    const char *text = scalar(document, section, key);
    if (!text)
        return STATUS_OK;
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < 0 || value > 1000000)
        return wrong(failure, section, key, "a whole number from 0 to 1000000");
    *out = value;
    return STATUS_OK;
}

static enum status read_number(yaml_document_t *document, const char *section, const char *key,
                               struct failure *failure, double *out)
{
    const char *text = scalar(document, section, key);
    if (!text)
        return STATUS_OK;
    char *end;
    double value = strtod(text, &end);
    if (*end || !isfinite(value) || fabs(value) > 1)
        return wrong(failure, section, key, "a number from -1 to 1");
    *out = value;
    return STATUS_OK;
}

static enum status read_boolean(yaml_document_t *document, const char *section, const char *key,
                                struct failure *failure, bool *out)
{
    const char *text = scalar(document, section, key);
    if (!text)
        return STATUS_OK;
    if (strcasecmp(text, "true") && strcasecmp(text, "false"))
        return wrong(failure, section, key, "true or false");
    *out = !strcasecmp(text, "true");
    return STATUS_OK;
}

static enum status read_document(yaml_document_t *document, struct failure *failure, struct config *config)
{
    const char *ffn = scalar(document, "student", "ffn_layer");
    if (ffn)
        snprintf(config->ffn_layer, sizeof config->ffn_layer, "%s", ffn);
    enum status status = read_integer(document, "student", "patch_size", failure, &config->patch_size);
    if (!status)
        status = read_integer(document, "student", "num_register_tokens", failure, &config->registers);
    if (!status)
        status = read_integer(document, "crops", "global_crops_size", failure, &config->image_size);
    if (!status)
        status = read_number(document, "student", "interpolate_offset", failure, &config->interpolate_offset);
    if (!status)
        status = read_boolean(document, "student", "interpolate_antialias", failure,
                              &config->interpolate_antialias);
    return status;
}

enum status config_parse(struct bytes text, struct failure *failure, struct config *out)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser))
        return failure_set(failure, STATUS_OUT_OF_MEMORY, "No memory for a YAML parser.");
    yaml_parser_set_input_string(&parser, text.data, text.size);
    if (!yaml_parser_load(&parser, &document)) {
        size_t line = parser.problem_mark.line + 1;
        yaml_parser_delete(&parser);
        return failure_set(failure, STATUS_INVALID_FILE, "It is not valid YAML at line %zu.", line);
    }
    struct config config;
    config_init(&config);
    enum status status = read_document(&document, failure, &config);
    if (!status)
        *out = config;
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    return status;
}

enum status config_read(const char *path, struct failure *failure, struct config *out)
{
    struct bytes text;
    enum status status = file_read(path, CONFIG_BYTES_MAX, failure, &text);
    if (status)
        return status;
    status = config_parse(text, failure, out);
    if (status)
        failure_prefix(failure, "%s", path);
    free((void *)text.data);
    return status;
}
