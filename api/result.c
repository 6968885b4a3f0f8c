#include "api/result.h"

#include "api/problem.h"
#include "api/views.h"
#include "engine/image/contour.h"
#include "engine/image/overlay.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct json *result_model(const struct model_card *card)
{
    struct json *model = json_object();
    json_add_text(model, "name", card->name);
    json_add_text(model, "version", card->version);
    json_add_text(model, "weights_sha256", card->weights_sha256);
    json_add_text(model, "package_sha256", card->package_sha256);
    json_add_text(model, "intended_use", card->intended_use);
    return model;
}

void result_add_timing(struct prediction_timing *sum, const struct prediction_timing *one)
{
    sum->decode_ms += one->decode_ms;
    sum->preprocess_ms += one->preprocess_ms;
    sum->queue_ms = fmax(sum->queue_ms, one->queue_ms);
    sum->inference_ms = fmax(sum->inference_ms, one->inference_ms);
}

static void add_said(struct json *image, const char *name, const char *text)
{
    if (*text)
        json_add_text(image, name, text);
}

/* What a DICOM file says of itself, and how its greys became the network's. */
static void add_dicom(struct json *image, const struct dicom_facts *facts)
{
    static const char *const functions[] = {"LINEAR", "LINEAR_EXACT", "SIGMOID"};
    json_add_text(image, "dicom_profile", dicom_profile_name(facts->profile));
    add_said(image, "modality", facts->modality);
    add_said(image, "view_position", facts->view_position);
    add_said(image, "photometric_interpretation", facts->photometric_interpretation);
    add_said(image, "transfer_syntax", facts->transfer_syntax);
    add_said(image, "presentation_intent", facts->presentation_intent);
    if (facts->pixel_spacing_mm[0] > 0) {
        struct json *spacing = json_add(image, "pixel_spacing_mm", json_array());
        json_append_number(spacing, facts->pixel_spacing_mm[0]);
        json_append_number(spacing, facts->pixel_spacing_mm[1]);
    }
    if (facts->window.width > 0) {
        struct json *window = json_add(image, "window", json_object());
        json_add_number(window, "centre", facts->window.centre);
        json_add_number(window, "width", facts->window.width);
        json_add_text(window, "function", functions[facts->window.function]);
    }
    if (!*facts->study_uid && !*facts->series_uid && !*facts->instance_uid)
        return;
    struct json *uids = json_add(image, "uids", json_object());
    add_said(uids, "study_instance_uid", facts->study_uid);
    add_said(uids, "series_instance_uid", facts->series_uid);
    add_said(uids, "sop_instance_uid", facts->instance_uid);
}

static struct json *image_json(const char *id, const char *profile, const char *view,
                               const struct image_info *info, const struct region *region, bool failed)
{
    struct json *image = json_object();
    json_add_text(image, "id", id);
    if (view)
        json_add_text(image, "view", view);
    json_add_text(image, "format", image_format_name(info->format));
    json_add_number(image, "width", info->width);
    json_add_number(image, "height", info->height);
    if (failed)
        return image;
    json_add_text(image, "profile", profile);
    if (info->format == IMAGE_DICOM)
        add_dicom(image, &info->dicom);
    struct json *warnings = json_add(image, "warnings", json_array());
    const char *sentence;
    for (uint32_t left = info->warnings; (sentence = image_warning_next(&left));)
        json_append_text(warnings, sentence);
    struct json *json = json_add(image, "region", json_object());
    json_add_number(json, "x", region->x);
    json_add_number(json, "y", region->y);
    json_add_number(json, "width", region->width);
    json_add_number(json, "height", region->height);
    return image;
}

struct json *result_image(const char *id, const char *profile, const char *view,
                          const struct prediction *prediction)
{
    return image_json(id, profile, view, &prediction->image, &prediction->region,
                      prediction->failure.status != STATUS_OK);
}

struct json *result_quality(const struct quality *quality)
{
    struct json *json = json_object();
    json_add(json, "score", quality->scored ? json_number_value(quality->score) : json_null());
    json_add_boolean(json, "acceptable", !quality->reasons);
    struct json *reasons = json_add(json, "reasons", json_array());
    const char *code, *detail;
    for (uint32_t left = quality->reasons; quality_next(&left, &code, &detail);) {
        struct json *reason = json_append(reasons, json_object());
        json_add_text(reason, "code", code);
        json_add_text(reason, "detail", detail);
    }
    return json;
}

