#include "cli/predict_text.h"

#include "engine/base/file.h"

#include <stdlib.h>
#include <string.h>

void predict_write_csv_head(FILE *out, const struct options *options)
{
    fprintf(out, "image,head,label,logit,probability,threshold,positive,warnings,error,package_sha256%s\n",
            options->flip ? ",flip" : "");
}

static void end_row(FILE *out, const struct model_card *card, const struct options *options)
{
    fprintf(out, ",%s%s\n", card->package_sha256, options->flip ? ",true" : "");
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

void predict_write_csv(FILE *out, const struct model_card *card, const struct options *options,
                       const char *id, const struct prediction *prediction)
{
    if (prediction->failure.status) {
        write_path(out, id);
        fputs(",,,,,,,,", out);
        write_quoted(out, prediction->failure.sentence);
        end_row(out, card, options);
        return;
    }
    char *warnings = image_warnings_join(prediction->image.warnings);
    for (size_t h = 0; h < prediction->head_count; h++) {
        const struct head_prediction *head = &prediction->heads[h];
        for (size_t i = 0; options->heads[h] && i < head->head->label_count; i++) {
            double threshold = options_threshold(options, &head->head->labels[i]);
            write_path(out, id);
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
            if (*warnings)
                write_quoted(out, warnings);
            putc(',', out);
            end_row(out, card, options);
        }
    }
    free(warnings);
}

void predict_write_table(FILE *out, const struct options *options, const char *id,
                         const struct prediction *prediction)
{
    if (prediction->failure.status) {
        fprintf(out, "%s  failed: %s\n", id, prediction->failure.sentence);
        return;
    }
    fprintf(out, "%s  %u x %u %s%s\n", id, prediction->image.width, prediction->image.height,
            image_format_name(prediction->image.format),
            options->flip ? "  mean of the image and its mirror" : "");
    const char *sentence;
    for (uint32_t left = prediction->image.warnings; (sentence = image_warning_next(&left));)
        fprintf(out, "  ! %s\n", sentence);
    for (size_t h = 0; h < prediction->head_count; h++) {
        const struct head_prediction *head = &prediction->heads[h];
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
