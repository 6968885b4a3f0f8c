#include "engine/checkpoint/findings.h"

#include "engine/base/file.h"
#include "engine/base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { LABELS_BYTES_MAX = 1 << 20, LABELS_MAX = 4096 };

const char *const findings_names[FINDINGS_COUNT] = {
    "Adenopathy",
    "Atelectasis",
    "Azygos Lobe",
    "Calcification of the Aorta",
    "Cardiomegaly",
    "Clavicle Fracture",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged Cardiomediastinum",
    "Fibrosis",
    "Fissure",
    "Fracture",
    "Granuloma",
    "Hernia",
    "Hydropneumothorax",
    "Infarction",
    "Infiltration",
    "Kyphosis",
    "Lobar Atelectasis",
    "Lung Lesion",
    "Lung Opacity",
    "Mass",
    "Nodule",
    "Normal",
    "Pleural Effusion",
    "Pleural Other",
    "Pleural Thickening",
    "Pneumomediastinum",
    "Pneumonia",
    "Pneumoperitoneum",
    "Pneumothorax",
    "Pulmonary Embolism",
    "Pulmonary Hypertension",
    "Rib Fracture",
    "Round(ed) Atelectasis",
    "Subcutaneous Emphysema",
    "Support Devices",
    "Tortuous Aorta",
    "Tuberculosis",
};

const char SNOMED_SYSTEM[] = "http://snomed.info/sct";

/* A label without a confirmed code has no row. */
static const struct {
    const char *label, *code;
} snomed_codes[] = {
    {"Adenopathy", "30746006"},
    {"Cardiomegaly", "8186001"},
    {"Consolidation", "95436008"},
    {"Edema", "19242006"}, /* pulmonary */
    {"Emphysema", "87433001"},
    {"Hernia", "39839004"}, /* diaphragmatic */
    {"Pleural Effusion", "60046008"},
    {"Pneumomediastinum", "16838000"},
    {"Pneumothorax", "36118008"},
    {"Pulmonary Embolism", "59282003"},
    {"Pulmonary Hypertension", "70995007"},
    {"Tuberculosis", "154283005"},
};

const char *finding_snomed_code(const char *label)
{
    for (size_t i = 0; i < sizeof snomed_codes / sizeof *snomed_codes; i++) {
        if (!strcmp(snomed_codes[i].label, label))
            return snomed_codes[i].code;
    }
    return NULL;
}

static enum status add_label(struct label_list *labels, const uint8_t *line, size_t length, size_t number,
                             struct failure *failure)
{
    while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    if (length == 0)
        return STATUS_OK;
    if (length > LABEL_BYTES_MAX)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Line %zu is over %d bytes long, too long for a label.", number, LABEL_BYTES_MAX);
    if (!utf8_is_plain((const char *)line, length))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Line %zu holds a control character or is not UTF-8.", number);
    if (labels->count == LABELS_MAX)
        return failure_set(failure, STATUS_INVALID_FILE, "It holds over %d labels.", LABELS_MAX);
    char *name = memory_allocate(length + 1, 1);
    memcpy(name, line, length);
    labels->names = memory_resize(labels->names, labels->count + 1, sizeof *labels->names);
    labels->names[labels->count++] = name;
    for (size_t i = 0; i + 1 < labels->count; i++) {
        if (!strcmp(labels->names[i], name))
            return failure_set(failure, STATUS_INVALID_FILE, "The label '%s' stands twice.", name);
    }
    return STATUS_OK;
}

enum status labels_parse(struct bytes text, struct failure *failure, struct label_list *out)
{
    struct label_list labels = {0};
    enum status status = STATUS_OK;
    for (size_t start = 0, number = 1; start < text.size && !status; number++) {
        const uint8_t *feed = memchr(text.data + start, '\n', text.size - start);
        size_t end = feed ? (size_t)(feed - text.data) : text.size;
        status = add_label(&labels, text.data + start, end - start, number, failure);
        start = end + 1;
    }
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

void labels_finish(struct label_list *labels)
{
    for (size_t i = 0; i < labels->count; i++)
        free(labels->names[i]);
    free(labels->names);
    *labels = (struct label_list){0};
}
