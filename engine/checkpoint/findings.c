#include "engine/checkpoint/findings.h"

#include <stddef.h>
#include <string.h>

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
