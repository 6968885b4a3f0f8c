#include "engine/study.h"

#include <math.h>
#include <stdlib.h>

/* logits[i] becomes the sum with the other view's half; true when all of that are finite. */
static bool add_view(float *logits, const float *lateral, size_t labels)
{
    bool finite = true;
    for (size_t i = 0; i < labels; i++) {
        finite = finite && isfinite(lateral[i]);
        logits[i] = (float)((double)logits[i] + (double)lateral[i]);
    }
    return finite;
}

void study_merge(const struct model_card *card, enum pairing pairing, struct answer *frontal,
                 struct answer *lateral)
{
    const struct answer *second = lateral ? lateral : frontal;
    bool finite = true;
    for (size_t i = 0; i < frontal->head_count; i++) {
        size_t labels = card->heads[i].label_count;
        if (!card->heads[i].two_views)
            continue;
        if (pairing == PAIRING_NONE) {
            free(frontal->logits[i]);
            frontal->logits[i] = NULL;
        } else {
            finite = add_view(frontal->logits[i], second->logits[i] + labels, labels) && finite;
        }
    }
    if (!lateral)
        return;
    frontal->queue_ms = fmax(frontal->queue_ms, lateral->queue_ms);
    frontal->inference_ms = fmax(frontal->inference_ms, lateral->inference_ms);
    if (!finite)
        frontal->device = lateral->device;
    answer_finish(lateral);
}

uint32_t study_warnings(enum pairing pairing, bool lateral, const struct image_info *info)
{
    const uint32_t said = IMAGE_WARNING_DICOM * (uint32_t)DICOM_REMARK_LATERAL,
                   unsaid = IMAGE_WARNING_DICOM * (uint32_t)DICOM_REMARK_VIEW_UNKNOWN,
                   frontal = IMAGE_WARNING_DICOM * (uint32_t)DICOM_REMARK_FRONTAL;
    if (pairing != PAIRING_VIEWS || !lateral)
        return info->warnings;
    const bool swapped = info->format == IMAGE_DICOM && !(info->warnings & (said | unsaid));
    return (info->warnings & ~(said | unsaid)) | (swapped ? frontal : 0);
}

enum status study_blame(enum pairing pairing, bool lateral, struct failure *failure)
{
    if (pairing != PAIRING_VIEWS)
        return failure->status;
    return failure_prefix(failure, lateral ? "The lateral image" : "The frontal image");
}
