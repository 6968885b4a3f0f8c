#include "engine/checkpoint/head_classes.h"

#include <string.h>

static bool is_whole(const struct label_list *labels)
{
    bool whole = labels->count > 0;
    for (size_t i = 0; i < labels->count; i++)
        whole = whole && labels->names[i];
    return whole;
}

static void put(struct label_list *labels, const struct value *number, const struct value *name)
{
    const bool valid = number->kind == VALUE_INTEGER && number->integer >= 0 &&
                       (uint64_t)number->integer < labels->count && value_is_name(name);
    if (valid && !labels->names[number->integer])
        labels->names[number->integer] = memory_copy_text(name->text.data);
}

/* Whether the value names each of `count` outputs. */
static bool read(const struct value *value, size_t count, struct label_list *out)
{
    const bool list = value->kind == VALUE_LIST || value->kind == VALUE_TUPLE;
    struct label_list labels = {.names = memory_allocate(count, sizeof *labels.names), .count = count};
    if (list && value->sequence.count == count)
        for (size_t i = 0; i < count; i++)
            put(&labels, &(struct value){.kind = VALUE_INTEGER, .integer = (int64_t)i},
                value->sequence.items[i]);
    if (value->kind == VALUE_DICT && value->sequence.count == 2 * count)
        for (size_t i = 0; i < 2 * count; i += 2) {
            const struct value *key = value->sequence.items[i], *item = value->sequence.items[i + 1];
            put(&labels, key->kind == VALUE_INTEGER ? key : item, key->kind == VALUE_INTEGER ? item : key);
        }
    if (is_whole(&labels)) {
        *out = labels;
        return true;
    }
    labels_finish(&labels);
    return false;
}

const char *head_classes_read(const struct state *place, size_t count, struct label_list *out)
{
    static const char *const names[] = {"classes",      "class_names",  "labels",   "label_names",
                                        "idx_to_class", "class_to_idx", "id2label", "label2id"};
    static const char *const settings[] = {NULL, "hyper_parameters", "hparams", "args", "config", "cfg"};
    for (size_t i = 0; i < place->depth; i++)
        for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
            const struct value *dict =
                settings[k] ? value_member(place->within[i], settings[k]) : place->within[i];
            for (size_t n = 0; dict && n < sizeof names / sizeof *names; n++) {
                const struct value *value = value_member(dict, names[n]);
                if (value && read(value, count, out))
                    return names[n];
            }
        }
    return NULL;
}
