#include "engine/dicom/facts.h"

#include "engine/dicom/names.h"

#include <math.h>
#include <string.h>

const char *dicom_remark_sentence(unsigned place)
{
    static const char *const sentences[DICOM_REMARKS] = {
#define DICOM_REMARK_SENTENCE(name, sentence) sentence,
        DICOM_REMARK_TABLE(DICOM_REMARK_SENTENCE)
#undef DICOM_REMARK_SENTENCE
    };
    return place < DICOM_REMARKS ? sentences[place] : "";
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(word, words[i]))
            return true;
    return false;
}

/* View Position (PS3.3, C.8.7.1.1.1 and C.8.11.5.1.3). */
static uint32_t judge_view(const char *view)
{
    static const char *const frontal[] = {"PA", "AP", "AP AXIAL", "PA AXIAL"};
    static const char *const lateral[] = {"LL",  "RL",  "LLD",     "RLD", "LLO",
                                          "RLO", "LAT", "LATERAL", "ML",  "LM"};
    if (is_one_of(view, frontal, sizeof frontal / sizeof *frontal))
        return 0;
    return is_one_of(view, lateral, sizeof lateral / sizeof *lateral) ? DICOM_REMARK_LATERAL
                                                                      : DICOM_REMARK_VIEW_UNKNOWN;
}

/* View Code Sequence, which says the same as View Position or stands in its place (PS3.3, C.8.11.5): codes of
 * SNOMED CT and those that they retired (PS3.16, CID 4010, of which a chest has these). */
static const struct view_code {
    const char *code, *retired;
    const char *position; /* what View Position has for it; "": nothing */
    uint32_t remark;
} view_codes[] = {
    {"272479007", "R-10214", "PA", 0},
    {"399348003", "R-10206", "AP", 0},
    {"399033003", "R-10202", "", 0},
    {"399173006", "R-10236", "LL", DICOM_REMARK_LATERAL},
    {"399198007", "R-10232", "RL", DICOM_REMARK_LATERAL},
    {"399067008", "R-102CD", "", DICOM_REMARK_LATERAL},
};

static const struct view_code *view_code_of(const struct dataset *set)
{
    static const char *const schemes[] = {"SCT", "SRT", "SNM3", "99SDM"};
    struct dataset item;
    char code[DICOM_CODE_BYTES], scheme[DICOM_CODE_BYTES];
    if (!dataset_has(set, DICOM_VIEW_CODE) || !dataset_item(set, DICOM_VIEW_CODE, &item))
        return NULL;
    dataset_text(&item, DICOM_CODE_VALUE, 0, code, sizeof code);
    dataset_text(&item, DICOM_CODE_SCHEME, 0, scheme, sizeof scheme);
    if (!is_one_of(scheme, schemes, sizeof schemes / sizeof *schemes))
        return NULL;
    for (size_t i = 0; i < sizeof view_codes / sizeof *view_codes; i++)
        if (!strcmp(code, view_codes[i].code) || !strcmp(code, view_codes[i].retired))
            return &view_codes[i];
    return NULL;
}

/* Of two that contradict one another the lateral one counts, as it is the one to be warned of. */
static uint32_t gather_view(const struct dataset *set, char position[DICOM_CODE_BYTES])
{
    const struct view_code *code = view_code_of(set);
    dataset_text(set, DICOM_VIEW_POSITION, 0, position, DICOM_CODE_BYTES);
    const uint32_t remark = judge_view(position);
    if (!code)
        return remark;
    if (!*position)
        strcpy(position, code->position);
    return remark == DICOM_REMARK_VIEW_UNKNOWN ? code->remark : remark | code->remark;
}

/* Body Part Examined (PS3.16, annex L), where the file says it. */
static uint32_t judge_body_part(const struct dataset *set)
{
    char part[DICOM_CODE_BYTES];
    if (!dataset_text(set, DICOM_BODY_PART, 0, part, sizeof part) || strcasestr(part, "CHEST") ||
        strcasestr(part, "THORAX") || strcasestr(part, "LUNG"))
        return 0;
    return DICOM_REMARK_NOT_CHEST;
}

/* Patient Orientation (PS3.3, C.7.6.1.1.1): along a row and along a column. Rows of an upright frontal view
 * go to the patient's left, columns to the feet; of a lateral one only the columns are told. */
