#include "engine/prediction.h"

#include "engine/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; values && i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* NULL, or which of a head's numbers are not all finite. */
static const char *head_lacks(const struct head_prediction *head, size_t patches)
{
    size_t labels = head->head->label_count;
    if (!all_finite(head->logits, labels))
        return "logits";
    if (!all_finite(head->probabilities, labels))
        return "probabilities";
    return all_finite(head->attention, labels * patches) ? NULL : "attention";
}

/* NULL, or the tokens that are not all finite. */
static const char *embedding_lacks(const struct embedding *embedding, size_t width, size_t patches)
{
    if (!all_finite(embedding->class_token, width))
        return "class token";
    if (!all_finite(embedding->mean, width))
        return "mean token";
    return all_finite(embedding->patches, patches * width) ? NULL : "patch tokens";
}

/* Releases what the network said of an image. */
static void release_numbers(struct prediction *prediction)
{
    for (size_t i = 0; i < prediction->head_count; i++) {
        free(prediction->heads[i].logits);
        free(prediction->heads[i].probabilities);
        free(prediction->heads[i].attention);
    }
    free(prediction->heads);
    free(prediction->embedding.class_token);
    free(prediction->embedding.mean);
    free(prediction->embedding.patches);
    prediction->heads = NULL;
    prediction->head_count = 0;
    prediction->embedding = (struct embedding){0};
}

static void release_pictures(struct prediction *prediction)
{
    image_finish(&prediction->picture);
    image_finish(&prediction->render);
    image_finish(&prediction->lateral_render);
}

bool prediction_check(const struct model_card *card, const char *device, const char *rung,
                      struct prediction *prediction)
{
    size_t patches = backbone_patches(&card->backbone);
    const char *lacks = embedding_lacks(&prediction->embedding, card->backbone.width, patches), *head = "";
    for (size_t i = 0; i < prediction->head_count && !*head; i++) {
        const char *of_head = head_lacks(&prediction->heads[i], patches);
        head = of_head ? prediction->heads[i].head->name : "";
        lacks = of_head ? of_head : lacks;
    }
    if (!lacks)
        return true;
    failure_set(
        &prediction->failure, STATUS_NOT_FINITE,
        "The model's answer to this image is not finite (its %s%s%s) and is withheld: tell who runs the "
        "service that %.64s %.32s, or its computing on %s, %.100s, is at fault.",
        lacks, *head ? " of " : "", head, card->name, card->version, rung, device);
    release_numbers(prediction);
    release_pictures(prediction);
    return false;
}

void prediction_judge(const struct predict_options *options, struct prediction *prediction)
{
    if (prediction->failure.status)
        return;
    for (size_t i = 0; i < prediction->head_count; i++)
        if (prediction->heads[i].head->kind == HEAD_QUALITY)
            quality_hear(prediction->heads[i].head, prediction->heads[i].probabilities, &prediction->quality);
    if (!options->require_quality || !quality_require(&prediction->quality, &prediction->failure))
        return;
    study_blame(options->pairing, false, &prediction->failure);
    release_numbers(prediction);
    image_finish(&prediction->picture);
}

void prediction_finish(struct prediction *prediction)
{
    release_numbers(prediction);
    release_pictures(prediction);
    *prediction = (struct prediction){0};
}
