#include "cli/predict_text.h"

#include "api/views.h"
#include "engine/base/file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void predict_write_csv_head(FILE *out, const struct options *options)
{
    fprintf(out,
            "image,head,label,logit,probability,threshold,positive,warnings,error,package_sha256,"
            "acceptable,quality_score,quality_reasons%s%s\n",
            options->flip ? ",flip" : "",
            options->pairing != PAIRING_NONE ? ",views,lateral_image,lateral_warnings,lateral_acceptable,"
                                               "lateral_quality_score,lateral_quality_reasons"
                                             : "");
}

/* CSV quotes a field that needs it by doubling its quotes (RFC 4180). */
static void write_quoted(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void write_field(FILE *out, const char *text)
{
    if (strpbrk(text, ",;\"\r\n")) /* some spreadsheets part fields at semicolons */
        write_quoted(out, text);
    else
        fputs(text, out);
}

/* A cell that begins so is a formula to a spreadsheet, and names of files come from anyone. A path with "./"
 * before it is still that file's. */
static void write_path(FILE *out, const char *path)
{
    bool is_formula = *path && strchr("=+-@", *path);
    char *text = is_formula ? file_join(".", path) : memory_copy_text(path);
    write_field(out, text);
    free(text);
}

static void write_warnings(FILE *out, const struct image_info *image)
{
    char *warnings = image_warnings_join(image->warnings);
    if (*warnings)
        write_quoted(out, warnings);
    free(warnings);
}

/* Three fields, all empty where a study failed. */
static void write_quality(FILE *out, const struct quality *quality, bool failed)
{
    char *reasons = quality_join(quality);
    fprintf(out, ",%s,", failed ? "" : *reasons ? "false" : "true");
    if (quality->scored && !failed)
        fprintf(out, "%.9g", quality->score);
    putc(',', out);
    if (*reasons && !failed)
        write_quoted(out, reasons);
    free(reasons);
}

/* What a row ends with, the same in each of a study's. */
static void end_row(FILE *out, const struct model_card *card, const struct options *options,
                    const char *const *ids, const struct prediction *prediction)
{
    const bool failed = prediction->failure.status != STATUS_OK;
    fprintf(out, ",%s", card->package_sha256);
    write_quality(out, &prediction->quality, failed);
    fputs(options->flip ? ",true" : "", out);
    if (options->pairing != PAIRING_NONE) {
        putc(',', out);
        write_field(out, views_name(options->pairing));
        putc(',', out);
        if (options->pairing == PAIRING_VIEWS)
            write_path(out, ids[1]);
        putc(',', out);
        if (options->pairing == PAIRING_VIEWS && !failed)
            write_warnings(out, &prediction->lateral);
        write_quality(out, &prediction->lateral_quality, failed || options->pairing != PAIRING_VIEWS);
    }
    putc('\n', out);
}

void predict_write_csv(FILE *out, const struct model_card *card, const struct options *options,
                       const char *const *ids, const struct prediction *prediction)
{
    if (prediction->failure.status) {
        write_path(out, ids[0]);
        fputs(",,,,,,,,", out);
        write_quoted(out, prediction->failure.sentence);
        end_row(out, card, options, ids, prediction);
        return;
    }
    for (size_t h = 0; h < prediction->head_count; h++) {
        const struct head_prediction *head = &prediction->heads[h];
        for (size_t i = 0; options->heads[h] && i < head->head->label_count; i++) {
            double threshold = options_threshold(options, &head->head->labels[i]);
            write_path(out, ids[0]);
            putc(',', out);
            write_field(out, head->head->name);
            putc(',', out);
            write_field(out, head->head->labels[i].name);
            fprintf(out, ",%.9g,%.9g,", (double)head->logits[i], (double)head->probabilities[i]);
            if (head->head->kind == HEAD_FINDINGS)
                fprintf(out, "%g,%s,", threshold,
                        (double)head->probabilities[i] >= threshold ? "true" : "false");
            else
                fputs(",,", out);
            write_warnings(out, &prediction->image);
            putc(',', out);
            end_row(out, card, options, ids, prediction);
        }
    }
}

/* An image's line, which ends with its score, and those of its warnings and of why it is not acceptable. */
static void write_image(FILE *out, const char *id, const struct image_info *image,
                        const struct quality *quality, const char *view, const char *remark)
{
    const char *profile = dicom_profile_name(image->dicom.profile);
    fprintf(out, "%s  %u x %u %s%s%s%s%s%s", id, image->width, image->height,
            image_format_name(image->format), *profile ? " " : "", profile, *view ? "  " : "", view, remark);
    if (quality->scored)
        fprintf(out, "  input quality %.3f", quality->score);
    putc('\n', out);
    const char *sentence;
    for (uint32_t left = image->warnings; (sentence = image_warning_next(&left));)
        fprintf(out, "  ! %s\n", sentence);
    const char *code, *detail;
    for (uint32_t left = quality->reasons; quality_next(&left, &code, &detail);)
        fprintf(out, "  ! not acceptable, %s: %s\n", code, detail);
}

/* What a table says of an image that is a study's frontal. */
static const char *const frontal_words[] = {
    [PAIRING_NONE] = "", [PAIRING_VIEWS] = "frontal", [PAIRING_FRONTAL] = "frontal, read as lateral too"};
static_assert(sizeof frontal_words / sizeof *frontal_words == PAIRINGS, "words a pairing");

void predict_write_table(FILE *out, const struct options *options, const char *const *ids,
                         const struct prediction *prediction)
{
    const bool pairs = options->pairing == PAIRING_VIEWS;
    if (prediction->failure.status) {
        fprintf(out, "%s%s%s  failed: %s\n", ids[0], pairs ? " with " : "", pairs ? ids[1] : "",
                prediction->failure.sentence);
        return;
    }
    write_image(out, ids[0], &prediction->image, &prediction->quality, frontal_words[options->pairing],
                options->flip ? "  mean of the image and its mirror" : "");
    if (pairs)
        write_image(out, ids[1], &prediction->lateral, &prediction->lateral_quality, "lateral", "");
    for (size_t h = 0; h < prediction->head_count; h++) {
        const struct head_prediction *head = &prediction->heads[h];
        if (options->heads[h])
            fprintf(out, "  %s\n", head->head->name);
        for (size_t i = 0; options->heads[h] && i < head->head->label_count; i++) {
            double probability = (double)head->probabilities[i];
            bool positive = head->head->kind == HEAD_FINDINGS &&
                            probability >= options_threshold(options, &head->head->labels[i]);
            fprintf(out, "  %s %-28s %6.3f  %s\n", positive ? "*" : " ", head->head->labels[i].name,
                    probability,
                    head->head->kind == HEAD_RISK && head->head->definition ? head->head->definition : "");
        }
    }
}
