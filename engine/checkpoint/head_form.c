#include "engine/checkpoint/head_form.h"

#include <stdio.h>
#include <string.h>

/* Modules that are heads. Of the forms but the authors' (head_names.h) a weight and a bias are all. */
static const struct {
    const char *prefix;
    enum head_form form;
    const char *example; /* NULL: another's is one of this, too */
} modules[] = {
    {"classifiers_dict.", FORM_AUTHORS, NULL},
    {"decoder.", FORM_AUTHORS, "...decoder.query_embed"},
    {"linear.", FORM_AUTHORS, "...linear.weight"},
    {"classifier.", FORM_TRANSFORMERS, "classifier.weight"},
    {"head.", FORM_TIMM, "head.weight"},
    {"linear_head.", FORM_DINOV2, "linear_head.weight"},
    {"", FORM_DINOV2, "weight"},
};
enum { MODULES = sizeof modules / sizeof *modules };

const char *head_form_name(enum head_form form)
{
#define HEAD_FORM_TITLE(form, title) title,
    static const char *const titles[] = {HEAD_FORM_TABLE(HEAD_FORM_TITLE)};
#undef HEAD_FORM_TITLE
    return titles[form];
}

bool head_form_begins(const char *name)
{
    bool begins = false;
    for (size_t i = 0; i < MODULES; i++)
        begins = begins || (*modules[i].prefix && name_behind(name, modules[i].prefix));
    return begins;
}

const char *head_form_examples(char text[HEAD_EXAMPLES_BYTES])
{
    size_t used = 0;
    for (size_t i = 0; i < MODULES && used < HEAD_EXAMPLES_BYTES; i++)
        if (modules[i].example)
            used += (size_t)snprintf(text + used, HEAD_EXAMPLES_BYTES - used, "%s'%s'", used ? ", " : "",
                                     modules[i].example);
    return text;
}

enum name_kind head_form_of(const char *key, enum head_form *form, char candidate[NAME_BYTES],
                            char out[NAME_BYTES])
{
    enum name_kind kind = name_of_head(key, candidate, out);
    *form = kind == NAME_KNOWN && name_behind(candidate, "classifier_") && name_behind(out, "linear.")
                ? FORM_DINOV2
                : FORM_AUTHORS;
    if (kind == NAME_KNOWN || *candidate)
        return kind;
    for (size_t i = 0; i < MODULES; i++) {
        const char *part = modules[i].form == FORM_AUTHORS ? NULL : name_behind(out, modules[i].prefix);
        if (!part || (strcmp(part, "weight") && strcmp(part, "bias")))
            continue;
        *form = modules[i].form;
        snprintf(out, NAME_BYTES, "%s", *part == 'w' ? "linear.weight" : "linear.bias");
        return NAME_KNOWN;
    }
    return kind;
}
