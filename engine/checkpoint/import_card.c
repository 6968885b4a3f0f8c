#include "engine/checkpoint/import_card.h"

#include "engine/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double DEFAULT_THRESHOLD = 0.5;

/* The last part of a path, without trailing slashes; the caller frees it. */
static char *base_name(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    char *name = memory_allocate(end - start + 1, 1);
    memcpy(name, path + start, end - start);
    return name;
}

static void add_backbone(struct json *card, const struct imported_backbone *shape,
                         const struct import_file *file)
{
    struct json *json = json_add(card, "backbone", json_object());
    json_add_text(json, "weights", file->name);
    json_add_number(json, "width", (double)shape->width);
    json_add_number(json, "depth", (double)shape->depth);
    json_add_number(json, "heads", (double)shape->heads);
    json_add_number(json, "patch_size", (double)shape->patch_size);
    json_add_number(json, "image_size", (double)shape->image_size);
    json_add_number(json, "registers", (double)shape->registers);
    json_add_text(json, "ffn", shape->swiglu ? "swiglu" : "gelu");
    json_add_number(json, "ffn_hidden", (double)shape->ffn_hidden);
    json_add_number(json, "position_grid", (double)shape->position_grid);
    json_add_number(json, "interpolate_offset", shape->interpolate_offset);
}

static void add_label(struct json *labels, const char *name)
{
    struct json *label = json_append(labels, json_object());
    json_add_text(label, "name", name);
    json_add_number(label, "threshold", DEFAULT_THRESHOLD);
    json_add_text(label, "threshold_source", "default");
    const char *snomed = finding_snomed_code(name);
    if (!snomed)
        return;
    struct json *code = json_append(json_add(label, "codes", json_array()), json_object());
    json_add_text(code, "system", SNOMED_SYSTEM);
    json_add_text(code, "code", snomed);
}

/* What a risk score is, and is not: the published heads define no time horizon. */
static void add_definition(struct json *json, const char *label)
{
    char text[512];
    snprintf(text, sizeof text,
             "Sigmoid of the output of a head trained on the label '%s'; a score for ranking, not the "
             "probability of "
             "an event within any stated time.",
             label);
    json_add_text(json, "definition", text);
}

static void add_head(struct json *heads, const struct import_head *asked, const struct imported_head *head,
                     const struct label_list *labels, const struct import_file *file)
{
    struct json *json = json_append(heads, json_object());
    json_add_text(json, "name", asked->name);
    json_add_text(json, "kind", asked->kind == IMPORT_RISK ? "risk" : "findings");
    json_add_text(json, "type", head->glori ? "glori" : "linear");
    json_add_text(json, "weights", file->name);
    json_add_number(json, "blocks", (double)head->blocks);
    if (!head->glori)
        json_add_boolean(json, "average_pool", head->average_pool);
    if (asked->kind == IMPORT_RISK)
        add_definition(json, labels->count == 1 ? labels->names[0] : asked->name);
    struct json *list = json_add(json, "labels", json_array());
    for (size_t i = 0; i < labels->count; i++)
        add_label(list, labels->names[i]);
}

static struct json *add_source(struct json *sources, const char *key, const char *path, const char *sha256)
{
    struct json *source = json_add(sources, key, json_object());
    char *file = base_name(path);
    json_add_text(source, "file", file);
    json_add_text(source, "sha256", sha256);
    free(file);
    return source;
}

char *import_card_print(const struct import_options *options, const struct imported_backbone *backbone,
                        const struct import_file *backbone_file, const struct imported_head *heads,
                        const struct label_list *labels, const struct import_file *head_files)
{
    struct json *card = json_object();
    char *name = options->name ? memory_copy_text(options->name) : base_name(options->output);
    json_add_number(card, "format", 1);
    json_add_text(card, "name", name);
    json_add_text(card, "version", options->version ? options->version : "1.0.0");
    json_add_text(card, "intended_use",
                  options->intended_use ? options->intended_use
                                        : "Research on frontal chest X-rays; not a medical device.");
    free(name);
    add_backbone(card, backbone, backbone_file);
    json_add_text(json_add(card, "preprocessing", json_object()), "profile", "chexfound");
    struct json *list = json_add(card, "heads", json_array());
    for (size_t i = 0; i < options->head_count; i++)
        add_head(list, &options->heads[i], &heads[i], &labels[i], &head_files[i]);

    struct json *hashes = json_add(card, "weights_sha256", json_object());
    json_add_text(hashes, backbone_file->name, backbone_file->sha256);
    for (size_t i = 0; i < options->head_count; i++)
        json_add_text(hashes, head_files[i].name, head_files[i].sha256);
    struct json *provenance = json_add(card, "provenance", json_object());
    add_source(provenance, "backbone", options->backbone, backbone_file->source_sha256);
    struct json *sources = json_add(provenance, "heads", json_object());
    for (size_t i = 0; i < options->head_count; i++) {
        struct json *source = add_source(sources, options->heads[i].name, options->heads[i].weights,
                                         head_files[i].source_sha256);
        if (*heads[i].candidate)
            json_add_text(source, "candidate", heads[i].candidate);
    }
    char *text = json_print(card, true);
    json_destroy(&card);
    return text;
}
