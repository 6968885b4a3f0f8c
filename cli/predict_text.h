/* Predictions for people and spreadsheets: tables and CSV, with an image's warnings and failures. */
#ifndef CXRD_CLI_PREDICT_TEXT_H
#define CXRD_CLI_PREDICT_TEXT_H

#include "api/options.h"
#include "engine/engine.h"

#include <stdio.h>

/* The first row of CSV; "flip" is its last column where that was asked for. */
void predict_write_csv_head(FILE *out, const struct options *options);

/* Writes an image's rows, one a label of the heads asked for; of an image that failed, one with its error. A
 * risk is a score for ranking: it has no threshold and is not judged. `id` is plain text, the image's path;
 * one that a spreadsheet would take for a formula has "./" before it. */
void predict_write_csv(FILE *out, const struct model_card *card, const struct options *options,
                       const char *id, const struct prediction *prediction);

/* The same for people, positive findings marked. */
void predict_write_table(FILE *out, const struct options *options, const char *id,
                         const struct prediction *prediction);

#endif
