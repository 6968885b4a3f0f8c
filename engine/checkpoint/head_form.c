#include "engine/checkpoint/head_form.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What stands before "weight" and "bias". */
static const struct {
    const char *prefix;
    enum head_form form;
} rows[] = {
    {"", FORM_DINOV2},
    {"linear_head.", FORM_DINOV2},
    {"classifier.", FORM_TRANSFORMERS},
    {"head.", FORM_TIMM},
};

const char *head_form_name(enum head_form form)
{
    static const char *const names[] = {[FORM_AUTHORS] = "the authors' head",
                                        [FORM_DINOV2] = "DINOv2's linear head",
                                        [FORM_TRANSFORMERS] = "transformers' classifier",
                                        [FORM_TIMM] = "timm's head"};
    static_assert(sizeof names / sizeof *names == FORM_TIMM + 1, "a name a form");
    return names[form];
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
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t length = strlen(rows[i].prefix);
        const char *part = out + length;
        if (strncmp(out, rows[i].prefix, length) || (strcmp(part, "weight") && strcmp(part, "bias")))
            continue;
        *form = rows[i].form;
        snprintf(out, NAME_BYTES, "%s", *part == 'w' ? "linear.weight" : "linear.bias");
        return NAME_KNOWN;
    }
    return kind;
}