/* Adds "render" to an image, where it is to be seen. */
static enum status add_render(struct result_context *context, const struct image *render,
                              struct failure *failure, struct json *image)
{
    if (!render->pixels)
        return STATUS_OK;
    return pictures_show(&context->pictures, render, context->options->render_side, failure,
                         json_add(image, "render", json_object()));
}

/* Adds the images of a study, and what was said of their views. */
static enum status add_images(struct json *result, struct result_context *context, const char *const *ids,
                              const struct prediction *prediction, struct failure *failure)
{
    const enum pairing pairing = context->options->pairing;
    const char *profile = context->card->profile.name;
    const bool failed = prediction->failure.status != STATUS_OK;
    struct json *image =
        json_add(result, "image",
                 result_image(ids[0], profile, pairing == PAIRING_NONE ? NULL : "frontal", prediction));
    enum status status = failed ? STATUS_OK : add_render(context, &prediction->render, failure, image);
    if (pairing == PAIRING_VIEWS && !status) {
        image = json_add(result, "lateral_image",
                         image_json(ids[1], profile, "lateral", &prediction->lateral,
                                    &prediction->lateral_region, failed));
        status = failed ? STATUS_OK : add_render(context, &prediction->lateral_render, failure, image);
    }
    if (pairing != PAIRING_NONE)
        json_add_text(result, "views", views_name(pairing));
    return status;
}

struct json *result_codes(const struct label *label)
{
    struct json *codes = json_array();
    for (size_t i = 0; i < label->code_count; i++) {
        struct json *code = json_append(codes, json_object());
        json_add_text(code, "system", label->codes[i].system);
        json_add_text(code, "code", label->codes[i].code);
    }
    return codes;
}

void result_add_calibration(struct json *object, const struct label *label)
{
    if (!label->calibrated)
        return;
    struct json *calibration = json_add(object, "calibration", json_object());
    json_add_number(calibration, "scale", label->scale);
    json_add_number(calibration, "offset", label->offset);
}

static struct json *finding_json(const struct options *options, const struct head_prediction *head, size_t i)
{
    const struct label *label = &head->head->labels[i];
    double threshold = options_threshold(options, label);
    struct json *finding = json_object();
    json_add_text(finding, "head", head->head->name);
    json_add_text(finding, "label", label->name);
    json_add_float(finding, "logit", head->logits[i]);
    json_add_float(finding, "probability", head->probabilities[i]);
    result_add_calibration(finding, label);
    json_add_number(finding, "threshold", threshold);
    json_add_text(finding, "threshold_source", options->has_threshold ? "request" : label->threshold_source);
    json_add_boolean(finding, "positive", (double)head->probabilities[i] >= threshold);
    json_add(finding, "codes", result_codes(label));
    return finding;
}

static struct json *risk_json(const struct head_prediction *head, size_t i)
{
    struct json *risk = json_object();
    json_add_text(risk, "head", head->head->name);
    json_add_text(risk, "name", head->head->labels[i].name);
    json_add_float(risk, "logit", head->logits[i]);
    json_add_float(risk, "probability", head->probabilities[i]);
    result_add_calibration(risk, &head->head->labels[i]);
    json_add_text(risk, "definition", head->head->definition ? head->head->definition : "");
    return risk;
}

/* [[[x, y], ...], ...], to a hundredth of a pixel. */
static struct json *contours_json(const struct attention_map *map, double level)
{
    enum { POINT_BYTES = 40 };
    struct contours contours;
    attention_contours(map, level, &contours);
    struct buffer text = {.maximum = (contours.point_count + 1) * POINT_BYTES};
    const struct contour_point *point = contours.points;
    bool whole = buffer_append(&text, "[", 1);
    for (size_t ring = 0; ring < contours.ring_count; ring++)
        for (size_t i = 0; i < contours.sizes[ring]; i++, point++) {
            char one[POINT_BYTES];
            int length = snprintf(one, sizeof one, "%s[%.2f,%.2f]%s",
                                  i      ? ","
                                  : ring ? ",["
                                         : "[",
                                  point->x, point->y, i + 1 < contours.sizes[ring] ? "" : "]");
            whole = whole && buffer_append(&text, one, (size_t)length);
        }
    whole = whole && buffer_append(&text, "]", 2);
    assert(whole);
    struct json *rings = json_printed((const char *)text.data);
    buffer_finish(&text);
    contours_finish(&contours);
    return rings;
}