static uint32_t judge_orientation(const struct dataset *set, bool lateral)
{
    char row[DICOM_CODE_BYTES], column[DICOM_CODE_BYTES];
    dataset_text(set, DICOM_PATIENT_ORIENTATION, 0, row, sizeof row);
    dataset_text(set, DICOM_PATIENT_ORIENTATION, 1, column, sizeof column);
    bool turned = (*row && !lateral && *row != 'L') || (*column && *column != 'F');
    return turned ? DICOM_REMARK_ORIENTATION : 0;
}

static bool says(const struct dataset *set, enum attribute attribute, const char *word)
{
    char text[DICOM_CODE_BYTES];
    dataset_text(set, attribute, 0, text, sizeof text);
    return !strcmp(text, word);
}

/* The calibrated spacing, else that at the detector. */
static void gather_spacing(const struct dataset *set, double out[2])
{
    enum attribute attribute =
        dataset_has(set, DICOM_PIXEL_SPACING) ? DICOM_PIXEL_SPACING : DICOM_IMAGER_PIXEL_SPACING;
    double row = 0, column = 0;
    if (!dataset_decimal(set, attribute, 0, &row) || !dataset_decimal(set, attribute, 1, &column) ||
        row <= 0 || column <= 0)
        row = column = 0;
    out[0] = row;
    out[1] = column;
}

uint32_t facts_gather(const struct dataset *set, bool uids, struct dicom_facts *out)
{
    char class_uid[DICOM_UID_BYTES];
    double frames = 1;
    dataset_text(set, DICOM_SOP_CLASS, 0, class_uid, sizeof class_uid);
    dataset_text(set, DICOM_MODALITY, 0, out->modality, sizeof out->modality);
    dataset_text(set, DICOM_PHOTOMETRIC_INTERPRETATION, 0, out->photometric_interpretation,
                 sizeof out->photometric_interpretation);
    dataset_text(set, DICOM_PRESENTATION_INTENT, 0, out->presentation_intent,
                 sizeof out->presentation_intent);
    memcpy(out->transfer_syntax, set->syntax, sizeof out->transfer_syntax);
    gather_spacing(set, out->pixel_spacing_mm);
    if (uids) {
        dataset_text(set, DICOM_STUDY_INSTANCE, 0, out->study_uid, sizeof out->study_uid);
        dataset_text(set, DICOM_SERIES_INSTANCE, 0, out->series_uid, sizeof out->series_uid);
        dataset_text(set, DICOM_SOP_INSTANCE, 0, out->instance_uid, sizeof out->instance_uid);
    }
    uint32_t remarks = gather_view(set, out->view_position) | judge_body_part(set);
    remarks |= judge_orientation(set, remarks & DICOM_REMARK_LATERAL);
    if (dataset_decimal(set, DICOM_FRAMES, 0, &frames) && frames > 1)
        remarks |= DICOM_REMARK_FRAMES;
    if (says(set, DICOM_IMAGE_TYPE, "DERIVED"))
        remarks |= DICOM_REMARK_DERIVED;
    if (says(set, DICOM_BURNED_IN, "YES"))
        remarks |= DICOM_REMARK_BURNED_IN;
    if (!strcmp(out->presentation_intent, "FOR PROCESSING") ||
        object_kind(class_uid) == OBJECT_FOR_PROCESSING)
        remarks |= DICOM_REMARK_FOR_PROCESSING;
    return remarks;
}

static bool is_text(const char *text, size_t bytes)
{
    size_t length = strnlen(text, bytes);
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return length < bytes;
}

bool facts_make_sense(const struct dicom_facts *facts)
{
    return is_text(facts->modality, sizeof facts->modality) &&
           is_text(facts->view_position, sizeof facts->view_position) &&
           is_text(facts->photometric_interpretation, sizeof facts->photometric_interpretation) &&
           is_text(facts->presentation_intent, sizeof facts->presentation_intent) &&
           is_text(facts->transfer_syntax, sizeof facts->transfer_syntax) &&
           is_text(facts->study_uid, sizeof facts->study_uid) &&
           is_text(facts->series_uid, sizeof facts->series_uid) &&
           is_text(facts->instance_uid, sizeof facts->instance_uid) && facts->profile <= DICOM_PROFILE_VOI &&
           facts->window.function <= WINDOW_SIGMOID && isfinite(facts->window.centre) &&
           isfinite(facts->window.width) && isfinite(facts->pixel_spacing_mm[0]) &&
           isfinite(facts->pixel_spacing_mm[1]);
}
