/* From published files to a model package: what `cxrd import` does.
 *
 * The package is written to a folder beside its place and renamed into it, so it is there whole or not at
 * all.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_H

#include "engine/base/status.h"
#include "engine/checkpoint/note.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum import_precision { IMPORT_FP16, IMPORT_FP32 };
enum import_kind { IMPORT_FINDINGS, IMPORT_RISK, IMPORT_QUALITY };
enum import_features { IMPORT_ANY, IMPORT_CLASS, IMPORT_CLASS_MEAN, IMPORT_MEAN };

struct import_head {
    const char *name; /* letters, digits, '-' and '_' */
    enum import_kind kind;
    const char *weights;           /* as checkpoint_open takes them */
    const char *results;           /* results_eval_linear.json, or NULL */
    const char *labels;            /* one label a line, or NULL */
    const char *candidate;         /* or NULL; goes before results */
    enum import_features features; /* of a linear head, where its weights leave it open (head_features.h) */
    uint32_t blocks;               /* 0: as the weights say */
    uint32_t views;                /* 1, 2; 0: as the weights say */
};

struct import_options {
    const char *backbone;               /* a file, an index or a folder (checkpoint.h) */
    const char *config;                 /* config.yaml or config.json; NULL: the folder's */
    const char *preprocessor;           /* preprocessor_config.json or the like; NULL: the folder's */
    const char *layout;                 /* of layout_option; NULL: as names, heads and configuration show */
    uint32_t image_height, image_width; /* 0: what the configuration says, or else the position grid */
    double lora_alpha;                  /* 0: what adapter_config.json says */
    const char *profile;                /* of profile_known; NULL: as the files say */
    const char *output;                 /* a folder that is not there yet */
    enum import_precision precision;
    const char *name, *version,
        *intended_use; /* NULL: the output folder's name, "1.0.0", a general sentence */
    const struct import_head *heads;
    size_t head_count; /* 0: a package that embeds only */
};

/* Told the bytes worked through of all there are; never called when NULL. */
typedef void import_progress(void *context, size_t done_bytes, size_t total_bytes);

/* What became of the backbone's files that the package does not say itself. */
struct import_facts {
    const char *names;      /* whose names the weights have, "DINOv2's"; a constant */
    size_t tensors;         /* how many of the files' tensors make the network */
    bool profile_assumed;   /* nothing says how pictures are prepared */
    bool positions_assumed; /* ... nor how positions are resized, which they are */
};

/* `note`: what whoever imports it should know, or empty. `facts`: NULL, nobody asks. Fails with BAD_REQUEST
 * (an option), NOT_FOUND or INVALID_FILE (a file; the sentence names it); then no package and no temporary
 * folder is left. */
WARN_UNUSED enum status checkpoint_import(const struct import_options *options, import_progress *progress,
                                          void *context, struct failure *failure,
                                          char note[IMPORT_NOTE_BYTES], struct import_facts *facts);

#endif