/* `canvas`: NULL for maps that are not drawn. */
static enum status map_json(struct result_context *context, const struct prediction *prediction,
                            const struct head_prediction *head, size_t i, const struct image *canvas,
                            struct failure *failure, struct json *object)
{
    const struct backbone_card *backbone = &context->card->backbone;
    struct attention_map map = {head->attention + i * backbone_patches(backbone), backbone_rows(backbone),
                                backbone_columns(backbone), prediction->region};
    enum status status = STATUS_OK;
    json_add_text(object, "head", head->head->name);
    json_add_text(object, "label", head->head->labels[i].name);
    if (canvas) {
        status = pictures_draw(&context->pictures, &map, canvas, failure, object);
    } else if (context->options->attention == ATTENTION_CONTOUR) {
        json_add_number(object, "level", context->options->level);
        json_add(object, "contours", contours_json(&map, context->options->level));
    } else {
        json_add_number(object, "rows", map.rows);
        json_add_number(object, "columns", map.columns);
        json_add(object, "values", json_float_array(map.values, backbone_patches(backbone)));
    }
    double x, y;
    attention_peak(&map, &x, &y);
    struct json *peak = json_add(object, "peak", json_object());
    json_add_number(peak, "x", x);
    json_add_number(peak, "y", y);
    return status;
}

static enum status maps_json(struct result_context *context, const struct prediction *prediction,
                             struct failure *failure, struct json *maps)
{
    size_t total = 0, number = 0, count = 0;
    for (size_t i = 0; i < prediction->head_count; i++)
        total += prediction->heads[i].head->label_count;
    bool *selected = memory_allocate(total + 1, sizeof *selected);
    options_select(context->options, prediction, selected);
    for (size_t i = 0; i < total; i++)
        count += selected[i];
    enum status status = STATUS_OK;
    struct image canvas = {0};
    bool draw = options_draw(context->options);
    if (draw)
        status = pictures_canvas(&context->pictures, context->options, prediction, count, failure, &canvas);
    for (size_t i = 0; i < prediction->head_count; i++)
        for (size_t label = 0; label < prediction->heads[i].head->label_count; label++)
            if (selected[number++] && !status)
                status = map_json(context, prediction, &prediction->heads[i], label, draw ? &canvas : NULL,
                                  failure, json_append(maps, json_object()));
    free(selected);
    return status;
}

enum status result_prediction(struct result_context *context, const char *const *ids,
                              const struct prediction *prediction, struct failure *failure, struct json **out)
{
    struct json *result = json_object();
    enum status status = add_images(result, context, ids, prediction, failure);
    if (prediction->failure.status) {
        json_add(result, "error", problem_json(&prediction->failure, context->request_id));
        *out = result;
        return STATUS_OK;
    }
    if (context->options->flip)
        json_add_boolean(result, "flip", true);
    json_add(result, "input_quality", result_quality(&prediction->quality));
    if (context->options->pairing == PAIRING_VIEWS)
        json_add(result, "lateral_input_quality", result_quality(&prediction->lateral_quality));
    struct json *findings = json_add(result, "findings", json_array());
    struct json *risks = json_add(result, "risk_scores", json_array());
    struct json *maps = json_add(result, "attention_maps", json_array());
    for (size_t i = 0; i < prediction->head_count; i++) {
        const struct head_prediction *head = &prediction->heads[i];
        for (size_t label = 0; context->options->heads[i] && label < head->head->label_count; label++) {
            if (head->head->kind == HEAD_FINDINGS)
                json_append(findings, finding_json(context->options, head, label));
            else
                json_append(risks, risk_json(head, label));
        }
    }
    if (!status && context->options->attention != ATTENTION_NONE)
        status = maps_json(context, prediction, failure, maps);
    if (status)
        json_destroy(&result);
    else
        *out = result;
    return status;
}
