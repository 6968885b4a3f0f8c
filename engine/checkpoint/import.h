/* From the authors' files to a model package: what `cxrd import` does.
 *
 * The package is written to a folder beside its place and renamed into it, so it is there whole or not at
 * all.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_H

#include "engine/base/status.h"

#include <stddef.h>
#include <stdint.h>

enum import_precision { IMPORT_FP16, IMPORT_FP32 };
enum import_kind { IMPORT_FINDINGS, IMPORT_RISK };
enum import_features { IMPORT_ANY, IMPORT_CLASS, IMPORT_CLASS_MEAN };

struct import_head {
    const char *name; /* letters, digits, '-' and '_' */
    enum import_kind kind;
    const char *weights;           /* as checkpoint_open takes them */
    const char *results;           /* results_eval_linear.json, or NULL */
    const char *labels;            /* one label a line, or NULL */
    const char *candidate;         /* or NULL; goes before results */
    enum import_features features; /* of a linear head, where its weights leave it open (head_features.h) */
    uint32_t blocks;               /* 0: as the weights say */
};

struct import_options {
    const char *backbone; /* .pth */
    const char *config;   /* config.yaml, or NULL */
    uint32_t image_size;  /* 0: what config says */
    const char *output;   /* a folder that is not there yet */
    enum import_precision precision;
    const char *name, *version,
        *intended_use; /* NULL: the output folder's name, "1.0.0", a general sentence */
    const struct import_head *heads;
    size_t head_count;
};

/* Told the bytes written of all there are to write; never called when NULL. */
typedef void import_progress(void *context, size_t done_bytes, size_t total_bytes);

/* A package that embeds only where there are no heads.
 *
 * Fails with BAD_REQUEST (an option), NOT_FOUND or INVALID_FILE (a file; the sentence names it); then no
 * package and no temporary folder is left. */
WARN_UNUSED enum status checkpoint_import(const struct import_options *options, import_progress *progress,
                                          void *context, struct failure *failure);

#endif
