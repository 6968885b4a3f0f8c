/* Predictions for people and spreadsheets: tables and CSV, with an image's warnings and failures. */
#ifndef CXRD_CLI_PREDICT_TEXT_H
#define CXRD_CLI_PREDICT_TEXT_H

#include "api/options.h"
#include "engine/engine.h"

#include <stdio.h>

/* The first row of CSV; after its columns come those of what was asked for: "flip", and "views",
 * "lateral_image", "lateral_warnings". */
void predict_write_csv_head(FILE *out, const struct options *options);

/* Writes a study's rows, one a label of the heads asked for; of one that failed, one with its error. A risk
 * is a score for ranking: it has no threshold and is not judged. `ids` are plain text, the paths of its
 * images, a second where pairing_images says so; one that a spreadsheet would take for a formula has "./"
 * before it. */
void predict_write_csv(FILE *out, const struct model_card *card, const struct options *options,
                       const char *const *ids, const struct prediction *prediction);

/* The same for people, positive findings marked. */
void predict_write_table(FILE *out, const struct options *options, const char *const *ids,
                         const struct prediction *prediction);

#endif
